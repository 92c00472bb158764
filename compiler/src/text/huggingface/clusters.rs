//! Classes of characters for grapheme clusters, found out from how `unicode-segmentation` cuts: it is what the `tokenizers`
//! library cuts by, and says itself which class a character has only so.

use std::collections::BTreeMap;

use dunlin_text::tokenizer::pieces::cluster_classes as class;
use unicode_segmentation::UnicodeSegmentation;

use super::bytes::Bytes;
use super::unicode::Set;

/// Appends the classes.
pub(super) fn classes(bytes: &mut Bytes) {
    let mut ranges: BTreeMap<u8, Vec<(u32, u32)>> = BTreeMap::new();
    for c in '\0'..=char::MAX {
        let class = class_of(c);
        if class != 0 {
            ranges.entry(class).or_default().push((c as u32, c as u32));
        }
    }
    let sets: Vec<(u8, Set)> = ranges.into_iter().map(|(class, ranges)| (class, Set::ranges(ranges))).collect();
    let sets: Vec<(u8, &Set)> = sets.iter().map(|(class, set)| (*class, set)).collect();
    bytes.classes(&sets);
}

/// Whether a text is one cluster.
fn whole(characters: &[char]) -> bool {
    let text: String = characters.iter().collect();
    text.graphemes(true).count() == 1
}

fn class_of(c: char) -> u8 {
    match c {
        '\r' => return class::CR,
        '\n' => return class::LF,
        '\u{200d}' => return class::JOINER,
        '\u{ac00}'..='\u{d7a3}' => {
            let open = (c as u32 - 0xac00).is_multiple_of(28);
            return if open { class::SYLLABLE } else { class::CLOSED };
        }
        _ if c.is_ascii_graphic() || c == ' ' => return 0,
        _ => {}
    }
    if !whole(&[c, '\u{301}']) {
        return class::CONTROL;
    }
    if whole(&['a', c]) {
        return mark(c);
    }
    letter(c)
}

/// Of a character that goes with what precedes it.
fn mark(c: char) -> u8 {
    const KA: char = '\u{915}';
    const VIRAMA: char = '\u{94d}';
    if whole(&[KA, c, KA]) {
        class::LINKER
    } else if whole(&[KA, c, VIRAMA, KA]) {
        class::CONJUNCT
    } else if whole(&['\u{a9}', c, '\u{200d}', '\u{a9}']) {
        class::EXTEND
    } else {
        class::SPACING
    }
}

fn letter(c: char) -> u8 {
    const LEAD: char = '\u{1100}';
    const TAIL: char = '\u{11a8}';
    const FLAG: char = '\u{1f1e6}';
    if whole(&[c, 'a']) {
        class::PREPEND
    } else if whole(&[FLAG, c]) {
        class::REGIONAL
    } else if whole(&[LEAD, c]) {
        if whole(&[c, LEAD]) { class::LEAD } else { class::VOWEL }
    } else if whole(&['\u{ac01}', c]) && whole(&[c, TAIL]) {
        class::TAIL
    } else if whole(&['\u{915}', '\u{94d}', c]) {
        class::CONSONANT
    } else if whole(&['\u{a9}', '\u{200d}', c]) {
        class::PICTOGRAPH
    } else {
        0
    }
}
