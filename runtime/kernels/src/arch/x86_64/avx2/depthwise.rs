//! Depthwise convolutions.

use super::Avx2;

crate::arch::instantiate::depthwise!(Avx2, "avx2", lines3x3);
