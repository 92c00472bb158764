//! Tokenizers with a vocabulary: steps that a text goes through, a model that makes ids of its pieces, and ids around them all.
//!
//! What a Hugging Face `tokenizer.json` says is brought into this form by the compiler; the ids are those of the library that
//! such files are made for.

mod added;
mod clusters;
mod matcher;
mod normal;
mod op;
mod state;
mod tables;
mod trie;

pub use added::flag as added_flags;
pub use clusters::class as cluster_classes;
pub use normal::MAX_PAIRS;
pub use op::{behaviour, filter, tags};
pub use trie::MAX_KEY;

pub(crate) use op::flags;
pub(crate) use trie::{Node, Trie};

use super::bpe::{self, Bpe};
use super::unigram::{self, Unigram};
use super::wordpiece::WordPiece;
use super::{Ids, kinds};
use crate::error::{SpecError, TextError};
use crate::reader::{Reader, Words};
use alloc::vec::Vec;
use op::Op;

/// A tokenizer with a vocabulary.
#[derive(Clone, Debug)]
pub struct Pieces<'a> {
    vocabulary: u32,
    unknown: Option<u32>,
    ops: Vec<Op<'a>>,
    /// Ids before and behind those of the text.
    before: Words<'a>,
    behind: Words<'a>,
    /// Whether of too many ids the last are kept.
    keeps_end: bool,
    model: Model<'a>,
}

/// What makes ids of a piece.
#[derive(Clone, Debug)]
enum Model<'a> {
    WordPiece(WordPiece<'a>),
    Unigram(Unigram<'a>),
    Bpe(Bpe<'a>),
}

/// Memory that is kept from one text to the next.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scratch {
    state: state::State,
    ids: Vec<u32>,
    unigram: unigram::Scratch,
    bpe: bpe::Scratch,
}

/// What a word that may be missing is then.
pub const NONE: u32 = u32::MAX;

impl<'a> Pieces<'a> {
    /// The number of ids that there are, the id for what is unknown, steps, ids before, ids behind, whether the end is kept, the model.
    pub(super) fn parse(kind: u32, reader: &mut Reader<'a>) -> Result<Self, SpecError> {
        let vocabulary = reader.word()?;
        if vocabulary > i32::MAX as u32 {
            return Err(SpecError::Invalid { part: "tokenizer", why: "too large a vocabulary" });
        }
        let unknown = optional(reader)?;
        let ops = Op::list(reader)?;
        let (before, behind) = (list(reader)?, list(reader)?);
        let [keeps_end, _] = flags(reader)?;
        let model = match kind {
            kinds::WORDPIECE => Model::WordPiece(WordPiece::parse(reader)?),
            kinds::UNIGRAM => Model::Unigram(Unigram::parse(reader)?),
            _ => Model::Bpe(Bpe::parse(reader)?),
        };
        Ok(Self { vocabulary, unknown, ops, before, behind, keeps_end, model })
    }

    /// How many different ids there are.
    pub(super) fn vocabulary(&self) -> u32 {
        self.vocabulary
    }

    /// Adds the ids of a text. Where they are too many, those of the text are fewer; the ones around it stay.
    pub(super) fn tokenize(&self, text: &str, scratch: &mut Scratch, out: &mut Ids) -> Result<(), TextError> {
        let room = out.limit.saturating_sub(self.before.len() + self.behind.len());
        scratch.state.run(text, &self.ops);
        out.truncated |= scratch.state.truncated;
        scratch.ids.clear();
        let pieces = scratch.state.pieces.iter();
        for piece in pieces {
            // What follows can't change the first ids.
            if scratch.ids.len() > room && !self.keeps_end {
                break;
            }
            match piece.id {
                Some(id) => scratch.ids.push(id),
                None => {
                    let piece = &scratch.state.text[piece.range()];
                    self.encode(piece, &mut scratch.unigram, &mut scratch.bpe, &mut scratch.ids)?;
                }
            }
        }
        let ids = &scratch.ids;
        let over = ids.len().saturating_sub(room);
        let kept = if self.keeps_end { &ids[over..] } else { &ids[..ids.len() - over] };
        let around = |words: &Words<'a>| words.iter();
        for id in around(&self.before).chain(kept.iter().copied()).chain(around(&self.behind)) {
            if id >= self.vocabulary {
                return Err(TextError::Unencodable);
            }
            out.unknown += usize::from(Some(id) == self.unknown);
            out.push(id as i32);
        }
        out.truncated |= over > 0;
        Ok(())
    }

    fn encode(
        &self,
        piece: &str,
        unigram: &mut unigram::Scratch,
        bpe: &mut bpe::Scratch,
        ids: &mut Vec<u32>,
    ) -> Result<(), TextError> {
        match &self.model {
            Model::WordPiece(model) => model.encode(piece, self.unknown, ids),
            Model::Unigram(model) => model.encode(piece, self.unknown, unigram, ids),
            Model::Bpe(model) => {
                model.encode(piece, self.unknown, bpe, ids);
                Ok(())
            }
        }
    }
}

/// What steps, as [`Pieces`] reads them, make of a text: all its pieces, one after the other.
///
/// # Errors
/// [`SpecError`] when the steps aren't sound.
#[cfg(feature = "write")]
pub fn apply(steps: &[u8], text: &str) -> Result<alloc::string::String, SpecError> {
    let mut reader = Reader::new(steps);
    let ops = Op::list(&mut reader)?;
    reader.end()?;
    let mut state = state::State::default();
    state.run(text, &ops);
    Ok(state.text)
}

/// A word that may be missing.
pub(super) fn optional(reader: &mut Reader<'_>) -> Result<Option<u32>, SpecError> {
    Ok(Some(reader.word()?).filter(|&word| word != NONE))
}

/// A number of words, then they.
pub(super) fn list<'a>(reader: &mut Reader<'a>) -> Result<Words<'a>, SpecError> {
    let len = reader.word()? as usize;
    reader.words(len)
}
