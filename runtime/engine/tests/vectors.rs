//! The files of docs/formats/vectors: what every reader of the format must accept and refuse, and why.
//!
//! `DUNLIN_BLESS=1` writes the files and their index anew; read the index's difference before committing it.

mod common;
#[path = "vectors/text.rs"]
mod text_vectors;

use common::{Builder, Sections, bytes_of, exercise, graphs};
use dunlin_engine::artifact::SectionKind::{
    self, Card, GoldenValues, Graph, Heads, Labels, Memory, Policy, Quantization, Task, Weights,
};
use dunlin_engine::model::Limits;
use dunlin_engine::{AlignedBytes, Artifact, Isa, Session};
use sha2::{Digest, Sha256};
use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// What a reader may take for these files.
const LIMITS: Limits = Limits { memory: 1 << 20, work: 1 << 28 };

#[test]
fn every_vector_is_read_as_the_index_says() -> Outcome {
    let bless = std::env::var_os("DUNLIN_BLESS").is_some();
    let mut index = String::from("file\toutcome\n");
    for (name, made) in vectors() {
        // What a build without text says of them is the same for all.
        if name.contains("_text_") && !cfg!(feature = "text") {
            continue;
        }
        let path = folder().join(format!("{name}.dunlin"));
        if bless {
            std::fs::write(&path, &made)?;
        }
        let file = AlignedBytes::from_slice(&std::fs::read(&path)?);
        assert!(file[..] == made, "{name} isn't what the generator makes; see docs/formats/vectors/README.md");
        writeln!(index, "{name}\t{}", exercise(&file, LIMITS).unwrap_or_else(|| "ok".into()))?;
    }
    if bless {
        std::fs::write(folder().join("index.tsv"), &index)?;
    }
    let expected = std::fs::read_to_string(folder().join("index.tsv"))?;
    let lines = expected.split_inclusive('\n').filter(|line| cfg!(feature = "text") || !line.contains("_text_"));
    assert_eq!(lines.collect::<String>(), index);
    Ok(())
}

#[test]
fn good_vectors_give_their_golden_outputs_on_every_instruction_set() -> Outcome {
    for name in [
        "good_int8",
        "good_float",
        "good_packed",
        "good_policy",
        "good_heads",
        "good_bag",
        "good_unknown_optional_section",
    ] {
        let file = AlignedBytes::from_slice(&std::fs::read(folder().join(format!("{name}.dunlin")))?);
        for isa in Isa::supported() {
            let mut session = Session::load(&file[..], isa, LIMITS)?;
            let golden = Artifact::parse(&file)?.golden()?;
            assert_eq!(golden.len(), 1, "{name}");
            for golden in golden {
                assert!(session.is_golden(&golden)?, "{name} on {isa}");
            }
        }
    }
    Ok(())
}

/// `texts.tsv`: what good models of text make of some texts, so that other readers can be held to the ids.
#[cfg(feature = "text")]
#[test]
fn texts_become_the_ids_that_are_listed() -> Outcome {
    use dunlin_text::{Preparer, Spec};
    let mut list = String::from("file\ttext\tids\tids of the second view\n");
    for (name, _) in text_vectors::GOOD {
        let file = AlignedBytes::from_slice(&std::fs::read(folder().join(format!("{name}.dunlin")))?);
        let artifact = Artifact::parse(&file)?;
        let spec = Spec::parse(artifact.section(SectionKind::Text).ok_or("a section")?.bytes)?;
        let mut preparer = Preparer::new(&spec);
        let mut classifier = dunlin_engine::Classifier::load(&file[..], Isa::best(), LIMITS)?;
        for text in text_vectors::TEXTS {
            let prepared = preparer.prepare(&spec, text)?;
            let ids = |ids: &[i32]| ids.iter().map(i32::to_string).collect::<Vec<_>>().join(" ");
            let second = prepared.views().get(1).map_or_else(|| "-".to_owned(), |view| ids(view));
            writeln!(list, "{name}\t{}\t{}\t{second}", text.escape_default(), ids(prepared.views()[0]))?;
            classifier.classify_text(text)?;
        }
    }
    if std::env::var_os("DUNLIN_BLESS").is_some() {
        std::fs::write(folder().join("texts.tsv"), &list)?;
    }
    assert_eq!(std::fs::read_to_string(folder().join("texts.tsv"))?, list);
    Ok(())
}

