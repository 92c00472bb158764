//! What can go wrong, and whose fault it is.

use crate::tensor::{DType, Shape};

/// What kind of failure an error is: stable names that are the same in every language that Dunlin is used from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Code {
    /// The file is no artifact, was cut off or changed, or contradicts itself: fetch it again.
    Artifact,
    /// The artifact is for another version of Dunlin, or needs operators that this build leaves out.
    Version,
    /// The model needs more memory or arithmetic than it may have, or than the device has left.
    Memory,
    /// What was given as a picture is none.
    Picture,
    /// The model takes another kind, shape, length or range of input.
    Input,
    /// The classifier was disposed of before.
    Disposed,
    /// A file or an address can't be read.
    Fetch,
    /// A defect of Dunlin, or of the facade that calls it.
    Internal,
}

impl Code {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Artifact,
        Self::Version,
        Self::Memory,
        Self::Picture,
        Self::Input,
        Self::Disposed,
        Self::Fetch,
        Self::Internal,
    ];

    /// The name that all languages use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Artifact => "artifact",
            Self::Version => "version",
            Self::Memory => "memory",
            Self::Picture => "picture",
            Self::Input => "input",
            Self::Disposed => "disposed",
            Self::Fetch => "fetch",
            Self::Internal => "internal",
        }
    }
}

/// A run that could not be finished. The session stays usable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunError {
    /// A tensor has another element type than the operator reads (artifact, or the caller's input).
    Type {
        /// What the operator reads.
        expected: DType,
        /// What it was given.
        found: DType,
    },
    /// An index points outside of the tensor that it picks from (the caller's input, as a rule: a token id
    /// beyond the vocabulary).
    Index {
        /// The index.
        index: i32,
        /// How many there are to pick from.
        len: usize,
    },
    /// A shape that the operator can't take (artifact, or the caller's input).
    Shape {
        /// The operator.
        op: &'static str,
        /// The shape.
        shape: Shape,
    },
    /// A length of the varying axes that the model wasn't planned for (the caller).
    Length {
        /// The length.
        length: usize,
        /// The planned maximum; 0 when nothing varies.
        max: usize,
    },
    /// The file isn't the one that the plan was built from (the caller).
    File,
    /// One of two threads didn't come to the end of its half: a defect of the engine, or of what the host gave it as a second thread.
    Half,
    /// A buffer isn't where the plan has it: a defect of the engine.
    Plan,
}

impl RunError {
    /// Its stable code.
    pub const fn code(&self) -> Code {
        match self {
            Self::Type { .. } | Self::Index { .. } | Self::Shape { .. } | Self::Length { .. } => Code::Input,
            Self::File | Self::Half | Self::Plan => Code::Internal,
        }
    }
}

impl core::fmt::Display for RunError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Type { expected, found } => {
                write!(f, "expected elements of type {}, found {}", expected.name(), found.name())
            }
            Self::Index { index, len } => write!(f, "index {index} is outside of 0..{len}"),
            Self::Shape { op, shape } => write!(f, "{op} can't take a tensor of shape {shape}"),
            Self::Length { length, max: 0 } => write!(f, "length {length} can't be set: no axis of this model varies"),
            Self::Length { length, max } => {
                write!(f, "length {length} is outside of 1..={max}, what the model was planned for")
            }
            Self::File => f.write_str("the file is another than the one that the plan was built from"),
            Self::Half => f.write_str("a thread didn't come to the end of its half of a step"),
            Self::Plan => f.write_str("the plan contradicts itself; please report this as a defect of Dunlin"),
        }
    }
}

impl core::error::Error for RunError {}

/// Kernels take only what fits them, and the plan saw to that.
impl From<dunlin_kernels::ShapeError> for RunError {
    fn from(_: dunlin_kernels::ShapeError) -> Self {
        Self::Plan
    }
}

/// Operands that don't fit an operator. The artifact, or the model that it was compiled from, is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InferError {
    /// Wrong number of operands.
    Arity {
        /// The operator.
        op: &'static str,
        /// How many it was given.
        found: usize,
    },
    /// An operand's element type is one that the operator doesn't take.
    Type {
        /// The operator.
        op: &'static str,
        /// Which operand, from 0.
        operand: usize,
        /// Its element type.
        found: DType,
    },
    /// An operand's shape doesn't fit the operator's parameters or its other operands.
    Shape {
        /// The operator.
        op: &'static str,
        /// Which operand, from 0.
        operand: usize,
        /// Its shape.
        found: Shape,
    },
    /// A parameter is out of its range, or a result would be larger than `i32::MAX` elements.
    Parameter {
        /// The operator.
        op: &'static str,
        /// What is wrong, in a few words.
        what: &'static str,
    },
    /// An operator that this build leaves out (the application that was built with too few features).
    LeftOut {
        /// The operator.
        op: &'static str,
        /// The feature that has it.
        feature: &'static str,
    },
}

impl core::fmt::Display for InferError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Arity { op, found } => write!(f, "{op} can't take {found} operands"),
            Self::Type { op, operand, found } => {
                write!(f, "{op} can't take elements of type {} as operand {operand}", found.name())
            }
            Self::Shape { op, operand, found } => {
                write!(f, "{op} can't take a tensor of shape {found} as operand {operand}")
            }
            Self::Parameter { op, what } => write!(f, "{op}: {what}"),
            Self::LeftOut { op, feature } => {
                write!(f, "{op} is left out of this build: it needs dunlin-engine's feature {feature}")
            }
        }
    }
}

impl core::error::Error for InferError {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;

    #[test]
    fn codes_have_names_of_their_own() {
        let names: BTreeSet<&str> = Code::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), Code::ALL.len());
    }
}
