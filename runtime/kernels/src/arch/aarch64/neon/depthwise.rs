//! Depthwise convolutions.

use super::Neon;

crate::arch::instantiate::depthwise!(Neon, "neon", zeros: LINES3X3);
