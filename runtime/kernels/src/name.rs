//! Printable names of kernels.

use core::fmt;

use crate::isa::{Isa, IsaKind};

/// `<operation>_<activation>_<weights>/<tile>/<instruction set>`, as `conv_qu8_qc8w/8x32c4/avx512_vnni`:
/// u8 activations, i8 weights per channel, tiles of 8 rows by 32 channels, 4 deep. Operations without
/// weights have no second type, and for a tile the number of elements that they take at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KernelName {
    op: &'static str,
    tile: Tile,
    isa: IsaKind,
}

/// What a kernel does at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Tile {
    /// Products of some rows, or output points, and channels.
    Product { rows: usize, channels: usize, depth: usize },
    /// Elements.
    Elements(usize),
}

impl KernelName {
    pub(crate) const fn new(op: &'static str, tile: Tile, isa: Isa) -> Self {
        Self { op, tile, isa: isa.kind() }
    }

    /// Rows and channels of the tile of a product.
    pub const fn rows_and_channels(&self) -> Option<[usize; 2]> {
        match self.tile {
            Tile::Product { rows, channels, .. } => Some([rows, channels]),
            Tile::Elements(_) => None,
        }
    }
}

impl fmt::Display for KernelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.tile {
            Tile::Product { rows, channels, depth } => {
                write!(f, "{}/{rows}x{channels}c{depth}/{}", self.op, self.isa)
            }
            Tile::Elements(elements) => write!(f, "{}/{elements}/{}", self.op, self.isa),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn follows_the_grammar() {
        let tile = Tile::Product { rows: 8, channels: 32, depth: 4 };
        let name = KernelName::new("conv_qu8_qc8w", tile, Isa::REFERENCE);
        assert_eq!(name.to_string(), "conv_qu8_qc8w/8x32c4/reference");
        let name = KernelName::new("add_qu8", Tile::Elements(32), Isa::REFERENCE);
        assert_eq!(name.to_string(), "add_qu8/32/reference");
    }
}
