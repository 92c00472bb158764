//! Matrix products and convolutions. One panel by two rows are 8 of the 16 registers that an engine has on x86.

use super::Simd128;
use crate::arch::generic::gemm::{Form, Tiles};
use crate::arch::generic::simd::Simd;
use crate::arch::generic::tile::{Tile, TileRequant, requant_tiles, sum_tiles};
use crate::arch::instantiate::{family, products};

pub(crate) static TILES: Tiles = Tiles {
    families: &[family!(Simd128, "simd128", 1, [1: 1, 2: 1])],
    form: Form::of::<Simd128>(),
    row_sum: Simd128::row_sum,
};

products!(Simd128, "simd128", TILES);
