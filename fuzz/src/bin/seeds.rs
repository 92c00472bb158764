//! Writes the seeds of the targets `artifact`, `onnx`, `text` and `tuf`; those of `tokenizer` and `ids` were written by hand: `cargo run --release --manifest-path fuzz/Cargo.toml --bin seeds`.

use dunlin_engine::artifact::SectionKind;
use dunlin_engine::{AlignedBytes, Artifact};
use dunlin_fuzz::common::corpus::{whole, wrapped};
use dunlin_fuzz::common::graphs::{self, GRAPHS};
use std::collections::BTreeSet;
use std::error::Error;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use zip::ZipArchive;

fn main() -> Result<(), Box<dyn Error>> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR"));
    artifacts(&fuzz.join("corpus/artifact"))?;
    refreshes(&fuzz.join("corpus/tuf"))?;
    texts(&fuzz.join("../docs/formats/vectors"), &fuzz.join("corpus/text"))?;
    for archive in ["onnx_node.zip", "qdq_grid.zip"] {
        models(&fuzz.join("../conformance").join(archive), &fuzz.join("corpus/onnx"))?;
    }
    Ok(())
}

/// Each small graph, as sections; one as a whole file too, one with a policy, and one with several heads.
fn artifacts(corpus: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(corpus)?;
    for (name, graph) in GRAPHS {
        fs::write(corpus.join(format!("seed-{name}")), wrapped(&graph().sections()))?;
    }
    let (name, graph) = GRAPHS[0];
    fs::write(corpus.join("seed-policy"), wrapped(&graph().sections().with_policy()))?;
    fs::write(corpus.join("seed-heads"), wrapped(&graphs::heads().sections().with_heads()))?;
    Ok(fs::write(corpus.join(format!("seed-{name}-file")), whole(&graph().sections().file()))?)
}

/// What a device gets from an honest server, and its first root.
fn refreshes(corpus: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(corpus)?;
    dunlin_fuzz::tuf::seeds().into_iter().try_for_each(|(name, input)| Ok(fs::write(corpus.join(format!("seed-{name}")), input)?))
}

/// The text sections of the format's vectors, each behind a text.
fn texts(vectors: &Path, corpus: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(corpus)?;
    for (name, text) in TEXTS {
        let file = AlignedBytes::from_slice(&fs::read(vectors.join(format!("good_text_{name}.dunlin")))?);
        let artifact = Artifact::parse(&file)?;
        let section = artifact.section(SectionKind::Text).ok_or("no text section")?;
        let len = u16::try_from(text.len())?.to_le_bytes();
        fs::write(corpus.join(format!("seed-{name}")), [&len, text.as_bytes(), section.bytes].concat())?;
    }
    Ok(())
}

/// A vector's name, and a text of the characters that its tables have.
const TEXTS: [(&str, &str); 5] = [
    ("ngrams", "Hi you"),
    ("cleaned", "\u{ff21}b\u{ad}c fr33 fr\u{435}e Cafe\u{301} b a c k"),
    ("wordpiece", "a ab abc Hi you"),
    ("unigram", "a ab abc Hi you"),
    ("bpe", "a ab abc"),
];

/// One small model of each kind: cases whose names begin alike differ in details.
fn models(archive: &Path, corpus: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(corpus)?;
    let mut archive = ZipArchive::new(File::open(archive)?)?;
    let mut kinds = BTreeSet::new();
    for index in 0..archive.len() {
        let mut file = archive.by_index(index)?;
        let Some(case) = file.name().strip_suffix("/model.onnx").map(str::to_owned) else { continue };
        let kind: Vec<&str> = case.trim_start_matches("test_").split('_').take(WORDS).collect();
        if file.size() > MAX_BYTES || !kinds.insert(kind.join("_")) {
            continue;
        }
        let mut model = Vec::new();
        file.read_to_end(&mut model)?;
        fs::write(corpus.join(format!("seed-{}", case.replace('/', "-"))), model)?;
    }
    Ok(())
}

/// Words of a case's name that make its kind.
const WORDS: usize = 1;
/// Larger models say nothing more.
const MAX_BYTES: u64 = 1500;
