//! Vectors of models of text: a bag of up to eight ids below 128, with sections that say how text becomes them.

use crate::Change;
use crate::common::{bytes_of, graphs};
use dunlin_engine::artifact::SectionKind::{Task, Text};
use dunlin_engine::task::Scoring;
use dunlin_text::Feed;
use dunlin_text::spec::PartKind;
use dunlin_text::tables::{Mapping, write_classes, write_compositions, write_map};
use dunlin_text::tokenizer::{Ngrams, kinds, pieces};
use dunlin_text::write::SectionWriter;

type Part = (PartKind, Vec<u8>);
type Make = fn() -> Vec<Part>;

/// All of them.
pub fn all() -> Vec<(&'static str, Vec<u8>)> {
    let good = GOOD.iter().map(|(name, make)| (*name, file(&section(make()))));
    let frame = FRAME.iter().map(|(name, change)| {
        let mut bytes = section(ngrams());
        change(&mut bytes);
        (*name, file(&bytes))
    });
    let parts = PARTS.iter().map(|(name, make, kind, change)| {
        let mut parts = make();
        let part = parts.iter_mut().find(|(part, _)| part == kind).expect("the part is there");
        change(&mut part.1);
        (*name, file(&section(parts)))
    });
    good.chain(frame).chain(parts).collect()
}

/// The model with a section.
fn file(section: &[u8]) -> Vec<u8> {
    let mut sections = graphs::bag().sections();
    *sections.section(Task) = bytes_of(&[Scoring::Logits as u32, TEXT]);
    sections.0.push((Text, section.to_vec()));
    sections.file().to_vec()
}

fn section(parts: Vec<Part>) -> Vec<u8> {
    let feed = Feed { ids: 0, mask: None, segments: None, max_ids: 8, fixed: false, pad: 5 };
    let mut writer = SectionWriter::new(1 << 10, &feed);
    for (kind, bytes) in parts {
        writer.part(kind, bytes);
    }
    writer.finish()
}

/// What the section `task` has for models of text.
const TEXT: u32 = 2;

/// What loads and classifies texts.
pub const GOOD: &[(&str, Make)] = &[
    ("good_text_ngrams", ngrams),
    ("good_text_cleaned", cleaned),
    ("good_text_wordpiece", wordpiece),
    ("good_text_unigram", unigram),
    ("good_text_bpe", bpe),
];

/// What their ids are shown of.
pub const TEXTS: [&str; 8] =
    ["", "a ab abc", "Hi you", "\u{ff21}b\u{ad}c", "fr3e c@sh", "fr\u{435}e", "Cafe\u{301}", "b a c k and much more"];

fn ngrams() -> Vec<Part> {
    let ngrams = Ngrams::new(2, 3, true, true, 7).expect("sound");
    vec![(PartKind::Tokenizer, bytes_of(&ngrams.words()))]
}

/// All steps, with tables of the few characters that [`TEXTS`] have.
fn cleaned() -> Vec<Part> {
    const MARK: u32 = 6 | 230 << 8 | 4 << 24;
    let class = |c: u32| match char::from_u32(c) {
        Some('a'..='z' | '\u{e9}') => 2 | 1 << 16,
        Some('A'..='Z' | '\u{c9}') => 1 | 1 << 16,
        Some('0'..='9') => 9,
        Some('\u{ad}') => 27 | 1 << 24,
        Some('\u{301}') => MARK,
        Some('\u{435}') => 2 | 2 << 16,
        Some('\u{ff21}') => 1 | 1 << 16 | (4 | 32) << 24,
        _ => 0,
    };
    let map = |mappings: &[(char, &str)]| {
        let mappings: Vec<Mapping> = mappings.iter().map(|&(c, to)| (c, to.to_owned())).collect();
        write_map(&mappings)
    };
    let lower: Vec<Mapping> = ('A'..='Z').map(|c| (c, c.to_ascii_lowercase().to_string())).collect();
    let [nfkd, to_latin, from_latin] = [
        map(&[('\u{c9}', "E\u{301}"), ('\u{e9}', "e\u{301}"), ('\u{ff21}', "A")]),
        map(&[('\u{435}', "e")]),
        map(&[('e', "\u{435}")]),
    ];
    let mut parts = ngrams();
    parts.extend([
        (
            PartKind::Cleaning,
            bytes_of(&[0b11_1111, 2, u32::from(b'3'), u32::from(b'@'), u32::from(b'e'), u32::from(b'a')]),
        ),
        (PartKind::Classes, write_classes(class)),
        (PartKind::Compatible, nfkd),
        (PartKind::Compositions, write_compositions(&[('E', '\u{301}', '\u{c9}'), ('e', '\u{301}', '\u{e9}')])),
        (PartKind::Lower, write_map(&lower)),
        (PartKind::Lookalikes, [to_latin, bytes_of(&[1, 2]), from_latin].concat()),
    ]);
    parts
}

