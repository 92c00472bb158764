//! One text to ids.

use crate::cleaning::{Cleaned, Cleaner};
use crate::error::TextError;
use crate::signs::Signs;
use crate::spec::Spec;
use crate::tokenizer::{Ids, Scratch};

/// Prepares texts; keeps its memory from one to the next.
#[derive(Clone, Debug)]
pub struct Preparer {
    cleaner: Cleaner,
    scratch: Scratch,
    /// Of each view.
    ids: [Ids; 2],
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

    /// The ids of the last view: of what the text hides, or else of the text as it is read.
    pub fn last(&self) -> &'p [i32] {
        self.ids[self.views - 1]
    }

    /// The share of unknown ids, from 0 to 1.
    pub fn unknown_share(&self) -> f32 {
        self.unknown as f32 / self.ids[0].len().max(1) as f32
    }
}

impl Preparer {
    /// For texts that `spec` prepares.
    pub fn new(spec: &Spec<'_>) -> Self {
        let ids = Ids::up_to(spec.feed.max_ids as usize);
        Self { cleaner: Cleaner::default(), scratch: Scratch::default(), ids: [ids.clone(), ids] }
    }

    /// What the tokenizer gets of a text: see [`Spec::cleaning`]. Of a text longer than [`Spec::max_bytes`] the beginning is taken.
    pub fn clean<'p>(&'p mut self, spec: &Spec<'_>, text: &'p str) -> Cleaned<'p> {
        clean(&mut self.cleaner, spec, text)
    }

    /// The ids of a text. Of a text longer than [`Spec::max_bytes`] the beginning is taken.
    ///
    /// # Errors
    /// [`TextError`] when the tokenizer has no id for a character, nor one for unknown ones.
    pub fn prepare(&mut self, spec: &Spec<'_>, text: &str) -> Result<Prepared<'_>, TextError> {
        let cleaned = clean(&mut self.cleaner, spec, text);
        let views = [Some(cleaned.first), cleaned.second];
        for (ids, view) in self.ids.iter_mut().zip(views.into_iter().flatten()) {
            ids.restart();
            spec.tokenizer.tokenize(view, &mut self.scratch, ids)?;
        }
        Ok(Prepared {
            ids: [&self.ids[0].ids, &self.ids[1].ids],
            views: views.iter().flatten().count(),
            signs: cleaned.signs,
            truncated: self.ids[0].truncated || cleaned.truncated,
            unknown: self.ids[0].unknown,
        })
    }
}

fn clean<'p>(cleaner: &'p mut Cleaner, spec: &Spec<'_>, text: &'p str) -> Cleaned<'p> {
    let read = &text[..text.floor_char_boundary(spec.max_bytes)];
    let mut cleaned = cleaner.clean(&spec.cleaning, read, spec.max_bytes);
    cleaned.truncated |= read.len() < text.len();
    cleaned
}
