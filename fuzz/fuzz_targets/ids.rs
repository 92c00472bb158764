//! Texts: each tokenizer of conformance/tokenizers gives ids. The first byte says which; the rest is the text.
#![no_main]

use std::sync::LazyLock;

use dunlin_fuzz::tokenizers::{ids, shipped};
use libfuzzer_sys::fuzz_target;

static SECTIONS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(shipped);

fuzz_target!(|input: &[u8]| {
    let Some((&which, text)) = input.split_first() else { return };
    ids(&SECTIONS[usize::from(which) % SECTIONS.len()], &String::from_utf8_lossy(text));
});
