//! How the tiles of all ARM instruction sets walk along their rows.

use crate::arch::generic::tile::Tile;
use crate::panel::{GROUP, PANEL};

/// Sums of a tile in progress.
///
/// # Safety of the methods
/// The CPU has the instruction set; activations are valid for the groups of each row, which are `lda` bytes apart, weights for
/// those of each panel, `panel_len` bytes apart.
pub(super) trait Blocks<const MR: usize> {
    /// Groups of a block.
    const GROUPS: usize;

    /// Adds the products of one block.
    unsafe fn block(&mut self, at: Place);
    /// Adds the products of one group.
    unsafe fn group(&mut self, at: Place);
}

/// Where a block begins in the first row and in the first panel.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub a: *const u8,
    pub lda: usize,
    pub weights: *const i8,
    pub panel_len: usize,
}

impl Place {
    /// The place some groups later.
    #[inline(always)]
    pub(super) fn after(self, groups: usize) -> Self {
        let (a, weights) = (self.a.wrapping_add(groups * GROUP), self.weights.wrapping_add(groups * GROUP * PANEL));
        Self { a, weights, ..self }
    }
}

/// Adds all products of a tile.
///
/// # Safety
/// The CPU has the instruction set, and the operands are valid for MR rows and the panels of the sums.
#[inline(always)]
pub(super) unsafe fn walk<B: Blocks<MR>, const MR: usize>(tile: &Tile, sums: &mut B) {
    let Tile { lda, weights, panel_len, .. } = *tile;
    let mut weights = weights;
    // SAFETY: the caller's promise; the weights advance by one group for each 4 activations of a row.
    unsafe {
        for s in 0..tile.segment_count {
            let a = (*tile.segments.add(s)).add(tile.offset);
            let mut at = Place { a, lda, weights, panel_len };
            for _ in 0..tile.groups / B::GROUPS {
                sums.block(at);
                at = at.after(B::GROUPS);
            }
            for _ in 0..tile.groups % B::GROUPS {
                sums.group(at);
                at = at.after(1);
            }
            weights = at.weights;
        }
    }
}
