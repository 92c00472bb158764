//! Pools: no dot products, so those of NEON.

pub(crate) use crate::arch::aarch64::neon::POOL;
