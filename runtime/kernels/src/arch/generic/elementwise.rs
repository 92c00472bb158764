//! Operations on one element at a time, 64 per step. What is left at the end goes through a copy of 64.

use super::COMPACT;
use super::simd::{Divisor, Quanta, Simd};
use crate::elementwise::{AddParams, DequantizeParams, MulParams, QuantizeParams};
use crate::panel::PANEL;

/// Elements of a step: four vectors, which share their narrowing to bytes.
const STEP: usize = 4 * PANEL;

/// # Safety
/// The CPU has the instruction set; the slices have one length.
#[inline(always)]
pub(crate) unsafe fn add<S: Simd>(p: &AddParams, a: &[u8], b: &[u8], out: &mut [u8]) {
    // SAFETY: the caller's promise.
    unsafe {
        let sum = Sum::<S> { ratios: [S::splat_f32(p.a_ratio), S::splat_f32(p.b_ratio)] };
        let most = 255.0 * (p.a_ratio.abs() + p.b_ratio.abs());
        pairs(&sum, [p.a_zero, p.b_zero], Quanta::new(p.zero, p.lo, p.hi), most, [a, b], out);
    }
}

/// # Safety
/// The CPU has the instruction set; the slices have one length.
#[inline(always)]
pub(crate) unsafe fn mul<S: Simd>(p: &MulParams, a: &[u8], b: &[u8], out: &mut [u8]) {
    // SAFETY: the caller's promise.
    unsafe {
        let product = Product::<S> { scale: S::splat_f32(p.scale) };
        let most = 255.0 * 255.0 * p.scale.abs();
        pairs(&product, [p.a_zero, p.b_zero], Quanta::new(p.zero, p.lo, p.hi), most, [a, b], out);
    }
}

/// An operation on 16 pairs of values less their zero points. A trait and no closure, because closures are not inlined for sure.
trait Pairwise<S: Simd> {
    /// # Safety
    /// The CPU has the instruction set.
    unsafe fn apply(&self, a: S::F32, b: S::F32) -> S::F32;
}

struct Sum<S: Simd> {
    ratios: [S::F32; 2],
}

impl<S: Simd> Pairwise<S> for Sum<S> {
    #[inline(always)]
    unsafe fn apply(&self, a: S::F32, b: S::F32) -> S::F32 {
        // SAFETY: the caller's promise.
        unsafe { S::add_f32(S::mul_f32(a, self.ratios[0]), S::mul_f32(b, self.ratios[1])) }
    }
}

struct Product<S: Simd> {
    scale: S::F32,
}

impl<S: Simd> Pairwise<S> for Product<S> {
    #[inline(always)]
    unsafe fn apply(&self, a: S::F32, b: S::F32) -> S::F32 {
        // SAFETY: the caller's promise; the product of two integers of nine bits is exact.
        unsafe { S::mul_f32(S::mul_f32(a, b), self.scale) }
    }
}

/// What results of [`Quanta::requantize`] may be, with room for rounding.
const LARGEST: f32 = 1_073_741_824.0;

/// `most` is the largest result of the operation.
///
/// # Safety
/// The CPU has the instruction set; the slices have one length.
#[inline(always)]
unsafe fn pairs<S: Simd>(
    op: &impl Pairwise<S>,
    zeros: [u8; 2],
    quanta: Quanta<S>,
    most: f32,
    operands: [&[u8]; 2],
    out: &mut [u8],
) {
    // SAFETY: the caller's promise.
    unsafe {
        if most < LARGEST && !COMPACT {
            steps::<S, true>(op, zeros, &quanta, operands, out);
        } else {
            steps::<S, false>(op, zeros, &quanta, operands, out);
        }
    }
}

/// # Safety
/// As for [`pairs`].
#[inline(always)]
unsafe fn steps<S: Simd, const FITS: bool>(
    op: &impl Pairwise<S>,
    zeros: [u8; 2],
    quanta: &Quanta<S>,
    [a, b]: [&[u8]; 2],
    out: &mut [u8],
) {
    let (a_steps, a_rest) = a.as_chunks::<STEP>();
    let (b_steps, b_rest) = b.as_chunks::<STEP>();
    let (out_steps, out_rest) = out.as_chunks_mut::<STEP>();
    // SAFETY: the caller's promise.
    unsafe {
        for ((a, b), out) in a_steps.iter().zip(b_steps).zip(out_steps) {
            *out = pair_step::<S, FITS>(op, zeros, quanta, [a, b]);
        }
        if !out_rest.is_empty() {
            let bytes = pair_step::<S, FITS>(op, zeros, quanta, [&padded(a_rest), &padded(b_rest)]);
            out_rest.copy_from_slice(&bytes[..out_rest.len()]);
        }
    }
}

