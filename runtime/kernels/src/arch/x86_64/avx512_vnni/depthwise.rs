//! Depthwise convolutions. Windows of 3 by 3 taps are computed for 64 channels at a time: then neighbouring bytes of whole pixels are
//! interleaved in place, within 128 bits, and the packs of the result put the channels in order again.

use core::arch::x86_64::*;

use super::{Zmm, pack};
use crate::arch::generic::depthwise3x3::Layout;
use crate::arch::generic::simd::{Quanta, Simd};
use crate::arch::instantiate::body3x3;

crate::arch::instantiate::depthwise!(
    Zmm,
    "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi",
    wide: Some(body3x3!(
        Zmm,
        "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi",
        Interleaved,
        4,
        zeros: false
    ))
);

/// 64 channels in four vectors, each of which has four neighbouring channels in each 128 bits.
struct Interleaved;

impl Layout<Zmm, 4> for Interleaved {
    #[inline(always)]
    fn channel(vector: usize, element: usize) -> usize {
        element / 4 * 16 + vector * 4 + element % 4
    }

    #[inline]
    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi")]
    unsafe fn quads(from: [*const u8; 4]) -> [__m512i; 4] {
        // SAFETY: the caller's promise of 64 bytes each.
        let taps = unsafe {
            [
                _mm512_loadu_si512(from[0].cast()),
                _mm512_loadu_si512(from[1].cast()),
                _mm512_loadu_si512(from[2].cast()),
                _mm512_loadu_si512(from[3].cast()),
            ]
        };
        let low = [_mm512_unpacklo_epi8(taps[0], taps[1]), _mm512_unpacklo_epi8(taps[2], taps[3])];
        let high = [_mm512_unpackhi_epi8(taps[0], taps[1]), _mm512_unpackhi_epi8(taps[2], taps[3])];
        [
            _mm512_unpacklo_epi16(low[0], low[1]),
            _mm512_unpackhi_epi16(low[0], low[1]),
            _mm512_unpacklo_epi16(high[0], high[1]),
            _mm512_unpackhi_epi16(high[0], high[1]),
        ]
    }

    #[inline]
    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi")]
    unsafe fn store(quanta: &Quanta<Zmm>, reals: &[[__m512; 4]; 4], place: impl Fn(usize) -> *mut u8, _: usize) {
        for (i, reals) in reals.iter().enumerate() {
            // SAFETY: the caller's promise of 64 bytes.
            unsafe {
                let q = [Zmm::round(reals[0]), Zmm::round(reals[1]), Zmm::round(reals[2]), Zmm::round(reals[3])];
                _mm512_storeu_si512(place(i).cast(), pack(q, quanta.bounds()));
            }
        }
    }
}
