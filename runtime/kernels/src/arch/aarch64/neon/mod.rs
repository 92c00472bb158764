//! 128-bit vectors without byte dot products.
//!
//! Bytes with a sign are multiplied to 16 bits and added in pairs to 32. Activations get a sign where they are loaded, which
//! makes each 128 less; sums begin with 128 times the weights' sums instead. A panel of sums is eight registers of 2
//! channels with 2 partial sums each, which are added at the end.

mod depthwise;
mod elementwise;
mod gemm;
mod pool;

use core::arch::aarch64::*;

use super::lanes::{flip, interleave, lanes, load_group, load_taps, load_weights};
use crate::arch::generic::simd::Simd;
use crate::arch::generic::tile::Tile;

pub(crate) use crate::arch::generic::depthwise::scratch_len as depthwise_scratch;
pub(crate) use depthwise::depthwise;
pub(crate) use elementwise::ELEMENTWISE;
pub(crate) use gemm::{CONV, GEMM, TILES};
pub(crate) use pool::POOL;

#[derive(Clone, Copy)]
struct Neon;

/// Products of the first 8 bytes.
#[inline]
#[target_feature(enable = "neon")]
fn multiply_low(a: int8x16_t, w: int8x16_t) -> int16x8_t {
    vmull_s8(vget_low_s8(a), vget_low_s8(w))
}

/// Products of the last 8 bytes.
#[inline]
#[target_feature(enable = "neon")]
fn multiply_high(a: int8x16_t, w: int8x16_t) -> int16x8_t {
    vmull_high_s8(a, w)
}

impl Simd for Neon {
    type Acc = [int32x4_t; 8];
    type Splat = int8x16_t;
    type Quads = [int8x16_t; 4];
    type Weights = [int8x16_t; 4];

    lanes!();

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn start(from: [int32x4_t; 4]) -> [int32x4_t; 8] {
        let zero = vdupq_n_s32(0);
        let [a, b, c, d] = from.map(|sum| [vzip1q_s32(sum, zero), vzip2q_s32(sum, zero)]);
        [a[0], a[1], b[0], b[1], c[0], c[1], d[0], d[1]]
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn sum(acc: [int32x4_t; 8]) -> [int32x4_t; 4] {
        [vpaddq_s32(acc[0], acc[1]), vpaddq_s32(acc[2], acc[3]), vpaddq_s32(acc[4], acc[5]), vpaddq_s32(acc[6], acc[7])]
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn splat(from: *const u8) -> int8x16_t {
        // SAFETY: the caller's promise of 4 bytes.
        flip(unsafe { load_group(from) })
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn weights(from: *const i8) -> [int8x16_t; 4] {
        // SAFETY: the caller's promise of 64 bytes.
        unsafe { load_weights(from) }
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn dot(acc: [int32x4_t; 8], a: int8x16_t, w: [int8x16_t; 4]) -> [int32x4_t; 8] {
        // SAFETY: no requirement but NEON.
        unsafe { Self::dot_quads(acc, [a; 4], w) }
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn quads(from: [*const u8; 4]) -> [int8x16_t; 4] {
        // SAFETY: the caller's promise.
        interleave(unsafe { load_taps(from) }).map(|quad| flip(quad))
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn dot_quads(acc: [int32x4_t; 8], a: [int8x16_t; 4], w: [int8x16_t; 4]) -> [int32x4_t; 8] {
        [
            vpadalq_s16(acc[0], multiply_low(a[0], w[0])),
            vpadalq_s16(acc[1], multiply_high(a[0], w[0])),
            vpadalq_s16(acc[2], multiply_low(a[1], w[1])),
            vpadalq_s16(acc[3], multiply_high(a[1], w[1])),
            vpadalq_s16(acc[4], multiply_low(a[2], w[2])),
            vpadalq_s16(acc[5], multiply_high(a[2], w[2])),
            vpadalq_s16(acc[6], multiply_low(a[3], w[3])),
            vpadalq_s16(acc[7], multiply_high(a[3], w[3])),
        ]
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn quad_offset(sum: [int32x4_t; 4], w: [int8x16_t; 4]) -> [int32x4_t; 4] {
        // SAFETY: no requirement but NEON; 0 is -128 when its sign is flipped.
        unsafe {
            let zeros = Self::dot_quads(Self::start(Self::splat_i32(0)), [vdupq_n_s8(-128); 4], w);
            Self::sub(sum, Self::sum(zeros))
        }
    }

    #[inline(always)]
    unsafe fn offsets<const NP: usize>(tile: &Tile) -> [[int32x4_t; 4]; NP] {
        // SAFETY: the caller's promise.
        unsafe { gemm::offsets::<NP>(tile) }
    }

    #[inline(always)]
    unsafe fn products<const MR: usize, const NP: usize, const KU: usize>(
        tile: &Tile,
        init: [[[int32x4_t; 4]; NP]; MR],
    ) -> [[[int32x4_t; 4]; NP]; MR] {
        // SAFETY: the caller's promise.
        unsafe { gemm::products::<MR, NP>(tile, init) }
    }
}
