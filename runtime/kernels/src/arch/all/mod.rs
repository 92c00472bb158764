//! The reference: portable, scalar, written to be read. It is the oracle of every other kernel.

mod conv;
mod depthwise;
mod elementwise;
mod gemm;
mod interleave;
mod pool;

pub(crate) use conv::conv;
pub(crate) use depthwise::depthwise;
pub(crate) use elementwise::ELEMENTWISE;
pub(crate) use gemm::GEMM;
pub(crate) use interleave::{interleave3, interleave4};
pub(crate) use pool::POOL;
