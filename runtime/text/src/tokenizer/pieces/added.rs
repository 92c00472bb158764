//! Words of the vocabulary that are found in a text before it is split, such as `[MASK]`.

use super::state::{Piece, State};
use super::tables::Classes;
use super::trie::Trie;
use crate::error::SpecError;
use crate::reader::{Reader, Words};

/// What is asked of a word, as bits.
pub mod flag {
    /// No letter or digit may stand beside it.
    pub const SINGLE: u32 = 1;
    /// White space before it is taken away.
    pub const LEFT: u32 = 2;
    /// White space behind it is taken away.
    pub const RIGHT: u32 = 4;
}

/// All such words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Added<'a> {
    /// Their indices in the lists.
    words: Trie<'a>,
    ids: Words<'a>,
    flags: Words<'a>,
    /// 1 for what is part of a word.
    letters: Classes<'a>,
}

impl<'a> Added<'a> {
    /// A trie of indices, the number of words, their ids, their flags, classes.
    pub(super) fn parse(reader: &mut Reader<'a>) -> Result<Self, SpecError> {
        let words = Trie::parse(reader)?;
        let len = reader.word()? as usize;
        Ok(Self { words, ids: reader.words(len)?, flags: reader.words(len)?, letters: Classes::parse(reader)? })
    }

    /// Makes pieces of the words in a piece, and of what is between them.
    pub(super) fn split(&self, piece: Piece, state: &mut State) {
        let text = &state.text[piece.range()];
        let mut done = 0;
        let mut spaces = 0;
        let mut at = 0;
        while at < text.len() {
            let Some((end, id, flags)) = self.word(text, at) else {
                at = text.ceil_char_boundary(at + 1);
                continue;
            };
            let (before, behind) = (&text[..at], &text[end..]);
            at = end;
            if flags & flag::SINGLE != 0 && self.touches(before, behind) {
                continue;
            }
            let mut begin = before.len();
            if flags & flag::LEFT != 0 {
                begin = text[done.min(begin)..begin].trim_end().len() + done.min(begin);
            }
            let mut stop = end;
            if flags & flag::RIGHT != 0 {
                spaces = if end < spaces { spaces } else { text.len() - behind.trim_start().len() };
                stop = spaces;
            }
            if done < begin {
                state.next.push(piece.part(done, begin));
            }
            state.next.push(piece.part(begin, stop).with(id));
            done = stop;
        }
        if done < text.len() {
            state.next.push(piece.part(done, text.len()));
        }
    }

    /// The end, id and flags of the longest word that begins at a place.
    fn word(&self, text: &str, at: usize) -> Option<(usize, u32, u32)> {
        let (len, index) = self.words.longest(self.words.root(), &text.as_bytes()[at..])?;
        let end = Some(at + len).filter(|&end| text.is_char_boundary(end))?;
        Some((end, self.ids.get(index as usize)?, self.flags.get(index as usize)?))
    }

    fn touches(&self, before: &str, behind: &str) -> bool {
        let letter = |character: Option<char>| character.is_some_and(|character| self.letters.of(character) == 1);
        letter(before.chars().next_back()) || letter(behind.chars().next())
    }
}
