//! Pools.

use super::Avx2;

crate::arch::x86_64::instantiate::pool!(Avx2, "avx2");
