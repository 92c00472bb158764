//! Depthwise convolutions.

use super::Avx2;

crate::arch::instantiate::depthwise!(Avx2, "avx2", zeros: LINES3X3);
