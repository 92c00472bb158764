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
        (self.code()?.infer)(self, operands).map_err(|misfit| misfit.named(self.name(), operands))
    }
}

/// What is wrong with the operands, in few bytes: rules hand it on often. [`Op::infer`] adds the names.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Misfit {
    /// Their number.
    Arity,
    /// The element type of one.
    Type(usize),
    /// The shape of one.
    Shape(usize),
    /// A parameter, and what is wrong with it.
    Parameter(&'static str),
}

impl Misfit {
    /// The error that names the operator.
    pub(crate) fn named(self, op: &'static str, operands: &[Info]) -> InferError {
        let operands = Operands(operands);
        match self {
            Self::Arity => InferError::Arity { op, found: operands.len() },
            Self::Type(operand) => InferError::Type { op, operand, found: operands.dtype(operand) },
            Self::Shape(operand) => InferError::Shape { op, operand, found: *operands.shape(operand) },
            Self::Parameter(what) => InferError::Parameter { op, what },
        }
    }
}

/// The error of a parameter that is out of its range.
pub(crate) const fn parameter<T>(what: &'static str) -> Result<T, Misfit> {
    Err(Misfit::Parameter(what))
}

/// The error of an operator of another family.
pub(crate) const fn stranger<T>() -> Result<T, Misfit> {
    parameter("belongs to another family of operators")
}

/// The error of a result that has more elements than a tensor may have.
pub(crate) const TOO_LARGE: Misfit = Misfit::Parameter("the result is too large");

/// Rules of the operators that every build has.
pub(crate) fn base(op: &Op, operands: &[Info]) -> Result<Outputs, Misfit> {
    match op {
        Op::Reshape { dims } => movement::reshape(Operands::new(operands, 1..=1)?, dims).map(one),
        _ => int8::conversions(op, operands).map(one),
    }
}

/// The shape that two operands have after NumPy broadcasting; `None` when they don't fit each other.
pub(crate) fn broadcast(a: &Shape, b: &Shape) -> Option<Shape> {
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
fn dim_from_end(shape: &Shape, back: usize) -> usize {
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

/// An operator's operands.
#[derive(Clone, Copy)]
pub(crate) struct Operands<'a>(&'a [Info]);

impl<'a> Operands<'a> {
    /// Takes the operands when their number lies in `arity`.
    pub(crate) fn new(infos: &'a [Info], arity: RangeInclusive<usize>) -> Result<Self, Misfit> {
        if arity.contains(&infos.len()) { Ok(Self(infos)) } else { Err(Misfit::Arity) }
    }

    /// Number of operands.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The shape of an operand; a scalar's where there is none.
    pub(crate) fn shape(&self, operand: usize) -> &'a Shape {
        self.0.get(operand).map_or(&Shape::SCALAR, |info| &info.shape)
    }

    /// The element type of an operand; f32 where there is none.
    pub(crate) fn dtype(&self, operand: usize) -> DType {
        self.0.get(operand).map_or(DType::F32, |info| info.dtype)
    }

    /// An operand's shape when its element type is one of `dtypes`.
    pub(crate) fn typed(&self, operand: usize, dtypes: &[DType]) -> Result<&'a Shape, Misfit> {
        let info = self.0.get(operand).ok_or(Misfit::Arity)?;
        if dtypes.contains(&info.dtype) { Ok(&info.shape) } else { Err(Misfit::Type(operand)) }
    }

    /// An operand's shape when its element type is one of `dtypes` and its rank is `rank`.
    pub(crate) fn ranked(&self, operand: usize, dtypes: &[DType], rank: usize) -> Result<&'a Shape, Misfit> {
        let shape = self.typed(operand, dtypes)?;
        if shape.rank() == rank { Ok(shape) } else { Err(Misfit::Shape(operand)) }
    }

    /// Checks that an operand has one of these types and exactly these dimensions.
    pub(crate) fn exact(&self, operand: usize, dtypes: &[DType], dims: &[usize]) -> Result<(), Misfit> {
        let shape = self.ranked(operand, dtypes, dims.len())?;
        let same = shape.dims().iter().zip(dims).all(|(&found, &expected)| found as usize == expected);
        if same { Ok(()) } else { Err(Misfit::Shape(operand)) }
    }

    /// A result of the first operand's type.
    pub(crate) fn alike(&self, shape: Shape) -> Info {
        Info { dtype: self.dtype(0), shape }
    }

    /// An axis below the rank of an operand.
    pub(crate) fn axis(&self, operand: usize, axis: u32) -> Result<usize, Misfit> {
        let axis = axis as usize;
        if axis < self.shape(operand).rank() { Ok(axis) } else { parameter("no such axis") }
    }
}

/// A shape made of computed dimensions.
pub(crate) fn sized(dims: &[usize]) -> Result<Shape, Misfit> {
    Shape::new(dims).ok_or(TOO_LARGE)
}

/// Dimensions of a result, from the first to the last.
#[derive(Default)]
pub(crate) struct Dims {
    rank: usize,
    dims: [usize; MAX_RANK],
}

impl Dims {
    pub(crate) fn push(&mut self, dim: usize) {
        if let Some(slot) = self.dims.get_mut(self.rank) {
            *slot = dim;
        }
        self.rank += 1;
    }

    pub(crate) fn extend(&mut self, dims: &[u32]) {
        dims.iter().for_each(|&dim| self.push(dim as usize));
    }

    pub(crate) fn shape(&self) -> Result<Shape, Misfit> {
        sized(self.dims.get(..self.rank).ok_or(Misfit::Parameter("the result has too many axes"))?)
    }
}

/// The outputs of an operator with one result.
pub(crate) fn one(info: Info) -> Outputs {
    [Some(info), None, None]
}
