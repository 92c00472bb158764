//! Operations on one element at a time: no dot products, so those of 128-bit vectors.

pub(crate) use crate::arch::wasm32::simd128::ELEMENTWISE;
