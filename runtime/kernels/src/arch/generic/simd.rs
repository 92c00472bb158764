//! What an instruction set brings.

use super::tile::{self, Tile};

/// Vectors of the 16 channels of a panel and the operations that kernels are made of.
///
/// # Safety of the methods
/// - The CPU has the instruction set.
/// - Pointers are valid for the bytes that the method says it reads or writes, at any alignment.
/// - `len` lies in `1..=16`.
pub(crate) trait Simd: Copy {
    /// 16 integers.
    type I32: Copy;
    /// 16 numbers.
    type F32: Copy;
    /// 16 bytes.
    type Bytes: Copy;
    /// 16 sums of products in progress.
    type Acc: Copy;
    /// Four activations, the same for all channels.
    type Splat: Copy;
    /// Four activations of each channel.
    type Quads: Copy;
    /// Four weights of each channel.
    type Weights: Copy;

    /// Sums that begin with the given values.
    unsafe fn start(from: Self::I32) -> Self::Acc;
    /// The values of the sums.
    unsafe fn sum(acc: Self::Acc) -> Self::I32;
    /// Bytes that an activation takes in the rows of a tile: where the dot product works on wider integers, rows are
    /// expanded once and then serve all panels.
    const EXPANDED: usize = 1;

    /// Writes `len` activations as the rows of a tile have them, filled up with zeros to whole groups of 4:
    /// `EXPANDED * len.next_multiple_of(4)` bytes. Where `EXPANDED` is 1 it is a plain copy of `len` bytes.
    #[inline(always)]
    unsafe fn expand(from: *const u8, to: *mut u8, len: usize) {
        // SAFETY: the caller's promise.
        unsafe { core::ptr::copy_nonoverlapping(from, to, len) }
    }
    /// Reads a group of 4 activations as [`Simd::expand`] leaves them.
    unsafe fn splat(from: *const u8) -> Self::Splat;
    /// Reads 64 bytes, `[16][4]`.
    unsafe fn weights(from: *const i8) -> Self::Weights;
    /// `acc[c] + sum of a[i] * w[c][i]`, wrapping, without an intermediate that saturates.
    unsafe fn dot(acc: Self::Acc, a: Self::Splat, w: Self::Weights) -> Self::Acc;
    /// Reads 16 bytes, one of each channel, from each of four taps.
    unsafe fn quads(from: [*const u8; 4]) -> Self::Quads;
    /// `acc[c] + sum of a[c][i] * w[c][i]`, as [`Simd::dot`].
    unsafe fn dot_quads(acc: Self::Acc, a: Self::Quads, w: Self::Weights) -> Self::Acc;
    /// The same where only three places count, from `first` on, 0 or 1, and the weight of the other one is 0.
    #[inline(always)]
    unsafe fn dot_three(acc: Self::Acc, a: Self::Quads, w: Self::Weights, first: usize) -> Self::Acc {
        let _ = first;
        // SAFETY: the caller's promise.
        unsafe { Self::dot_quads(acc, a, w) }
    }
    /// Weights less the zero point of each channel where `ones` has ones; both fit in 9 bits. Where weights are bytes, zero
    /// points have to be 0.
    #[inline(always)]
    unsafe fn centred(w: Self::Weights, ones: Self::Weights, w_zero: Self::I32) -> Self::Weights {
        let _ = (ones, w_zero);
        w
    }

    /// `sum` and what [`Simd::dot_quads`] leaves out for these weights: nothing, unless the instruction set changes the
    /// sign of activations.
    #[inline(always)]
    unsafe fn quad_offset(sum: Self::I32, _: Self::Weights) -> Self::I32 {
        sum
    }
    /// What [`Simd::products`] leaves out for the weights of a tile, the same for all rows.
    #[inline(always)]
    unsafe fn offsets<const NP: usize>(_: &Tile) -> [Self::I32; NP] {
        // SAFETY: the caller's promise.
        unsafe { [Self::splat_i32(0); NP] }
    }
    /// The sums of a tile that begin with `init`, less its offsets. KU is how many sets of sums each group of the
    /// depth may choose from.
    #[inline(always)]
    unsafe fn products<const MR: usize, const NP: usize, const KU: usize>(
        tile: &Tile,
        init: [[Self::I32; NP]; MR],
    ) -> [[Self::I32; NP]; MR] {
        // SAFETY: the caller's promise.
        unsafe { tile::products::<Self, MR, NP, KU>(tile, init) }
    }
    /// Sum of `len` activations of a tile's row; `len` may be any number.
    unsafe fn row_sum(from: *const u8, len: usize) -> i32;

