//! What the targets `tokenizer` and `ids` share.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use dunlin_compiler::text::huggingface::HuggingFace;
use dunlin_compiler::text::{InputNames, TextRequest, TokenizerRequest, default_feed, section};
use dunlin_text::cleaning::Steps;
use dunlin_text::{Preparer, Spec};
use zip::ZipArchive;

/// Texts that every tokenizer has to take.
pub const TEXTS: [&str; 3] =
    ["", "Hello,  wörld! 123 e\u{301} \u{1f468}\u{200d}\u{1f469} \u{4f60}", "\0\u{301}\u{301}\u{ac01}"];

/// The section of a `tokenizer.json`, if it is one.
pub fn compiled(file: &[u8]) -> Option<Vec<u8>> {
    let request = TextRequest {
        cleaning: Steps::default(),
        tokenizer: TokenizerRequest::HuggingFace(HuggingFace::read(file).ok()?),
        max_ids: None,
        max_bytes: 1 << 16,
        inputs: InputNames::default(),
    };
    Some(section(&request, &default_feed(&request)).expect("what the compiler writes is sound"))
}

/// Makes ids, which must be below the vocabulary's size.
pub fn ids(section: &[u8], text: &str) {
    let spec = Spec::parse(section).expect("what the compiler writes is sound");
    let mut preparer = Preparer::new(&spec);
    let Ok(prepared) = preparer.prepare(&spec, text) else { return };
    assert!(prepared.views()[0].iter().all(|&id| (id as u32) < spec.tokenizer.vocabulary()));
}

/// The sections of the tokenizers that ship with the project.
///
/// # Panics
/// When the project isn't whole.
pub fn shipped() -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../conformance/tokenizers/tokenizers.zip");
    let mut archive = ZipArchive::new(File::open(path).expect("the fixture")).expect("an archive");
    let count = archive.len();
    let file = |index: usize| {
        let mut file = Vec::new();
        archive.by_index(index).expect("listed").read_to_end(&mut file).expect("sound");
        compiled(&file).expect("supported")
    };
    (0..count).map(file).collect()
}
