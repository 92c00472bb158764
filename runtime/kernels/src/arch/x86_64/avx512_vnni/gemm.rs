//! Matrix products and convolutions. Two panels by twelve rows are 24 of the 32 registers.

use super::Zmm;
use crate::arch::generic::gemm::{Form, Tiles};
use crate::arch::generic::simd::Simd;
use crate::arch::generic::tile::{RequantTile, SumTile, Tile, TileRequant, requant_tiles, sum_tiles};
use crate::arch::instantiate::{family, products};

pub(crate) static TILES: Tiles = Tiles {
    families: &[
        family!(
            Zmm,
            "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi",
            1,
            [1: 8, 2: 4, 3: 4, 4: 2, 5: 2, 6: 2, 7: 2, 8: 2, 9: 1, 10: 1, 11: 1, 12: 1, 13: 1, 14: 1, 15: 1, 16: 1]
        ),
        family!(
            Zmm,
            "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi",
            2,
            [1: 4, 2: 4, 3: 2, 4: 2, 5: 1, 6: 1, 7: 1, 8: 1, 9: 1, 10: 1, 11: 1, 12: 1]
        ),
    ],
    form: Form::of::<Zmm>(),
    row_sum: Zmm::row_sum,
};

products!(Zmm, "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi", TILES);
