//! Pools.

use super::Zmm;

crate::arch::instantiate::pool!(Zmm, "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi");
