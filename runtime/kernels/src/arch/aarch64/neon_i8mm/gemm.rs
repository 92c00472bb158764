//! Matrix products and convolutions. One panel by four rows are 16 of the 32 registers, which leaves enough for the weights of
//! two groups, zipped.
//!
//! An instruction multiplies two rows by two channels, 8 deep. Two groups of a panel, zipped by words, have 8 weights of each
//! channel one after another; two rows of 8 activations are loaded into one register. A single row takes
//! dot products.

use core::arch::aarch64::*;

use super::{NeonI8mm, sudot_lane, usmmla};
use crate::arch::aarch64::rows::{Blocks, Place, walk};
use crate::arch::generic::gemm::{Form, Tiles};
use crate::arch::generic::simd::Simd;
use crate::arch::generic::tile::{Tile, TileRequant, requant_tiles, sum_tiles};
use crate::arch::instantiate::{family, products};
use crate::panel::PANEL;

pub(crate) static TILES: Tiles = Tiles {
    families: &[family!(NeonI8mm, "neon,dotprod,i8mm", 1, [1: 4, 2: 1, 4: 1])],
    form: Form::of::<NeonI8mm>(),
    row_sum: NeonI8mm::row_sum,
};

/// Pairs of rows of a tile at most.
const PAIRS: usize = 2;

products!(NeonI8mm, "neon,dotprod,i8mm", TILES);

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
        if MR == 1 {
            let mut row = Row { sets: [[NeonI8mm::splat_i32(0); NP]; KU] };
            row.sets[0] = init[0];
            walk::<_, MR>(tile, &mut row);
            [row.join(); MR]
        } else {
            let mut pairs = Pairs::<MR, NP>::start(init);
            walk(tile, &mut pairs);
            pairs.sum()
        }
    }
}

/// KU sets of sums of one row.
struct Row<const NP: usize, const KU: usize> {
    sets: [[[int32x4_t; 4]; NP]; KU],
}

impl<const NP: usize, const KU: usize> Row<NP, KU> {
    /// Adds the products of the group in the given lane of activations.
    #[inline(always)]
    unsafe fn lane<const LANE: usize>(&mut self, a: uint8x16_t, at: Place) {
        for (p, sums) in self.sets[LANE % KU].iter_mut().enumerate() {
            for (i, sum) in sums.iter_mut().enumerate() {
                // SAFETY: the caller's promise.
                unsafe {
                    let w = vld1q_s8(at.weights.add(p * at.panel_len + 16 * i));
                    *sum = sudot_lane::<LANE>(*sum, w, a);
                }
            }
        }
    }

    /// The sums of all sets.
    #[inline(always)]
    unsafe fn join(self) -> [[int32x4_t; 4]; NP] {
        let mut total = self.sets[0];
        for part in &self.sets[1..] {
            for (total, part) in total.iter_mut().zip(part) {
                // SAFETY: the caller's promise.
                *total = unsafe { NeonI8mm::add(*total, *part) };
            }
        }
        total
    }
}

impl<const MR: usize, const NP: usize, const KU: usize> Blocks<MR> for Row<NP, KU> {
    const GROUPS: usize = 4;

    #[inline(always)]
    unsafe fn block(&mut self, at: Place) {
        // SAFETY: the caller's promise of 16 activations.
        unsafe {
            let a = vld1q_u8(at.a);
            self.lane::<0>(a, at);
            self.lane::<1>(a, at.after(1));
            self.lane::<2>(a, at.after(2));
            self.lane::<3>(a, at.after(3));
        }
    }

    #[inline(always)]
    unsafe fn group(&mut self, at: Place) {
        // SAFETY: the caller's promise of 4 activations.
        unsafe { self.lane::<0>(NeonI8mm::splat(at.a), at) }
    }
}

/// Sums of pairs of rows: each register has two channels of the first row, then of the second. Where the number of rows is odd
/// the last one is its own partner.
struct Pairs<const MR: usize, const NP: usize> {
    sums: [[[int32x4_t; 8]; NP]; PAIRS],
}

/// The rows of a pair.
#[inline(always)]
fn rows_of<const MR: usize>(pair: usize) -> [usize; 2] {
    [2 * pair, (2 * pair + 1).min(MR - 1)]
}

