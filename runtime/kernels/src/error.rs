//! Errors of building and running kernels. The culprit is the caller, or the artifact that the caller read.

use core::fmt;

use crate::isa::IsaKind;

/// A slice given to a kernel is shorter than its shape demands; the caller's mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShapeError {
    /// Which argument.
    pub argument: &'static str,
    /// Elements that the shape demands; `usize::MAX` when that number does not fit in a `usize`.
    pub needed: usize,
    /// Elements found.
    pub found: usize,
}

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} elements needed, {} found", self.argument, self.needed, self.found)
    }
}

impl core::error::Error for ShapeError {}

/// Accepts a slice of `found` elements where `needed` are read or written.
pub(crate) fn at_least(argument: &'static str, needed: Option<usize>, found: usize) -> Result<(), ShapeError> {
    let needed = needed.unwrap_or(usize::MAX);
    if found >= needed { Ok(()) } else { Err(ShapeError { argument, needed, found }) }
}

/// Accepts a parameter of exactly `needed` elements.
pub(crate) fn exactly(argument: &'static str, needed: usize, found: usize) -> Result<(), ShapeError> {
    if found == needed { Ok(()) } else { Err(ShapeError { argument, needed, found }) }
}

/// Packed weights do not fit their shape; the artifact is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PanelError {
    /// `n` or `k` is zero.
    Empty,
    /// The packed length does not fit in a `usize`.
    TooLarge,
    /// The bytes are not exactly as long as `n` and `k` demand.
    Length {
        /// Bytes that the shape demands.
        needed: usize,
        /// Bytes found.
        found: usize,
    },
}

impl fmt::Display for PanelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("packed weights without channels or depth"),
            Self::TooLarge => f.write_str("packed weights larger than memory"),
            Self::Length { needed, found } => write!(f, "packed weights: {needed} bytes needed, {found} found"),
        }
    }
}

impl core::error::Error for PanelError {}

/// Offset tables do not fit their shape or their input; the artifact is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TapsError {
    /// An extent is zero.
    Empty,
    /// A product of extents does not fit in a `usize`.
    TooLarge,
    /// A table is not exactly as long as the shape demands.
    Length {
        /// `rows` or `cols`.
        table: &'static str,
        /// Entries that the shape demands.
        needed: usize,
        /// Entries found.
        found: usize,
    },
    /// The farthest tap ends after the input does.
    OutOfBounds {
        /// Bytes that the tables reach.
        reach: u64,
        /// Bytes of the input.
        input_len: usize,
    },
}

impl fmt::Display for TapsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("window with an extent of zero"),
            Self::TooLarge => f.write_str("window larger than memory"),
            Self::Length { table, needed, found } => {
                write!(f, "window offsets, {table}: {needed} entries needed, {found} found")
            }
            Self::OutOfBounds { reach, input_len } => {
                write!(f, "window offsets reach byte {reach} of an input of {input_len}")
            }
        }
    }
}

impl core::error::Error for TapsError {}

/// An instruction set can't be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IsaError {
    /// The name is none of those of [`IsaKind::ALL`]; the caller's mistake.
    Unknown,
    /// The CPU, or the target that this was compiled for, lacks a feature.
    Missing {
        /// What was asked for.
        isa: IsaKind,
        /// The first feature that is missing, in the CPU vendor's spelling.
        feature: &'static str,
    },
}

impl fmt::Display for IsaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => {
                f.write_str("unknown instruction set (")?;
                for (i, kind) in IsaKind::ALL.into_iter().enumerate() {
                    write!(f, "{}{kind}", if i == 0 { "" } else { ", " })?;
                }
                f.write_str(")")
            }
            Self::Missing { isa, feature } => write!(f, "{isa} kernels need {feature}, which this CPU lacks"),
        }
    }
}

impl core::error::Error for IsaError {}
