//! WebAssembly.
//!
//! A module is valid only where all of its instructions are, so a set of instructions is the choice of the whole build
//! (`-C target-feature=+simd128`), and the host of the module picks the build.

#[cfg(target_feature = "relaxed-simd")]
pub(crate) mod relaxed_simd;
pub(crate) mod simd128;
mod v128;
