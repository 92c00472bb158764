//! Inputs of the fuzz target `artifact`: what they stand for, and how to make them.

use super::Sections;
use dunlin_engine::AlignedBytes;
use dunlin_engine::artifact::SectionKind;

/// An input that stands for a whole file.
pub fn whole(file: &[u8]) -> Vec<u8> {
    [&[0], file].concat()
}

/// An input that stands for sections: for each its number, its length in two bytes, its bytes.
pub fn wrapped(sections: &Sections) -> Vec<u8> {
    let mut input = vec![1];
    for (kind, bytes) in &sections.0 {
        input.push(*kind as u8);
        input.extend((bytes.len() as u16).to_le_bytes());
        input.extend(bytes);
    }
    input
}

/// The file that an input stands for; sections get right digests, so that changes reach what is inside them.
pub fn file(input: &[u8]) -> AlignedBytes {
    match input {
        [] => AlignedBytes::default(),
        [0, file @ ..] => AlignedBytes::from_slice(file),
        [_, sections @ ..] => unwrapped(sections).file(),
    }
}

/// Sections; a last one that is cut short is what is there.
fn unwrapped(mut rest: &[u8]) -> Sections {
    let mut sections = Vec::new();
    while let [kind, low, high, bytes @ ..] = rest {
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(bytes.len());
        let (bytes, after) = bytes.split_at(length);
        let known = SectionKind::ALL.into_iter().find(|&known| known as u8 == *kind);
        let kind = known.unwrap_or(SectionKind::ALL[usize::from(*kind) % SectionKind::ALL.len()]);
        sections.push((kind, bytes.to_vec()));
        rest = after;
    }
    Sections(sections)
}