    /// One value for all channels.
    unsafe fn splat_i32(value: i32) -> Self::I32;
    /// Reads `len` integers, the others are 0.
    unsafe fn load_i32(from: *const i32, len: usize) -> Self::I32;
    /// Writes `len` integers.
    unsafe fn store_i32(to: *mut i32, value: Self::I32, len: usize);
    /// Reads 16 bytes.
    unsafe fn load_u8(from: *const u8) -> Self::I32;
    /// `max(q + zero, lo)` of two vectors as bytes, saturating; `zero` is repeated in every 16 bits, `lo` in every 8.
    unsafe fn narrow(q: [Self::I32; 2], zero: Self::I32, lo: Self::I32) -> [Self::Bytes; 2];
    /// Writes `len` bytes.
    unsafe fn store_u8(to: *mut u8, value: Self::Bytes, len: usize);
    /// `a + b`, wrapping.
    unsafe fn add(a: Self::I32, b: Self::I32) -> Self::I32;
    /// `a - b`, wrapping.
    unsafe fn sub(a: Self::I32, b: Self::I32) -> Self::I32;
    /// `a * b`, wrapping.
    unsafe fn mul(a: Self::I32, b: Self::I32) -> Self::I32;

    /// One value for all channels.
    unsafe fn splat_f32(value: f32) -> Self::F32;
    /// Reads `len` numbers, the others are 0.
    unsafe fn load_f32(from: *const f32, len: usize) -> Self::F32;
    /// Writes `len` numbers.
    unsafe fn store_f32(to: *mut f32, value: Self::F32, len: usize);
    /// Conversion, rounded to nearest.
    unsafe fn to_f32(value: Self::I32) -> Self::F32;
    /// Conversion of numbers up to 2^15, rounded to nearest with ties to even. Where that lies below -2^22, any integer up to
    /// -2^22 will do: [`Simd::narrow`] saturates it.
    unsafe fn round(value: Self::F32) -> Self::I32;
    /// `a + b`.
    unsafe fn add_f32(a: Self::F32, b: Self::F32) -> Self::F32;
    /// `a * b`.
    unsafe fn mul_f32(a: Self::F32, b: Self::F32) -> Self::F32;
    /// `a / b`.
    unsafe fn div_f32(a: Self::F32, b: Self::F32) -> Self::F32;
    /// The smaller; `b` where either is no number.
    unsafe fn min_f32(a: Self::F32, b: Self::F32) -> Self::F32;
}

/// Output quantization, one value for all channels.
#[derive(Clone, Copy)]
pub(crate) struct Quanta<S: Simd> {
    zero: S::I32,
    lo: S::I32,
    above: S::F32,
}

impl<S: Simd> Quanta<S> {
    /// # Safety
    /// The CPU has the instruction set.
    #[inline(always)]
    pub(crate) unsafe fn new(zero: u8, lo: u8, hi: u8) -> Self {
        // SAFETY: the caller's promise.
        unsafe {
            Self {
                zero: S::splat_i32(i32::from(zero) * 0x1_0001),
                lo: S::splat_i32(i32::from_ne_bytes([lo; 4])),
                above: S::splat_f32((i32::from(hi) - i32::from(zero)) as f32),
            }
        }
    }

    /// Two vectors of real numbers in quanta, as `epilogue::requantize` defines it. The lower bound is applied to bytes:
    /// rounding keeps order, and whatever lies below the range of an integer saturates.
    ///
    /// # Safety
    /// The CPU has the instruction set.
    #[inline(always)]
    pub(crate) unsafe fn requantize(&self, real: [S::F32; 2]) -> [S::Bytes; 2] {
        // SAFETY: the caller's promise.
        unsafe {
            let q = [S::round(S::min_f32(real[0], self.above)), S::round(S::min_f32(real[1], self.above))];
            S::narrow(q, self.zero, self.lo)
        }
    }
}
