//! Carrying out one operator on tensors: views in, views out, no allocation.

#[cfg(any(test, feature = "write"))]
mod evaluate;
#[cfg(test)]
mod fixtures;
pub(crate) mod float;
mod halves;
#[cfg(test)]
mod halves_tests;
pub(crate) mod int8;
mod kernel;
mod macs;
pub(crate) mod movement;
mod pairs;
#[cfg(test)]
mod robustness;
mod walk;

#[cfg(any(test, feature = "write"))]
pub use evaluate::{EvaluateError, OwnedTensor, evaluate};
pub(crate) use halves::{Cut, Halved, LEAST_MODEL};
pub use halves::{Join, Piece};
pub use kernel::KernelLabel;
pub(crate) use kernel::{Kernel, Operand};
pub(crate) use macs::{macs, table_len, work};

use crate::error::RunError;
use crate::op::Op;
use crate::op::infer::Info;
use crate::tensor::{DType, Quant, Shape};

/// The lines of a result that are wanted, of a kernel which can't see that from its operands: see [`Kernel::lines`].
pub(crate) type Lines = Option<core::ops::Range<usize>>;

/// Bytes of scratch memory that an operator without a picked kernel needs; no smaller shapes need more.
pub(crate) fn scratch_len(op: &Op, operands: &[Info], outputs: &[Info]) -> usize {
    float::scratch_len(op, operands, outputs)
}

/// A tensor to read.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// Element type.
    pub dtype: DType,
    /// Dimensions.
    pub shape: Shape,
    /// Quantization of a quantized tensor.
    pub quant: Option<Quant>,
    /// Row-major elements, little-endian, aligned for their type; exactly `shape.count() * dtype.size()` bytes.
    pub bytes: &'a [u8],
}

impl<'a> View<'a> {
    pub(crate) const EMPTY: Self = Self { dtype: DType::U8, shape: Shape::EMPTY, quant: None, bytes: &[] };

    /// The elements as f32; an error when the element type or alignment is another.
    pub fn f32s(&self) -> Result<&'a [f32], RunError> {
        self.cast(DType::F32)
    }

    /// The elements as i32.
    pub fn i32s(&self) -> Result<&'a [i32], RunError> {
        self.cast(DType::I32)
    }

    /// The elements as signed bytes.
    pub fn i8s(&self) -> Result<&'a [i8], RunError> {
        self.cast(DType::I8)
    }

    fn cast<T: bytemuck::AnyBitPattern>(&self, dtype: DType) -> Result<&'a [T], RunError> {
        let elements = (self.dtype == dtype).then(|| bytemuck::try_cast_slice(self.bytes).ok());
        elements.flatten().ok_or(RunError::Type { expected: dtype, found: self.dtype })
    }
}

/// A tensor to write.
#[derive(Debug)]
pub struct ViewMut<'a> {
    /// Element type.
    pub dtype: DType,
    /// Dimensions.
    pub shape: Shape,
    /// Quantization of a quantized tensor.
    pub quant: Option<Quant>,
    /// As in [`View`]; the contents before are arbitrary.
    pub bytes: &'a mut [u8],
}

impl ViewMut<'_> {
    pub(crate) const fn empty() -> Self {
        Self { dtype: DType::U8, shape: Shape::EMPTY, quant: None, bytes: &mut [] }
    }

    /// The elements as f32; an error when the element type or alignment is another.
    pub fn f32s(&mut self) -> Result<&mut [f32], RunError> {
        self.cast(DType::F32)
    }

    /// The elements as i32.
    pub fn i32s(&mut self) -> Result<&mut [i32], RunError> {
        self.cast(DType::I32)
    }

    fn cast<T: bytemuck::Pod>(&mut self, dtype: DType) -> Result<&mut [T], RunError> {
        let found = self.dtype;
        let elements = (found == dtype).then(|| bytemuck::try_cast_slice_mut(self.bytes).ok());
        elements.flatten().ok_or(RunError::Type { expected: dtype, found })
    }
}
