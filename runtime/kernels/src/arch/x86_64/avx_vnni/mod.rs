//! 256-bit vectors with byte dot products.
//!
//! The instruction exists in two encodings: AVX-VNNI's on CPUs without AVX512, and AVX512-VNNI's with AVX512-VL.
//! The kernels are the same but for it, and both are one instruction set to the caller, so that a CPU
//! with either runs, and tests, these bodies.

mod depthwise;
mod elementwise;
mod gemm;
mod pool;

use core::arch::x86_64::*;

use super::ymm::{byte_sum, interleave, lanes, load_taps};
use crate::arch::generic::simd::Simd;

pub(crate) use crate::arch::generic::depthwise::scratch_len as depthwise_scratch;
pub(crate) use elementwise::ELEMENTWISE;
pub(crate) use pool::POOL;

/// Kernels in AVX-VNNI's encoding.
pub(crate) mod vex {
    pub(crate) use super::depthwise::vex::depthwise;
    pub(crate) use super::gemm::vex::{CONV, GEMM, TILES};
    pub(crate) use super::{ELEMENTWISE, POOL, depthwise_scratch};
}

/// Kernels in AVX512-VNNI's encoding.
pub(crate) mod evex {
    pub(crate) use super::depthwise::evex::depthwise;
    pub(crate) use super::gemm::evex::{CONV, GEMM, TILES};
    pub(crate) use super::{ELEMENTWISE, POOL, depthwise_scratch};
}

/// With AVX-VNNI's encoding.
#[derive(Clone, Copy)]
struct Vex;

/// With AVX512-VNNI's encoding.
#[derive(Clone, Copy)]
struct Evex;

macro_rules! simd {
    ($simd:ty, $features:literal, $dot:path) => {
        impl Simd for $simd {
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
            #[target_feature(enable = $features)]
            unsafe fn dot(acc: [__m256i; 2], a: __m256i, w: [__m256i; 2]) -> [__m256i; 2] {
                [$dot(acc[0], a, w[0]), $dot(acc[1], a, w[1])]
            }

            #[inline]
            #[target_feature(enable = "avx2")]
            unsafe fn quads(from: [*const u8; 4]) -> [__m256i; 2] {
                // SAFETY: the caller's promise.
                let [a, b, c, d] = interleave(unsafe { load_taps(from) });
                [_mm256_set_m128i(b, a), _mm256_set_m128i(d, c)]
            }

            #[inline]
            #[target_feature(enable = $features)]
            unsafe fn dot_quads(acc: [__m256i; 2], a: [__m256i; 2], w: [__m256i; 2]) -> [__m256i; 2] {
                [$dot(acc[0], a[0], w[0]), $dot(acc[1], a[1], w[1])]
            }
        }
    };
}

simd!(Vex, "avx2,avxvnni", _mm256_dpbusd_avx_epi32);
simd!(Evex, "avx2,avx512vnni,avx512vl", _mm256_dpbusd_epi32);
