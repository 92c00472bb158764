//! ONNX tensors into a session: layout and quantization as the artifact wants them.

use std::fmt;

use dunlin_engine::Session;
use dunlin_engine::exec::ViewMut;
use dunlin_engine::tensor::{DType, Shape};
use dunlin_kernels::{Isa, Quantize, QuantizeParams};

use crate::ir::Tensor;

/// A tensor that doesn't fit a session's input. The caller's fault.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FeedError {
    /// The model has no such input.
    Input {
        /// The input's place.
        index: usize,
    },
    /// The tensor's shape is another than the input's.
    Shape {
        /// What the model takes.
        expected: Shape,
        /// What it was given.
        found: Shape,
    },
    /// The tensor's element type can't be turned into the input's.
    Type {
        /// What the model takes.
        expected: DType,
        /// What it was given.
        found: DType,
    },
}

impl fmt::Display for FeedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input { index } => write!(f, "the model has no input {index}"),
            Self::Shape { expected, found } => write!(f, "the model takes a tensor of shape {expected}, not {found}"),
            Self::Type { expected, found } => {
                write!(f, "the model takes elements of type {}, not {}", expected.name(), found.name())
            }
        }
    }
}

impl std::error::Error for FeedError {}

/// Fills an input. A picture may come as NCHW where the artifact has NHWC, and as f32 where it has quanta: it is
/// then quantized exactly as the model would have done it.
///
/// # Errors
/// [`FeedError`] when shape or element type don't fit.
pub fn feed<B: AsRef<[u8]>>(session: &mut Session<B>, index: usize, tensor: &Tensor) -> Result<(), FeedError> {
    let isa = session.plan().isa();
    let input = session.input_mut(index).ok_or(FeedError::Input { index })?;
    let channels_last = arranged(tensor, input.shape);
    let tensor = channels_last.as_ref().unwrap_or(tensor);
    if tensor.shape != input.shape {
        return Err(FeedError::Shape { expected: input.shape, found: tensor.shape });
    }
    fill(input, tensor, isa)
}

fn fill(input: ViewMut<'_>, tensor: &Tensor, isa: Isa) -> Result<(), FeedError> {
    let mismatch = FeedError::Type { expected: input.dtype, found: tensor.dtype };
    match (tensor.as_f32s(), input.quant) {
        _ if tensor.dtype == input.dtype => input.bytes.copy_from_slice(&tensor.bytes),
        (Some(reals), Some(quant)) if input.dtype == DType::U8 => {
            let params = QuantizeParams { scale: quant.scale, zero: quant.zero as u8 };
            Quantize::select(isa).run(params, reals, input.bytes).map_err(|_| mismatch)?;
        }
        _ => return Err(mismatch),
    }
    Ok(())
}

/// The tensor in NHWC when it is NCHW and `shape` its NHWC form.
fn arranged(tensor: &Tensor, shape: Shape) -> Option<Tensor> {
    let (&[n, c, h, w], &[_, sh, sw, sc]) = (tensor.shape.dims(), shape.dims()) else { return None };
    if tensor.shape == shape || [n, sh, sw, sc] != [n, h, w, c] {
        return None;
    }
    let size = tensor.dtype.size();
    let plane = (h * w) as usize;
    let channels = c as usize;
    let mut out = Tensor::zeroed(dunlin_engine::op::infer::Info { dtype: tensor.dtype, shape });
    for (index, element) in out.bytes.chunks_exact_mut(size).enumerate() {
        let (pixel, channel) = (index / channels % plane, index % channels);
        let image = index / (channels * plane);
        let from = (image * channels + channel) * plane + pixel;
        element.copy_from_slice(&tensor.bytes[from * size..][..size]);
    }
    Some(out)
}
