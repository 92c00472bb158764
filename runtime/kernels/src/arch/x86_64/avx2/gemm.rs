//! Matrix products and convolutions. One panel by six rows are 12 of the 16 registers, and so are three panels by one row.
//!
//! A single row meets each weight only once, so that widening weights takes nearly as long as their products. There
//! `vpmovsxbw` widens in one instruction, in the order of the panel: two neighbouring sums belong to one channel and are joined
//! at the end. More rows would need too many registers for that.

use core::arch::x86_64::*;

use super::{Avx2, kept};
use crate::arch::choice::{ANY, Choice};
use crate::arch::generic::gemm::{Form, Tiles};
use crate::arch::generic::simd::Simd;
use crate::arch::generic::tile::{self, Tile, TileRequant, requant_tiles, sum_tiles};
use crate::arch::instantiate::{family, products};
use crate::panel::{GROUP, PANEL};

pub(crate) static TILES: Tiles = Tiles {
    families: &[
        family!(Avx2, "avx2", 1, [1: 1, 2: 1, 4: 1, 6: 1]),
        family!(Avx2, "avx2", 2, [1: 1]),
        family!(Avx2, "avx2", 3, [1: 1]),
    ],
    form: Form::of::<Avx2>(),
    row_sum: Avx2::row_sum,
};

/// Timed on Zen 3 and on Sapphire Rapids.
pub(crate) const CHOICES: &[Choice] = &[
    Choice { m: 1..=1, n: ANY, k: 0..=16, tile: TileChoice { panels: 2, rows: 1 } },
    Choice { m: 1..=1, n: ANY, k: ANY, tile: TileChoice { panels: 3, rows: 1 } },
    Choice { m: 9..=9, n: ANY, k: ANY, tile: TileChoice { panels: 1, rows: 4 } },
    Choice { m: ANY, n: ANY, k: ANY, tile: TileChoice { panels: 1, rows: 6 } },
];

products!(Avx2, "avx2", TILES);

/// See `Simd::products`.
///
/// # Safety
/// As for it.
#[inline(always)]
pub(super) unsafe fn products<const MR: usize, const NP: usize, const KU: usize>(
    tile: &Tile,
    init: [[[__m256i; 2]; NP]; MR],
) -> [[[__m256i; 2]; NP]; MR] {
    // SAFETY: the caller's promise.
    unsafe { if MR == 1 { [row::<NP, KU>(tile, init[0]); MR] } else { tile::products::<Avx2, MR, NP, KU>(tile, init) } }
}

/// Sums of one row and panel by 4 channels, two of each: of the first two depths of each group and of the others.
type Halves = [__m256i; 4];

/// The sums of one row.
///
/// # Safety
/// As for [`products`].
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn row<const NP: usize, const KU: usize>(tile: &Tile, init: [[__m256i; 2]; NP]) -> [[__m256i; 2]; NP] {
    let mut sets = [[[_mm256_setzero_si256(); 4]; NP]; KU];
    let mut weights = tile.weights;
    // SAFETY: the caller's promise; the weights advance by one group for each group of the row.
    unsafe {
        for s in 0..tile.segment_count {
            let mut a = (*tile.segments.add(s)).add(tile.offset);
            for _ in 0..tile.groups / KU {
                for sums in &mut sets {
                    add_group(sums, a, weights, tile.panel_len);
                    a = a.add(GROUP * Avx2::EXPANDED);
                    weights = weights.add(PANEL * GROUP);
                }
            }
            for _ in 0..tile.groups % KU {
                add_group(&mut sets[0], a, weights, tile.panel_len);
                a = a.add(GROUP * Avx2::EXPANDED);
                weights = weights.add(PANEL * GROUP);
            }
        }
    }
    let mut total = init;
    for (p, total) in total.iter_mut().enumerate() {
        for set in &sets {
            for (total, halves) in total.iter_mut().zip(set[p].chunks_exact(2)) {
                *total = _mm256_add_epi32(*total, joined(halves[0], halves[1]));
            }
        }
    }
    total
}

/// Adds the products of one group of activations with NP panels.
///
/// # Safety
/// `a` is valid for 8 bytes, and 64 bytes of each panel from `weights` on, `panel_len` apart.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn add_group<const NP: usize>(sums: &mut [Halves; NP], a: *const u8, weights: *const i8, panel_len: usize) {
    // From the order of `expanded` to that of weights.
    let order = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15));
    // SAFETY: the caller's promise.
    unsafe {
        let a = _mm256_shuffle_epi8(_mm256_set1_epi64x(a.cast::<i64>().read_unaligned()), order);
        for (p, sums) in sums.iter_mut().enumerate() {
            for (i, sum) in sums.iter_mut().enumerate() {
                let w = _mm_loadu_si128(weights.add(p * panel_len + 16 * i).cast());
                *sum = kept(_mm256_add_epi32(*sum, _mm256_madd_epi16(a, _mm256_cvtepi8_epi16(w))));
            }
        }
    }
}

/// The sums of 8 channels, of which each has two that are neighbours.
#[inline]
#[target_feature(enable = "avx2")]
fn joined(first: __m256i, second: __m256i) -> __m256i {
    _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_hadd_epi32(first, second))
}
