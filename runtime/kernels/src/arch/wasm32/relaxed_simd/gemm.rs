//! Matrix products and convolutions. One panel by four rows are 16 registers of sums.

use core::arch::wasm32::*;

use super::{RelaxedSimd, dot};
use crate::arch::generic::gemm::{Form, Tiles};
use crate::arch::generic::simd::Simd;
use crate::arch::generic::tile::{Tile, TileRequant, requant_tiles, sum_tiles};
use crate::arch::instantiate::{family, products};
use crate::panel::{GROUP, PANEL};

pub(crate) static TILES: Tiles = Tiles {
    families: &[family!(RelaxedSimd, "simd128,relaxed-simd", 1, [1: 2, 2: 1, 4: 1])],
    form: Form::of::<RelaxedSimd>(),
    row_sum: RelaxedSimd::row_sum,
};

products!(RelaxedSimd, "simd128,relaxed-simd", TILES, takes: super::is_small);

/// See `Simd::products`. Half a panel has half of the products.
///
/// # Safety
/// As for it.
#[inline(always)]
pub(super) unsafe fn products<const MR: usize, const NP: usize, const KU: usize>(
    tile: &Tile,
    init: [[[v128; 4]; NP]; MR],
) -> [[[v128; 4]; NP]; MR] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = Sums { sets: [[[[i32x4_splat(0); 4]; NP]; MR]; KU] };
        sums.sets[0] = init;
        if tile.channels <= PANEL / 2 {
            sums.add::<2>(tile)
        } else {
            sums.add::<4>(tile)
        }
        sums.join()
    }
}

/// KU sets of sums, which groups take in turns.
struct Sums<const MR: usize, const NP: usize, const KU: usize> {
    sets: [[[[v128; 4]; NP]; MR]; KU],
}

impl<const MR: usize, const NP: usize, const KU: usize> Sums<MR, NP, KU> {
    /// Adds the products of the first VECTORS times four channels.
    ///
    /// # Safety
    /// As for [`products`].
    #[inline(always)]
    unsafe fn add<const VECTORS: usize>(&mut self, tile: &Tile) {
        // SAFETY: the caller's promise; the weights advance by one group for each 4 activations of a row.
        unsafe {
            let mut weights = tile.weights;
            let mut a = (*tile.segments).add(tile.offset);
            if tile.segment_count == 1 {
                for _ in 0..tile.groups / 2 {
                    self.group::<VECTORS>(tile, 0, a, weights);
                    self.group::<VECTORS>(tile, KU - 1, a.add(GROUP), weights.add(PANEL * GROUP));
                    a = a.add(2 * GROUP);
                    weights = weights.add(2 * PANEL * GROUP);
                }
                if tile.groups % 2 == 1 {
                    self.group::<VECTORS>(tile, 0, a, weights);
                }
                return;
            }
            // One loop over the groups of all segments: each loop has its price, and segments are short.
            let last = tile.segments.add(tile.segment_count - 1);
            let (mut segment, mut left) = (tile.segments, tile.groups);
            loop {
                self.group::<VECTORS>(tile, 0, a, weights);
                weights = weights.add(PANEL * GROUP);
                a = a.add(GROUP);
                left -= 1;
                if left == 0 {
                    if segment == last {
                        break;
                    }
                    segment = segment.add(1);
                    a = (*segment).add(tile.offset);
                    left = tile.groups;
                }
            }
        }
    }

    /// Adds the products of a group. Each vector of weights meets all rows before the next is read, so that few of them need registers.
    ///
    /// # Safety
    /// As for [`products`].
    #[inline(always)]
    unsafe fn group<const VECTORS: usize>(&mut self, tile: &Tile, set: usize, a: *const u8, weights: *const i8) {
        // SAFETY: the caller's promise.
        unsafe {
            let mut splats = [i32x4_splat(0); MR];
            for (r, splat) in splats.iter_mut().enumerate() {
                *splat = v128_load32_splat(a.add(r * tile.lda).cast());
            }
            for p in 0..NP {
                for i in 0..VECTORS {
                    let w = v128_load(weights.add(p * tile.panel_len + 16 * i).cast());
                    for (sums, &splat) in self.sets[set].iter_mut().zip(&splats) {
                        sums[p][i] = dot(sums[p][i], splat, w);
                    }
                }
            }
        }
    }

    /// The sums of all sets.
    #[inline(always)]
    unsafe fn join(self) -> [[[v128; 4]; NP]; MR] {
        let mut total = self.sets[0];
        for part in &self.sets[1..] {
            for (total, part) in total.iter_mut().flatten().zip(part.iter().flatten()) {
                // SAFETY: the caller's promise.
                *total = unsafe { RelaxedSimd::add(*total, *part) };
            }
        }
        total
    }
}
