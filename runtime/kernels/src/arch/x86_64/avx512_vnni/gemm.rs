//! Matrix products and convolutions. Four panels by six rows, and two by twelve, are 24 of the 32 registers.
//!
//! Where the last of three panels has 8 channels or fewer, as it has for 40 channels, one vector of weights is two groups of them: the
//! even sums are those of the first group, the odd ones those of the second.

use core::arch::x86_64::*;

use super::Zmm;
use crate::arch::choice::{ANY, Choice};
use crate::arch::generic::gemm::{Form, Tiles};
use crate::arch::generic::simd::Simd;
use crate::arch::generic::tile::{self, Tile, TileRequant, requant_tiles, sum_tiles};
use crate::arch::instantiate::{family, products};
use crate::panel::{GROUP, PANEL};

pub(crate) static TILES: Tiles = Tiles {
    families: &[
        family!(
            Zmm,
            "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi",
            1,
            [1: 8, 2: 4, 4: 2, 8: 2, 16: 1]
        ),
        family!(
            Zmm,
            "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi",
            2,
            [1: 4, 2: 4, 4: 2, 8: 1, 12: 1]
        ),
        family!(
            Zmm,
            "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi",
            3,
            [1: 2, 2: 2, 4: 1, 8: 1]
        ),
        family!(
            Zmm,
            "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi",
            4,
            [1: 2, 2: 1, 4: 1, 6: 1]
        ),
    ],
    form: Form::of::<Zmm>(),
    row_sum: Zmm::row_sum,
};

/// Timed on Sapphire Rapids.
pub(crate) const CHOICES: &[Choice] = &[
    Choice { m: 1..=1, n: ANY, k: ANY, tile: TileChoice { panels: 4, rows: 1 } },
    // Two times three panels instead of four and two.
    Choice { m: 2..=4, n: 65..=96, k: 256..=usize::MAX, tile: TileChoice { panels: 3, rows: 4 } },
    // Four panels so deep leave no room in the L1 cache for rows.
    Choice { m: 17..=usize::MAX, n: ANY, k: 512..=usize::MAX, tile: TileChoice { panels: 2, rows: 12 } },
    Choice { m: ANY, n: ANY, k: ANY, tile: TileChoice { panels: 4, rows: 6 } },
];

products!(Zmm, "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi", TILES);

/// See `Simd::products`.
///
/// # Safety
/// As for it.
#[inline(always)]
pub(super) unsafe fn products<const MR: usize, const NP: usize, const KU: usize>(
    tile: &Tile,
    init: [[__m512i; NP]; MR],
) -> [[__m512i; NP]; MR] {
    // Two panels have too few products for so many loads, and shallow ones don't make up for putting the sums in order.
    let halved = MR == 8 && NP == 3 && tile.channels <= 2 * PANEL + PANEL / 2 && tile.groups >= 16;
    // SAFETY: the caller's promise.
    unsafe { if halved { halves::<MR, NP>(tile, init) } else { tile::products::<Zmm, MR, NP, KU>(tile, init) } }
}

/// The sums of a tile whose last panel has 8 channels at most.
///
/// # Safety
/// As for [`products`].
#[inline(always)]
unsafe fn halves<const MR: usize, const NP: usize>(tile: &Tile, init: [[__m512i; NP]; MR]) -> [[__m512i; NP]; MR] {
    let last = NP - 1;
    let mut sums = init;
    let mut weights = tile.weights;
    // SAFETY: the caller's promise; the weights advance by one group for each 4 activations of a row.
    unsafe {
        for row in &mut sums {
            row[last] = apart(row[last]);
        }
        for s in 0..tile.segment_count {
            let mut a = (*tile.segments.add(s)).add(tile.offset);
            for _ in 0..tile.groups / 2 {
                whole_panels::<MR, NP>(tile, &mut sums, a, weights);
                whole_panels::<MR, NP>(tile, &mut sums, a.add(GROUP), weights.add(PANEL * GROUP));
                let half = weights.add(last * tile.panel_len);
                let half = paired(Zmm::weights(half), Zmm::weights(half.add(PANEL * GROUP)));
                for (r, sums) in sums.iter_mut().enumerate() {
                    sums[last] = Zmm::dot(sums[last], splat_two(a.add(r * tile.lda)), half);
                }
                a = a.add(2 * GROUP);
                weights = weights.add(2 * PANEL * GROUP);
            }
            if !tile.groups.is_multiple_of(2) {
                whole_panels::<MR, NP>(tile, &mut sums, a, weights);
                let half = apart(Zmm::weights(weights.add(last * tile.panel_len)));
                for (r, sums) in sums.iter_mut().enumerate() {
                    sums[last] = Zmm::dot(sums[last], Zmm::splat(a.add(r * tile.lda)), half);
                }
                weights = weights.add(PANEL * GROUP);
            }
        }
        for row in &mut sums {
            row[last] = joined(row[last]);
        }
    }
    sums
}

/// The first 8 channels in the even places, zeros in the odd ones.
#[inline]
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi")]
fn apart(channels: __m512i) -> __m512i {
    _mm512_cvtepu32_epi64(_mm512_castsi512_si256(channels))
}

/// The first 8 channels of one in the even places, of the other in the odd ones.
#[inline]
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi")]
fn paired(even: __m512i, odd: __m512i) -> __m512i {
    let order = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    _mm512_permutex2var_epi32(even, order, odd)
}

/// Two groups of activations, the same for 8 channels.
///
/// # Safety
/// They are valid.
#[inline]
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi")]
unsafe fn splat_two(from: *const u8) -> __m512i {
    // SAFETY: the caller's promise of 8 bytes.
    _mm512_set1_epi64(unsafe { from.cast::<i64>().read_unaligned() })
}

/// The sums of 8 channels from those of the even and the odd places.
#[inline]
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi")]
fn joined(sums: __m512i) -> __m512i {
    let joined = _mm512_add_epi32(sums, _mm512_srli_epi64::<32>(sums));
    _mm512_zextsi256_si512(_mm512_cvtepi64_epi32(joined))
}

/// Adds the products of one group with all panels but the last.
///
/// # Safety
/// As for [`products`]; `a` is valid for 4 activations of each row.
#[inline(always)]
unsafe fn whole_panels<const MR: usize, const NP: usize>(
    tile: &Tile,
    sums: &mut [[__m512i; NP]; MR],
    a: *const u8,
    weights: *const i8,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut w = [Zmm::weights(weights); NP];
        for (p, w) in w.iter_mut().enumerate().take(NP - 1).skip(1) {
            *w = Zmm::weights(weights.add(p * tile.panel_len));
        }
        for (r, sums) in sums.iter_mut().enumerate() {
            let splat = Zmm::splat(a.add(r * tile.lda));
            for (sum, &w) in sums.iter_mut().zip(&w).take(NP - 1) {
                *sum = Zmm::dot(*sum, splat, w);
            }
        }
    }
}
