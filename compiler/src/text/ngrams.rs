//! Hashed n-grams, as an author asks for them.

use dunlin_text::tokenizer::Ngrams;
use serde::Deserialize;

use crate::error::{CompileError, Result};

/// Options of hashed n-grams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NgramsRequest {
    /// Characters of the shortest, the word's begin and end marks included.
    pub min: u32,
    /// Characters of the longest.
    pub max: u32,
    /// Whether whole words have ids too.
    #[serde(default)]
    pub words: bool,
    /// Whether pairs of neighbouring words have ids too.
    #[serde(default)]
    pub pairs: bool,
    /// How many ids there are: a power of two.
    pub buckets: u32,
}

impl NgramsRequest {
    /// The tokenizer that this asks for.
    ///
    /// # Errors
    /// [`CompileError::Text`] when an option is out of range.
    pub fn tokenizer(&self) -> Result<Ngrams<'static>> {
        let fault = |why: String| CompileError::Text { option: "ngrams".to_owned(), why };
        if !self.buckets.is_power_of_two() {
            return Err(fault(format!("{} buckets aren't a power of two", self.buckets)));
        }
        Ngrams::new(self.min, self.max, self.words, self.pairs, self.buckets.ilog2())
            .map_err(|error| fault(error.to_string()))
    }
}
