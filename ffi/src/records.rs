//! What goes in and comes out, as plain records.

use dunlin_client::{Context, decide, shown};
use dunlin_engine::Limits;
use dunlin_engine::artifact::Policy;
use dunlin_engine::{classifier, plan, task};

use crate::decision::Decision;

/// What a model may ask of the device.
#[derive(Clone, Debug, Default, uniffi::Record)]
pub struct LoadOptions {
    /// Bytes that the model may take beside its file, for what it computes in; the engine's own bound without.
    #[uniffi(default = None)]
    pub memory_limit: Option<u64>,
}

impl LoadOptions {
    pub(crate) fn limits(&self) -> Limits {
        let usual = Limits::default();
        let memory = self.memory_limit.map_or(usual.memory, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        Limits { memory, ..usual }
    }
}

/// What the bytes of a picture mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum PixelFormat {
    /// One byte of luminance for each pixel.
    Gray8,
    /// Red, green, blue.
    Rgb8,
    /// Red, green, blue, alpha; colours as they stand, not premultiplied. Alpha is dropped.
    Rgba8,
}

impl From<PixelFormat> for task::PixelFormat {
    fn from(format: PixelFormat) -> Self {
        match format {
            PixelFormat::Gray8 => Self::Gray8,
            PixelFormat::Rgb8 => Self::Rgb8,
            PixelFormat::Rgba8 => Self::Rgba8,
        }
    }
}

/// How an input is to be classified: what only the app knows.
#[derive(Clone, Debug, Default, uniffi::Record)]
pub struct Request {
    /// How many classes to name at most; as many as the model's policy says without, or 5 where it says nothing.
    #[uniffi(default = None)]
    pub top_k: Option<u32>,
    /// The language of names; the model's default one without.
    #[uniffi(default = None)]
    pub locale: Option<String>,
    /// To which cohort the input belongs.
    #[uniffi(default = None)]
    pub cohort: Option<String>,
    /// Whether the model is too old to be believed.
    #[uniffi(default = false)]
    pub stale: bool,
    /// Whether there is a cloud to ask.
    #[uniffi(default = false)]
    pub fallback: bool,
}

/// What a classifier says of one input.
#[derive(Clone, Debug, PartialEq, uniffi::Record)]
pub struct Classification {
    /// How much a text looks as if it was made to deceive, 0 to 255; 0 for other inputs.
    pub evasion: u8,
    /// What each of the model's heads says, one at least.
    pub heads: Vec<Head>,
}

/// What one of the outputs that are classifiers says of an input.
#[derive(Clone, Debug, PartialEq, uniffi::Record)]
pub struct Head {
    /// The output's name; empty in a model without names.
    pub name: String,
    /// What is to be done with the input.
    pub decision: Decision,
    /// The most probable classes of those that the policy shows, in falling order, equal ones by index.
    pub classes: Vec<Class>,
    /// Probability of each class, as little-endian f32.
    pub probabilities: Vec<u8>,
    /// The model's own output before scoring, as little-endian f32.
    pub logits: Vec<u8>,
}

impl Head {
    /// `label` knows the classes' names.
    pub(crate) fn new(
        name: String,
        head: &classifier::Head<'_>,
        policy: &Policy<'_>,
        request: &Request,
        label: impl Fn(usize) -> Option<String>,
    ) -> Self {
        let (scores, cohort) = (&head.scores, request.cohort.as_deref());
        let evasion = scores.signs.evasion();
        let context = Context { cohort, stale: request.stale, evasion, fallback: request.fallback };
        let class = |(class, probability)| Class { index: class as u32, label: label(class), probability };
        Self {
            name,
            decision: Decision::new(&decide(scores, policy, &context), head.scoring()),
            classes: shown(scores, policy).at_most(request.top_k).map(class).collect(),
            probabilities: to_bytes(scores.probabilities),
            logits: to_bytes(scores.logits),
        }
    }
}

/// One of the most probable classes.
#[derive(Clone, Debug, PartialEq, uniffi::Record)]
pub struct Class {
    /// Its place in the model's output.
    pub index: u32,
    /// Its name, where it has one.
    pub label: Option<String>,
    /// Its probability.
    pub probability: f32,
}

/// An input of a model.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct InputInfo {
    /// Dimensions, outermost first.
    pub shape: Vec<u32>,
    /// Element type, such as `f32` or `u8`.
    pub element_type: String,
}

/// One step of a loaded model.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct StepInfo {
    /// The operator's name.
    pub name: String,
    /// The name of the kernel that does it.
    pub kernel: String,
    /// Dimensions of the result, outermost first.
    pub shape: Vec<u32>,
    /// Element type of the result.
    pub element_type: String,
    /// Bytes that the step reads and writes.
    pub bytes: u64,
    /// Multiply-accumulate operations; 0 where there is no such work.
    pub macs: u64,
}

impl From<plan::StepInfo> for StepInfo {
    fn from(step: plan::StepInfo) -> Self {
        Self {
            name: step.op.into(),
            kernel: step.kernel.to_string(),
            shape: step.shape.dims().to_vec(),
            element_type: step.dtype.name().into(),
            bytes: (step.operand_bytes + step.constant_bytes + step.result_bytes) as u64,
            macs: step.macs,
        }
    }
}

/// The elements as little-endian bytes.
pub(crate) fn to_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}
