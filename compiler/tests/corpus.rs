//! The corpora of the fuzz targets `onnx`, `tokenizer` and `text`: what is broken ends in an error, never in a panic.

use dunlin_compiler::import::{ImportOptions, import};
use dunlin_compiler::text::huggingface::HuggingFace;
use dunlin_compiler::text::{InputNames, TextRequest, TokenizerRequest, default_feed, section};
use dunlin_compiler::{Options, Precision, compile};
use dunlin_text::cleaning::Steps;
use dunlin_text::{Preparer, Spec};
use std::error::Error;
use std::panic::{RefUnwindSafe, catch_unwind};
use std::path::Path;

#[test]
fn the_corpus_ends_in_errors_or_artifacts() -> Result<(), Box<dyn Error>> {
    take_all("onnx", take)
}

#[test]
fn tokenizers_end_in_errors_or_ids() -> Result<(), Box<dyn Error>> {
    take_all("tokenizer", |file| {
        let Ok(tokenizer) = HuggingFace::read(file) else { return };
        let request = TextRequest {
            cleaning: Steps::default(),
            tokenizer: TokenizerRequest::HuggingFace(tokenizer),
            max_ids: None,
            max_bytes: 1 << 16,
            inputs: InputNames::default(),
        };
        let section = section(&request, &default_feed(&request)).expect("what the compiler writes is sound");
        prepare(&section, "Hello,  w\u{f6}rld! 123 e\u{301} \u{1f468}\u{200d}\u{1f469}");
    })
}

#[test]
fn text_sections_end_in_errors_or_ids() -> Result<(), Box<dyn Error>> {
    take_all("text", |input| {
        let Some((len, rest)) = input.split_first_chunk::<2>() else { return };
        let (text, section) = rest.split_at(usize::from(u16::from_le_bytes(*len)).min(rest.len()));
        prepare(section, &String::from_utf8_lossy(text));
    })
}

/// Reads a section as one that isn't known and as one that is.
fn prepare(section: &[u8], text: &str) {
    for spec in [Spec::parse(section), Spec::reopen(section)].into_iter().flatten() {
        let mut preparer = Preparer::new(&spec);
        let Ok(prepared) = preparer.prepare(&spec, text) else { continue };
        assert!(prepared.views().iter().all(|ids| ids.len() <= spec.feed.max_ids as usize));
    }
}

/// Hands all inputs of a target over, and says which of them made it panic.
fn take_all(target: &str, take: impl Fn(&[u8]) + RefUnwindSafe) -> Result<(), Box<dyn Error>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus");
    let folder = Path::new(folder).join(target);
    let mut panics = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let input = std::fs::read(&path)?;
        if catch_unwind(|| take(&input)).is_err() {
            panics.push(path.display().to_string());
        }
    }
    assert_eq!(panics, Vec::<String>::new());
    Ok(())
}

/// As the fuzz target does it; whether it works out doesn't matter.
fn take(model: &[u8]) {
    let Ok(graph) = import(model, &ImportOptions::default()) else { return };
    if graph.values.iter().map(|value| value.shape.count()).sum::<usize>() > MAX_ELEMENTS {
        return;
    }
    for precision in [Precision::Int8, Precision::F16, Precision::F32] {
        let _ = compile(model, &Options { precision, golden: 1, ..Options::default() }, &mut |_| ());
    }
}

/// Elements of all tensors of a model that is compiled to the end.
const MAX_ELEMENTS: usize = 1 << 16;
