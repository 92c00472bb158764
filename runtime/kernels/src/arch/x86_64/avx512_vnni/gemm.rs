//! Matrix products and convolutions. Four panels by six rows, and two by twelve, are 24 of the 32 registers.

use super::Zmm;
use crate::arch::choice::{ANY, Choice};
use crate::arch::generic::gemm::{Form, Tiles};
use crate::arch::generic::simd::Simd;
use crate::arch::generic::tile::{Tile, TileRequant, requant_tiles, sum_tiles};
use crate::arch::instantiate::{family, products};

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
    // Four panels so deep leave no room in the L1 cache for rows.
    Choice { m: 17..=usize::MAX, n: ANY, k: 512..=usize::MAX, tile: TileChoice { panels: 2, rows: 12 } },
    Choice { m: ANY, n: ANY, k: ANY, tile: TileChoice { panels: 4, rows: 6 } },
];

products!(Zmm, "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi", TILES);
