//! Operations on one element at a time.

use core::arch::x86_64::*;

use super::Zmm;

crate::arch::instantiate::elementwise!(Zmm, "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi", lookup);

/// A byte picks one of 128 entries in either half of the table; its top bit picks the half.
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi")]
unsafe fn lookup(table: &[u8; 256], input: &[u8], out: &mut [u8]) {
    // SAFETY: four quarters of 64 bytes; masks end where the slices do.
    unsafe {
        let quarter = |i: usize| _mm512_loadu_si512(table[i * 64..].as_ptr().cast());
        let (low, high) = ([quarter(0), quarter(1)], [quarter(2), quarter(3)]);
        for (input, out) in input.chunks(64).zip(out.chunks_mut(64)) {
            let mask = u64::MAX >> (64 - input.len());
            let q = _mm512_maskz_loadu_epi8(mask, input.as_ptr().cast());
            let below = _mm512_permutex2var_epi8(low[0], q, low[1]);
            let above = _mm512_permutex2var_epi8(high[0], q, high[1]);
            let value = _mm512_mask_blend_epi8(_mm512_movepi8_mask(q), below, above);
            _mm512_mask_storeu_epi8(out.as_mut_ptr().cast(), mask, value);
        }
    }
}
