//! A device's refresh, each of whose answers comes from whoever wants to break something; with the keys of all roles, if they like.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| dunlin_fuzz::tuf::refresh(input));
