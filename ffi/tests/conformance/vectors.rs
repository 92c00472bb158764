//! mobile/conformance/vectors.json, as its README describes it.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The file.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Vectors {
    pub codes: Vec<String>,
    pub outcomes: Vec<String>,
    pub reasons: Vec<String>,
    pub rules: Vec<String>,
    pub models: Vec<Model>,
    pub cases: Vec<Case>,
}

/// What a model says of itself.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Model {
    pub model: String,
    #[serde(default, skip_serializing_if = "is_first")]
    pub head: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    #[serde(default)]
    pub labels: Vec<String>,
    #[serde(default)]
    pub inputs: Vec<Input>,
    #[serde(default)]
    pub steps: Vec<Step>,
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Input {
    pub shape: Vec<u32>,
    pub element_type: String,
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub name: String,
    pub shape: Vec<u32>,
}

/// One classification.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Case {
    pub name: String,
    pub model: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_limit: Option<u64>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dispose: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picture: Option<Picture>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<Values>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    #[serde(default, skip_serializing_if = "Context::is_usual")]
    pub context: Context,
    pub expected: Expected,
}

/// What only the app knows.
#[derive(Clone, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Context {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cohort: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub stale: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub fallback: bool,
}

impl Context {
    fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// What is done to the model's file before it is loaded.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Change {
    Keep(usize),
    Flip(usize),
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Picture {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub png: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<usize>,
    pub width: u32,
    pub height: u32,
    pub format: Format,
}

#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    Gray8,
    Rgb8,
    Rgba8,
}

#[derive(Deserialize, Serialize)]
#[serde(untagged)]
pub enum Values {
    Made { seed: u64, count: usize },
    Given { hex: String },
}

/// Code units of UTF-16, repeated.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    pub utf16: Vec<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<usize>,
}

impl Text {
    /// With U+FFFD in the place of each surrogate without its other half.
    pub fn string(&self) -> String {
        String::from_utf16_lossy(&self.utf16.repeat(self.times.unwrap_or(1)))
    }
}

#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Expected {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within: Option<f32>,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub evasion: u8,
    /// What the first head says.
    #[serde(flatten)]
    pub first: Option<Judgement>,
    /// What further heads say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heads: Vec<Head>,
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
pub struct Head {
    pub name: String,
    #[serde(flatten)]
    pub judgement: Judgement,
}

/// What a head says; numbers are hexadecimal digits.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
pub struct Judgement {
    pub decision: Decision,
    pub classes: Vec<Class>,
    pub probabilities: String,
    pub logits: String,
}

/// Numbers are hexadecimal digits, as those of [`Judgement`].
#[derive(Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    pub outcome: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub rule: String,
    pub index: u32,
    pub margin: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub energy: Option<String>,
    pub set: Vec<u32>,
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Class {
    pub index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

fn is_zero(number: &u8) -> bool {
    *number == 0
}

fn is_first(head: &u32) -> bool {
    *head == 0
}

impl Vectors {
    pub fn read() -> Self {
        let text = fs::read_to_string(path()).expect("the vectors are there");
        serde_json::from_str(&text).expect("the vectors are as their README says")
    }

    /// A line for each model and each case.
    pub fn write(&self) {
        let names =
            [("codes", &self.codes), ("outcomes", &self.outcomes), ("reasons", &self.reasons), ("rules", &self.rules)];
        let mut text = String::from("{\n");
        names.iter().for_each(|(key, names)| text += &format!("\"{key}\": {},\n", json(names)));
        text += "\"models\": [\n";
        text += &self.models.iter().map(json).collect::<Vec<_>>().join(",\n");
        text += "\n],\n\"cases\": [\n";
        text += &self.cases.iter().map(json).collect::<Vec<_>>().join(",\n");
        text += "\n]\n}\n";
        fs::write(path(), text).expect("the vectors can be written");
    }
}

impl Case {
    /// The model's file, changed.
    pub fn artifact(&self) -> Vec<u8> {
        let mut bytes = fs::read(root().join(&self.model)).expect("a file of the repository");
        match self.change {
            Some(Change::Keep(len)) => bytes.truncate(len),
            Some(Change::Flip(at)) => bytes[at] ^= 0xff,
            None => {}
        }
        bytes
    }
}

impl Picture {
    pub fn bytes(&self) -> Vec<u8> {
        match (&self.file, self.seed) {
            (Some(file), None) => fs::read(root().join(file)).expect("written before"),
            (None, Some(seed)) => {
                let count = self.width as usize * self.height as usize * self.format.bytes();
                made(seed, self.bytes.unwrap_or(count))
            }
            _ => panic!("a picture has a file or a seed"),
        }
    }
}

impl Format {
    fn bytes(self) -> usize {
        match self {
            Self::Gray8 => 1,
            Self::Rgb8 => 3,
            Self::Rgba8 => 4,
        }
    }
}

impl Values {
    /// As little-endian f32.
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Given { hex } => unhex(hex),
            Self::Made { seed, count } => {
                let value = |byte: u8| ((f32::from(byte) - 125.0) / 128.0).to_le_bytes();
                made(*seed, *count).into_iter().flat_map(value).collect()
            }
        }
    }
}

/// Bytes that need no file.
fn made(seed: u64, count: usize) -> Vec<u8> {
    (0..count as u64).map(|i| ((seed + 7 * i + 3 * i * i) % 251) as u8).collect()
}

pub fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn unhex(text: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal digits");
    (0..text.len()).step_by(2).map(byte).collect()
}

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate lies in the repository")
}

fn path() -> PathBuf {
    root().join("mobile/conformance/vectors.json")
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("plain data")
}
