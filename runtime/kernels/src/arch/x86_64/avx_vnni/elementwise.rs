//! Operations on one element at a time: no dot products, so those of AVX2.

pub(crate) use crate::arch::x86_64::avx2::ELEMENTWISE;
