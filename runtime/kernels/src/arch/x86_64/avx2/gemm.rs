//! Matrix products and convolutions. One panel by three rows are 12 of the 16 registers.

use super::Avx2;
use crate::arch::generic::gemm::Tiles;
use crate::arch::generic::simd::Simd;
use crate::arch::generic::tile::{RequantTile, SumTile, Tile, TileRequant, requant_tile, sum_tile};
use crate::arch::x86_64::instantiate::{family, products};

pub(crate) static TILES: Tiles =
    Tiles { families: &[family!(Avx2, "avx2", 1, [1: 2, 2: 1, 3: 1])], byte_sum: Avx2::byte_sum };

products!(Avx2, "avx2", TILES);
