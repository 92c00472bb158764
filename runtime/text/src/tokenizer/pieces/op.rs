//! The steps before a model: what is done to each piece of a text, as data.

use super::added::Added;
use super::matcher::Matcher;
use super::normal::Normal;
use super::tables::{Charmap, Classes, text};
use crate::error::SpecError;
use crate::reader::Reader;

/// The most steps of a tokenizer.
const MAX_OPS: u32 = 64;

/// The numbers of the steps, as the section has them. A number is never given a new meaning.
pub mod tags {
    /// Characters are kept, taken out, made spaces, or put between spaces, by their class.
    pub const FILTER: u32 = 1;
    /// Strings stand for characters.
    pub const MAP: u32 = 2;
    /// Strings stand for short clusters of characters, or else for characters.
    pub const CLUSTERS: u32 = 3;
    /// A normalization form of Unicode.
    pub const NORMAL: u32 = 4;
    /// White space at the ends is taken out.
    pub const STRIP: u32 = 5;
    /// A string is put in front.
    pub const PREFIX: u32 = 6;
    /// A string stands for each match of a pattern.
    pub const REPLACE: u32 = 7;
    /// Pieces end where a pattern matches.
    pub const SPLIT: u32 = 8;
    /// Words of the vocabulary that are found before all else.
    pub const ADDED: u32 = 9;
}

/// What [`tags::FILTER`] does with the classes from 1 on; class 0 is kept.
pub mod filter {
    /// Take it out.
    pub const REMOVE: u8 = 1;
    /// Make it a space.
    pub const SPACE: u8 = 2;
    /// Put it between spaces.
    pub const SURROUND: u8 = 3;
}

/// What becomes of matches where a text is split.
pub mod behaviour {
    /// They are taken out.
    pub const REMOVED: u32 = 0;
    /// Each is a piece.
    pub const ISOLATED: u32 = 1;
    /// Neighbouring ones are one piece.
    pub const CONTIGUOUS: u32 = 2;
    /// The first behind a piece belongs to it.
    pub const WITH_PREVIOUS: u32 = 3;
    /// The last before a piece belongs to it.
    pub const WITH_NEXT: u32 = 4;
}

/// One step.
#[derive(Clone, Debug)]
pub(crate) enum Op<'a> {
    Filter(Classes<'a>),
    Map(Charmap<'a>),
    Clusters { map: Charmap<'a>, classes: Classes<'a> },
    Normal(Normal<'a>),
    Strip { left: bool, right: bool },
    Prefix { prefix: &'a str, once: bool, first: bool },
    Replace { matcher: Matcher<'a>, with: &'a str },
    Split { matcher: Matcher<'a>, behaviour: u32, invert: bool },
    Added(Added<'a>),
}

impl<'a> Op<'a> {
    /// All steps: their number, then each as its tag and data.
    pub(super) fn list(reader: &mut Reader<'a>) -> Result<alloc::vec::Vec<Self>, SpecError> {
        let count = reader.word()?;
        if count > MAX_OPS {
            return Err(SpecError::Invalid { part: "tokenizer", why: "too many steps" });
        }
        (0..count).map(|_| Self::parse(reader)).collect()
    }

    fn parse(reader: &mut Reader<'a>) -> Result<Self, SpecError> {
        Ok(match reader.word()? {
            tags::FILTER => Self::Filter(Classes::parse(reader)?),
            tags::MAP => Self::Map(Charmap::parse(reader)?),
            tags::CLUSTERS => Self::Clusters { map: Charmap::parse(reader)?, classes: Classes::parse(reader)? },
            tags::NORMAL => Self::Normal(Normal::parse(reader)?),
            tags::STRIP => {
                let [left, right] = flags(reader)?;
                Self::Strip { left, right }
            }
            tags::PREFIX => {
                let [once, first] = flags(reader)?;
                Self::Prefix { prefix: string(reader)?, once, first }
            }
            tags::REPLACE => Self::Replace { matcher: Matcher::parse(reader)?, with: string(reader)? },
            tags::SPLIT => {
                let [invert, _] = flags(reader)?;
                let behaviour = reader.word()?;
                if behaviour > behaviour::WITH_NEXT {
                    return Err(SpecError::Unknown { what: "a way to split", number: behaviour });
                }
                Self::Split { matcher: Matcher::parse(reader)?, behaviour, invert }
            }
            tags::ADDED => Self::Added(Added::parse(reader)?),
            number => return Err(SpecError::Unknown { what: "a step", number }),
        })
    }
}

/// Two bits of a word.
pub(crate) fn flags(reader: &mut Reader<'_>) -> Result<[bool; 2], SpecError> {
    let word = reader.word()?;
    if word > 3 {
        return Err(SpecError::Invalid { part: "tokenizer", why: "unknown flags" });
    }
    Ok([word & 1 != 0, word & 2 != 0])
}

/// A string: its length, then its bytes.
pub(super) fn string<'a>(reader: &mut Reader<'a>) -> Result<&'a str, SpecError> {
    let len = reader.word()? as usize;
    text(reader.bytes(len)?)
}