/// What a vocabulary begins with, up to the model: a step that splits at spaces, an id before and one behind.
fn head(kind: u32) -> Vec<u8> {
    let spaces = write_classes(|c| u32::from(c == u32::from(' ')));
    let mut words = bytes_of(&[kind, 128, 0, 1, pieces::tags::SPLIT, 0, pieces::behaviour::REMOVED]);
    words.extend(bytes_of(&[spaces.len() as u32]));
    words.extend(spaces);
    // Columns: other characters, spaces, the end. State 1 waits for a space, state 2 ends behind it.
    words.extend(bytes_of(&[3, 3]));
    words.extend(
        [[0, 0, 0], [0, 2 << 1, 0], [1, 1, 1]].as_flattened().iter().flat_map(|&entry: &u16| entry.to_le_bytes()),
    );
    words.extend([0; 2]);
    // One id before, one behind, the beginning is kept.
    words.extend(bytes_of(&[1, 2, 1, 3, 0]));
    words
}

/// The ids of the vocabularies' words.
const WORDS: [(&str, u32); 8] =
    [("a", 10), ("b", 11), ("c", 12), ("ab", 13), ("##b", 14), ("##bc", 15), ("Hi", 16), ("you", 17)];

fn wordpiece() -> Vec<Part> {
    let model = [trie(&WORDS), bytes_of(&[100, 2]), b"##\0\0".to_vec()];
    vec![(PartKind::Tokenizer, [head(kinds::WORDPIECE), model.concat()].concat())]
}

fn unigram() -> Vec<Part> {
    let scores: Vec<u32> = (0..20).map(|id| (-(id as f32) / 4.0).to_bits()).collect();
    let unknown = (-20.0_f64).to_bits();
    let mut model = trie(&WORDS);
    model.extend(bytes_of(&[0, scores.len() as u32]));
    model.extend(bytes_of(&scores));
    model.extend(bytes_of(&[unknown as u32, (unknown >> 32) as u32, 0]));
    vec![(PartKind::Tokenizer, [head(kinds::UNIGRAM), model].concat())]
}

fn bpe() -> Vec<Part> {
    let mut model = trie(&WORDS);
    // Characters, no prefix, no suffix, no ids of bytes; a and b merge to `ab`, and this with c to 20.
    model.extend(bytes_of(&[0, 0, 0, 0, 0]));
    for column in [[10, 13], [11, 12], [0, 1], [13, 20]] {
        model.extend(bytes_of(&[2]));
        model.extend(bytes_of(&column));
    }
    vec![(PartKind::Tokenizer, [head(kinds::BPE), model].concat())]
}

/// A double array of some words, behind the number of its units.
fn trie(words: &[(&str, u32)]) -> Vec<u8> {
    let mut units = vec![0; 1 << 9];
    place(&mut units, 0, &words.iter().map(|&(word, id)| (word.as_bytes(), id)).collect::<Vec<_>>());
    bytes_of(&[&[units.len() as u32][..], &units].concat())
}

/// Puts what follows a node where nothing is yet.
fn place(units: &mut [u32], node: usize, words: &[(&[u8], u32)]) {
    let mut labels: Vec<u8> = words.iter().map(|(word, _)| word.first().copied().unwrap_or(0)).collect();
    labels.sort_unstable();
    labels.dedup();
    let free = |&base: &usize| {
        labels.iter().all(|&label| base ^ usize::from(label) > 0 && units[base ^ usize::from(label)] == 0)
    };
    let base = (1..units.len() - 256).find(free).expect("there is room");
    units[node] |= ((base ^ node) as u32) << 10;
    for &label in &labels {
        let at = base ^ usize::from(label);
        units[at] = u32::from(label);
        if label == 0 {
            let value = words.iter().find(|(word, _)| word.is_empty()).map_or(0, |&(_, id)| id);
            (units[at], units[node]) = (1 << 31 | value, units[node] | 1 << 8);
        }
    }
    for &label in labels.iter().filter(|&&label| label != 0) {
        let behind = words.iter().filter(|(word, _)| word.first() == Some(&label)).map(|&(word, id)| (&word[1..], id));
        place(units, base ^ usize::from(label), &behind.collect::<Vec<_>>());
    }
}

fn set(bytes: &mut [u8], word: usize, value: u32) {
    bytes[4 * word..4 * word + 4].copy_from_slice(&value.to_le_bytes());
}

/// The words at two places change places.
fn swap(bytes: &mut [u8], first: usize, second: usize) {
    for byte in 0..4 {
        bytes.swap(4 * first + byte, 4 * second + byte);
    }
}

