//! What lies beside a model: `config.json`, labels, and what says how text becomes ids.

use std::path::{Path, PathBuf};

use dunlin_text::Spec;
use serde::Deserialize;

use crate::config::TextSection;

use super::ModelsError;
use super::onnx::{Onnx, Port};
use super::picture::Picture;

/// How a model is asked and what its answer means.
pub(super) struct Settings {
    /// What it takes.
    pub takes: Takes,
    /// Its classes; none for a model that takes and gives tensors as they are.
    pub labels: Vec<String>,
    /// Whether its output are logits, of which probabilities are yet to be made.
    pub logits: bool,
    /// The most questions that are asked at once.
    pub max_batch: usize,
}

/// What a model takes.
pub(super) enum Takes {
    /// A text, which becomes ids for these inputs.
    Text(Text),
    /// A picture, which becomes numbers for the one input.
    Picture(Picture),
    /// A device's logits.
    Logits,
    /// Tensors as they are.
    Tensors,
}

/// How text becomes ids, and where they go.
pub(super) struct Text {
    /// The section, which was checked.
    pub section: Vec<u8>,
    /// The number of the input that takes ids.
    pub ids: usize,
    /// The number of the one that takes 1 for each id.
    pub mask: Option<usize>,
    /// The number of the one that takes the ids' segments.
    pub segments: Option<usize>,
    /// How many ids it always takes; as many as there are, without.
    pub length: Option<usize>,
    /// The most ids.
    pub most: usize,
    /// The filler.
    pub pad: i32,
    /// Whether the model has an axis of texts before that of ids.
    pub rows: bool,
}

/// A question's input, as metadata describe it.
#[derive(Clone, Copy)]
pub(super) enum Named {
    Text,
    Image,
    Logits,
}

impl Takes {
    /// Which of the inputs that Dunlin's devices send it takes; none for one that takes tensors as they are.
    pub(super) fn question(&self) -> Option<Named> {
        match self {
            Self::Text(_) => Some(Named::Text),
            Self::Picture(_) => Some(Named::Image),
            Self::Logits => Some(Named::Logits),
            Self::Tensors => None,
        }
    }
}

impl Named {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Image => "image",
            Self::Logits => "logits",
        }
    }

    pub(super) const fn datatype(self) -> &'static str {
        match self {
            Self::Text => "BYTES",
            Self::Image => "UINT8",
            Self::Logits => "FP32",
        }
    }

    pub(super) fn shape(self, classes: i64) -> Vec<i64> {
        match self {
            Self::Text => vec![1],
            Self::Image => vec![1, -1, -1, 3],
            Self::Logits => vec![1, classes],
        }
    }
}

/// `config.json`. All of it may be left out: then the model takes tensors as they are.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// A SPEC.json that says how text becomes ids, or a `.section` that was made of one.
    text: Option<PathBuf>,
    picture: Option<Picture>,
    /// The model takes the logits of a device's model.
    #[serde(default)]
    features: bool,
    labels: Option<Labels>,
    #[serde(default)]
    scores: Scores,
    max_batch: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Labels {
    Here(Vec<String>),
    File(PathBuf),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Scores {
    #[default]
    Logits,
    Probabilities,
}

const MAX_BATCH: usize = 16;

impl Settings {
    /// Reads what lies beside a model.
    ///
    /// # Errors
    /// [`ModelsError::File`] for what can't be read, or doesn't go with the model.
    pub(super) fn beside(model: &Path, section: Option<TextSection>, onnx: &Onnx) -> Result<Self, ModelsError> {
        let path = model.with_file_name("config.json");
        let fault = |what: String| ModelsError::File(path.clone(), what);
        let file = if path.exists() {
            serde_json::from_slice(&read(&path)?).map_err(|error| fault(error.to_string()))?
        } else {
            File::default()
        };
        let takes = match (file.text, file.picture, file.features) {
            (Some(spec), None, false) => Takes::Text(Text::open(&path.with_file_name(spec), section, onnx)?),
            (None, Some(picture), false) => Takes::Picture(picture.checked(&onnx.inputs).map_err(fault)?),
            (None, None, true) => Takes::Logits,
            (None, None, false) => Takes::Tensors,
            _ => return Err(fault("has more than one of `text`, `picture` and `features`; leave one".to_owned())),
        };
        let labels = match file.labels {
            None => Vec::new(),
            Some(Labels::Here(labels)) => labels,
            Some(Labels::File(name)) => {
                let text = String::from_utf8(read(&path.with_file_name(name))?)
                    .map_err(|_| fault("the labels aren't UTF-8".to_owned()))?;
                text.lines().map(str::to_owned).collect()
            }
        };
        let classes = onnx.outputs.first().and_then(|port| port.shape.last().copied().flatten());
        if takes.question().is_some() && (labels.is_empty() || classes.is_some_and(|classes| classes != labels.len())) {
            return Err(fault(format!(
                "`labels` must name each class of the model's first output, which has {}",
                classes.unwrap_or(0)
            )));
        }
        let max_batch = file.max_batch.unwrap_or(MAX_BATCH);
        Ok(Self { takes, labels, logits: file.scores == Scores::Logits, max_batch })
    }
}

impl Text {
    fn open(spec: &Path, make: Option<TextSection>, onnx: &Onnx) -> Result<Self, ModelsError> {
        let fault = |what: String| ModelsError::File(spec.to_owned(), what);
        let section = match make {
            _ if spec.extension().is_some_and(|extension| extension == "section") => read(spec)?,
            Some(make) => make(spec).map_err(fault)?,
            None => {
                return Err(fault("this server has no compiler to read it with; give the section itself".to_owned()));
            }
        };
        let parsed = Spec::parse(&section).map_err(|error| fault(error.to_string()))?;
        let (most, pad) = (parsed.feed.max_ids as usize, parsed.feed.pad);
        let named = |names: &[&str]| onnx.inputs.iter().position(|port| names.contains(&port.name.as_str()));
        let ids = named(&["input_ids", "ids"]).unwrap_or(0);
        let (mask, segments) = (named(&["attention_mask", "mask"]), named(&["token_type_ids", "segments"]));
        let known = [Some(ids), mask, segments].into_iter().flatten().count();
        if known != onnx.inputs.len() {
            return Err(fault(
                "the model has inputs that aren't input_ids, attention_mask or token_type_ids".to_owned(),
            ));
        }
        let length = onnx.inputs[ids].shape.last().copied().flatten();
        let most = length.map_or(most, |length| most.min(length));
        let rows = onnx.inputs[ids].shape.len() > 1;
        Ok(Self { section, ids, mask, segments, length, most, pad, rows })
    }
}

/// Reads a `config.json`. If it is about pictures, it prepares one for a model of any size, and for one that fixes it.
pub(crate) fn read_config(json: &[u8]) {
    let Ok(File { picture: Some(picture), .. }) = serde_json::from_slice(json) else { return };
    for side in [None, Some(8)] {
        let port = Port::of_floats("image", vec![None, Some(3), side, side]);
        // What isn't sound is refused before any picture comes.
        if let Ok(picture) = picture.clone().checked(&[port]) {
            assert!(picture.tensor(2, 3, &[7; 18]).is_some() && picture.tensor(2, 3, &[7; 17]).is_none());
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, ModelsError> {
    std::fs::read(path).map_err(|error| ModelsError::File(path.to_owned(), error.to_string()))
}
