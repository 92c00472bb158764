//! The corpus of the fuzz target `onnx`: models that are no models end in an error, never in a panic.

use dunlin_compiler::import::{ImportOptions, import};
use dunlin_compiler::{Options, Precision, compile};
use std::error::Error;
use std::panic::catch_unwind;

#[test]
fn the_corpus_ends_in_errors_or_artifacts() -> Result<(), Box<dyn Error>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/onnx");
    let mut panics = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let model = std::fs::read(&path)?;
        if catch_unwind(|| take(&model)).is_err() {
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
