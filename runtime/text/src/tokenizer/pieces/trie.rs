//! A set of byte strings with a number each, as a double array: one array read a byte.
//!
//! The layout is that of darts-clone, which SentencePiece's files have too. A unit is a word: of a value bit 31 is set and the
//! others are the number; of a node bits 0 to 7 are the byte that leads to it, bit 8 says that a value lies at its
//! offset, and bits 10 to 30, shifted by 8 more where bit 9 is set, are the offset, combined with its index by exclusive or. Byte 0 is the
//! value's own, so that a zero in a string is looked up as 0xff, which is in no UTF-8 text.

use crate::error::SpecError;
use crate::reader::{Reader, Words};

/// The longest string that is looked for, so that each look-up takes bounded time.
pub const MAX_KEY: usize = 512;

/// A double array, in place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trie<'a> {
    units: Words<'a>,
}

/// A place in it: what is known after some bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    at: u32,
    value: bool,
}

impl<'a> Trie<'a> {
    /// The number of units, then they.
    pub(crate) fn parse(reader: &mut Reader<'a>) -> Result<Self, SpecError> {
        let len = reader.word()? as usize;
        Ok(Self { units: reader.words(len)? })
    }

    /// Before the first byte.
    pub(crate) fn root(&self) -> Node {
        Node { at: self.units.get(0).map_or(0, offset), value: false }
    }

    /// After one byte more; `None` when no string goes on so.
    pub(crate) fn child(&self, node: Node, byte: u8) -> Option<Node> {
        let label = if byte == 0 { 0xff } else { u32::from(byte) };
        let at = node.at ^ label;
        let unit = self.units.get(at as usize)?;
        (unit & (1 << 31 | 0xff) == label).then_some(Node { at: at ^ offset(unit), value: unit >> 8 & 1 == 1 })
    }

    /// After some bytes more.
    pub(crate) fn walk(&self, node: Node, bytes: &[u8]) -> Option<Node> {
        bytes.iter().try_fold(node, |node, &byte| self.child(node, byte))
    }

    /// The number of the string that ends here, if there is one.
    pub(crate) fn value(&self, node: Node) -> Option<u32> {
        let unit = node.value.then(|| self.units.get(node.at as usize))??;
        Some(unit & 0x7fff_ffff)
    }

    /// The number of a whole string.
    pub(crate) fn get(&self, bytes: &[u8]) -> Option<u32> {
        self.value(self.walk(self.root(), bytes)?)
    }

    /// Calls `found` with the length and number of each string that `bytes` begins with behind `node`, shortest first.
    pub(crate) fn prefixes(&self, mut node: Node, bytes: &[u8], mut found: impl FnMut(usize, u32)) {
        for (index, &byte) in bytes.iter().take(MAX_KEY).enumerate() {
            let Some(next) = self.child(node, byte) else { return };
            node = next;
            if let Some(value) = self.value(node) {
                found(index + 1, value);
            }
        }
    }

    /// The length and number of the longest such string.
    pub(crate) fn longest(&self, node: Node, bytes: &[u8]) -> Option<(usize, u32)> {
        let mut longest = None;
        self.prefixes(node, bytes, |len, value| longest = Some((len, value)));
        longest
    }

    /// The number of the shortest such string.
    pub(crate) fn shortest(&self, bytes: &[u8]) -> Option<u32> {
        let mut shortest = None;
        self.prefixes(self.root(), bytes, |_, value| shortest = shortest.or(Some(value)));
        shortest
    }
}

fn offset(unit: u32) -> u32 {
    (unit >> 10) << ((unit & 1 << 9) >> 6)
}