impl<const MR: usize, const NP: usize> Pairs<MR, NP> {
    #[inline(always)]
    unsafe fn start(init: [[[int32x4_t; 4]; NP]; MR]) -> Self {
        // SAFETY: the caller's promise.
        unsafe {
            let mut sums = [[[vdupq_n_s32(0); 8]; NP]; PAIRS];
            for (pair, sums) in sums.iter_mut().enumerate().take(MR.div_ceil(2)) {
                let [first, second] = rows_of::<MR>(pair);
                for (p, sums) in sums.iter_mut().enumerate() {
                    for i in 0..4 {
                        let rows = [init[first][p][i], init[second][p][i]].map(|row| vreinterpretq_s64_s32(row));
                        sums[2 * i] = vreinterpretq_s32_s64(vzip1q_s64(rows[0], rows[1]));
                        sums[2 * i + 1] = vreinterpretq_s32_s64(vzip2q_s64(rows[0], rows[1]));
                    }
                }
            }
            Self { sums }
        }
    }

    #[inline(always)]
    unsafe fn sum(self) -> [[[int32x4_t; 4]; NP]; MR] {
        // SAFETY: the caller's promise.
        unsafe {
            let mut out = [[[vdupq_n_s32(0); 4]; NP]; MR];
            for (pair, sums) in self.sums.iter().enumerate().take(MR.div_ceil(2)) {
                let [first, second] = rows_of::<MR>(pair);
                for (p, sums) in sums.iter().enumerate() {
                    for i in 0..4 {
                        let both = [sums[2 * i], sums[2 * i + 1]].map(|sums| vreinterpretq_s64_s32(sums));
                        out[second][p][i] = vreinterpretq_s32_s64(vzip2q_s64(both[0], both[1]));
                        out[first][p][i] = vreinterpretq_s32_s64(vzip1q_s64(both[0], both[1]));
                    }
                }
            }
            out
        }
    }

    /// Adds the products of two groups. `second` are 64 bytes after the weights, or zeros.
    #[inline(always)]
    unsafe fn add(&mut self, a: [uint8x16_t; PAIRS], at: Place, both: bool) {
        for p in 0..NP {
            for i in 0..4 {
                // SAFETY: the caller's promise.
                let [even, odd] = unsafe {
                    let from = at.weights.add(p * at.panel_len + 16 * i);
                    let second = if both { vld1q_s8(from.add(4 * PANEL)) } else { vdupq_n_s8(0) };
                    let words = [vreinterpretq_s32_s8(vld1q_s8(from)), vreinterpretq_s32_s8(second)];
                    [vzip1q_s32(words[0], words[1]), vzip2q_s32(words[0], words[1])].map(|w| vreinterpretq_s8_s32(w))
                };
                for (sums, &a) in self.sums.iter_mut().zip(&a).take(MR.div_ceil(2)) {
                    let sums = &mut sums[p];
                    // SAFETY: the caller's promise.
                    unsafe {
                        sums[2 * i] = usmmla(sums[2 * i], a, even);
                        sums[2 * i + 1] = usmmla(sums[2 * i + 1], a, odd);
                    }
                }
            }
        }
    }
}

impl<const MR: usize, const NP: usize> Blocks<MR> for Pairs<MR, NP> {
    const GROUPS: usize = 2;

    #[inline(always)]
    unsafe fn block(&mut self, at: Place) {
        // SAFETY: the caller's promise of 8 activations of each row.
        unsafe {
            let mut a = [vdupq_n_u8(0); PAIRS];
            for (pair, a) in a.iter_mut().enumerate().take(MR.div_ceil(2)) {
                let rows = rows_of::<MR>(pair).map(|r| vld1_u8(at.a.add(r * at.lda)));
                *a = vcombine_u8(rows[0], rows[1]);
            }
            self.add(a, at, true);
        }
    }

    #[inline(always)]
    unsafe fn group(&mut self, at: Place) {
        // SAFETY: the caller's promise of 4 activations of each row.
        unsafe {
            let mut a = [vdupq_n_u8(0); PAIRS];
            for (pair, a) in a.iter_mut().enumerate().take(MR.div_ceil(2)) {
                let rows = rows_of::<MR>(pair).map(|r| at.a.add(r * at.lda).cast::<u32>().read_unaligned());
                *a = vcombine_u8(vcreate_u8(u64::from(rows[0])), vcreate_u8(u64::from(rows[1])));
            }
            self.add(a, at, false);
        }
    }
}
