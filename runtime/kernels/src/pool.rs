//! Pools.

use crate::arch::{self, PoolFns};
use crate::error::{ShapeError, at_least, exactly};
use crate::isa::Isa;
use crate::name::KernelName;
use crate::taps::Taps;

/// A picked kernel of an average pool.
#[derive(Clone, Copy, Debug)]
pub struct AvgPool {
    name: KernelName,
    fns: &'static PoolFns,
}

/// `f32(sum over the taps inside the image of (q - a_zero)) * scale[point]`, requantized as in
/// [`Requant`](crate::Requant).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AvgPoolParams {
    /// Zero point of the input.
    pub a_zero: u8,
    /// Zero point of the output.
    pub zero: u8,
    /// Smallest output.
    pub lo: u8,
    /// Largest output.
    pub hi: u8,
}

/// A picked kernel of a maximum pool.
#[derive(Clone, Copy, Debug)]
pub struct MaxPool {
    name: KernelName,
    fns: &'static PoolFns,
}

impl AvgPool {
    /// Picks the kernel.
    pub fn select(isa: Isa) -> Self {
        Self { name: KernelName::new("avg_pool_qu8", arch::pool_tile(isa), isa), fns: arch::pool_fns(isa) }
    }

    /// The kernel's name.
    pub const fn name(&self) -> KernelName {
        self.name
    }

    /// Computes `out[(oy * ow + ox) * channels + c]`, where the channels are the run of `taps`. `scale` has one entry per
    /// output point: scale of the input over scale of the output and the number of taps that count.
    pub fn run(
        &self,
        params: AvgPoolParams,
        input: &[u8],
        taps: &Taps<'_>,
        scale: &[f32],
        out: &mut [u8],
    ) -> Result<(), ShapeError> {
        check(input, taps, out)?;
        exactly("scale", taps.points(), scale.len())?;
        // SAFETY: an `Isa` is proof of its features, and the slices have been checked above.
        unsafe { (self.fns.avg)(&params, input, taps, scale, out) };
        Ok(())
    }
}

impl MaxPool {
    /// Picks the kernel.
    pub fn select(isa: Isa) -> Self {
        Self { name: KernelName::new("max_pool_qu8", arch::pool_tile(isa), isa), fns: arch::pool_fns(isa) }
    }

    /// The kernel's name.
    pub const fn name(&self) -> KernelName {
        self.name
    }

    /// Computes `out[(oy * ow + ox) * channels + c]`, where the channels are the run of `taps`: the largest tap inside the
    /// image, 0 where there is none.
    pub fn run(&self, input: &[u8], taps: &Taps<'_>, out: &mut [u8]) -> Result<(), ShapeError> {
        check(input, taps, out)?;
        // SAFETY: an `Isa` is proof of its features, and the slices have been checked above.
        unsafe { (self.fns.max)(input, taps, out) };
        Ok(())
    }
}

fn check(input: &[u8], taps: &Taps<'_>, out: &[u8]) -> Result<(), ShapeError> {
    at_least("input", Some(taps.input_len()), input.len())?;
    at_least("out", taps.points().checked_mul(taps.shape().run), out.len())
}
