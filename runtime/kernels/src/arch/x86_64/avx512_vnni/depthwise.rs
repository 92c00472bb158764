//! Depthwise convolutions.

use super::Zmm;

crate::arch::instantiate::depthwise!(Zmm, "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi");