/// Changes of the section of `good_text_ngrams`, whose words are: 0 to 7 the frame, 8 number of parts, 9 and 10 kind and length of the
/// tokenizer, 11 its kind, 12 and 13 shortest and longest, 14 bits, 15 buckets.
const FRAME: &[(&str, Change<Vec<u8>>)] = &[
    ("bad_text_empty", Vec::clear),
    ("bad_text_cut", |s| s.truncate(s.len() - 4)),
    ("bad_text_half_word", |s| s.truncate(s.len() - 2)),
    ("bad_text_leftover", |s| s.extend([0; 4])),
    ("bad_text_version", |s| set(s, 0, 2)),
    ("bad_text_no_bytes_are_read", |s| set(s, 1, 0)),
    ("bad_text_too_many_bytes_are_read", |s| set(s, 1, 1 << 21)),
    ("bad_text_no_input_for_ids", |s| set(s, 2, u32::MAX)),
    ("bad_text_input_that_is_none", |s| set(s, 2, 1)),
    ("bad_text_mask_that_is_none", |s| set(s, 3, 1)),
    ("bad_text_more_ids_than_the_input", |s| set(s, 5, 9)),
    ("bad_text_fixed_flag", |s| set(s, 6, 2)),
    ("bad_text_more_parts_than_kinds", |s| set(s, 8, 8)),
    ("bad_text_part_unknown", |s| set(s, 9, 8)),
    ("bad_text_part_beyond_section", |s| set(s, 10, u32::MAX)),
    ("bad_text_no_tokenizer", |s| {
        s.truncate(36);
        set(s, 8, 0);
    }),
    ("bad_text_tokenizer_kind", |s| set(s, 11, 5)),
    ("bad_text_ngrams_longest_first", |s| set(s, 12, 4)),
    ("bad_text_ngrams_bits", |s| set(s, 14, 4)),
    ("bad_text_ngrams_buckets", |s| set(s, 15, 25)),
];

/// Changes of one part.
const PARTS: &[(&str, Make, PartKind, Change<Vec<u8>>)] = &[
    ("bad_text_cleaning_step", cleaned, PartKind::Cleaning, |p| set(p, 0, 64)),
    ("bad_text_leet_unsorted", cleaned, PartKind::Cleaning, |p| swap(p, 2, 3)),
    ("bad_text_leet_beyond_ascii", cleaned, PartKind::Cleaning, |p| set(p, 5, 0xe4)),
    ("bad_text_classes_cut", cleaned, PartKind::Classes, |p| p.truncate(8)),
    ("bad_text_classes_unsorted", cleaned, PartKind::Classes, |p| {
        let classes = p[0] as usize;
        swap(p, 3 + classes + 1, 3 + classes + 2);
    }),
    ("bad_text_class_that_is_none", cleaned, PartKind::Classes, |p| {
        let classes = p[0] as usize;
        set(p, 3 + classes, classes as u32 * (1 << 21));
    }),
    ("bad_text_page_beyond_ranges", cleaned, PartKind::Classes, |p| {
        let last = p.len() - 1;
        p[last] = 0xff;
    }),
    ("bad_text_map_unsorted", cleaned, PartKind::Compatible, |p| swap(p, 2, 3)),
    ("bad_text_map_beyond_units", cleaned, PartKind::Compatible, |p| set(p, 5, 0xf_ffff | 2 << 20)),
    ("bad_text_map_beyond_unicode", cleaned, PartKind::Lower, |p| set(p, 3, 1 << 31 | 0x10_fff0)),
    ("bad_text_map_longer_than_part", cleaned, PartKind::Lower, |p| set(p, 0, u32::MAX)),
    ("bad_text_compositions_unsorted", cleaned, PartKind::Compositions, |p| swap(p, 2, 3)),
    ("bad_text_too_many_scripts", cleaned, PartKind::Lookalikes, |p| {
        let at = p.len() / 4 - 6;
        set(p, at, 5);
    }),
    ("bad_text_steps_too_many", wordpiece, PartKind::Tokenizer, |p| set(p, 3, 65)),
    ("bad_text_step_unknown", wordpiece, PartKind::Tokenizer, |p| set(p, 4, 10)),
    ("bad_text_way_to_split_unknown", wordpiece, PartKind::Tokenizer, |p| set(p, 6, 5)),
    ("bad_text_pattern_classes_beyond_part", wordpiece, PartKind::Tokenizer, |p| set(p, 7, u32::MAX)),
    ("bad_text_pattern_state_that_is_none", wordpiece, PartKind::Tokenizer, |p| {
        let states = 8 + p[28] as usize / 4 + p[29] as usize * 64 + 2;
        set(p, states, 3 << 1);
    }),
    ("bad_text_vocabulary_too_large", wordpiece, PartKind::Tokenizer, |p| set(p, 1, 1 << 31)),
    ("bad_text_trie_beyond_part", wordpiece, PartKind::Tokenizer, |p| {
        let units = p.len() / 4 - 3 - (1 << 9) - 1;
        set(p, units, u32::MAX);
    }),
    ("bad_text_prefix_beyond_part", wordpiece, PartKind::Tokenizer, |p| {
        let length = p.len() / 4 - 2;
        set(p, length, 5);
    }),
    ("bad_text_ids_of_some_bytes", unigram, PartKind::Tokenizer, |p| {
        let count = p.len() / 4 - 1;
        set(p, count, 1);
        p.extend([0; 4]);
    }),
    ("bad_text_scores_beyond_part", unigram, PartKind::Tokenizer, |p| {
        let count = p.len() / 4 - 3 - 20 - 1;
        set(p, count, 0x4000_0000);
    }),
    ("bad_text_merges_cut", bpe, PartKind::Tokenizer, |p| {
        let last = p.len() / 4 - 3;
        set(p, last, 1);
        p.truncate(p.len() - 4);
    }),
];
