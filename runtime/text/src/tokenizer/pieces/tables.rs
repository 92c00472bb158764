//! Tables of characters: classes by ranges, and strings that stand for characters.

use super::trie::Trie;
use crate::error::SpecError;
use crate::reader::{Reader, Words};

/// A class for each character.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Classes<'a> {
    /// Those of ASCII.
    ascii: &'a [u8],
    /// The first character of each range, and its class in the lowest 8 bits; in rising order. Class 0 before the first.
    ranges: Words<'a>,
}

impl<'a> Classes<'a> {
    /// 128 bytes, then the number of ranges and they.
    pub(super) fn parse(reader: &mut Reader<'a>) -> Result<Self, SpecError> {
        let ascii = reader.bytes(128)?;
        let len = reader.word()? as usize;
        Ok(Self { ascii, ranges: reader.words(len)? })
    }

    /// A character's class.
    pub(super) fn of(&self, character: char) -> u8 {
        let code = character as u32;
        if let Some(&class) = self.ascii.get(code as usize) {
            return class;
        }
        let after = self.ranges.partition_point(|range| range >> 8 <= code);
        after.checked_sub(1).and_then(|index| self.ranges.get(index)).unwrap_or(0) as u8
    }

    /// Whether all classes are below a number.
    pub(super) fn below(&self, number: u32) -> bool {
        self.ascii.iter().all(|&class| u32::from(class) < number)
            && self.ranges.iter().all(|range| range & 0xff < number)
    }
}

/// Strings for characters, or for short strings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Charmap<'a> {
    trie: Trie<'a>,
    /// All strings, a zero behind each.
    strings: &'a str,
}

impl<'a> Charmap<'a> {
    /// A trie of offsets, then the length of the strings and they.
    pub(super) fn parse(reader: &mut Reader<'a>) -> Result<Self, SpecError> {
        let trie = Trie::parse(reader)?;
        let len = reader.word()? as usize;
        let strings = text(reader.bytes(len)?)?;
        Ok(Self { trie, strings })
    }

    /// What stands for `text`, or else for the shortest of its beginnings that something stands for.
    pub(super) fn get(&self, text: &str) -> Option<&'a str> {
        let rest = self.strings.get(self.trie.shortest(text.as_bytes())? as usize..)?;
        Some(rest.split_once('\0').map_or(rest, |(string, _)| string))
    }

    /// What stands for a character.
    pub(super) fn of(&self, character: char) -> Option<&'a str> {
        self.get(character.encode_utf8(&mut [0; 4]))
    }
}

/// Bytes that must be UTF-8.
pub(super) fn text(bytes: &[u8]) -> Result<&str, SpecError> {
    core::str::from_utf8(bytes).map_err(|_| SpecError::Invalid { part: "tokenizer", why: "a string isn't UTF-8" })
}
