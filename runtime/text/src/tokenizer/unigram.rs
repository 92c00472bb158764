//! Unigram: of all ways to cut a piece into words of the vocabulary, the one with the largest sum of scores.
//!
//! Each character can also be unknown by itself, at a score below all others. Neighbouring unknown characters are one
//! unknown word, or their bytes where the vocabulary has an id for each.

use super::pieces::{Trie, list};
use crate::error::{SpecError, TextError};
use crate::reader::{Reader, Words};
use alloc::vec::Vec;

/// The model.
#[derive(Clone, Debug)]
pub(super) struct Unigram<'a> {
    words: Trie<'a>,
    /// Scores by id: halves of 64-bit floats, low ones first, or 32-bit floats.
    scores: Words<'a>,
    wide: bool,
    /// The score of a character that no word of its own stands for.
    unknown_score: f64,
    /// The ids of bytes, or none.
    bytes: Words<'a>,
}

/// The best way to a place in a piece.
#[derive(Clone, Copy, Debug, Default)]
struct Best {
    score: f64,
    /// Where its last word begins; `None` where no way leads here.
    from: Option<u32>,
    id: u32,
}

/// The best way to each place.
#[derive(Clone, Debug, Default)]
pub(super) struct Scratch(Vec<Best>);

impl<'a> Unigram<'a> {
    /// A trie of ids, whether scores are 64-bit, their number of words and they, the unknown score (64-bit), ids of bytes.
    pub(super) fn parse(reader: &mut Reader<'a>) -> Result<Self, SpecError> {
        let words = Trie::parse(reader)?;
        let wide = reader.word()?;
        let scores = list(reader)?;
        let (low, high) = (reader.word()?, reader.word()?);
        let bytes = list(reader)?;
        if wide > 1 || !matches!(bytes.len(), 0 | 256) {
            return Err(SpecError::Invalid { part: "unigram", why: "unknown flags, or ids of only some bytes" });
        }
        let unknown_score = float(low, high);
        Ok(Self { words, scores, wide: wide == 1, unknown_score, bytes })
    }

    /// Adds a piece's ids.
    pub(super) fn encode(
        &self,
        piece: &str,
        unknown: Option<u32>,
        Scratch(best): &mut Scratch,
        ids: &mut Vec<u32>,
    ) -> Result<(), TextError> {
        self.forward(piece, unknown, best)?;
        let before = ids.len();
        let mut end = piece.len();
        while end > 0 {
            let Best { from: Some(start), id, .. } = best[end] else { return Err(TextError::Unencodable) };
            let mut start = start as usize;
            if Some(id) != unknown {
                ids.push(id);
            } else {
                while let Best { from: Some(from), id, .. } = best[start]
                    && Some(id) == unknown
                {
                    start = from as usize;
                }
                self.unknown(&piece.as_bytes()[start..end], id, ids);
            }
            end = start;
        }
        ids[before..].reverse();
        Ok(())
    }

    /// Finds the best way to each place. Of two with the same score the first that is found stays: it begins further left.
    fn forward(&self, piece: &str, unknown: Option<u32>, best: &mut Vec<Best>) -> Result<(), TextError> {
        best.clear();
        best.resize(piece.len() + 1, Best::default());
        for (at, character) in piece.char_indices() {
            let here = best[at].score;
            let mut alone = false;
            let mut reach = |len: usize, score: f64, id: u32| {
                let place = &mut best[at + len];
                if place.from.is_none() || here + score > place.score {
                    *place = Best { score: here + score, from: Some(at as u32), id };
                }
            };
            self.words.prefixes(self.words.root(), &piece.as_bytes()[at..], |len, id| {
                if let Some(score) = self.score(id) {
                    alone |= len == character.len_utf8();
                    reach(len, score, id);
                }
            });
            if !alone {
                reach(character.len_utf8(), self.unknown_score, unknown.ok_or(TextError::Unencodable)?);
            }
        }
        Ok(())
    }

    /// Adds what stands for unknown characters, in reverse order: their bytes, or one id.
    fn unknown(&self, text: &[u8], unknown: u32, ids: &mut Vec<u32>) {
        if let Some(id) = self.words.get(text) {
            ids.push(id);
        } else if self.bytes.len() == 256 {
            ids.extend(text.iter().rev().filter_map(|&byte| self.bytes.get(byte.into())));
        } else {
            ids.push(unknown);
        }
    }

    fn score(&self, id: u32) -> Option<f64> {
        let index = id as usize;
        if self.wide {
            return Some(float(self.scores.get(2 * index)?, self.scores.get(2 * index + 1)?));
        }
        self.scores.get(index).map(|word| f64::from(f32::from_bits(word)))
    }
}

fn float(low: u32, high: u32) -> f64 {
    f64::from_bits(u64::from(high) << 32 | u64::from(low))
}
