//! Depthwise convolutions.

use super::Simd128;

crate::arch::instantiate::depthwise!(Simd128, "simd128", zeros: LINES3X3);
