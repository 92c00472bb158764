//! Matrix products and convolutions. One panel by six rows are 12 of the 16 registers.

use super::AvxVnni;
use crate::arch::generic::gemm::{Form, Tiles};
use crate::arch::generic::simd::Simd;
use crate::arch::generic::tile::{Tile, TileRequant, requant_tiles, sum_tiles};
use crate::arch::instantiate::{family, products};

pub(crate) static TILES: Tiles = Tiles {
    families: &[family!(AvxVnni, "avx2,avxvnni", 1, [1: 4, 2: 2, 4: 1, 6: 1])],
    form: Form::of::<AvxVnni>(),
    row_sum: AvxVnni::row_sum,
};

products!(AvxVnni, "avx2,avxvnni", TILES);
