//! Matrix products and convolutions. One panel by six rows are 24 of the 32 registers, which leaves six for activations
//! and two for weights.

use core::arch::aarch64::*;

use super::{NeonDotprod, sdot_lane};
use crate::arch::aarch64::lanes::flip;
use crate::arch::aarch64::rows::{Blocks, Place, walk};
use crate::arch::generic::gemm::{Form, Tiles};
use crate::arch::generic::simd::Simd;
use crate::arch::generic::tile::{Tile, TileRequant, requant_tiles, sum_tiles};
use crate::arch::instantiate::{family, products};

pub(crate) static TILES: Tiles = Tiles {
    families: &[family!(NeonDotprod, "neon,dotprod", 1, [1: 4, 2: 2, 4: 1, 6: 1])],
    form: Form::of::<NeonDotprod>(),
    row_sum: NeonDotprod::row_sum,
};

products!(NeonDotprod, "neon,dotprod", TILES);

/// See `Simd::products`.
///
/// # Safety
/// As for it.
#[inline(always)]
pub(super) unsafe fn products<const MR: usize, const NP: usize, const KU: usize>(
    tile: &Tile,
    init: [[[int32x4_t; 4]; NP]; MR],
) -> [[[int32x4_t; 4]; NP]; MR] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = Sums { sets: [[[NeonDotprod::splat_i32(0); NP]; MR]; KU] };
        sums.sets[0] = init;
        walk(tile, &mut sums);
        sums.join()
    }
}

/// KU sets of sums, which the groups of a block are spread over.
struct Sums<const MR: usize, const NP: usize, const KU: usize> {
    sets: [[[[int32x4_t; 4]; NP]; MR]; KU],
}

impl<const MR: usize, const NP: usize, const KU: usize> Sums<MR, NP, KU> {
    /// Adds the products of the group in the given lane of activations.
    #[inline(always)]
    unsafe fn lane<const LANE: usize>(&mut self, a: &[int8x16_t; MR], at: Place) {
        let set = &mut self.sets[LANE % KU];
        for p in 0..NP {
            for i in 0..4 {
                // SAFETY: the caller's promise.
                unsafe {
                    let w = vld1q_s8(at.weights.add(p * at.panel_len + 16 * i));
                    for (sums, &a) in set.iter_mut().zip(a) {
                        sums[p][i] = sdot_lane::<LANE>(sums[p][i], w, a);
                    }
                }
            }
        }
    }

    /// The sums of all sets.
    #[inline(always)]
    unsafe fn join(self) -> [[[int32x4_t; 4]; NP]; MR] {
        let mut total = self.sets[0];
        for part in &self.sets[1..] {
            for (total, part) in total.iter_mut().flatten().zip(part.iter().flatten()) {
                // SAFETY: the caller's promise.
                *total = unsafe { NeonDotprod::add(*total, *part) };
            }
        }
        total
    }
}

impl<const MR: usize, const NP: usize, const KU: usize> Blocks<MR> for Sums<MR, NP, KU> {
    const GROUPS: usize = 4;

    #[inline(always)]
    unsafe fn block(&mut self, at: Place) {
        // SAFETY: the caller's promise of 16 activations of each row.
        unsafe {
            let mut a = [vdupq_n_s8(0); MR];
            for (r, a) in a.iter_mut().enumerate() {
                *a = flip(vld1q_u8(at.a.add(r * at.lda)));
            }
            self.lane::<0>(&a, at);
            self.lane::<1>(&a, at.after(1));
            self.lane::<2>(&a, at.after(2));
            self.lane::<3>(&a, at.after(3));
        }
    }

    #[inline(always)]
    unsafe fn group(&mut self, at: Place) {
        // SAFETY: the caller's promise of 4 activations of each row.
        unsafe {
            let mut a = [vdupq_n_s8(0); MR];
            for (r, a) in a.iter_mut().enumerate() {
                *a = NeonDotprod::splat(at.a.add(r * at.lda));
            }
            self.lane::<0>(&a, at);
        }
    }
}
