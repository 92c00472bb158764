//! Depthwise convolutions.

use super::RelaxedSimd;

crate::arch::instantiate::depthwise!(RelaxedSimd, "simd128,relaxed-simd", crate::arch::wasm32::simd128::lines3x3);
