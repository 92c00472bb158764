//! Matrix products and convolutions. One panel by two rows are 16 of the 32 registers.
//!
//! Two products of bytes with a sign fit into 16 bits, unless all four factors are -128, and are then added in pairs to
//! 32 bits. So that any weights will do, even and odd groups take activations differently: an even group
//! as `a - 128`, an odd one as `127 - a`, whose products are subtracted. Now one product of the two lies in
//! `-16256..=16384` and so does what is subtracted: the difference is at most 32640 off zero.

use core::arch::aarch64::*;
use core::marker::PhantomData;

use super::Neon;
use crate::arch::aarch64::lanes::{flip, load_group, load_weights};
use crate::arch::aarch64::rows::{Blocks, Place, walk};
use crate::arch::generic::gemm::{Form, Tiles};
use crate::arch::generic::simd::Simd;
use crate::arch::generic::tile::{Tile, TileRequant, requant_tiles, sum_tiles};
use crate::arch::instantiate::{family, products};
use crate::panel::PANEL;

pub(crate) static TILES: Tiles =
    Tiles { families: &[family!(Neon, "neon", 1, [1: 1, 2: 1])], form: Form::of::<Neon>(), row_sum: Neon::row_sum };

products!(Neon, "neon", TILES);

/// Activations of an odd group.
#[inline]
#[target_feature(enable = "neon")]
fn mirror(bytes: uint8x16_t) -> int8x16_t {
    vreinterpretq_s8_u8(veorq_u8(bytes, vdupq_n_u8(0x7f)))
}

/// Products of the first 8 bytes.
#[inline]
#[target_feature(enable = "neon")]
fn product_low(a: int8x16_t, w: int8x16_t) -> int16x8_t {
    vmull_s8(vget_low_s8(a), vget_low_s8(w))
}

/// Partial sums that begin with the given values.
#[inline]
#[target_feature(enable = "neon")]
fn start(from: [int32x4_t; 4]) -> [int32x4_t; 8] {
    let zero = vdupq_n_s32(0);
    let [a, b, c, d] = from.map(|sum| [vzip1q_s32(sum, zero), vzip2q_s32(sum, zero)]);
    [a[0], a[1], b[0], b[1], c[0], c[1], d[0], d[1]]
}

/// The values of partial sums.
#[inline]
#[target_feature(enable = "neon")]
fn sum(acc: [int32x4_t; 8]) -> [int32x4_t; 4] {
    [vpaddq_s32(acc[0], acc[1]), vpaddq_s32(acc[2], acc[3]), vpaddq_s32(acc[4], acc[5]), vpaddq_s32(acc[6], acc[7])]
}

/// Adds the products of one group.
#[inline]
#[target_feature(enable = "neon")]
fn multiply(acc: [int32x4_t; 8], a: int8x16_t, w: [int8x16_t; 4]) -> [int32x4_t; 8] {
    [
        vpadalq_s16(acc[0], product_low(a, w[0])),
        vpadalq_s16(acc[1], vmull_high_s8(a, w[0])),
        vpadalq_s16(acc[2], product_low(a, w[1])),
        vpadalq_s16(acc[3], vmull_high_s8(a, w[1])),
        vpadalq_s16(acc[4], product_low(a, w[2])),
        vpadalq_s16(acc[5], vmull_high_s8(a, w[2])),
        vpadalq_s16(acc[6], product_low(a, w[3])),
        vpadalq_s16(acc[7], vmull_high_s8(a, w[3])),
    ]
}

/// See `Simd::products`.
///
/// # Safety
/// As for it.
#[inline(always)]
pub(super) unsafe fn products<const MR: usize, const NP: usize>(
    tile: &Tile,
    init: [[[int32x4_t; 4]; NP]; MR],
) -> [[[int32x4_t; 4]; NP]; MR] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut rows = Sums { sums: init.map(|row| row.map(|sums| start(sums))), activations: PhantomData::<Loaded> };
        walk(tile, &mut rows);
        rows.sums.map(|row| row.map(|sums| sum(sums)))
    }
}

/// See `Simd::offsets`: what comes out for activations of 0, negated.
///
/// # Safety
/// As for it.
#[inline(always)]
pub(super) unsafe fn offsets<const NP: usize>(tile: &Tile) -> [[int32x4_t; 4]; NP] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut row = Sums { sums: [[[vdupq_n_s32(0); 8]; NP]; 1], activations: PhantomData::<Zeros> };
        walk(tile, &mut row);
        row.sums[0].map(|sums| sum(sums).map(|sum| vnegq_s32(sum)))
    }
}

/// Where a group's activations come from.
trait Activations {
    /// # Safety
    /// As for the methods of [`Blocks`].
    unsafe fn group(from: *const u8) -> uint8x16_t;
}

struct Loaded;

impl Activations for Loaded {
    #[inline(always)]
    unsafe fn group(from: *const u8) -> uint8x16_t {
        // SAFETY: the caller's promise.
        unsafe { load_group(from) }
    }
}

struct Zeros;

impl Activations for Zeros {
    #[inline(always)]
    unsafe fn group(_: *const u8) -> uint8x16_t {
        // SAFETY: the caller's promise.
        unsafe { vdupq_n_u8(0) }
    }
}

/// A panel of sums in progress is eight registers of 2 channels with 2 partial sums each.
struct Sums<A, const MR: usize, const NP: usize> {
    sums: [[[int32x4_t; 8]; NP]; MR],
    activations: PhantomData<A>,
}

impl<A: Activations, const MR: usize, const NP: usize> Blocks<MR> for Sums<A, MR, NP> {
    const GROUPS: usize = 2;

    #[inline(always)]
    unsafe fn block(&mut self, at: Place) {
        // SAFETY: the caller's promise of 8 activations of each row and 128 bytes of each panel.
        unsafe {
            let mut a = [[vdupq_n_s8(0); 2]; MR];
            for (r, a) in a.iter_mut().enumerate() {
                let from = at.a.wrapping_add(r * at.lda);
                *a = [flip(A::group(from)), mirror(A::group(from.wrapping_add(4)))];
            }
            for p in 0..NP {
                for i in 0..4 {
                    let from = at.weights.add(p * at.panel_len + 16 * i);
                    let w = [vld1q_s8(from), vld1q_s8(from.add(4 * PANEL))];
                    for (sums, a) in self.sums.iter_mut().zip(&a) {
                        let low = vmlsl_s8(product_low(a[0], w[0]), vget_low_s8(a[1]), vget_low_s8(w[1]));
                        let high = vmlsl_high_s8(vmull_high_s8(a[0], w[0]), a[1], w[1]);
                        let sums = &mut sums[p];
                        sums[2 * i] = vpadalq_s16(sums[2 * i], low);
                        sums[2 * i + 1] = vpadalq_s16(sums[2 * i + 1], high);
                    }
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn group(&mut self, at: Place) {
        // SAFETY: the caller's promise of 4 activations of each row and 64 bytes of each panel.
        unsafe {
            for (r, sums) in self.sums.iter_mut().enumerate() {
                let a = flip(A::group(at.a.wrapping_add(r * at.lda)));
                for (p, sums) in sums.iter_mut().enumerate() {
                    *sums = multiply(*sums, a, load_weights(at.weights.add(p * at.panel_len)));
                }
            }
        }
    }
}