/// # Safety
/// As for [`pairs`].
#[inline(always)]
unsafe fn pair_step<S: Simd, const FITS: bool>(
    op: &impl Pairwise<S>,
    zeros: [u8; 2],
    quanta: &Quanta<S>,
    [a, b]: [&[u8; STEP]; 2],
) -> [u8; STEP] {
    // SAFETY: the arrays have four vectors.
    unsafe {
        let mut reals = [S::splat_f32(0.0); 4];
        for (i, real) in reals.iter_mut().enumerate() {
            let at = i * PANEL;
            *real = op.apply(centred::<S>(a[at..].as_ptr(), zeros[0]), centred::<S>(b[at..].as_ptr(), zeros[1]));
        }
        store::<S>(if FITS { quanta.requantize(reals) } else { quanta.quantize(reals) })
    }
}

/// 16 bytes as numbers, less `zero`: exact.
///
/// # Safety
/// The CPU has the instruction set; 16 bytes are valid.
#[inline(always)]
unsafe fn centred<S: Simd>(from: *const u8, zero: u8) -> S::F32 {
    // SAFETY: the caller's promise.
    unsafe { S::to_f32(S::sub(S::load_u8(from), S::splat_i32(i32::from(zero)))) }
}

/// # Safety
/// The CPU has the instruction set.
#[inline(always)]
unsafe fn store<S: Simd>(bytes: S::Bytes) -> [u8; STEP] {
    let mut out = [0; STEP];
    // SAFETY: the array has four vectors.
    unsafe {
        S::store_pair(out.as_mut_ptr(), bytes, 0, 2 * PANEL);
        S::store_pair(out[2 * PANEL..].as_mut_ptr(), bytes, 2, 2 * PANEL);
    }
    out
}

/// # Safety
/// The CPU has the instruction set; the slices have one length.
#[inline(always)]
pub(crate) unsafe fn quantize<S: Simd>(p: &QuantizeParams, input: &[f32], out: &mut [u8]) {
    // SAFETY: the caller's promise.
    unsafe {
        let quanta = Quanta::<S>::new(p.zero, 0, 255);
        let scale = Divisor::<S>::new(p.scale);
        if scale.multiplies() {
            quantize_by::<S, true>(&quanta, &scale, input, out);
        } else {
            quantize_by::<S, false>(&quanta, &scale, input, out);
        }
    }
}

/// # Safety
/// As for [`quantize`].
#[inline(always)]
unsafe fn quantize_by<S: Simd, const MULTIPLIES: bool>(
    quanta: &Quanta<S>,
    scale: &Divisor<S>,
    input: &[f32],
    out: &mut [u8],
) {
    let (steps, rest) = input.as_chunks::<STEP>();
    let (out_steps, out_rest) = out.as_chunks_mut::<STEP>();
    // SAFETY: the caller's promise.
    unsafe {
        for (input, out) in steps.iter().zip(out_steps) {
            *out = quantize_step::<S, MULTIPLIES>(quanta, scale, input);
        }
        if !out_rest.is_empty() {
            let bytes = quantize_step::<S, MULTIPLIES>(quanta, scale, &padded(rest));
            out_rest.copy_from_slice(&bytes[..out_rest.len()]);
        }
    }
}

/// # Safety
/// The CPU has the instruction set.
#[inline(always)]
unsafe fn quantize_step<S: Simd, const MULTIPLIES: bool>(
    quanta: &Quanta<S>,
    scale: &Divisor<S>,
    input: &[f32; STEP],
) -> [u8; STEP] {
    // SAFETY: the array has four vectors.
    unsafe {
        let mut reals = [S::splat_f32(0.0); 4];
        for (i, real) in reals.iter_mut().enumerate() {
            *real = scale.divide::<MULTIPLIES>(S::load_f32(input[i * PANEL..].as_ptr(), PANEL));
        }
        store::<S>(quanta.quantize(reals))
    }
}

/// # Safety
/// The CPU has the instruction set; the slices have one length.
#[inline(always)]
pub(crate) unsafe fn dequantize<S: Simd>(p: &DequantizeParams, input: &[u8], out: &mut [f32]) {
    let (steps, rest) = input.as_chunks::<PANEL>();
    let (out_steps, out_rest) = out.as_chunks_mut::<PANEL>();
    // SAFETY: the caller's promise; arrays have one vector, and `out_rest` as many elements as `rest`.
    unsafe {
        let (zero, scale) = (S::splat_i32(i32::from(p.zero)), S::splat_f32(p.scale));
        for (input, out) in steps.iter().zip(out_steps) {
            let q = S::sub(S::load_u8(input.as_ptr()), zero);
            S::store_f32(out.as_mut_ptr(), S::mul_f32(S::to_f32(q), scale), PANEL);
        }
        if !out_rest.is_empty() {
            let q = S::sub(S::load_u8(padded::<u8, PANEL>(rest).as_ptr()), zero);
            S::store_f32(out_rest.as_mut_ptr(), S::mul_f32(S::to_f32(q), scale), out_rest.len());
        }
    }
}

/// Fewer than N elements, followed by zeros.
fn padded<T: Copy + Default, const N: usize>(elements: &[T]) -> [T; N] {
    let mut copy = [T::default(); N];
    copy[..elements.len()].copy_from_slice(elements);
    copy
}
