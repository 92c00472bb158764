//! What becomes of the exact sums of products.

use crate::arch::GemmFns;
use crate::arch::choice::TileChoice;
use crate::error::{ShapeError, exactly};
use crate::gemm::GemmInput;

/// To u8: `q = max(min(round_ties_even(f32(acc + bias[c]) * scale[c]) + zero, hi), lo)`.
///
/// Both slices have one entry for each output channel. They are such that [`Requant::fits`]; fast kernels convert to integers
/// before they clamp, and what exceeds an integer may become any byte.
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

impl Requant<'_> {
    /// Whether no sum of `depth` products of bytes and a channel's bias can exceed an integer when it is scaled.
    pub fn fits(depth: usize, channels: impl IntoIterator<Item = (i32, f32)>) -> bool {
        const PRODUCT: f64 = 255.0 * 255.0;
        const LARGEST_SUM: f64 = 2_147_483_648.0;
        let products = depth as f64 * PRODUCT;
        channels.into_iter().all(|(bias, scale)| {
            let sum = (products + f64::from(bias).abs()).min(LARGEST_SUM);
            // Half of an integer's range leaves room for rounding; a scale that is no number doesn't fit.
            sum * f64::from(scale).abs() < LARGEST_SUM / 2.0
        })
    }
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

/// `real` in quanta of the output, rounded to nearest with ties to even, within `lo..=hi`; what is no number counts as large. Compared and not
/// clamped, because a build for WebAssembly with relaxed instructions takes a minimum that may be no number.
pub(crate) fn requantize(real: f32, zero: u8, lo: u8, hi: u8) -> u8 {
    let zero = i32::from(zero);
    if real < (i32::from(hi) - zero) as f32 {
        if real > (i32::from(lo) - zero) as f32 { (round_ties_even(real) + zero) as u8 } else { lo }
    } else {
        hi.max(lo)
    }
}

/// Rounds a number of magnitude below 2^22: added to 1.5 * 2^23 its fraction has no bits left, and IEEE addition
/// rounds ties to even.
fn round_ties_even(x: f32) -> i32 {
    const MAGIC: f32 = 12_582_912.0;
    (x + MAGIC).to_bits() as i32 - MAGIC.to_bits() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_fit_unless_a_scaled_sum_could_exceed_an_integer() {
        let fits = |depth, bias, scale| Requant::fits(depth, [(0, 0.01), (bias, scale)]);
        assert!(fits(1152, 100_000, 1.0));
        assert!(fits(1152, -100_000, -1.0));
        assert!(!fits(1152, 100_000, 100.0));
        assert!(!fits(1152, i32::MIN, 0.5));
        assert!(fits(usize::MAX, i32::MIN, 0.499));
        assert!(!fits(1, 0, f32::NAN));
        assert!(!fits(1, 0, f32::INFINITY));
    }
}
