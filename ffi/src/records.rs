//! What goes in and comes out, as plain records.

use dunlin_engine::Limits;
use dunlin_engine::classifier::Scores;
use dunlin_engine::plan;
use dunlin_engine::task;

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

/// What a classifier says of one input.
#[derive(Clone, Debug, PartialEq, uniffi::Record)]
pub struct Classification {
    /// The most probable classes, in falling order, equal ones by index.
    pub classes: Vec<Class>,
    /// Probability of each class, as little-endian f32.
    pub probabilities: Vec<u8>,
    /// The model's own output before scoring, as little-endian f32.
    pub logits: Vec<u8>,
}

impl Classification {
    pub(crate) fn new(scores: &Scores<'_>, top_k: u32, label: impl Fn(usize) -> Option<String>) -> Self {
        let top = scores.top(top_k as usize).into_iter();
        Self {
            classes: top.map(|(class, p)| Class { index: class as u32, label: label(class), probability: p }).collect(),
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
fn to_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}
