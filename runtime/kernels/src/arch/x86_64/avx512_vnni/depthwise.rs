//! Depthwise convolutions. Windows of 3 by 3 taps are computed for 64 channels at a time, or for 32 of two points: then neighbouring bytes of whole pixels are
//! interleaved in place, within 128 bits, and the packs of the result put the channels in order again.

use core::arch::x86_64::*;

use super::{Zmm, pack};
use crate::arch::generic::depthwise3x3::Layout;
use crate::arch::generic::simd::{Quanta, Simd};
use crate::arch::instantiate::body3x3;

crate::arch::instantiate::depthwise!(
    Zmm,
    "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi",
    wide: &[
        body3x3!(
            Zmm,
            "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi",
            Interleaved,
            4,
            zeros: false
        ),
        body3x3!(Zmm, "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi", TwoPoints, 4, zeros: false),
    ]
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
    unsafe fn quads(from: [*const u8; 4], _: usize) -> [__m512i; 4] {
        // SAFETY: the caller's promise of 64 bytes each.
        unsafe {
            interleave([
                _mm512_loadu_si512(from[0].cast()),
                _mm512_loadu_si512(from[1].cast()),
                _mm512_loadu_si512(from[2].cast()),
                _mm512_loadu_si512(from[3].cast()),
            ])
        }
    }

    #[inline]
    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi")]
    unsafe fn store(
        quanta: &Quanta<Zmm>,
        reals: &[[__m512; 4]; 4],
        place: impl Fn(usize) -> *mut u8,
        _: usize,
        _: usize,
    ) {
        for (i, reals) in reals.iter().enumerate() {
            // SAFETY: the caller's promise of 64 bytes.
            unsafe { _mm512_storeu_si512(place(i).cast(), bytes(quanta, reals)) };
        }
    }
}

/// 32 channels in four vectors: those of a point in the lower half of each, four neighbouring ones in each 128 bits, and those of the next
/// point but one in the upper half.
struct TwoPoints;

impl Layout<Zmm, 4> for TwoPoints {
    const POINTS: usize = 4;

    #[inline(always)]
    fn channel(vector: usize, element: usize) -> usize {
        element / 4 % 2 * 16 + vector * 4 + element % 4
    }

    #[inline]
    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi")]
    unsafe fn quads(from: [*const u8; 4], far: usize) -> [__m512i; 4] {
        // SAFETY: the caller's promise of 32 bytes each.
        unsafe {
            interleave([
                halves(from[0], from[0].add(far)),
                halves(from[1], from[1].add(far)),
                halves(from[2], from[2].add(far)),
                halves(from[3], from[3].add(far)),
            ])
        }
    }

    #[inline]
    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi")]
    unsafe fn store(
        quanta: &Quanta<Zmm>,
        reals: &[[__m512; 4]; 4],
        place: impl Fn(usize) -> *mut u8,
        far: usize,
        _: usize,
    ) {
        for (i, reals) in reals.iter().enumerate() {
            // SAFETY: the caller's promise of 32 bytes in both places.
            unsafe {
                let bytes = bytes(quanta, reals);
                _mm256_storeu_si256(place(i).cast(), _mm512_castsi512_si256(bytes));
                _mm256_storeu_si256(place(i).add(far).cast(), _mm512_extracti64x4_epi64::<1>(bytes));
            }
        }
    }
}

/// The bytes of four taps, interleaved within each 128 bits.
#[inline]
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi")]
fn interleave(taps: [__m512i; 4]) -> [__m512i; 4] {
    let low = [_mm512_unpacklo_epi8(taps[0], taps[1]), _mm512_unpacklo_epi8(taps[2], taps[3])];
    let high = [_mm512_unpackhi_epi8(taps[0], taps[1]), _mm512_unpackhi_epi8(taps[2], taps[3])];
    [
        _mm512_unpacklo_epi16(low[0], low[1]),
        _mm512_unpackhi_epi16(low[0], low[1]),
        _mm512_unpacklo_epi16(high[0], high[1]),
        _mm512_unpackhi_epi16(high[0], high[1]),
    ]
}

/// # Safety
/// 32 bytes of each.
#[inline]
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi")]
unsafe fn halves(low: *const u8, high: *const u8) -> __m512i {
    // SAFETY: the caller's promise.
    unsafe {
        let low = _mm512_castsi256_si512(_mm256_loadu_si256(low.cast()));
        _mm512_inserti64x4::<1>(low, _mm256_loadu_si256(high.cast()))
    }
}

/// Requantizes vectors as the layouts here have them: the packs put the channels in order.
///
/// # Safety
/// The CPU has the instruction set.
#[inline]
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi")]
unsafe fn bytes(quanta: &Quanta<Zmm>, reals: &[__m512; 4]) -> __m512i {
    // SAFETY: the caller's promise.
    unsafe {
        let q = [Zmm::round(reals[0]), Zmm::round(reals[1]), Zmm::round(reals[2]), Zmm::round(reals[3])];
        pack(q, quanta.bounds())
    }
}
