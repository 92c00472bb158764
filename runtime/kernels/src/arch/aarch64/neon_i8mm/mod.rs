//! 128-bit vectors with byte dot products of mixed signs, and with matrix products of two by eight and eight by two bytes.

mod depthwise;
mod elementwise;
mod gemm;
mod pool;

use core::arch::aarch64::*;
use core::arch::asm;

use super::lanes::{interleave, lanes, load_group, load_taps, load_weights};
use crate::arch::generic::simd::Simd;
use crate::arch::generic::tile::Tile;

pub(crate) use depthwise::{depthwise, depthwise_scratch};
pub(crate) use elementwise::ELEMENTWISE;
pub(crate) use gemm::{CONV, GEMM, TILES};
pub(crate) use pool::POOL;

#[derive(Clone, Copy)]
struct NeonI8mm;

/// `acc[i] + sum of a[4 * i + j] * w[4 * i + j]` over four `j`.
#[inline]
#[target_feature(enable = "neon,i8mm")]
fn usdot(acc: int32x4_t, a: uint8x16_t, w: int8x16_t) -> int32x4_t {
    let mut sum = acc;
    // SAFETY: one instruction of an enabled feature that touches registers only.
    unsafe {
        asm!("usdot {sum:v}.4s, {a:v}.16b, {w:v}.16b", sum = inout(vreg) sum, a = in(vreg) a, w = in(vreg) w,
            options(pure, nomem, nostack, preserves_flags));
    }
    sum
}

/// [`usdot`] with the same four activations, those from `4 * LANE` on, for all `i`.
#[inline]
#[target_feature(enable = "neon,i8mm")]
fn sudot_lane<const LANE: usize>(acc: int32x4_t, w: int8x16_t, a: uint8x16_t) -> int32x4_t {
    let mut sum = acc;
    // SAFETY: as in `usdot`.
    unsafe {
        asm!("sudot {sum:v}.4s, {w:v}.16b, {a:v}.4b[{lane}]", sum = inout(vreg) sum, w = in(vreg) w, a = in(vreg) a,
            lane = const LANE, options(pure, nomem, nostack, preserves_flags));
    }
    sum
}

/// `acc[2 * r + c] + sum of a[8 * r + j] * w[8 * c + j]` over eight `j`.
#[inline]
#[target_feature(enable = "neon,i8mm")]
pub(super) fn usmmla(acc: int32x4_t, a: uint8x16_t, w: int8x16_t) -> int32x4_t {
    let mut sum = acc;
    // SAFETY: as in `usdot`.
    unsafe {
        asm!("usmmla {sum:v}.4s, {a:v}.16b, {w:v}.16b", sum = inout(vreg) sum, a = in(vreg) a, w = in(vreg) w,
            options(pure, nomem, nostack, preserves_flags));
    }
    sum
}

impl Simd for NeonI8mm {
    type Acc = [int32x4_t; 4];
    type Splat = uint8x16_t;
    type Quads = [uint8x16_t; 4];
    type Weights = [int8x16_t; 4];

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
    unsafe fn splat(from: *const u8) -> uint8x16_t {
        // SAFETY: the caller's promise of 4 bytes.
        unsafe { load_group(from) }
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn weights(from: *const i8) -> [int8x16_t; 4] {
        // SAFETY: the caller's promise of 64 bytes.
        unsafe { load_weights(from) }
    }

    #[inline]
    #[target_feature(enable = "neon,i8mm")]
    unsafe fn dot(acc: [int32x4_t; 4], a: uint8x16_t, w: [int8x16_t; 4]) -> [int32x4_t; 4] {
        [usdot(acc[0], a, w[0]), usdot(acc[1], a, w[1]), usdot(acc[2], a, w[2]), usdot(acc[3], a, w[3])]
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn quads(from: [*const u8; 4]) -> [uint8x16_t; 4] {
        // SAFETY: the caller's promise.
        interleave(unsafe { load_taps(from) })
    }

    #[inline]
    #[target_feature(enable = "neon,i8mm")]
    unsafe fn dot_quads(acc: [int32x4_t; 4], a: [uint8x16_t; 4], w: [int8x16_t; 4]) -> [int32x4_t; 4] {
        [usdot(acc[0], a[0], w[0]), usdot(acc[1], a[1], w[1]), usdot(acc[2], a[2], w[2]), usdot(acc[3], a[3], w[3])]
    }

    #[inline(always)]
    unsafe fn products<const MR: usize, const NP: usize, const KU: usize>(
        tile: &Tile,
        init: [[[int32x4_t; 4]; NP]; MR],
    ) -> [[[int32x4_t; 4]; NP]; MR] {
        // SAFETY: the caller's promise.
        unsafe { gemm::products::<MR, NP, KU>(tile, init) }
    }
}
