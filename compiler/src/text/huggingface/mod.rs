//! Hugging Face's `tokenizer.json`: what it says, in the form that devices read.
//!
//! Normalizers, pre-tokenizers and added tokens become steps; the model becomes tables. The ids are those of the `tokenizers`
//! library for each text. What can't be had so is an error that names its place in the file.

mod added;
mod around;
mod bpe;
mod bytes;
mod charsmap;
mod clusters;
mod json;
mod model;
mod pattern;
mod steps;
mod unicode;

pub use around::Length;
pub use json::Fault;

use std::fs;
use std::path::Path;

use crate::error::CompileError;
use around::Around;
use bytes::Bytes;
use json::{Json, Result};
use steps::Steps;

/// A tokenizer of Hugging Face's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HuggingFace {
    /// The part of the text section.
    pub part: Vec<u8>,
    /// How many ids a text may become, and what fills it up.
    pub length: Length,
}

impl HuggingFace {
    /// Reads the `tokenizer.json` at a path.
    ///
    /// # Errors
    /// [`CompileError::Text`] when it can't be read, or with the place of what isn't supported or isn't there.
    pub fn open(path: &Path) -> std::result::Result<Self, CompileError> {
        let fault = |place: &str, why: String| CompileError::Text { option: format!("{}{place}", path.display()), why };
        let file = fs::read(path).map_err(|error| fault("", error.to_string()))?;
        Self::read(&file).map_err(|Fault { path, why }| fault(&format!(", {path}"), why))
    }

    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// [`Fault`] with the place of what isn't supported, or isn't there.
    pub fn read(file: &[u8]) -> Result<Self> {
        let value =
            serde_json::from_slice(file).map_err(|error| Fault { path: "/".to_owned(), why: error.to_string() })?;
        let json = Json::root(&value);
        let mut normalizer = Steps::default();
        json.get("normalizer").map_or(Ok(()), |part| normalizer.normalizer(&part))?;
        let mut splits = normalizer.behind();
        json.get("pre_tokenizer").map_or(Ok(()), |part| splits.pre_tokenizer(&part))?;
        let model = model::read(&json.need("model")?, splits.bytewise)?;
        let added = added::read(&json, &model.vocabulary)?;
        let mut steps = added::verbatim(&json, &added)?;
        let normalized = added::normalized(&json, &added, &normalizer)?;
        [normalizer, normalized, splits].iter().for_each(|more| steps.append(more));

        let mut around = Around::default();
        json.get("post_processor").map_or(Ok(()), |part| around.read(&part))?;
        let (keeps_end, length) = around::length(&json)?;
        let ids = model.vocabulary.values().copied().chain(added.iter().map(|token| token.id));
        let ids = ids.chain(around.before.iter().chain(&around.behind).copied());
        let mut part = Bytes::default();
        part.word(model.kind).word(ids.max().map_or(0, |id| id + 1)).word(model::optional(model.unknown));
        part.0.extend(steps.finish());
        part.list(&around.before).list(&around.behind).word(keeps_end.into());
        part.0.extend(model.bytes.0);
        Ok(Self { part: part.0, length })
    }
}
