//! One text to ids.

use crate::error::TextError;
use crate::signs::Signs;
use crate::spec::Spec;
use crate::tokenizer::{Ids, Scratch};

/// Prepares texts; keeps its memory from one to the next.
#[derive(Clone, Debug)]
pub struct Preparer {
    scratch: Scratch,
    ids: Ids,
}

/// What a text became; borrowed from the preparer until the next.
#[derive(Clone, Copy, Debug)]
pub struct Prepared<'p> {
    ids: [&'p [i32]; 2],
    views: usize,
    /// What was found in the text.
    pub signs: Signs,
    /// Whether the text, or its ids, had to be cut off.
    pub truncated: bool,
    /// Ids that stand for something unknown, among all of the first view.
    pub unknown: usize,
}

impl<'p> Prepared<'p> {
    /// The ids of each view: of the text as it is read, and, where it looks like an evasion, of what it seems to hide.
    pub fn views(&self) -> &[&'p [i32]] {
        &self.ids[..self.views]
    }

    /// The share of unknown ids, from 0 to 1.
    pub fn unknown_share(&self) -> f32 {
        self.unknown as f32 / self.ids[0].len().max(1) as f32
    }
}

impl Preparer {
    /// For texts that `spec` prepares.
    pub fn new(_spec: &Spec<'_>) -> Self {
        Self { scratch: Scratch::default(), ids: Ids::default() }
    }

    /// The ids of a text. Of a text longer than [`Spec::max_bytes`] the beginning is taken.
    ///
    /// # Errors
    /// [`TextError`] when the tokenizer has no id for a character, nor one for unknown ones.
    pub fn prepare(&mut self, spec: &Spec<'_>, text: &str) -> Result<Prepared<'_>, TextError> {
        let read = &text[..text.floor_char_boundary(spec.max_bytes)];
        self.ids.restart(spec.feed.max_ids as usize);
        spec.tokenizer.tokenize(read, &mut self.scratch, &mut self.ids)?;
        Ok(Prepared {
            ids: [&self.ids.ids, &[]],
            views: 1,
            signs: Signs::default(),
            truncated: self.ids.truncated || read.len() < text.len(),
            unknown: self.ids.unknown,
        })
    }
}
