//! Depthwise convolutions.

use super::Avx2;

crate::arch::x86_64::instantiate::depthwise!(Avx2, "avx2");
