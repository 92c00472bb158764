//! Convolutions.

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
    scratch_len: usize,
}

impl Conv {
    /// Picks the kernel for `n` output channels and these windows. It is right for other windows too, but may need
    /// another scratch.
    pub fn select(isa: Isa, n: usize, taps: &Taps<'_>) -> Self {
        let tile = arch::gemm_tile(isa, taps.points(), n);
        Self {
            name: KernelName::new("conv_qu8_qc8w", tile, isa),
            run: arch::conv_fn(isa),
            isa,
            scratch_len: arch::conv_scratch(isa, taps),
        }
    }

    /// The kernel's name.
    pub const fn name(&self) -> KernelName {
        self.name
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
        unsafe { (self.run)(&input, &epilogue, out, ldo, scratch) };
        Ok(())
    }
}
