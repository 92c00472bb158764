//! Pools.

use super::Avx2;

crate::arch::instantiate::pool!(Avx2, "avx2");
