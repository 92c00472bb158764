//! A file of tasks to verdicts of reviewers: an error, or what is exported as it was taken.
#![no_main]

use dunlin_server::foreign::label_studio;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|json: &[u8]| label_studio(json));
