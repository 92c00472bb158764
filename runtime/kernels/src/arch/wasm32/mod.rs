//! WebAssembly.
//!
//! A module is valid only where all of its instructions are, so a set of instructions is the choice of the whole build
//! (`-C target-feature=+simd128`), and the host of the module picks the build. One with relaxed vectors has their kernels and the
//! reference only: where an engine computes them wrongly or imitates them, the host picks the other build.
//!
//! `+relaxed-simd` has a price beyond its dot products: the compiler then uses `f32x4.relaxed_min` and `relaxed_max` in all code of the
//! build, which may give either operand where one is no number. Integer kernels keep to the contract all the same; float
//! operators don't promise then that a NaN survives.

#[cfg(target_feature = "relaxed-simd")]
pub(crate) mod relaxed_simd;
pub(crate) mod simd128;
mod v128;
