//! What Dunlin's devices ask, and what they take for an answer: names and shapes that a model behind any server of the protocol can have.

use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use super::parameters::{Parameter, Parameters};
use super::{Data, Found, InferRequest, InferResponse, Tensor};

/// How much of an input may leave the device. Each level allows what the ones before it do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Consent {
    /// Nothing.
    #[default]
    None,
    /// What the model made of it: its logits.
    Features,
    /// The input itself.
    Input,
}

impl Consent {
    /// All of them, the least first.
    pub const ALL: [Self; 3] = [Self::None, Self::Features, Self::Input];

    /// The name that all languages use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Features => "features",
            Self::Input => "input",
        }
    }

    /// By the name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }
}

/// What a question is about.
#[derive(Clone, PartialEq)]
pub enum Input {
    /// A text: BYTES `text` `[1]`.
    Text(String),
    /// A picture of three bytes a pixel, red first: UINT8 `image` `[1, height, width, 3]`.
    Image {
        /// Rows.
        height: usize,
        /// Pixels of a row.
        width: usize,
        /// All bytes, row by row.
        pixels: Vec<u8>,
    },
    /// A model's logits: FP32 `logits` `[1, classes]`.
    Features(Vec<f32>),
}

impl Input {
    /// The consent that it takes to send it.
    pub const fn level(&self) -> Consent {
        match self {
            Self::Text(_) | Self::Image { .. } => Consent::Input,
            Self::Features(_) => Consent::Features,
        }
    }
}

/// Shows what kind it is, and never what is in it.
impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Image { height, width, .. } => write!(f, "Image({height} x {width})"),
            Self::Features(logits) => write!(f, "Features({} classes)", logits.len()),
        }
    }
}

/// A question of a device.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// A random UUID: two questions with one id are the same question, asked again.
    pub id: String,
    /// SHA-256 of the artifact that gave the local answer, in hexadecimal; none where another client asks.
    pub model: Option<String>,
    /// Why the local answer isn't enough, by the name that all languages use; none where another client asks.
    pub reason: Option<String>,
    /// To what the user has agreed; none where another client asks.
    pub consent: Option<Consent>,
    /// Whether a person may look at it.
    pub review: bool,
    /// What the device found; told of audits alone.
    pub found: Option<Found>,
    /// What it is about.
    pub input: Input,
}

/// Why a request isn't a question that Dunlin knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum QuestionFault {
    /// There isn't one input, called `text`, `image` or `logits`.
    Inputs,
    /// The input hasn't the shape and data type that go with its name.
    Shape,
    /// A text isn't UTF-8.
    Text,
    /// There is no id.
    Id,
    /// A parameter of Dunlin's isn't of its kind.
    Parameter,
    /// Of what the device found one half is missing, or isn't of its kind.
    Found,
    /// More was sent than was agreed to.
    Consent,
}

impl fmt::Display for QuestionFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inputs => "send one input: text, image or logits",
            Self::Shape => {
                "send text as BYTES [1], image as UINT8 [1, height, width, 3], logits as FP32 [1, classes], none of them empty"
            }
            Self::Text => "the text isn't UTF-8",
            Self::Id => "send an id, a random UUID for each question",
            Self::Parameter => {
                "dunlin_model and dunlin_reason are texts, dunlin_review true or false, dunlin_consent none, features or input"
            }
            Self::Found => "dunlin_class is the number of a class and dunlin_confidence 0 to 1; send both or none",
            Self::Consent => "more was sent than dunlin_consent allows; it is not kept",
        })
    }
}

impl core::error::Error for QuestionFault {}

const TEXT: &str = "text";
const IMAGE: &str = "image";
const LOGITS: &str = "logits";
const PROBABILITIES: &str = "probabilities";
const LABEL: &str = "label";
const MODEL: &str = "dunlin_model";
const REASON: &str = "dunlin_reason";
const CONSENT: &str = "dunlin_consent";
const REVIEW: &str = "dunlin_review";

