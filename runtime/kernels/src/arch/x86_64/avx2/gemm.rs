//! Matrix products and convolutions. One panel by five rows are 10 of the 16 registers.

use super::Avx2;
use crate::arch::generic::gemm::{Form, Tiles};
use crate::arch::generic::simd::Simd;
use crate::arch::generic::tile::{RequantTile, SumTile, Tile, TileRequant, requant_tiles, sum_tiles};
use crate::arch::instantiate::{family, products};

pub(crate) static TILES: Tiles = Tiles {
    families: &[family!(Avx2, "avx2", 1, [1: 2, 2: 1, 3: 1, 4: 1, 5: 1])],
    form: Form::of::<Avx2>(),
    row_sum: Avx2::row_sum,
};

products!(Avx2, "avx2", TILES);