/// `text_faults.tsv`: what is wrong with the text sections that are refused as malformed.
#[cfg(feature = "text")]
#[test]
fn text_sections_are_refused_for_what_is_wrong_with_them() -> Outcome {
    let mut list = String::from("file\tfault\n");
    for (name, _) in text_vectors::all().into_iter().filter(|(name, _)| name.starts_with("bad")) {
        let file = AlignedBytes::from_slice(&std::fs::read(folder().join(format!("{name}.dunlin")))?);
        let artifact = Artifact::parse(&file)?;
        let section = artifact.section(SectionKind::Text).ok_or("a section")?;
        let fault = dunlin_text::Spec::parse(section.bytes).err();
        writeln!(
            list,
            "{name}\t{}",
            fault.map_or_else(|| "none: it isn't its model's".into(), |fault| fault.to_string())
        )?;
    }
    if std::env::var_os("DUNLIN_BLESS").is_some() {
        std::fs::write(folder().join("text_faults.tsv"), &list)?;
    }
    assert_eq!(std::fs::read_to_string(folder().join("text_faults.tsv"))?, list);
    Ok(())
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/formats/vectors")
}

fn vectors() -> Vec<(&'static str, Vec<u8>)> {
    let mut all: Vec<(&'static str, Vec<u8>)> = GOOD.iter().map(|(name, make)| (*name, make())).collect();
    all.extend(FRAME.iter().map(|(name, change)| {
        let mut file = graphs::dense(4, 8).sections().file().to_vec();
        change(&mut file);
        (*name, file)
    }));
    all.extend(CONTENTS.iter().map(|(name, change)| {
        let mut sections = graphs::dense(4, 8).sections();
        change(&mut sections);
        (*name, sections.file().to_vec())
    }));
    all.extend(POLICY.iter().map(|(name, change)| {
        let mut sections = graphs::dense(4, 8).sections().with_policy();
        change(&mut sections);
        (*name, sections.file().to_vec())
    }));
    all.extend(HEADS.iter().map(|(name, change)| {
        let mut sections = graphs::heads().sections().with_heads();
        change(&mut sections);
        (*name, sections.file().to_vec())
    }));
    all.extend(text_vectors::all());
    all
}

/// Where the words of [`Sections::with_policy`] lie for four classes: 0 classes, 1 scales, 3 biases, 8 alpha, 9 delta, 10 evasion, 11 score
/// threshold, 12 top, 13 rank penalty, 14 free ranks, 15 allow, 16 deny, 18 threshold, 19 energy, 20 quantiles, 25 samples, 26 AURC,
/// 27 reliability, 34 cohorts.
const POLICY: &[(&str, Change<Sections>)] = &[
    ("bad_policy_classes", |s| s.set_word(Policy, 0, 3)),
    ("bad_policy_scales_for_some_classes", |s| {
        s.section(Policy).splice(4..12, bytes_of(&[2, 0x3f00_0000, 0x3f00_0000]));
    }),
    ("bad_policy_scale_nan", |s| s.set_word(Policy, 2, f32::NAN.to_bits())),
    ("bad_policy_threshold_nan", |s| s.set_word(Policy, 18, f32::NAN.to_bits())),
    ("bad_policy_energy_nan", |s| s.set_word(Policy, 19, f32::NAN.to_bits())),
    ("bad_policy_quantile_nan", |s| s.set_word(Policy, 24, f32::NAN.to_bits())),
    ("bad_policy_deny_of_no_class", |s| s.set_word(Policy, 17, 4)),
    ("bad_policy_half_a_bin", |s| {
        s.section(Policy).splice(4 * 27..4 * 29, bytes_of(&[5]));
    }),
    ("bad_policy_list_beyond_section", |s| s.set_word(Policy, 20, u32::MAX)),
    ("bad_policy_cohorts_beyond_section", |s| s.set_word(Policy, 34, 0x4000_0000)),
    ("bad_policy_cohort_not_utf8", |s| s.set_word(Policy, 36, 0xffff)),
    ("bad_policy_leftover", |s| s.section(Policy).extend([0; 4])),
    ("bad_policy_cut", |s| {
        let policy = s.section(Policy);
        policy.truncate(policy.len() - 4);
    }),
];

/// Where the words of [`Sections::with_heads`] lie: 0 heads; of the first one 1 output, 2 scoring, 3 labels, 25 policy, 38 deny; of the second one
/// 54 output, 55 scoring, 56 labels, 57 policy.
const HEADS: &[(&str, Change<Sections>)] = &[
    ("bad_heads_first_output", |s| s.set_word(Heads, 1, 0)),
    ("bad_heads_output_twice", |s| s.set_word(Heads, 54, 1)),
    ("bad_heads_of_no_output", |s| s.set_word(Heads, 54, 4)),
    ("bad_heads_scoring", |s| s.set_word(Heads, 2, 2)),
    ("bad_heads_beyond_section", |s| s.set_word(Heads, 0, 0x4000_0000)),
    ("bad_heads_labels_beyond_section", |s| s.set_word(Heads, 3, u32::MAX)),
    ("bad_heads_labels_not_utf8", |s| s.set_word(Heads, 6, 0xffff)),
    ("bad_heads_policy_beyond_section", |s| s.set_word(Heads, 25, 1000)),
    ("bad_heads_policy_of_other_classes", |s| s.set_word(Heads, 26, 4)),
    ("bad_heads_policy_deny_of_no_class", |s| s.set_word(Heads, 39, 3)),
    ("bad_heads_leftover", |s| s.section(Heads).extend([0; 4])),
    ("bad_heads_cut", |s| {
        let heads = s.section(Heads);
        heads.truncate(heads.len() - 4);
    }),
];

type Make = fn() -> Vec<u8>;
type Change<T> = fn(&mut T);

const GOOD: &[(&str, Make)] = &[
    ("good_int8", || file(graphs::int8)),
    ("good_float", || file(graphs::float)),
    ("good_packed", || file(graphs::packed)),
    ("bad_golden_values_cut", || {
        let mut sections = graphs::packed().sections();
        sections.0.iter_mut().filter(|(kind, _)| *kind == GoldenValues).for_each(|(_, bytes)| bytes.truncate(40));
        sections.file().to_vec()
    }),
    ("good_tokens", || file(graphs::tokens)),
    ("good_bag", || file(graphs::bag)),
    ("good_moves", || file(graphs::moves)),
    ("good_policy", || graphs::dense(4, 8).sections().with_policy().file().to_vec()),
    ("good_heads", || graphs::heads().sections().with_heads().file().to_vec()),
    ("good_minimal", || {
        let required = [Graph, Weights, Quantization, Memory];
        let mut sections = graphs::dense(4, 8).sections();
        sections.0.retain(|(kind, _)| required.contains(kind));
        sections.file().to_vec()
    }),
    ("good_unknown_optional_section", || {
        let mut file = file(|| graphs::dense(4, 8));
        set_kind(&mut file, Card, 0x8000_0001);
        file
    }),
];

fn file(graph: fn() -> Builder) -> Vec<u8> {
    graph().sections().file().to_vec()
}

/// Changes of the header and the table; those that say so with a digest that fits.
const FRAME: &[(&str, Change<Vec<u8>>)] = &[
    ("bad_empty", Vec::clear),
    ("bad_header_cut", |file| file.truncate(63)),
    ("bad_magic", |file| file[0] ^= 0x20),
    ("bad_version", |file| set(file, 8, 2)),
    ("bad_length_cut", |file| file.truncate(file.len() - 1)),
    ("bad_length_more", |file| file.push(0)),
    ("bad_section_count", |file| set(file, 12, 65)),
    ("bad_section_count_too_few", |file| set(file, 12, 3)),
    ("bad_header_reserved", |file| set(file, 24, 1)),
    ("bad_table_digest", |file| file[32] ^= 1),
    ("bad_entry_reserved", |file| set(file, ENTRY + 4, 1)),
    ("bad_section_overlaps", |file| set(file, ENTRY + 8, 64)),
    ("bad_section_gap", |file| {
        let offset = get(file, ENTRY + 8);
        set(file, ENTRY + 8, offset + 64);
    }),
    ("bad_section_past_end", |file| set(file, ENTRY + 16, 1 << 20)),
    ("bad_section_length_overflows", |file| {
        set(file, ENTRY + 16, u32::MAX);
        set(file, ENTRY + 20, u32::MAX);
    }),
    ("bad_section_digest", |file| {
        let offset = get(file, ENTRY + 8) as usize;
        file[offset] ^= 1;
    }),
    ("bad_padding", |file| {
        let ends = (1..=get(file, 12) as usize).map(|entry| get(file, 64 * entry + 8) + get(file, 64 * entry + 16));
        let ends: Vec<u32> = ends.collect();
        let padded = ends.into_iter().find(|end| end % 64 != 0).expect("a section ends between two lines");
        file[padded as usize] = 1;
    }),
    ("bad_unknown_required_section", |file| set_kind(file, Card, 0x7fff_ffff)),
    ("bad_section_twice", |file| set_kind(file, Labels, Task as u32)),
    ("bad_missing_graph", |file| set_kind(file, Graph, 0x8000_0001)),
];

/// Where the table's first entry lies.
const ENTRY: usize = 64;

fn get(file: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([file[at], file[at + 1], file[at + 2], file[at + 3]])
}

/// Writes a word of the header or the table and makes the table's digest fit, where the table is all there.
fn set(file: &mut [u8], at: usize, word: u32) {
    file[at..at + 4].copy_from_slice(&word.to_le_bytes());
    let table = 64..64 + 64 * get(file, 12) as usize;
    if let Some(table) = file.get(table) {
        let digest = Sha256::new().chain_update(&file[..32]).chain_update(table).finalize();
        file[32..64].copy_from_slice(&digest);
    }
}

fn set_kind(file: &mut [u8], from: SectionKind, to: u32) {
    let count = get(file, 12) as usize;
    let entry = (1..=count).map(|entry| 64 * entry).find(|&at| get(file, at) == from as u32);
    set(file, entry.expect("the section is there"), to);
}

/// Changes of sections under right digests. The graph is Quantize, QGemm, Dequantize: tensor 0 is the input
/// `[1, 8]`, 1 its quanta, 2 to 4 panels, bias and scale, 5 the quanta of the output 6, `[1, 4]`.
const CONTENTS: &[(&str, Change<Sections>)] = &[
    ("bad_graph_cut", |s| s.section(Graph).truncate(100)),
    ("bad_graph_leftover", |s| s.section(Graph).extend([0; 4])),
    ("bad_graph_half_word", |s| s.section(Graph).extend([0; 2])),
    ("bad_tensor_count_beyond_file", |s| s.set_word(Graph, 0, u32::MAX)),
    ("bad_dtype", |s| s.set_word(Graph, 1, 6)),
    ("bad_rank", |s| s.set_word(Graph, 2, 9)),
    ("bad_shape_overflows", |s| {
        s.set_word(Graph, 3, 0x10000);
        s.set_word(Graph, 4, 0x10000);
    }),
    ("bad_shape_of_result", |s| s.set_word(Graph, 9, 9)),
    ("bad_constant_outside_of_weights", |s| s.set_word(Graph, 15, 100)),
    ("bad_constant_offset_overflows", |s| s.set_word(Graph, 15, u32::MAX)),
    ("bad_input_that_is_no_tensor", |s| replace(s, &[1, 0, 1, 6, 0], &[1, 7, 1, 6, 0])),
    ("bad_input_that_is_constant", |s| replace(s, &[1, 0, 1, 6, 0], &[1, 2, 1, 6, 0])),
    ("bad_output_that_nothing_computes", |s| cut_last_node(s)),
    ("bad_varying_axis", |s| replace(s, &[1, 0, 1, 6, 0], &[1, 0, 1, 6, 1, 0, 2])),
    ("bad_operator_tag", |s| replace(s, &[10, 1, 0, 1, 1], &[999, 1, 0, 1, 1])),
    ("bad_operand_before_it_is_computed", |s| replace(s, &[10, 1, 0, 1, 1], &[10, 1, 6, 1, 1])),
    ("bad_result_twice", |s| replace(s, &[3, 10, 1, 0, 1, 1], &[4, 10, 1, 0, 1, 1, 10, 1, 0, 1, 1])),
    ("bad_result_that_is_constant", |s| replace(s, &[10, 1, 0, 1, 1], &[10, 1, 0, 1, 2])),
    ("bad_operand_type", |s| replace(s, &[11, 1, 5, 1, 6], &[11, 1, 0, 1, 6])),
    ("bad_clamp_beyond_byte", |s| replace(s, &[3, 4, 0, 0, 255], &[3, 4, 0, 0, 256])),
    ("bad_gemm_of_no_channels", |s| replace(s, &[3, 4, 0, 0, 255], &[3, 0, 0, 0, 255])),
    ("bad_panels_too_short", |s| s.set_word(Graph, 13, 64)),
    ("bad_scale_nan", |s| s.set_word(Quantization, 2, f32::NAN.to_bits())),
    ("bad_scale_zero", |s| s.set_word(Quantization, 2, 0)),
    ("bad_scale_negative", |s| s.set_word(Quantization, 2, (-1.0_f32).to_bits())),
    ("bad_zero_point", |s| s.set_word(Quantization, 3, 256)),
    ("bad_quantization_of_floats", |s| s.set_word(Quantization, 1, 0)),
    ("bad_quantization_twice", |s| s.set_word(Quantization, 4, 1)),
    ("bad_quantization_missing", |s| *s.section(Quantization) = bytes_of(&[0])),
    ("bad_arena_beyond_limit", |s| s.set_word(Memory, 1, 1)),
    ("bad_tensor_outside_of_arena", |s| s.set_word(Memory, 2, 1000)),
    ("bad_tensor_offset_overflows", |s| s.set_word(Memory, 2, u32::MAX)),
    ("bad_result_over_operand", |s| s.set_word(Memory, 3, 0)),
    ("bad_memory_leftover", |s| s.section(Memory).extend([0; 4])),
    ("bad_labels_not_utf8", |s| s.section(Labels)[8] = 0xff),
    ("bad_task_scoring", |s| s.set_word(Task, 0, 7)),
    ("bad_card_not_utf8", |s| s.section(Card)[0] = 0xff),
];

/// Replaces a run of words that occurs once in the graph.
fn replace(sections: &mut Sections, from: &[u32], to: &[u32]) {
    let (from, to) = (bytes_of(from), bytes_of(to));
    let graph = sections.section(Graph);
    let at = (0..graph.len()).step_by(4).find(|&at| graph[at..].starts_with(&from)).expect("the words are there");
    graph.splice(at..at + from.len(), to);
}

/// Takes the Dequantize away, which makes the output.
fn cut_last_node(sections: &mut Sections) {
    replace(sections, &[3, 10, 1, 0], &[2, 10, 1, 0]);
    let graph = sections.section(Graph);
    graph.truncate(graph.len() - 20);
}