impl Question {
    /// As a request; none for a picture whose bytes aren't three a pixel.
    pub fn request(&self) -> Option<InferRequest> {
        let (name, shape, data) = match &self.input {
            Input::Text(text) => (TEXT, vec![1], Data::Bytes(vec![text.clone().into_bytes()])),
            Input::Image { height, width, pixels } => (IMAGE, vec![1, *height, *width, 3], Data::Uint8(pixels.clone())),
            Input::Features(logits) => (LOGITS, vec![1, logits.len()], Data::Fp32(logits.clone())),
        };
        let mut parameters = Parameters::new();
        let mut text = |name: &str, value: &Option<String>| {
            if let Some(value) = value {
                parameters.insert(name.into(), Parameter::Text(value.clone()));
            }
        };
        text(MODEL, &self.model);
        text(REASON, &self.reason);
        text(CONSENT, &self.consent.map(|consent| consent.name().into()));
        parameters.insert(REVIEW.into(), Parameter::Bool(self.review));
        if let Some(found) = self.found {
            found.write(&mut parameters);
        }
        let inputs = vec![Tensor::new(name, shape, data).ok()?];
        Some(InferRequest { id: Some(self.id.clone()), parameters, inputs, outputs: Vec::new() })
    }

    /// From a request.
    ///
    /// # Errors
    /// The sender's: it asks for something else, or sends more than was agreed to.
    pub fn read(request: InferRequest) -> Result<Self, QuestionFault> {
        let InferRequest { id, mut parameters, inputs, .. } = request;
        let id = id.filter(|id| !id.is_empty()).ok_or(QuestionFault::Id)?;
        let mut text = |name| match parameters.remove(name) {
            None => Ok(None),
            Some(Parameter::Text(text)) => Ok(Some(text)),
            Some(_) => Err(QuestionFault::Parameter),
        };
        let (model, reason, consent) = (text(MODEL)?, text(REASON)?, text(CONSENT)?);
        let level = |name: String| Consent::from_name(&name).ok_or(QuestionFault::Parameter);
        let consent = consent.map(level).transpose()?;
        let review = match parameters.remove(REVIEW) {
            None => false,
            Some(Parameter::Bool(review)) => review,
            Some(_) => return Err(QuestionFault::Parameter),
        };
        let found = Found::read(&parameters)?;
        let [tensor] = <[Tensor; 1]>::try_from(inputs).map_err(|_| QuestionFault::Inputs)?;
        let input = input(tensor)?;
        if consent.is_some_and(|consent| consent < input.level()) {
            return Err(QuestionFault::Consent);
        }
        Ok(Self { id, model, reason, consent, review, found, input })
    }
}

fn input(tensor: Tensor) -> Result<Input, QuestionFault> {
    let shape = tensor.shape().to_vec();
    let name = [TEXT, IMAGE, LOGITS].into_iter().find(|name| *name == tensor.name()).ok_or(QuestionFault::Inputs)?;
    match (name, &shape[..], tensor.into_data()) {
        (TEXT, [1] | [1, 1], Data::Bytes(mut texts)) => {
            let text = texts.pop().map(String::from_utf8).ok_or(QuestionFault::Shape)?;
            text.map(Input::Text).map_err(|_| QuestionFault::Text)
        }
        (IMAGE, &[1, height, width, 3], Data::Uint8(pixels)) if !pixels.is_empty() => {
            Ok(Input::Image { height, width, pixels })
        }
        (LOGITS, [1, _], Data::Fp32(logits)) if !logits.is_empty() && logits.iter().all(|logit| logit.is_finite()) => {
            Ok(Input::Features(logits))
        }
        _ => Err(QuestionFault::Shape),
    }
}

/// An answer that has been checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The class.
    pub class: usize,
    /// The probability of each class, all of them adding up to one; empty where a server only names the class.
    pub probabilities: Vec<f32>,
}

/// Why an answer isn't believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AnswerFault {
    /// It belongs to another question.
    Id,
    /// It has neither FP32 or FP64 `probabilities` `[1, classes]` nor BYTES `label` `[1]`.
    Outputs,
    /// The probabilities aren't one for each class.
    Classes,
    /// A probability isn't between 0 and 1.
    Probability,
    /// The probabilities don't add up to 1.
    Sum,
    /// The label isn't one of the model's.
    Label,
    /// The label isn't that of the most probable class.
    Contradiction,
}

