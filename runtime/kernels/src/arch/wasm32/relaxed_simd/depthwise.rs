//! Depthwise convolutions.

use super::RelaxedSimd;

crate::arch::instantiate::depthwise!(RelaxedSimd, "simd128,relaxed-simd");
