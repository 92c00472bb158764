//! What the fuzz targets and the program that writes their seeds share.

#[path = "../../runtime/engine/tests/common/mod.rs"]
pub mod common;

use common::Sections;
use dunlin_engine::artifact::SectionKind;

/// An input of the `artifact` target that stands for a whole file.
pub fn whole(file: &[u8]) -> Vec<u8> {
    [&[0], file].concat()
}

/// An input of the `artifact` target that stands for sections: for each its number, its length in two bytes, its bytes.
pub fn wrapped(sections: &Sections) -> Vec<u8> {
    let mut input = vec![1];
    for (kind, bytes) in &sections.0 {
        input.push(*kind as u8);
        input.extend((bytes.len() as u16).to_le_bytes());
        input.extend(bytes);
    }
    input
}

/// The sections that an input stands for; a last one that is cut short is what is there.
pub fn unwrapped(mut rest: &[u8]) -> Sections {
    let mut sections = Vec::new();
    while let [kind, low, high, bytes @ ..] = rest {
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(bytes.len());
        let (bytes, after) = bytes.split_at(length);
        let kind = SectionKind::ALL[usize::from(kind.wrapping_sub(1)) % SectionKind::ALL.len()];
        sections.push((kind, bytes.to_vec()));
        rest = after;
    }
    Sections(sections)
}
