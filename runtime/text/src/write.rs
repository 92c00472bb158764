//! Writes a section; the inverse of [`Spec::parse`](crate::Spec::parse).

use crate::spec::{Feed, NO_INPUT, PartKind, VERSION};
use alloc::vec::Vec;

/// A section that is being made.
#[derive(Clone, Debug)]
pub struct SectionWriter {
    head: Vec<u32>,
    parts: [Option<Vec<u8>>; PartKind::ALL.len()],
}

impl SectionWriter {
    /// A section without parts.
    pub fn new(max_bytes: u32, feed: &Feed) -> Self {
        let input = |number: Option<u32>| number.unwrap_or(NO_INPUT);
        let inputs = [feed.ids, input(feed.mask), input(feed.segments)];
        let mut head = alloc::vec![VERSION, max_bytes];
        head.extend(inputs);
        head.extend([feed.max_ids, u32::from(feed.fixed), feed.pad as u32]);
        Self { head, parts: [const { None }; PartKind::ALL.len()] }
    }

    /// Sets a part.
    pub fn part(&mut self, kind: PartKind, bytes: Vec<u8>) -> &mut Self {
        self.parts[kind as usize - 1] = Some(bytes);
        self
    }

    /// The section.
    pub fn finish(&self) -> Vec<u8> {
        let parts =
            || PartKind::ALL.into_iter().zip(&self.parts).filter_map(|(kind, part)| Some((kind, part.as_ref()?)));
        let mut bytes = bytes_of(&self.head);
        bytes.extend((parts().count() as u32).to_le_bytes());
        for (kind, part) in parts() {
            bytes.extend(bytes_of(&[kind as u32, part.len() as u32]));
        }
        for (_, part) in parts() {
            bytes.extend(part);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        bytes
    }
}

/// Words as they lie in a section.
pub fn bytes_of(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// Halves of words as they lie in a section, with zeros up to a whole word.
pub fn halves_of(halves: &[u16]) -> Vec<u8> {
    let mut bytes: Vec<u8> = halves.iter().flat_map(|half| half.to_le_bytes()).collect();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}
