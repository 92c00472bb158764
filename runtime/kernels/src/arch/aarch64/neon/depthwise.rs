//! Depthwise convolutions.

use super::Neon;

crate::arch::instantiate::depthwise!(Neon, "neon", lines3x3);
