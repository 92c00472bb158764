//! Messages of the Open Inference Protocol. The first byte says whether its next two are the length of the JSON; the rest is the message.
#![no_main]

use dunlin_fuzz::oip::exercise;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| exercise(input));
