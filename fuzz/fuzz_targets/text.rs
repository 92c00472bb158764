//! A text, behind its length in 16 bits, and a text section: both from whoever wants to break something.
#![no_main]

use dunlin_text::{Preparer, Spec};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((len, rest)) = input.split_first_chunk::<2>() else { return };
    let (text, section) = rest.split_at(usize::from(u16::from_le_bytes(*len)).min(rest.len()));
    let text = String::from_utf8_lossy(text);
    // What was found sound once is trusted later: of other sections, too, only wrong ids may come.
    for spec in [Spec::parse(section), Spec::reopen(section)].into_iter().flatten() {
        let mut preparer = Preparer::new(&spec);
        if let Ok(prepared) = preparer.prepare(&spec, &text) {
            assert!(prepared.views().iter().all(|ids| ids.len() <= spec.feed.max_ids as usize));
        }
    }
});