impl fmt::Display for AnswerFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Id => "the answer belongs to another question",
            Self::Outputs => "the answer has neither probabilities, FP32 [1, classes], nor a label, BYTES [1]",
            Self::Classes => "the answer's probabilities aren't one for each class",
            Self::Probability => "a probability isn't between 0 and 1",
            Self::Sum => "the probabilities don't add up to 1",
            Self::Label => "the label isn't one of the model's",
            Self::Contradiction => "the label isn't that of the most probable class",
        })
    }
}

impl core::error::Error for AnswerFault {}

/// By how much probabilities may miss 1: rounded to two digits they are still taken.
const SUM: f64 = 0.02;

impl Answer {
    /// From the most probable class of probabilities; the first of equals.
    pub fn new(probabilities: Vec<f32>) -> Self {
        Self { class: most_probable(&probabilities), probabilities }
    }

    /// As a response, to the question with this id. `labels` are the model's, one for each class.
    pub fn response(&self, model: &str, id: &str, labels: &[String]) -> Option<InferResponse> {
        let label = labels.get(self.class)?.clone().into_bytes();
        let mut outputs = vec![Tensor::new(LABEL, [1], Data::Bytes(vec![label])).ok()?];
        if !self.probabilities.is_empty() {
            let (shape, data) = ([1, self.probabilities.len()], Data::Fp32(self.probabilities.clone()));
            outputs.push(Tensor::new(PROBABILITIES, shape, data).ok()?);
        }
        Some(InferResponse { model_name: model.to_string(), id: Some(id.to_string()), outputs, ..Default::default() })
    }

    /// From a response to the question with this id. `labels` are those of the model that asks, one for each class; the number of a class
    /// where it has no label.
    ///
    /// # Errors
    /// The server's: it isn't an answer to this question.
    pub fn read(response: &InferResponse, id: &str, labels: &[String]) -> Result<Self, AnswerFault> {
        // A server that leaves the id out isn't at fault: the protocol asks for it only since it has versions.
        if response.id.as_deref().is_some_and(|other| other != id) {
            return Err(AnswerFault::Id);
        }
        let probabilities = response.output(PROBABILITIES).map(|tensor| probabilities(tensor, labels.len()));
        let label = response.output(LABEL).map(|tensor| label(tensor, labels));
        match (probabilities.transpose()?, label.transpose()?) {
            (None, None) => Err(AnswerFault::Outputs),
            (None, Some(class)) => Ok(Self { class, probabilities: Vec::new() }),
            (Some(probabilities), None) => Ok(Self::new(probabilities)),
            (Some(probabilities), Some(class)) => {
                let first = probabilities.get(most_probable(&probabilities));
                let agrees = probabilities.get(class) == first;
                if agrees { Ok(Self { class, probabilities }) } else { Err(AnswerFault::Contradiction) }
            }
        }
    }
}

fn most_probable(probabilities: &[f32]) -> usize {
    let mut best = 0;
    for (class, probability) in probabilities.iter().enumerate() {
        if probabilities.get(best).is_some_and(|first| probability > first) {
            best = class;
        }
    }
    best
}

fn probabilities(tensor: &Tensor, classes: usize) -> Result<Vec<f32>, AnswerFault> {
    let probabilities: Vec<f32> = match tensor.data() {
        Data::Fp32(numbers) => numbers.clone(),
        Data::Fp64(numbers) => numbers.iter().map(|&number| number as f32).collect(),
        _ => return Err(AnswerFault::Outputs),
    };
    let shape = tensor.shape();
    if classes == 0 || !(shape == [classes] || shape == [1, classes]) {
        return Err(AnswerFault::Classes);
    }
    // What is no number is in no range.
    if !probabilities.iter().all(|probability| (0.0..=1.0).contains(probability)) {
        return Err(AnswerFault::Probability);
    }
    let sum: f64 = probabilities.iter().map(|&probability| f64::from(probability)).sum();
    if (sum - 1.0).abs() <= SUM { Ok(probabilities) } else { Err(AnswerFault::Sum) }
}

fn label(tensor: &Tensor, labels: &[String]) -> Result<usize, AnswerFault> {
    let Data::Bytes(texts) = tensor.data() else { return Err(AnswerFault::Outputs) };
    let [text] = &texts[..] else { return Err(AnswerFault::Outputs) };
    labels.iter().position(|label| label.as_bytes() == text).ok_or(AnswerFault::Label)
}
