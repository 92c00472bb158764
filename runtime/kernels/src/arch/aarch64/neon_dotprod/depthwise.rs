//! Depthwise convolutions.

use super::NeonDotprod;

crate::arch::instantiate::depthwise!(NeonDotprod, "neon,dotprod", crate::arch::aarch64::neon::lines3x3);
