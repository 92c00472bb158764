//! Matrix products and convolutions. One panel by six rows are 12 of the 16 registers.

use super::{Evex, Vex};
use crate::arch::generic::gemm::{Form, Tiles};
use crate::arch::generic::simd::Simd;
use crate::arch::generic::tile::{RequantTile, SumTile, Tile, TileRequant, requant_tiles, sum_tiles};
use crate::arch::instantiate::{family, products};

macro_rules! encoding {
    ($module:ident, $simd:ty, $features:literal) => {
        pub(crate) mod $module {
            use super::*;

            pub(crate) static TILES: Tiles = Tiles {
        families: &[family!($simd, $features, 1, [1: 4, 2: 2, 3: 2, 4: 1, 5: 1, 6: 1])],
                form: Form::of::<$simd>(),
                row_sum: <$simd>::row_sum,
            };

            products!($simd, $features, TILES);
        }
    };
}

encoding!(vex, Vex, "avx2,avxvnni");
encoding!(evex, Evex, "avx2,avx512vnni,avx512vl");
