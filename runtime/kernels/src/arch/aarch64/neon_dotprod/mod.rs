//! 128-bit vectors with byte dot products of one sign.
//!
//! Activations have no sign and weights have one, so the sign bit of activations is flipped where they are loaded, which makes
//! each 128 less; sums begin with 128 times the weights' sums instead.

mod depthwise;
mod elementwise;
mod gemm;
mod pool;

use core::arch::aarch64::*;
use core::arch::asm;

use super::lanes::{flip, interleave, lanes, load_group, load_taps, load_weights};
use crate::arch::generic::simd::Simd;
use crate::arch::generic::tile::Tile;
use crate::panel::{GROUP, PANEL};

pub(crate) use depthwise::{depthwise, depthwise_scratch};
pub(crate) use elementwise::ELEMENTWISE;
pub(crate) use gemm::{CONV, GEMM, TILES};
pub(crate) use pool::POOL;

#[derive(Clone, Copy)]
struct NeonDotprod;

/// `acc[i] + sum of a[4 * i + j] * w[4 * i + j]` over four `j`.
#[inline]
#[target_feature(enable = "neon,dotprod")]
pub(super) fn sdot(acc: int32x4_t, a: int8x16_t, w: int8x16_t) -> int32x4_t {
    let mut sum = acc;
    // SAFETY: one instruction of an enabled feature that touches registers only.
    unsafe {
        asm!("sdot {sum:v}.4s, {a:v}.16b, {w:v}.16b", sum = inout(vreg) sum, a = in(vreg) a, w = in(vreg) w,
            options(pure, nomem, nostack, preserves_flags));
    }
    sum
}

/// [`sdot`] with the same four activations, those from `4 * LANE` on, for all `i`.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn sdot_lane<const LANE: usize>(acc: int32x4_t, w: int8x16_t, a: int8x16_t) -> int32x4_t {
    let mut sum = acc;
    // SAFETY: as in `sdot`.
    unsafe {
        asm!("sdot {sum:v}.4s, {w:v}.16b, {a:v}.4b[{lane}]", sum = inout(vreg) sum, w = in(vreg) w, a = in(vreg) a,
            lane = const LANE, options(pure, nomem, nostack, preserves_flags));
    }
    sum
}

/// The part of a group's sums that flipped activations leave out, for weights in one register.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn add_offset(sum: int32x4_t, w: int8x16_t) -> int32x4_t {
    // No activation is less than -128, which is 0 flipped; 128 is no byte.
    let half = sdot(vdupq_n_s32(0), vdupq_n_s8(64), w);
    vaddq_s32(sum, vaddq_s32(half, half))
}

impl Simd for NeonDotprod {
    type Acc = [int32x4_t; 4];
    type Splat = int8x16_t;
    type Quads = [int8x16_t; 4];
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
    #[target_feature(enable = "neon,dotprod")]
    unsafe fn dot(acc: [int32x4_t; 4], a: int8x16_t, w: [int8x16_t; 4]) -> [int32x4_t; 4] {
        [sdot(acc[0], a, w[0]), sdot(acc[1], a, w[1]), sdot(acc[2], a, w[2]), sdot(acc[3], a, w[3])]
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn quads(from: [*const u8; 4]) -> [int8x16_t; 4] {
        // SAFETY: the caller's promise.
        interleave(unsafe { load_taps(from) }).map(|quad| flip(quad))
    }

    #[inline]
    #[target_feature(enable = "neon,dotprod")]
    unsafe fn dot_quads(acc: [int32x4_t; 4], a: [int8x16_t; 4], w: [int8x16_t; 4]) -> [int32x4_t; 4] {
        [sdot(acc[0], a[0], w[0]), sdot(acc[1], a[1], w[1]), sdot(acc[2], a[2], w[2]), sdot(acc[3], a[3], w[3])]
    }

    #[inline]
    #[target_feature(enable = "neon,dotprod")]
    unsafe fn quad_offset(sum: [int32x4_t; 4], w: [int8x16_t; 4]) -> [int32x4_t; 4] {
        [add_offset(sum[0], w[0]), add_offset(sum[1], w[1]), add_offset(sum[2], w[2]), add_offset(sum[3], w[3])]
    }

    #[inline(always)]
    unsafe fn offsets<const NP: usize>(tile: &Tile) -> [[int32x4_t; 4]; NP] {
        // SAFETY: the caller's promise; a panel is whole groups.
        unsafe {
            let mut sums = [Self::splat_i32(0); NP];
            for (p, sum) in sums.iter_mut().enumerate() {
                for at in (0..tile.panel_len).step_by(PANEL * GROUP) {
                    *sum = Self::dot(*sum, vdupq_n_s8(1), Self::weights(tile.weights.add(p * tile.panel_len + at)));
                }
                *sum = sum.map(|sum| vshlq_n_s32::<7>(sum));
            }
            sums
        }
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
