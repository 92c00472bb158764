//! Bytes to a release, or to a patch and what it is for: an error, or a release of its own path, and no more bytes than allowed.
#![no_main]

use dunlin_protocol::patch;
use dunlin_protocol::release::Release;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((&first, rest)) = bytes.split_first() else { return };
    if first == 0 {
        if let Ok(release) = Release::parse(rest) {
            assert!(Release::of_target(&release.path(), rest).is_ok());
        }
        return;
    }
    let Some((length, rest)) = rest.split_first_chunk() else { return };
    let Some((old, patch)) = rest.split_at_checked(u16::from_le_bytes(*length).into()) else { return };
    if let Ok(new) = patch::apply(old, patch, MOST) {
        assert!(new.len() as u64 <= MOST);
    }
});

const MOST: u64 = 1 << 16;
