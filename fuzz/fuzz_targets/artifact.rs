//! Artifacts: a whole file, or sections that get right digests so that changes reach what is inside them.
#![no_main]

use dunlin_engine::model::Limits;
use dunlin_fuzz::common::{corpus, exercise};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    exercise(&corpus::file(input), Limits { memory: 64 << 10, work: 1 << 24 });
});
