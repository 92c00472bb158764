//! Depthwise convolutions.

use super::NeonDotprod;

crate::arch::instantiate::depthwise!(NeonDotprod, "neon,dotprod");
