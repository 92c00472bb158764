//! x86 with 64 bits.

pub(crate) mod avx2;
pub(crate) mod avx512_vnni;
pub(crate) mod avx_vnni;
mod float;
pub(crate) mod peak;
mod ymm;

pub(crate) use float::{Ymm, Zmm};
