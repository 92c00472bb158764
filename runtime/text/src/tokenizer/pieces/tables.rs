//! Tables of characters as steps have them.

use super::trie::Trie;
use crate::error::SpecError;
use crate::forms::Form;
use crate::reader::Reader;
use crate::tables::{CharMap, Classes, Compositions};

/// A class for each character, in the place of its category.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kinds<'a>(Classes<'a>);

impl<'a> Kinds<'a> {
    /// The length of a table of classes, and the table.
    pub(super) fn parse(reader: &mut Reader<'a>) -> Result<Self, SpecError> {
        Ok(Self(Classes::parse(part(reader)?)?))
    }

    /// A character's class.
    pub(super) fn of(&self, character: char) -> u8 {
        self.0.get(character).category().0
    }
}

/// A normalization form: decompositions, combining classes, what composes again.
pub(super) fn form<'a>(reader: &mut Reader<'a>) -> Result<Form<'a>, SpecError> {
    let decompositions = CharMap::parse(reader, "tokenizer")?;
    let classes = Classes::parse(part(reader)?)?;
    let compositions = part(reader)?;
    let compositions = if compositions.end().is_ok() { None } else { Some(Compositions::parse(compositions)?) };
    Ok(Form { decompositions, classes, compositions, quick: false })
}

/// The length of a table, and its bytes.
fn part<'a>(reader: &mut Reader<'a>) -> Result<Reader<'a>, SpecError> {
    let len = reader.word()? as usize;
    Ok(Reader::of(reader.bytes(len)?, reader.known))
}

/// Strings for short strings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Strings<'a> {
    trie: Trie<'a>,
    /// All strings, a zero behind each: UTF-8.
    strings: &'a [u8],
}

impl<'a> Strings<'a> {
    /// A trie of offsets, then the length of the strings and they.
    pub(super) fn parse(reader: &mut Reader<'a>) -> Result<Self, SpecError> {
        let trie = Trie::parse(reader)?;
        let len = reader.word()? as usize;
        let strings = reader.bytes(len)?;
        if !reader.known {
            text(strings)?;
        }
        Ok(Self { trie, strings })
    }

    /// What stands for `text`, or else for the shortest of its beginnings that something stands for.
    pub(super) fn get(&self, text: &str) -> Option<&'a str> {
        let rest = self.strings.get(self.trie.shortest(text.as_bytes())? as usize..)?;
        core::str::from_utf8(rest.split(|&byte| byte == 0).next()?).ok()
    }
}

/// Bytes that must be UTF-8.
pub(super) fn text(bytes: &[u8]) -> Result<&str, SpecError> {
    core::str::from_utf8(bytes).map_err(|_| SpecError::Invalid { part: "tokenizer", why: "a string isn't UTF-8" })
}
