//! What makes ids of normalized text.
//!
//! Each kind is a file here. This one is the only place that knows them all: [`kinds`], `Tokenizer::parse`,
//! `Tokenizer::tokenize` and `Scratch`.

use crate::error::{SpecError, TextError};
use crate::spec::{PartKind, Parts};
use alloc::vec::Vec;

mod bpe;
pub mod ngrams;
pub mod pieces;
mod unigram;
mod wordpiece;

pub use ngrams::Ngrams;
pub use pieces::Pieces;

/// The numbers of the kinds, as the section has them. A number is never given a new meaning.
pub mod kinds {
    /// Hashed character n-grams.
    pub const NGRAMS: u32 = 1;
    /// WordPiece.
    pub const WORDPIECE: u32 = 2;
    /// Unigram language model.
    pub const UNIGRAM: u32 = 3;
    /// Byte-pair encoding.
    pub const BPE: u32 = 4;
}

/// A tokenizer with its tables, borrowed from the artifact.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Tokenizer<'a> {
    /// Hashed character n-grams.
    Ngrams(Ngrams<'a>),
    /// WordPiece, Unigram or byte-pair encoding.
    Pieces(Pieces<'a>),
}

/// Memory that tokenizers keep from one text to the next; each has what it needs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) ngrams: ngrams::Scratch,
    pub(crate) pieces: pieces::Scratch,
}

impl<'a> Tokenizer<'a> {
    /// Reads the tokenizer's part: its kind, then what that kind's `parse` reads.
    pub(crate) fn parse(parts: &Parts<'a>) -> Result<Self, SpecError> {
        let mut reader = parts.required(PartKind::Tokenizer)?;
        let tokenizer = match reader.word()? {
            kinds::NGRAMS => Self::Ngrams(Ngrams::parse(&mut reader)?),
            kind @ (kinds::WORDPIECE | kinds::UNIGRAM | kinds::BPE) => Self::Pieces(Pieces::parse(kind, &mut reader)?),
            number => return Err(SpecError::Unknown { what: "a tokenizer of kind", number }),
        };
        reader.end()?;
        Ok(tokenizer)
    }

    /// Adds the ids of a text.
    ///
    /// # Errors
    /// [`TextError`] when a character has no id and there is none for unknown ones.
    pub(crate) fn tokenize(&self, text: &str, scratch: &mut Scratch, out: &mut Ids) -> Result<(), TextError> {
        match self {
            Self::Ngrams(ngrams) => {
                ngrams.tokenize(text, &mut scratch.ngrams, out);
                Ok(())
            }
            Self::Pieces(pieces) => pieces.tokenize(text, &mut scratch.pieces, out),
        }
    }

    /// How many different ids there may be: they are below this.
    pub fn vocabulary(&self) -> u32 {
        match self {
            Self::Ngrams(ngrams) => ngrams.buckets(),
            Self::Pieces(pieces) => pieces.vocabulary(),
        }
    }
}

/// Ids that are being made, up to a limit.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ids {
    /// What there is so far.
    pub(crate) ids: Vec<i32>,
    /// The most that are wanted.
    pub(crate) limit: usize,
    /// How many of them stand for something unknown.
    pub(crate) unknown: usize,
    /// Whether some were left out for the limit.
    pub(crate) truncated: bool,
}

impl Ids {
    /// None, of at most so many.
    pub(crate) fn up_to(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    /// Empties it for another text.
    pub(crate) fn restart(&mut self) {
        self.ids.clear();
        (self.unknown, self.truncated) = (0, false);
    }

    /// Adds an id; `false` when the limit is reached, and it and all that follow are left out.
    pub(crate) fn push(&mut self, id: i32) -> bool {
        self.truncated |= self.ids.len() >= self.limit;
        if !self.truncated {
            self.ids.push(id);
        }
        !self.truncated
    }
}
