//! Depthwise convolutions of multiplier 1.

use crate::arch::{self, DepthwiseFn};
use crate::epilogue::{Epilogue, Requant};
use crate::error::{ShapeError, at_least, exactly};
use crate::gemm::check_w_zero;
use crate::isa::Isa;
use crate::name::KernelName;
use crate::panel::Panels;
use crate::taps::Taps;

/// Operands of [`Depthwise::run`]; one image. Each channel has its own filter.
#[derive(Clone, Copy, Debug)]
pub struct DepthwiseInput<'a> {
    /// The image, at least `taps.input_len()` bytes.
    pub input: &'a [u8],
    /// Zero point of the image: what a tap in the padding reads.
    pub zero: u8,
    /// Where each tap lies; its `run` is the number of channels.
    pub taps: Taps<'a>,
    /// Weights of `taps.shape().run` channels, `taps.window()` deep.
    pub panels: Panels<'a>,
    /// Zero points of the weights, one per channel; empty if all are 0.
    pub w_zero: &'a [i32],
}

/// A picked kernel of a depthwise convolution.
#[derive(Clone, Copy, Debug)]
pub struct Depthwise {
    name: KernelName,
    run: DepthwiseFn,
    isa: Isa,
    scratch_len: usize,
}

impl Depthwise {
    /// Picks the kernel for these windows. It is right for other windows too, but may need another scratch.
    pub fn select(isa: Isa, taps: &Taps<'_>) -> Self {
        Self {
            name: KernelName::new("depthwise_qu8_qc8w", arch::depthwise_tile(isa), isa),
            run: arch::depthwise_fn(isa),
            isa,
            scratch_len: arch::depthwise_scratch(isa, taps),
        }
    }

    /// The kernel's name.
    pub const fn name(&self) -> KernelName {
        self.name
    }

    /// Bytes of scratch that [`Depthwise::run`] needs for the windows of [`Depthwise::select`], at any alignment.
    pub const fn scratch_len(&self) -> usize {
        self.scratch_len
    }

    /// Computes `out[(oy * ow + ox) * channels + c]` for each output point and channel.
    pub fn run(
        &self,
        input: DepthwiseInput<'_>,
        epilogue: Requant<'_>,
        out: &mut [u8],
        scratch: &mut [u8],
    ) -> Result<(), ShapeError> {
        let channels = input.taps.shape().run;
        exactly("panels.n", channels, input.panels.n())?;
        exactly("panels.k", input.taps.window(), input.panels.k())?;
        at_least("input", Some(input.taps.input_len()), input.input.len())?;
        check_w_zero(input.w_zero, channels)?;
        epilogue.check(channels)?;
        at_least("out", input.taps.points().checked_mul(channels), out.len())?;
        at_least("scratch", Some(arch::depthwise_scratch(self.isa, &input.taps)), scratch.len())?;
        // SAFETY: an `Isa` is proof of its features, and the slices have been checked above.
        unsafe { (self.run)(&input, &epilogue, out, scratch) };
        Ok(())
    }
}
