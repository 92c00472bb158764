//! Depthwise convolutions.

use super::Neon;

crate::arch::instantiate::depthwise!(Neon, "neon", zeros: lines3x3);
