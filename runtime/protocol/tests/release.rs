//! Releases and patches out of the fuzzer's corpus.

use std::path::Path;

use dunlin_protocol::patch;
use dunlin_protocol::release::Release;

const MOST: u64 = 1 << 16;

#[test]
fn the_corpus_ends_in_errors_or_in_what_is_allowed() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/release");
    let mut seen = (0, 0);
    for entry in std::fs::read_dir(corpus).expect("a corpus") {
        let bytes = std::fs::read(entry.expect("a file").path()).expect("a file");
        let (first, rest) = bytes.split_first().expect("a kind");
        // Each file, and each shortened and changed in each byte.
        for at in 0..rest.len() {
            let mut changed = rest.to_vec();
            changed[at] = changed[at].wrapping_add(1 + at as u8);
            for bytes in [rest, &rest[..at], &changed] {
                if *first == 0 {
                    let Ok(release) = Release::parse(bytes) else { continue };
                    let written = serde_json::to_vec(&release).expect("JSON");
                    assert_eq!(Release::parse(&written), Ok(release));
                    seen.0 += 1;
                } else if let Some((old, patch)) = parts(bytes) {
                    seen.1 += usize::from(patch::apply(old, patch, MOST).is_ok_and(|new| new.len() as u64 <= MOST));
                }
            }
        }
    }
    assert!(seen.0 > 0 && seen.1 > 0, "{seen:?}");
}

fn parts(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u16::from_le_bytes(*length).into())
}
