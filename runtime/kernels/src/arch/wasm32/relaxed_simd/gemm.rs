//! Matrix products and convolutions. One panel by two rows are 16 registers of sums.

use super::RelaxedSimd;
use crate::arch::generic::gemm::{Form, Tiles};
use crate::arch::generic::simd::Simd;
use crate::arch::generic::tile::{Tile, TileRequant, requant_tiles, sum_tiles};
use crate::arch::instantiate::{family, products};

pub(crate) static TILES: Tiles = Tiles {
    families: &[family!(RelaxedSimd, "simd128,relaxed-simd", 1, [1: 2, 2: 1, 4: 1])],
    form: Form::of::<RelaxedSimd>(),
    row_sum: RelaxedSimd::row_sum,
};

products!(RelaxedSimd, "simd128,relaxed-simd", TILES);
