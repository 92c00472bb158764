//! 128-bit vectors without byte dot products.
//!
//! Matrix products multiply bytes and add the products in pairs: see `gemm`. Everything else, where each channel has activations
//! of its own, widens bytes to 16 bits and multiplies by depth: weights lie apart by depth here, not by channel.

mod depthwise;
mod elementwise;
mod gemm;
mod interleave;
mod pool;

use core::arch::aarch64::*;

use super::lanes::{lanes, load_taps};
use crate::arch::generic::simd::Simd;
use crate::arch::generic::tile::Tile;

pub(crate) use depthwise::{depthwise, depthwise_scratch};
pub(crate) use elementwise::ELEMENTWISE;
pub(crate) use gemm::{CONV, GEMM, TILES};
pub(crate) use interleave::interleave3;
pub(crate) use pool::POOL;

#[derive(Clone, Copy)]
struct Neon;

/// 16 bytes, widened.
type Words = [int16x8_t; 2];

#[inline]
#[target_feature(enable = "neon")]
fn widen_u8(bytes: uint8x16_t) -> Words {
    [vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(bytes))), vreinterpretq_s16_u16(vmovl_high_u8(bytes))]
}

#[inline]
#[target_feature(enable = "neon")]
fn widen_s8(bytes: int8x16_t) -> Words {
    [vmovl_s8(vget_low_s8(bytes)), vmovl_high_s8(bytes)]
}

/// Adds one product of each channel.
#[inline]
#[target_feature(enable = "neon")]
fn multiply_add(acc: [int32x4_t; 4], a: Words, w: Words) -> [int32x4_t; 4] {
    [
        vmlal_s16(acc[0], vget_low_s16(a[0]), vget_low_s16(w[0])),
        vmlal_high_s16(acc[1], a[0], w[0]),
        vmlal_s16(acc[2], vget_low_s16(a[1]), vget_low_s16(w[1])),
        vmlal_high_s16(acc[3], a[1], w[1]),
    ]
}

impl Simd for Neon {
    type Acc = [int32x4_t; 4];
    type Splat = [Words; 4];
    type Quads = [Words; 4];
    type Weights = [Words; 4];

    lanes!();

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn start(from: [int32x4_t; 4]) -> [int32x4_t; 4] {
        from
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn sum(acc: [int32x4_t; 4]) -> [int32x4_t; 4] {
        acc
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn splat(from: *const u8) -> [Words; 4] {
        // SAFETY: the caller's promise of 4 bytes.
        let group = unsafe { from.cast::<[u8; 4]>().read() };
        group.map(|byte| [vdupq_n_s16(i16::from(byte)); 2])
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn weights(from: *const i8) -> [Words; 4] {
        // SAFETY: the caller's promise of 64 bytes.
        let int8x16x4_t(a, b, c, d) = unsafe { vld4q_s8(from) };
        [widen_s8(a), widen_s8(b), widen_s8(c), widen_s8(d)]
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn dot(acc: [int32x4_t; 4], a: [Words; 4], w: [Words; 4]) -> [int32x4_t; 4] {
        // SAFETY: no requirement but NEON.
        unsafe { Self::dot_quads(acc, a, w) }
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn quads(from: [*const u8; 4]) -> [Words; 4] {
        // SAFETY: the caller's promise.
        unsafe { load_taps(from) }.map(|tap| widen_u8(tap))
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn dot_quads(acc: [int32x4_t; 4], a: [Words; 4], w: [Words; 4]) -> [int32x4_t; 4] {
        let first = multiply_add(multiply_add(acc, a[0], w[0]), a[1], w[1]);
        multiply_add(multiply_add(first, a[2], w[2]), a[3], w[3])
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn dot_three(acc: [int32x4_t; 4], a: [Words; 4], w: [Words; 4], first: usize) -> [int32x4_t; 4] {
        let two = multiply_add(multiply_add(acc, a[first], w[first]), a[first + 1], w[first + 1]);
        multiply_add(two, a[first + 2], w[first + 2])
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn centred(w: [Words; 4], ones: [Words; 4], w_zero: [int32x4_t; 4]) -> [Words; 4] {
        let zero = [vmovn_high_s32(vmovn_s32(w_zero[0]), w_zero[1]), vmovn_high_s32(vmovn_s32(w_zero[2]), w_zero[3])];
        let tap = |i: usize| [vmlsq_s16(w[i][0], ones[i][0], zero[0]), vmlsq_s16(w[i][1], ones[i][1], zero[1])];
        [tap(0), tap(1), tap(2), tap(3)]
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
