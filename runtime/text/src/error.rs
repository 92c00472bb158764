//! What can go wrong, and whose fault it is.

use core::fmt;

/// A section that says nothing sound about text. Whoever made or carried the artifact is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpecError {
    /// It ends before it should, or goes on after it.
    Length,
    /// It is of another version, or has a part or a tokenizer that this version doesn't know.
    Unknown {
        /// What it is that isn't known.
        what: &'static str,
        /// Its number.
        number: u32,
    },
    /// A part that has to be there isn't.
    Missing {
        /// Its name.
        part: &'static str,
    },
    /// A part contradicts itself or another.
    Invalid {
        /// Its name.
        part: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length => f.write_str("the text section is cut off, or has bytes left over"),
            Self::Unknown { what, number } => {
                write!(f, "the text section has {what} {number}, which needs another version of Dunlin")
            }
            Self::Missing { part } => write!(f, "the text section has no {part}"),
            Self::Invalid { part, why } => write!(f, "the text section's {part}: {why}"),
        }
    }
}

impl core::error::Error for SpecError {}

/// A text that gives no ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TextError {
    /// The vocabulary has nothing for a character, and no id for what is unknown (the artifact's fault).
    Unencodable,
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unencodable => {
                f.write_str("a character is unknown to the model's vocabulary, which has no id for unknown ones")
            }
        }
    }
}

impl core::error::Error for TextError {}
