//! SPEC.json: what an author says about text.

use std::fs;
use std::path::{Path, PathBuf};

use dunlin_text::cleaning::Steps;
use serde::Deserialize;

use super::huggingface::HuggingFace;
use super::ngrams::NgramsRequest;
use crate::error::{CompileError, Result};

/// How text becomes a model's input.
#[derive(Clone, Debug, PartialEq)]
pub struct TextRequest {
    /// What is done to text first.
    pub cleaning: Steps,
    /// What makes ids of it then.
    pub tokenizer: TokenizerRequest,
    /// The most ids of a text; as many as the model takes, without.
    pub max_ids: Option<u32>,
    /// How many bytes of a text are read.
    pub max_bytes: u32,
    /// Which of the model's inputs take what.
    pub inputs: InputNames,
}

/// What makes ids of text.
#[derive(Clone, Debug, PartialEq)]
pub enum TokenizerRequest {
    /// Hashed n-grams.
    Ngrams(NgramsRequest),
    /// What a `tokenizer.json` says.
    HuggingFace(HuggingFace),
}

/// Names of the model's inputs. Those that aren't given are found by their usual names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputNames {
    /// Takes the ids.
    pub ids: Option<String>,
    /// Takes 1 for each id and 0 for each filler.
    pub mask: Option<String>,
    /// Takes the ids' segments.
    pub segments: Option<String>,
}

/// What is done to text, as the file says it. What it leaves out is as the tokenizer's kind usually has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct CleanFile {
    ignorables: Option<bool>,
    nfkc: Option<bool>,
    lower: Option<bool>,
    mixed_script: Option<bool>,
    leet: Option<bool>,
    spacing: Option<bool>,
}

impl CleanFile {
    fn steps(&self, usual: bool) -> Steps {
        let step = |asked: Option<bool>| asked.unwrap_or(usual);
        Steps {
            ignorables: step(self.ignorables),
            nfkc: step(self.nfkc),
            lower: step(self.lower),
            mixed_script: step(self.mixed_script),
            leet: step(self.leet),
            spacing: step(self.spacing),
        }
    }
}

/// The file's own shape.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SpecFile {
    #[serde(default)]
    clean: CleanFile,
    ngrams: Option<NgramsRequest>,
    tokenizer: Option<PathBuf>,
    max_ids: Option<u32>,
    max_bytes: Option<u32>,
    #[serde(default)]
    inputs: InputNames,
}

impl TextRequest {
    /// Reads a SPEC.json, and the files that it names, which lie beside it.
    ///
    /// # Errors
    /// [`CompileError::Text`] when a file can't be read or doesn't say what it should.
    pub fn open(path: &Path) -> Result<Self> {
        let bytes = read(path)?;
        let file: SpecFile = serde_json::from_slice(&bytes).map_err(|error| fault(path, error))?;
        let tokenizer = match (file.ngrams, file.tokenizer) {
            (Some(ngrams), None) => TokenizerRequest::Ngrams(ngrams),
            (None, Some(name)) => {
                TokenizerRequest::HuggingFace(HuggingFace::open(&path.with_file_name("").join(name))?)
            }
            _ => return Err(fault(path, "needs either `ngrams` or `tokenizer`")),
        };
        let max_bytes = file.max_bytes.unwrap_or(dunlin_text::spec::DEFAULT_BYTES);
        let cleaning = file.clean.steps(matches!(tokenizer, TokenizerRequest::Ngrams(_)));
        Ok(Self { cleaning, tokenizer, max_ids: file.max_ids, max_bytes, inputs: file.inputs })
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| fault(path, error))
}

fn fault(path: &Path, why: impl ToString) -> CompileError {
    CompileError::Text { option: path.display().to_string(), why: why.to_string() }
}
