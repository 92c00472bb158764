//! Shapes and element types of an operator's results, from those of its operands.
//!
//! The compiler uses these rules to build a graph, the engine to check one: both at the planned maximum and,
//! for a shorter sequence, at each run. Nothing here allocates.

use core::ops::RangeInclusive;

use super::{Op, Window};
use crate::error::InferError;
use crate::tensor::{DType, MAX_RANK, Shape};

/// The most results that an operator has.
pub const MAX_OUTPUTS: usize = 3;

/// Element type and shape of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// Element type.
    pub dtype: DType,
    /// Dimensions.
    pub shape: Shape,
}

/// What an operator makes: up to [`MAX_OUTPUTS`] results, in order.
pub type Outputs = [Option<Info>; MAX_OUTPUTS];

pub(crate) mod float;
pub(crate) mod int8;
pub(crate) mod movement;

impl Op {
    /// Element types and shapes of the results.
    ///
    /// # Errors
    /// When the operands' number, types or shapes don't fit the operator, or this build leaves it out.
    pub fn infer(&self, operands: &[Info]) -> Result<Outputs, InferError> {
        (self.code()?.infer)(self, operands)
    }
}

/// Rules of the operators that every build has.
pub(crate) fn base(op: &Op, operands: &[Info]) -> Result<Outputs, InferError> {
    match op {
        Op::Reshape { dims } => movement::reshape(Operands::new(op, operands, 1..=1)?, dims),
        _ => int8::conversions(op, operands),
    }
}

/// The shape that two operands have after NumPy broadcasting; `None` when they don't fit each other.
pub(crate) fn broadcast(a: Shape, b: Shape) -> Option<Shape> {
    let rank = a.rank().max(b.rank());
    let mut dims = [1_usize; MAX_RANK];
    for (back, slot) in dims[..rank].iter_mut().rev().enumerate() {
        *slot = match (dim_from_end(a, back), dim_from_end(b, back)) {
            (x, y) if x == y => x,
            (1, y) => y,
            (x, 1) => x,
            _ => return None,
        };
    }
    Shape::new(&dims[..rank])
}

/// The dimension `back` places before the last; 1 where the rank doesn't reach.
fn dim_from_end(shape: Shape, back: usize) -> usize {
    shape.dims().iter().rev().nth(back).map_or(1, |&d| d as usize)
}

/// The largest parameter of a window: products of two stay in 32 bits, on every target.
const MAX_WINDOW: u64 = 32_767;

impl Window {
    /// Height and width of what a window over `h x w` makes. `None` when a kernel, stride or dilation is 0, the
    /// kernel is larger than the padded input, a parameter exceeds 32767, or a size exceeds `i32::MAX`.
    pub(crate) fn output(&self, h: usize, w: usize) -> Option<[usize; 2]> {
        Some([self.steps(0, h)?, self.steps(1, w)?])
    }

    /// Steps of the window along H (`axis` 0) or W (1).
    fn steps(&self, axis: usize, len: usize) -> Option<usize> {
        let [kernel, stride, dilation] = [self.kernel, self.stride, self.dilation].map(|v| u64::from(v[axis]));
        let [before, after] = [self.pads[axis], self.pads[axis + 2]].map(u64::from);
        let len = u64::try_from(len).ok().filter(|&len| len <= i32::MAX as u64)?;
        if kernel == 0
            || stride == 0
            || dilation == 0
            || [kernel, stride, dilation, before, after].iter().any(|&v| v > MAX_WINDOW)
        {
            return None;
        }
        let reach = (kernel - 1) * dilation + 1;
        let free = (len + before + after).checked_sub(reach)?;
        let steps = if self.ceil {
            // A partial window counts unless all of it lies in the padding after the tensor.
            let steps = free.div_ceil(stride) + 1;
            if (steps - 1) * stride >= len + before { steps - 1 } else { steps }
        } else {
            free / stride + 1
        };
        usize::try_from(steps).ok().filter(|&n| n <= i32::MAX as usize)
    }
}

/// An operator's operands, with errors that name them.
#[derive(Clone, Copy)]
pub(crate) struct Operands<'a> {
    op: &'static str,
    infos: &'a [Info],
}

impl<'a> Operands<'a> {
    /// Takes the operands of `op` when their number lies in `arity`.
    pub(crate) fn new(op: &Op, infos: &'a [Info], arity: RangeInclusive<usize>) -> Result<Self, InferError> {
        if arity.contains(&infos.len()) {
            Ok(Self { op: op.name(), infos })
        } else {
            Err(InferError::Arity { op: op.name(), found: infos.len() })
        }
    }

    /// Number of operands.
    pub(crate) fn len(&self) -> usize {
        self.infos.len()
    }

    /// The shape of an operand; a scalar's where there is none.
    pub(crate) fn shape(&self, operand: usize) -> Shape {
        self.infos.get(operand).map_or(Shape::default(), |info| info.shape)
    }

    /// The element type of an operand; f32 where there is none.
    pub(crate) fn dtype(&self, operand: usize) -> DType {
        self.infos.get(operand).map_or(DType::F32, |info| info.dtype)
    }

    /// An operand's shape when its element type is one of `dtypes`.
    pub(crate) fn typed(&self, operand: usize, dtypes: &[DType]) -> Result<Shape, InferError> {
        let info = self.infos.get(operand).ok_or(InferError::Arity { op: self.op, found: self.infos.len() })?;
        if dtypes.contains(&info.dtype) {
            Ok(info.shape)
        } else {
            Err(InferError::Type { op: self.op, operand, found: info.dtype })
        }
    }

    /// An operand's shape when its element type is one of `dtypes` and its rank is `rank`.
    pub(crate) fn ranked(&self, operand: usize, dtypes: &[DType], rank: usize) -> Result<Shape, InferError> {
        let shape = self.typed(operand, dtypes)?;
        if shape.rank() == rank { Ok(shape) } else { Err(self.misfit(operand)) }
    }

    /// Checks that an operand has exactly this type and these dimensions.
    pub(crate) fn exact(&self, operand: usize, dtype: DType, dims: &[usize]) -> Result<(), InferError> {
        let shape = self.typed(operand, &[dtype])?;
        if Shape::new(dims) == Some(shape) { Ok(()) } else { Err(self.misfit(operand)) }
    }

    /// The error of an operand whose shape doesn't fit.
    pub(crate) fn misfit(&self, operand: usize) -> InferError {
        InferError::Shape { op: self.op, operand, found: self.shape(operand) }
    }

    /// The error of a parameter that is out of its range.
    pub(crate) fn parameter(&self, what: &'static str) -> InferError {
        InferError::Parameter { op: self.op, what }
    }

    /// The error of an operator of another family.
    pub(crate) fn stranger(&self) -> InferError {
        self.parameter("belongs to another family of operators")
    }

    /// A shape made of computed dimensions.
    pub(crate) fn sized(&self, dims: &[usize]) -> Result<Shape, InferError> {
        Shape::new(dims).ok_or(self.parameter("the result is too large"))
    }

    /// An axis below the rank of an operand.
    pub(crate) fn axis(&self, operand: usize, axis: u32) -> Result<usize, InferError> {
        let axis = axis as usize;
        if axis < self.shape(operand).rank() { Ok(axis) } else { Err(self.parameter("no such axis")) }
    }
}

/// The outputs of an operator with one result.
pub(crate) fn one(dtype: DType, shape: Shape) -> Result<Outputs, InferError> {
    Ok([Some(Info { dtype, shape }), None, None])
}
