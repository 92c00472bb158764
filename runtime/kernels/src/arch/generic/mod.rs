//! The algorithms, once for all vector instruction sets.
//!
//! [`Simd`](simd::Simd) is what an instruction set must bring: vectors of 16 channels, one [`PANEL`](crate::PANEL). The
//! bodies here are `#[inline(always)]` and have no target features of their own; each instruction set wraps
//! them in functions with its features, into which they dissolve, operations and all.

pub(crate) mod conv;
pub(crate) mod depthwise;
#[cfg_attr(target_feature = "relaxed-simd", allow(dead_code, reason = "that set has bodies of its own"))]
pub(crate) mod depthwise3x3;
pub(crate) mod elementwise;
pub(crate) mod gemm;
pub(crate) mod lines;
pub(crate) mod pool;
pub(crate) mod simd;
pub(crate) mod tile;

/// Whether few bytes of code count more than the last percent of speed: on the web, code is fetched before it runs. Where there are byte dot
/// products the last percent is what they are for.
pub(crate) const COMPACT: bool = cfg!(all(target_family = "wasm", not(target_feature = "relaxed-simd")));
