//! Compute kernels of Dunlin.
//!
//! Activations are `u8`, weights `i8`, sums exact `i32` (wrapping at the ends of its range), images NHWC. Every
//! operation has one readable scalar reference in `arch/all` and fast versions in `arch/<cpu>`, which give
//! the same bits. A kernel is picked once, when a plan is built, by the `select` function of its operation;
//! its `run` checks the lengths of its slices in constant time and allocates nothing.
//!
//! The one formula that leaves the integers is requantization, [`Requant`]: an IEEE f32 multiplication,
//! never fused with the addition that follows, and rounding to nearest with ties to even.
#![no_std]
#![cfg_attr(
    not(any(
        target_arch = "aarch64",
        target_arch = "x86_64",
        all(target_arch = "wasm32", target_feature = "simd128")
    )),
    allow(dead_code, unused_variables, reason = "what only vector kernels use, and this target has none")
)]

#[cfg(feature = "std")]
extern crate std;

extern crate alloc;

#[cfg(all(feature = "abort", not(feature = "std"), any(unix, target_family = "wasm")))]
mod abort;
mod aligned;
mod arch;
mod conv;
mod depthwise;
mod elementwise;
mod epilogue;
mod error;
pub mod float;
mod gemm;
#[cfg(feature = "std")]
mod helper;
mod interleave;
mod isa;
mod name;
mod panel;
pub mod peak;
mod pool;
mod taps;
#[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
mod trial;

#[cfg(all(feature = "abort", not(feature = "std"), any(unix, target_family = "wasm")))]
pub use abort::abort;
pub use aligned::{AlignedBytes, OutOfMemory};
pub use conv::{Conv, ConvInput};
pub use depthwise::{Depthwise, DepthwiseInput};
pub use elementwise::{
    Add, AddParams, Dequantize, DequantizeParams, Lookup, Mul, MulParams, Quantize, QuantizeParams, flip_sign,
};
pub use epilogue::{Dynamic, Epilogue, Raw, Requant};
pub use error::{IsaError, PanelError, ShapeError, TapsError};
pub use gemm::{Gemm, GemmInput};
#[cfg(feature = "std")]
pub use helper::{Helper, Piece};
pub use interleave::{interleave3, interleave4};
pub use isa::{Isa, IsaKind};
pub use name::KernelName;
pub use panel::{PANEL, Panels, pack_panels, pack_u8_panels, packed_len};
pub use pool::{AvgPool, AvgPoolParams, MaxPool};
pub use taps::{PAD, Taps, TapsBuf, TapsShape};
