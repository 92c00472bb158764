//! Pools.

use super::Simd128;

crate::arch::instantiate::pool!(Simd128, "simd128");
