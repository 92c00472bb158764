//! What becomes of the exact sums of products.

use crate::arch::GemmFns;
use crate::arch::choice::TileChoice;
use crate::error::{ShapeError, exactly};
use crate::gemm::GemmInput;

/// To u8: `q = round_ties_even(min(f32(acc + bias[c]) * scale[c], hi - zero)) + zero`, then not below `lo`.
///
/// Clamping before the conversion keeps every intermediate in range; a product that is no number gives `hi`. Both slices
/// have one entry for each output channel.
#[derive(Clone, Copy, Debug)]
pub struct Requant<'a> {
    /// Bias in units of the accumulator, with the input's zero point folded in: `bias - a_zero * wsum`.
    pub bias: &'a [i32],
    /// Scale of input times weights over scale of the output.
    pub scale: &'a [f32],
    /// Zero point of the output.
    pub zero: u8,
    /// Smallest output.
    pub lo: u8,
    /// Largest output.
    pub hi: u8,
}

/// To f32: `f32(acc - a_zero * wsum[c]) * (a_scale * scale[c]) + bias[c]`, each operation rounded by itself. The
/// slices have one entry for each output channel.
#[derive(Clone, Copy, Debug)]
pub struct Dynamic<'a> {
    /// Zero point of the input.
    pub a_zero: u8,
    /// Sum of each channel's weights.
    pub wsum: &'a [i32],
    /// Scale of the input.
    pub a_scale: f32,
    /// Scale of each channel's weights.
    pub scale: &'a [f32],
    /// Bias.
    pub bias: &'a [f32],
}

/// To i32: `acc - a_zero * wsum[c]`. The slice has one entry for each output channel.
#[derive(Clone, Copy, Debug)]
pub struct Raw<'a> {
    /// Zero point of the input.
    pub a_zero: u8,
    /// Sum of each channel's weights.
    pub wsum: &'a [i32],
}

/// One of [`Requant`], [`Dynamic`] and [`Raw`].
pub trait Epilogue: Copy + sealed::Sealed {
    /// Element type of the output.
    type Out: bytemuck::Pod;

    /// Accepts parameters for `n` channels.
    #[doc(hidden)]
    fn check(&self, n: usize) -> Result<(), ShapeError>;

    /// The definition, for the sum `acc` of channel `c`.
    #[doc(hidden)]
    fn finish(&self, acc: i32, c: usize) -> Self::Out;

    /// Runs the kernel of `fns` that ends with this.
    ///
    /// # Safety
    /// As for the functions of [`GemmFns`].
    #[doc(hidden)]
    unsafe fn gemm(
        &self,
        fns: &GemmFns,
        tile: TileChoice,
        input: &GemmInput<'_>,
        out: &mut [Self::Out],
        ldo: usize,
        scratch: &mut [u8],
    );
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Requant<'_> {}
    impl Sealed for super::Dynamic<'_> {}
    impl Sealed for super::Raw<'_> {}
}

impl Epilogue for Requant<'_> {
    type Out = u8;

    fn check(&self, n: usize) -> Result<(), ShapeError> {
        exactly("bias", n, self.bias.len())?;
        exactly("scale", n, self.scale.len())
    }

    fn finish(&self, acc: i32, c: usize) -> u8 {
        requantize(acc.wrapping_add(self.bias[c]) as f32 * self.scale[c], self.zero, self.lo, self.hi)
    }

    unsafe fn gemm(
        &self,
        fns: &GemmFns,
        tile: TileChoice,
        input: &GemmInput<'_>,
        out: &mut [u8],
        ldo: usize,
        scratch: &mut [u8],
    ) {
        // SAFETY: the caller's promise.
        unsafe { (fns.requant)(tile, input, self, out, ldo, scratch) }
    }
}

impl Epilogue for Dynamic<'_> {
    type Out = f32;

    fn check(&self, n: usize) -> Result<(), ShapeError> {
        exactly("wsum", n, self.wsum.len())?;
        exactly("scale", n, self.scale.len())?;
        exactly("bias", n, self.bias.len())
    }

    fn finish(&self, acc: i32, c: usize) -> f32 {
        let centred = acc.wrapping_sub(self.wsum[c].wrapping_mul(i32::from(self.a_zero)));
        centred as f32 * (self.a_scale * self.scale[c]) + self.bias[c]
    }

    unsafe fn gemm(
        &self,
        fns: &GemmFns,
        tile: TileChoice,
        input: &GemmInput<'_>,
        out: &mut [f32],
        ldo: usize,
        scratch: &mut [u8],
    ) {
        // SAFETY: the caller's promise.
        unsafe { (fns.dynamic)(tile, input, self, out, ldo, scratch) }
    }
}

impl Epilogue for Raw<'_> {
    type Out = i32;

    fn check(&self, n: usize) -> Result<(), ShapeError> {
        exactly("wsum", n, self.wsum.len())
    }

    fn finish(&self, acc: i32, c: usize) -> i32 {
        acc.wrapping_sub(self.wsum[c].wrapping_mul(i32::from(self.a_zero)))
    }

    unsafe fn gemm(
        &self,
        fns: &GemmFns,
        tile: TileChoice,
        input: &GemmInput<'_>,
        out: &mut [i32],
        ldo: usize,
        scratch: &mut [u8],
    ) {
        // SAFETY: the caller's promise.
        unsafe { (fns.raw)(tile, input, self, out, ldo, scratch) }
    }
}

/// `real` in quanta of the output, rounded to nearest with ties to even, within `lo..=hi`.
pub(crate) fn requantize(real: f32, zero: u8, lo: u8, hi: u8) -> u8 {
    let zero = i32::from(zero);
    let below_hi = real.min((i32::from(hi) - zero) as f32);
    let clamped = below_hi.max((i32::from(lo) - zero) as f32);
    (round_ties_even(clamped) + zero) as u8
}

/// Rounds a number of magnitude below 2^22: added to 1.5 * 2^23 its fraction has no bits left, and IEEE addition
/// rounds ties to even.
fn round_ties_even(x: f32) -> i32 {
    const MAGIC: f32 = 12_582_912.0;
    (x + MAGIC).to_bits() as i32 - MAGIC.to_bits() as i32
}
