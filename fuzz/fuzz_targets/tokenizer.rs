//! `tokenizer.json` files: from bytes to ids or an error.
#![no_main]

use dunlin_fuzz::tokenizers::{TEXTS, compiled, ids};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    let Some(section) = compiled(file) else { return };
    for text in TEXTS {
        ids(&section, text);
    }
});
