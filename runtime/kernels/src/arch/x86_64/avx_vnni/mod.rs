//! 256-bit vectors with byte dot products, in AVX-VNNI's encoding.

mod depthwise;
mod elementwise;
mod gemm;
mod pool;

use core::arch::x86_64::*;

use super::ymm::{byte_sum, interleave, lanes, load_taps};
use crate::arch::generic::simd::Simd;

pub(crate) use depthwise::{depthwise, depthwise_scratch};
pub(crate) use elementwise::ELEMENTWISE;
pub(crate) use gemm::{CONV, GEMM, TILES};
pub(crate) use pool::POOL;

#[derive(Clone, Copy)]
struct AvxVnni;

impl Simd for AvxVnni {
    type Acc = [__m256i; 2];
    type Splat = __m256i;
    type Quads = [__m256i; 2];
    type Weights = [__m256i; 2];

    lanes!();

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn row_sum(from: *const u8, len: usize) -> i32 {
        // SAFETY: the caller's promise.
        unsafe { byte_sum(from, len) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn start(from: [__m256i; 2]) -> [__m256i; 2] {
        from
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn sum(acc: [__m256i; 2]) -> [__m256i; 2] {
        acc
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn splat(from: *const u8) -> __m256i {
        // SAFETY: the caller's promise of 4 bytes.
        _mm256_set1_epi32(unsafe { from.cast::<i32>().read_unaligned() })
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn weights(from: *const i8) -> [__m256i; 2] {
        // SAFETY: the caller's promise of 64 bytes.
        unsafe { [_mm256_loadu_si256(from.cast()), _mm256_loadu_si256(from.add(32).cast())] }
    }

    #[inline]
    #[target_feature(enable = "avx2,avxvnni")]
    unsafe fn dot(acc: [__m256i; 2], a: __m256i, w: [__m256i; 2]) -> [__m256i; 2] {
        [_mm256_dpbusd_avx_epi32(acc[0], a, w[0]), _mm256_dpbusd_avx_epi32(acc[1], a, w[1])]
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn quads(from: [*const u8; 4]) -> [__m256i; 2] {
        // SAFETY: the caller's promise.
        let [a, b, c, d] = interleave(unsafe { load_taps(from) });
        [_mm256_set_m128i(b, a), _mm256_set_m128i(d, c)]
    }

    #[inline]
    #[target_feature(enable = "avx2,avxvnni")]
    unsafe fn dot_quads(acc: [__m256i; 2], a: [__m256i; 2], w: [__m256i; 2]) -> [__m256i; 2] {
        [_mm256_dpbusd_avx_epi32(acc[0], a[0], w[0]), _mm256_dpbusd_avx_epi32(acc[1], a[1], w[1])]
    }
}
