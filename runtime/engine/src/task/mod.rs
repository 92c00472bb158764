//! Raw input -> tensor: what an artifact says about preprocessing, and the code that does it.
//!
//! A [`TaskSpec`] is data that lies in the artifact. Each kind of input has a folder-mate here that reads its
//! spec once and then prepares inputs without allocating: [`ImagePreparer`] for pixels. The same input gives the
//! same tensor, to the bit, on every target: integers decide, and where floats are needed only `+ - * /` on
//! IEEE 754 numbers and casts are used.

use crate::wire::wire_enum;

mod axis;
mod image;
mod pixels;
mod prepare;
mod resample;
#[cfg(feature = "text")]
mod text;
mod wire;

pub use axis::Filter;
pub use image::{Color, Fit, ImageSpec, ImageSpecError, MAX_TARGET_SIDE, MIN_CROP_PERMILLE};
pub use pixels::{MAX_PIXELS, MAX_SIDE, PixelFormat, Pixels, PixelsError};
pub use prepare::{ImagePreparer, OutputError, Prepared, identity_table};
#[cfg(feature = "text")]
pub(crate) use text::TextInput;

/// What an app gives and what it gets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Task {
    /// What the model's output is.
    pub scoring: Scoring,
    /// How the model's input is made.
    pub spec: TaskSpec,
}

wire_enum! {
    /// What the model's first output is.
    pub enum Scoring: "scoring" {
        /// Probabilities already: the model ends with softmax or sigmoid.
        Probabilities = 0,
        /// Logits, of which softmax makes probabilities.
        Logits = 1,
    }
}

/// How a model's input is made from what an app has.
///
/// Matches over this are meant to be exhaustive, so that a
/// new variant finds every place that has to know it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TaskSpec {
    /// The app brings the tensor itself.
    Tensor,
    /// The app brings pixels.
    Image(ImageSpec),
    /// The app brings text; the artifact's section `text` says what becomes of it.
    Text,
}
