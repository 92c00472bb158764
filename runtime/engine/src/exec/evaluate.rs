//! One operator by itself, with memory of its own: how the compiler folds constants and calibrates.

use alloc::vec::Vec;

use dunlin_kernels::float::Fusion;
use dunlin_kernels::{AlignedBytes, Isa};

use super::{Kernel, Operand, View, ViewMut};
use crate::error::{InferError, RunError};
use crate::op::Op;
use crate::op::infer::Info;
use crate::tensor::{DType, Quant, Shape};

/// A tensor with its elements.
#[derive(Clone, Debug)]
pub struct OwnedTensor {
    /// Element type.
    pub dtype: DType,
    /// Dimensions.
    pub shape: Shape,
    /// Quantization of a quantized tensor.
    pub quant: Option<Quant>,
    /// Row-major elements, little-endian; `shape.count() * dtype.size()` bytes.
    pub bytes: AlignedBytes,
}

impl OwnedTensor {
    /// Zeros.
    pub fn zeroed(info: Info, quant: Option<Quant>) -> Self {
        let Info { dtype, shape } = info;
        Self { dtype, shape, quant, bytes: AlignedBytes::zeroed(shape.count() * dtype.size()) }
    }

    /// The tensor, to read.
    pub fn view(&self) -> View<'_> {
        View { dtype: self.dtype, shape: self.shape, quant: self.quant, bytes: &self.bytes }
    }

    /// The tensor, to write.
    pub fn view_mut(&mut self) -> ViewMut<'_> {
        ViewMut { dtype: self.dtype, shape: self.shape, quant: self.quant, bytes: &mut self.bytes }
    }
}

/// Why an operator has no results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EvaluateError {
    /// The operands don't fit the operator.
    Infer(InferError),
    /// The operands' elements don't fit it.
    Run(RunError),
}

impl core::fmt::Display for EvaluateError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Infer(error) => error.fmt(f),
            Self::Run(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for EvaluateError {}

impl From<InferError> for EvaluateError {
    fn from(error: InferError) -> Self {
        Self::Infer(error)
    }
}

impl From<RunError> for EvaluateError {
    fn from(error: RunError) -> Self {
        Self::Run(error)
    }
}

/// The results of an operator, with the kernels of this machine's fastest instruction set; the same bits as on every other.
///
/// `quants` are the results' quantizations; those beyond its end have none. All operands count as constants.
///
/// # Errors
/// [`EvaluateError`], whatever the operands are.
pub fn evaluate(op: &Op, inputs: &[View<'_>], quants: &[Option<Quant>]) -> Result<Vec<OwnedTensor>, EvaluateError> {
    let infos: Vec<Info> = inputs.iter().map(|x| Info { dtype: x.dtype, shape: x.shape }).collect();
    for input in inputs {
        if input.bytes.len() != input.shape.count() * input.dtype.size() {
            return Err(RunError::Shape { op: op.name(), shape: input.shape }.into());
        }
    }
    let results: Vec<Info> = op.infer(&infos)?.into_iter().flatten().collect();
    let quant = |index: usize| quants.get(index).copied().flatten();
    let operands: Vec<Operand<'_>> =
        inputs.iter().zip(&infos).map(|(x, &info)| Operand { info, quant: x.quant, constant: Some(x.bytes) }).collect();
    let made: Vec<Operand<'_>> =
        results.iter().enumerate().map(|(i, &info)| Operand { info, quant: quant(i), constant: None }).collect();
    let kernel = Kernel::select(op, &operands, &made, Isa::best(), Fusion::Never);
    let kernel = kernel.map_err(|misfit| misfit.named(op.name(), &infos))?;
    let mut scratch = AlignedBytes::zeroed(kernel.scratch_len(op, &infos, &results));
    let mut tensors: Vec<OwnedTensor> =
        results.iter().enumerate().map(|(i, &info)| OwnedTensor::zeroed(info, quant(i))).collect();
    let mut outputs: Vec<ViewMut<'_>> = tensors.iter_mut().map(OwnedTensor::view_mut).collect();
    kernel.run(op, None, inputs, &mut outputs, &mut scratch)?;
    Ok(tensors)
}
