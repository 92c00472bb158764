//! Artifacts: a whole file, or sections that get right digests so that changes reach what is inside them.
#![no_main]

use dunlin_engine::AlignedBytes;
use dunlin_engine::model::Limits;
use dunlin_fuzz::{common::exercise, unwrapped};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let file = match input {
        [0, file @ ..] => AlignedBytes::from_slice(file),
        [_, sections @ ..] => unwrapped(sections).file(),
        [] => return,
    };
    exercise(&file, Limits { memory: 64 << 10 });
});
