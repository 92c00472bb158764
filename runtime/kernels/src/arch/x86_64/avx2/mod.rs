//! 256-bit vectors without byte dot products.
//!
//! `vpmaddubsw` would saturate on full-range weights, so both sides are widened to 16 bits, where `vpmaddwd` is exact. A
//! panel of sums is four registers of 4 channels with 2 partial sums each, which are added at the end.

mod depthwise;
mod elementwise;
mod gemm;
mod pool;

use core::arch::x86_64::*;

use super::ymm::{interleave, lanes, load_taps};
use crate::arch::generic::simd::Simd;

pub(crate) use crate::arch::generic::conv::scratch_len as conv_scratch;
pub(crate) use crate::arch::generic::depthwise::scratch_len as depthwise_scratch;
pub(crate) use depthwise::depthwise;
pub(crate) use elementwise::ELEMENTWISE;
pub(crate) use gemm::{CONV, GEMM, TILES};
pub(crate) use pool::POOL;

#[derive(Clone, Copy)]
struct Avx2;

/// The order of pairs of channels in which a horizontal addition of two registers leaves them; its own inverse.
const PAIRS: i32 = 0b11_01_10_00;

impl Simd for Avx2 {
    type Acc = [__m256i; 4];
    type Splat = __m256i;
    type Quads = [__m256i; 4];
    type Weights = [__m256i; 4];

    lanes!();

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn start(from: [__m256i; 2]) -> [__m256i; 4] {
        let zero = _mm256_setzero_si256();
        let low = _mm256_permute4x64_epi64::<PAIRS>(from[0]);
        let high = _mm256_permute4x64_epi64::<PAIRS>(from[1]);
        [
            _mm256_unpacklo_epi32(low, zero),
            _mm256_unpackhi_epi32(low, zero),
            _mm256_unpacklo_epi32(high, zero),
            _mm256_unpackhi_epi32(high, zero),
        ]
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn sum(acc: [__m256i; 4]) -> [__m256i; 2] {
        [
            _mm256_permute4x64_epi64::<PAIRS>(_mm256_hadd_epi32(acc[0], acc[1])),
            _mm256_permute4x64_epi64::<PAIRS>(_mm256_hadd_epi32(acc[2], acc[3])),
        ]
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn splat(from: *const u8) -> __m256i {
        // SAFETY: the caller's promise of 4 bytes.
        _mm256_cvtepu8_epi16(_mm_set1_epi32(unsafe { from.cast::<i32>().read_unaligned() }))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn weights(from: *const i8) -> [__m256i; 4] {
        // SAFETY: the caller's promise of 64 bytes.
        unsafe {
            [
                _mm256_cvtepi8_epi16(_mm_loadu_si128(from.cast())),
                _mm256_cvtepi8_epi16(_mm_loadu_si128(from.add(16).cast())),
                _mm256_cvtepi8_epi16(_mm_loadu_si128(from.add(32).cast())),
                _mm256_cvtepi8_epi16(_mm_loadu_si128(from.add(48).cast())),
            ]
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn dot(acc: [__m256i; 4], a: __m256i, w: [__m256i; 4]) -> [__m256i; 4] {
        // SAFETY: no requirement but AVX2.
        unsafe { Self::dot_quads(acc, [a; 4], w) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn quads(from: [*const u8; 4]) -> [__m256i; 4] {
        // SAFETY: the caller's promise.
        let [a, b, c, d] = interleave(unsafe { load_taps(from) });
        [_mm256_cvtepu8_epi16(a), _mm256_cvtepu8_epi16(b), _mm256_cvtepu8_epi16(c), _mm256_cvtepu8_epi16(d)]
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn dot_quads(acc: [__m256i; 4], a: [__m256i; 4], w: [__m256i; 4]) -> [__m256i; 4] {
        [
            _mm256_add_epi32(acc[0], _mm256_madd_epi16(a[0], w[0])),
            _mm256_add_epi32(acc[1], _mm256_madd_epi16(a[1], w[1])),
            _mm256_add_epi32(acc[2], _mm256_madd_epi16(a[2], w[2])),
            _mm256_add_epi32(acc[3], _mm256_madd_epi16(a[3], w[3])),
        ]
    }
}
