//! The corpora of the fuzz targets `tokenizer` and `ids`.

use std::fs;
use std::path::Path;

use super::{compiled, ids, tokenizers};

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let files = fs::read_dir(folder).expect("the corpus");
    files.map(|file| fs::read(file.expect("an entry").path()).expect("readable")).collect()
}

#[test]
fn files_end_in_errors_or_ids() {
    let read = corpus("tokenizer").into_iter().filter_map(|file| compiled(&file).ok()).map(|section| {
        let spec = dunlin_text::Spec::parse(&section).expect("sound");
        let _ = dunlin_text::Preparer::new(&spec).prepare(&spec, "Hello,  wörld! 123 e\u{301} [CLS]x");
    });
    assert!(read.count() >= 4, "the seeds are fine");
}

#[test]
fn texts_have_ids() {
    let sections: Vec<Vec<u8>> = tokenizers().values().map(|file| compiled(file).expect("supported")).collect();
    for input in corpus("ids") {
        let (&which, text) = input.split_first().expect("not empty");
        ids(&sections[usize::from(which) % sections.len()], [String::from_utf8_lossy(text)]);
    }
}
