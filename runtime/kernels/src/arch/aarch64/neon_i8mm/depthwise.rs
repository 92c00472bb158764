//! Depthwise convolutions.

use super::NeonI8mm;

crate::arch::instantiate::depthwise!(NeonI8mm, "neon,dotprod,i8mm");
