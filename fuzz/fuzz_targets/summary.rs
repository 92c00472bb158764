//! Summaries, batches of them and baselines: an error, or what is written as it was read. The first byte says which.
#![no_main]

#[path = "../../runtime/protocol/tests/common/summary.rs"]
mod common;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| common::check(input));
