//! The `config.json` beside a model that answers questions: an error, or pictures that it can prepare.
#![no_main]

use dunlin_server::foreign::cloud_config;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|json: &[u8]| cloud_config(json));
