//! Which tiles a product is cut into, by its shape.
//!
//! An instruction set whose tiles have been timed has a table beside them, which `cargo bench -p dunlin-benches
//! --bench tiles` checks and proposes. The others take the widest tile, with as many rows as it has.

use core::ops::RangeInclusive;

/// How wide the tiles of a product are, and how many rows they have at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TileChoice {
    /// Width in panels. Where a product has fewer left, they are cut into the narrower tiles.
    pub panels: usize,
    /// Rows of the largest tiles of this width.
    pub rows: usize,
}

/// An entry of a table: the tile of products whose extents all lie in these bounds. The first entry that fits counts.
#[derive(Debug)]
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "only sets of x86 have tables"))]
pub(crate) struct Choice {
    /// Rows, or output points.
    pub m: RangeInclusive<usize>,
    /// Output channels.
    pub n: RangeInclusive<usize>,
    /// Depth.
    pub k: RangeInclusive<usize>,
    pub tile: TileChoice,
}

/// Bounds of an extent that doesn't matter.
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "only sets of x86 have tables"))]
pub(crate) const ANY: RangeInclusive<usize> = 0..=usize::MAX;

impl Choice {
    pub(crate) fn fits(&self, [m, n, k]: [usize; 3]) -> bool {
        self.m.contains(&m) && self.n.contains(&n) && self.k.contains(&k)
    }
}

/// The first entry that fits products of `[m, n, k]`.
pub(crate) fn choose(table: &[Choice], shape: [usize; 3]) -> Option<TileChoice> {
    table.iter().find(|choice| choice.fits(shape)).map(|choice| choice.tile)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::{gemm_choices, gemm_rows};
    use crate::{Gemm, Isa};
    use alloc::format;

    #[test]
    fn every_entry_names_a_tile_that_exists() {
        for isa in Isa::supported() {
            for Choice { tile, .. } in gemm_choices(isa) {
                assert_eq!(gemm_rows(isa, tile.panels, tile.rows), Some(tile.rows), "{isa} has no {tile:?}");
            }
        }
    }

    #[test]
    fn every_entry_is_the_first_for_some_shape_and_the_last_one_fits_all() {
        for isa in Isa::supported() {
            let table = gemm_choices(isa);
            let ends = |bounds: &RangeInclusive<usize>| [*bounds.start(), *bounds.end()];
            for (i, entry) in table.iter().enumerate() {
                let corners = ends(&entry.m).into_iter().flat_map(|m| {
                    ends(&entry.n).into_iter().flat_map(move |n| ends(&entry.k).into_iter().map(move |k| [m, n, k]))
                });
                let first = |shape| table.iter().position(|choice| choice.fits(shape)) == Some(i);
                assert!(corners.into_iter().any(first), "{isa}: {entry:?} is never reached");
            }
            assert!(
                table.last().is_none_or(|last| [&last.m, &last.n, &last.k].into_iter().all(|b| *b == ANY)),
                "{isa}"
            );
        }
    }

    #[test]
    fn names_are_those_of_the_chosen_tiles() {
        for isa in Isa::supported().filter(|&isa| isa != Isa::REFERENCE) {
            for [m, n, k] in
                [[1, 10, 64], [1, 128, 640], [1, 1001, 1280], [9, 256, 256], [196, 576, 96], [128, 384, 384]]
            {
                let tile = crate::arch::gemm_choice(isa, [m, n, k]);
                let rows = gemm_rows(isa, tile.panels, tile.rows.min(m)).expect("tiles of one row");
                let name = format!("gemm_qu8_qc8w/{rows}x{}c4/{isa}", tile.panels * 16);
                assert_eq!(format!("{}", Gemm::select(isa, m, n, k).name()), name);
                assert!(tile.panels <= n.div_ceil(16), "{name} is wider than {n} channels");
            }
        }
    }
}
