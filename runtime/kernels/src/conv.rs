//! Convolutions.

use crate::arch::choice::TileChoice;
use crate::arch::{self, ConvFn};
use crate::epilogue::{Epilogue, Requant};
use crate::error::{ShapeError, at_least, exactly};
use crate::gemm::{check_w_zero, strided};
use crate::isa::Isa;
use crate::name::KernelName;
use crate::panel::Panels;
use crate::taps::Taps;

/// Operands of [`Conv::run`]; one image, one group.
#[derive(Clone, Copy, Debug)]
pub struct ConvInput<'a> {
    /// The image, at least `taps.input_len()` bytes.
    pub input: &'a [u8],
    /// Zero point of the image: what a tap in the padding reads.
    pub zero: u8,
    /// Where each tap lies.
    pub taps: Taps<'a>,
    /// Weights, `taps.depth()` deep, in the order `[kh][kw][run]`.
    pub panels: Panels<'a>,
    /// Zero points of the weights, one per output channel; empty if all are 0.
    pub w_zero: &'a [i32],
}

/// A picked kernel of a convolution.
#[derive(Clone, Copy, Debug)]
pub struct Conv {
    name: KernelName,
    run: ConvFn,
    isa: Isa,
    tile: TileChoice,
    rows: usize,
    scratch_len: usize,
}

impl Conv {
    /// Picks the kernel for `n` output channels and these windows. It is right for other windows too, but may need
    /// another scratch.
    pub fn select(isa: Isa, n: usize, taps: &Taps<'_>) -> Self {
        Self::new(isa, taps, arch::gemm_choice(isa, [arch::conv_rows(isa, taps), n, taps.depth()]))
    }

    /// The kernels of all tiles that [`Conv::select`] might have picked, itself among them: for benches and tests. Their
    /// results are the same.
    pub fn candidates(isa: Isa, n: usize, taps: &Taps<'_>) -> impl Iterator<Item = Self> {
        arch::gemm_candidates(isa, arch::conv_rows(isa, taps), n).map(move |tile| Self::new(isa, taps, tile))
    }

    fn new(isa: Isa, taps: &Taps<'_>, tile: TileChoice) -> Self {
        let rows = arch::conv_rows(isa, taps);
        Self {
            name: KernelName::new("conv_qu8_qc8w", arch::gemm_tile(isa, tile, rows), isa),
            run: arch::conv_fn(isa),
            isa,
            tile,
            rows,
            scratch_len: arch::conv_scratch(isa, taps),
        }
    }

    /// The kernel's name.
    pub const fn name(&self) -> KernelName {
        self.name
    }

    /// Rows of the products that the convolution consists of: all its output points, or those of a line that are at hand
    /// at a time. The tile is picked for them.
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes of scratch that [`Conv::run`] needs for the windows of [`Conv::select`], at any alignment.
    pub const fn scratch_len(&self) -> usize {
        self.scratch_len
    }

    /// Computes `out[(oy * ow + ox) * ldo + c]` for each output point and channel; what lies between the points keeps
    /// its value, so that groups can write their channels side by side.
    pub fn run(
        &self,
        input: ConvInput<'_>,
        epilogue: Requant<'_>,
        out: &mut [u8],
        ldo: usize,
        scratch: &mut [u8],
    ) -> Result<(), ShapeError> {
        let n = input.panels.n();
        exactly("panels.k", input.taps.depth(), input.panels.k())?;
        at_least("input", Some(input.taps.input_len()), input.input.len())?;
        check_w_zero(input.w_zero, n)?;
        epilogue.check(n)?;
        at_least("ldo", Some(n), ldo)?;
        at_least("out", strided(input.taps.points(), ldo, n), out.len())?;
        at_least("scratch", Some(arch::conv_scratch(self.isa, &input.taps)), scratch.len())?;
        // SAFETY: an `Isa` is proof of its features, and the slices have been checked above.
        unsafe { (self.run)(self.tile, &input, &epilogue, out, ldo, scratch) };
        Ok(())
    }
}
