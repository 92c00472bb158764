//! What an instruction set brings.

use super::tile::{self, Tile};
use crate::panel::PANEL;

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
    /// The bytes of four vectors.
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

    /// Whether rows of whole groups need not be expanded.
    fn in_place() -> bool {
        Self::EXPANDED == 1
    }

    /// Writes `len` activations as the rows of a tile have them, filled up with zeros to whole groups of 4:
    /// `EXPANDED * len.next_multiple_of(4)` bytes. Where `EXPANDED` is 1 it writes `len` bytes.
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
    /// `max(min(q + zero, hi), lo)` of four vectors as bytes, saturating. `zero` is repeated in every 16 bits, `lo` and `hi` in
    /// every 8.
    unsafe fn narrow(q: [Self::I32; 4], bounds: &Bounds<Self::I32>) -> Self::Bytes;
    /// Writes the first `len` bytes of the vector `at` of four.
    unsafe fn store_u8(to: *mut u8, bytes: Self::Bytes, at: usize, len: usize);
    /// Writes the first `len` bytes, more than 16 and up to 32, of the vectors `at` and `at + 1` one after the other; `at` is even.
    #[inline(always)]
    unsafe fn store_pair(to: *mut u8, bytes: Self::Bytes, at: usize, len: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            Self::store_u8(to, bytes, at, PANEL);
            Self::store_u8(to.add(PANEL), bytes, at + 1, len - PANEL);
        }
    }
    /// Writes the first `len` bytes, more than 48 and up to 64, of all vectors one after the other.
    #[inline(always)]
    unsafe fn store_four(to: *mut u8, bytes: Self::Bytes, len: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            Self::store_pair(to, bytes, 0, 2 * PANEL);
            Self::store_pair(to.add(2 * PANEL), bytes, 2, len - 2 * PANEL);
        }
    }
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
    /// Conversion of numbers of magnitude below 2^31, rounded to nearest with ties to even. Beyond 2^22 any integer will do that is
    /// beyond it too, on the same side: [`Simd::narrow`] saturates it. What is less than -2^31 counts as such.
    unsafe fn round(value: Self::F32) -> Self::I32;
    /// `a + b`.
    unsafe fn add_f32(a: Self::F32, b: Self::F32) -> Self::F32;
    /// `a * b`.
    unsafe fn mul_f32(a: Self::F32, b: Self::F32) -> Self::F32;
    /// `a / b`.
    unsafe fn div_f32(a: Self::F32, b: Self::F32) -> Self::F32;
    /// Whether [`Simd::quotient`] is faster than [`Simd::div_f32`].
    const MULTIPLIES: bool = false;
    /// `a / b` from `inverse`, the quotient of 1 and `b`, rounded to nearest as [`Simd::div_f32`] rounds it, where [`Divisor`] allows it;
    /// beyond 2^20 it may differ in its last bits. Only called where `MULTIPLIES` holds.
    #[inline(always)]
    unsafe fn quotient(a: Self::F32, b: Self::F32, inverse: Self::F32) -> Self::F32 {
        let _ = inverse;
        // SAFETY: the caller's promise.
        unsafe { Self::div_f32(a, b) }
    }
    /// The smaller; `b` where either is no number.
    unsafe fn min_f32(a: Self::F32, b: Self::F32) -> Self::F32;
}

/// What [`Simd::narrow`] keeps to.
#[derive(Clone, Copy)]
pub(crate) struct Bounds<V> {
    pub zero: V,
    pub lo: V,
    pub hi: V,
    /// Whether saturation is all there is to do: `zero` and `lo` are 0, and `hi` is 255.
    pub plain: bool,
}

/// Output quantization, one value for all channels.
#[derive(Clone, Copy)]
pub(crate) struct Quanta<S: Simd> {
    bounds: Bounds<S::I32>,
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
                bounds: Bounds {
                    zero: S::splat_i32(i32::from(zero) * 0x1_0001),
                    lo: S::splat_i32(i32::from_ne_bytes([lo; 4])),
                    hi: S::splat_i32(i32::from_ne_bytes([hi; 4])),
                    plain: [zero, lo, hi] == [0, 0, 255],
                },
                above: S::splat_f32((i32::from(hi) - i32::from(zero)) as f32),
            }
        }
    }

    /// What vectors are narrowed to.
    #[cfg(any(target_arch = "x86_64", target_feature = "relaxed-simd"))]
    #[inline(always)]
    pub(crate) fn bounds(&self) -> &Bounds<S::I32> {
        &self.bounds
    }

    /// Four vectors of real numbers in quanta, as `epilogue::requantize` defines it, of magnitude below 2^31. The bounds are
    /// applied to bytes: rounding keeps order, and whatever lies beyond the range of a byte saturates.
    ///
    /// # Safety
    /// The CPU has the instruction set.
    #[inline(always)]
    pub(crate) unsafe fn requantize(&self, reals: [S::F32; 4]) -> S::Bytes {
        // SAFETY: the caller's promise.
        unsafe {
            // One by one and no `map`, whose closure would have to be inlined.
            let q = [S::round(reals[0]), S::round(reals[1]), S::round(reals[2]), S::round(reals[3])];
            S::narrow(q, &self.bounds)
        }
    }

    /// The same of any numbers; one that is none becomes the upper bound.
    ///
    /// # Safety
    /// The CPU has the instruction set.
    #[inline(always)]
    pub(crate) unsafe fn quantize(&self, reals: [S::F32; 4]) -> S::Bytes {
        // SAFETY: the caller's promise.
        unsafe {
            self.requantize([
                S::min_f32(reals[0], self.above),
                S::min_f32(reals[1], self.above),
                S::min_f32(reals[2], self.above),
                S::min_f32(reals[3], self.above),
            ])
        }
    }
}

/// One divisor of many numbers.
#[derive(Clone, Copy)]
pub(crate) struct Divisor<S: Simd> {
    value: S::F32,
    inverse: S::F32,
    multiplies: bool,
}

impl<S: Simd> Divisor<S> {
    /// # Safety
    /// The CPU has the instruction set.
    #[inline(always)]
    pub(crate) unsafe fn new(value: f32) -> Self {
        // A quotient estimated by the rounded inverse and corrected once by its exact remainder is rounded correctly unless all bits of the
        // divisor's significand are ones (Markstein, IA-64 and Elementary Functions, 2000, theorem 8.5); the bounds keep
        // the remainder from underflow.
        let significand = value.to_bits() & 0x7f_ffff;
        let multiplies = S::MULTIPLIES && (1e-18..1e18).contains(&value) && significand != 0x7f_ffff;
        // SAFETY: the caller's promise.
        unsafe { Self { value: S::splat_f32(value), inverse: S::splat_f32(1.0 / value), multiplies } }
    }

    /// Whether [`Divisor::divide`] may multiply.
    #[inline(always)]
    pub(crate) fn multiplies(&self) -> bool {
        self.multiplies
    }

    /// Numbers divided by this; those beyond 2^20 may differ in their last bits if it MULTIPLIES.
    ///
    /// # Safety
    /// The CPU has the instruction set.
    #[inline(always)]
    pub(crate) unsafe fn divide<const MULTIPLIES: bool>(&self, a: S::F32) -> S::F32 {
        // SAFETY: the caller's promise.
        unsafe { if MULTIPLIES { S::quotient(a, self.value, self.inverse) } else { S::div_f32(a, self.value) } }
    }
}
