//! Pools.

use super::Neon;

crate::arch::instantiate::pool!(Neon, "neon");
