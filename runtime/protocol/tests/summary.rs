//! The corpus of the fuzz target `summary`, without libFuzzer.

#[path = "common/summary.rs"]
mod common;

use std::path::Path;

#[test]
fn the_corpus_is_read_or_refused() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/summary");
    let mut inputs = 0;
    for entry in std::fs::read_dir(corpus).expect("the corpus is committed") {
        common::check(&std::fs::read(entry.expect("readable").path()).expect("readable"));
        inputs += 1;
    }
    assert!(inputs >= 3);
}
