//! WordPiece: from the left, always the longest word of the vocabulary.
//!
//! Words that continue another begin with a prefix (`##`) in the vocabulary. A piece that can't be read to its end, or
//! has too many characters, is unknown as a whole.

use super::pieces::{Node, Trie};
use crate::error::{SpecError, TextError};
use crate::reader::Reader;
use alloc::vec::Vec;

/// The model.
#[derive(Clone, Debug)]
pub(super) struct WordPiece<'a> {
    words: Trie<'a>,
    /// Behind the prefix, if any word has it.
    continuing: Option<Node>,
    max_chars: usize,
}

impl<'a> WordPiece<'a> {
    /// A trie of ids, the most characters of a piece, the prefix's length and the prefix.
    pub(super) fn parse(reader: &mut Reader<'a>) -> Result<Self, SpecError> {
        let words = Trie::parse(reader)?;
        let (max_chars, len) = (reader.word()? as usize, reader.word()? as usize);
        let continuing = words.walk(words.root(), reader.bytes(len)?);
        Ok(Self { words, continuing, max_chars })
    }

    /// Adds a piece's ids.
    pub(super) fn encode(&self, piece: &str, unknown: Option<u32>, ids: &mut Vec<u32>) -> Result<(), TextError> {
        let before = ids.len();
        let short = piece.chars().nth(self.max_chars).is_none();
        if !short || self.longest(piece.as_bytes(), ids).is_none() {
            ids.truncate(before);
            ids.push(unknown.ok_or(TextError::Unencodable)?);
        }
        Ok(())
    }

    fn longest(&self, piece: &[u8], ids: &mut Vec<u32>) -> Option<()> {
        let mut rest = piece;
        let mut node = Some(self.words.root());
        while !rest.is_empty() {
            let (len, id) = self.words.longest(node?, rest)?;
            ids.push(id);
            rest = &rest[len..];
            node = self.continuing;
        }
        Some(())
    }
}
