//! Operations on one element at a time.

use crate::arch::{self, ElementwiseFns};
use crate::error::{ShapeError, exactly};
use crate::isa::Isa;
use crate::name::KernelName;

/// Declares the picked kernel of an element-wise operation.
macro_rules! picked {
    ($(#[$doc:meta])* $kernel:ident, $op:literal, $tile:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $kernel {
            name: KernelName,
            fns: &'static ElementwiseFns,
        }

        impl $kernel {
            /// Picks the kernel.
            pub fn select(isa: Isa) -> Self {
                let tile = arch::$tile(isa);
                Self { name: KernelName::new($op, tile, isa), fns: arch::elementwise_fns(isa) }
            }

            /// The kernel's name.
            pub const fn name(&self) -> KernelName {
                self.name
            }
        }
    };
}

picked! {
    /// Sum of two quantized tensors; of a difference, with `b_ratio` negative.
    Add, "add_qu8", elementwise_tile
}
picked! {
    /// Product of two quantized tensors.
    Mul, "mul_qu8", elementwise_tile
}
picked! {
    /// Any function of one byte.
    Lookup, "lookup_qu8", lookup_tile
}
picked! {
    /// From f32 to u8.
    Quantize, "quantize_f32_qu8", elementwise_tile
}
picked! {
    /// From u8 to f32.
    Dequantize, "dequantize_qu8_f32", elementwise_tile
}

/// `f32(a - a_zero) * a_ratio + f32(b - b_zero) * b_ratio`, each operation rounded by itself, then requantized as in
/// [`Requant`](crate::Requant).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AddParams {
    /// Zero point of `a`.
    pub a_zero: u8,
    /// Scale of `a` over scale of the output.
    pub a_ratio: f32,
    /// Zero point of `b`.
    pub b_zero: u8,
    /// Scale of `b` over scale of the output.
    pub b_ratio: f32,
    /// Zero point of the output.
    pub zero: u8,
    /// Smallest output.
    pub lo: u8,
    /// Largest output.
    pub hi: u8,
}

/// `f32((a - a_zero) * (b - b_zero)) * scale`, requantized as in [`Requant`](crate::Requant).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MulParams {
    /// Zero point of `a`.
    pub a_zero: u8,
    /// Zero point of `b`.
    pub b_zero: u8,
    /// Product of the input scales over scale of the output.
    pub scale: f32,
    /// Zero point of the output.
    pub zero: u8,
    /// Smallest output.
    pub lo: u8,
    /// Largest output.
    pub hi: u8,
}

/// `round_ties_even(x / scale) + zero` within 0..=255, a true division as in ONNX; what is no number gives 255.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QuantizeParams {
    /// Step between two values.
    pub scale: f32,
    /// Zero point.
    pub zero: u8,
}

/// `f32(q - zero) * scale`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DequantizeParams {
    /// Step between two values.
    pub scale: f32,
    /// Zero point.
    pub zero: u8,
}

impl Add {
    /// The three slices have one length.
    pub fn run(&self, params: AddParams, a: &[u8], b: &[u8], out: &mut [u8]) -> Result<(), ShapeError> {
        exactly("a", out.len(), a.len())?;
        exactly("b", out.len(), b.len())?;
        // SAFETY: an `Isa` is proof of its features, and the lengths are equal.
        unsafe { (self.fns.add)(&params, a, b, out) };
        Ok(())
    }
}

impl Mul {
    /// The three slices have one length.
    pub fn run(&self, params: MulParams, a: &[u8], b: &[u8], out: &mut [u8]) -> Result<(), ShapeError> {
        exactly("a", out.len(), a.len())?;
        exactly("b", out.len(), b.len())?;
        // SAFETY: an `Isa` is proof of its features, and the lengths are equal.
        unsafe { (self.fns.mul)(&params, a, b, out) };
        Ok(())
    }
}

impl Lookup {
    /// `out[i] = table[input[i]]`; both slices have one length.
    pub fn run(&self, table: &[u8; 256], input: &[u8], out: &mut [u8]) -> Result<(), ShapeError> {
        exactly("input", out.len(), input.len())?;
        // SAFETY: an `Isa` is proof of its features, and the lengths are equal.
        unsafe { (self.fns.lookup)(table, input, out) };
        Ok(())
    }
}

impl Quantize {
    /// Both slices have one length.
    pub fn run(&self, params: QuantizeParams, input: &[f32], out: &mut [u8]) -> Result<(), ShapeError> {
        exactly("input", out.len(), input.len())?;
        // SAFETY: an `Isa` is proof of its features, and the lengths are equal.
        unsafe { (self.fns.quantize)(&params, input, out) };
        Ok(())
    }
}

impl Dequantize {
    /// Both slices have one length.
    pub fn run(&self, params: DequantizeParams, input: &[u8], out: &mut [f32]) -> Result<(), ShapeError> {
        exactly("input", out.len(), input.len())?;
        // SAFETY: an `Isa` is proof of its features, and the lengths are equal.
        unsafe { (self.fns.dequantize)(&params, input, out) };
        Ok(())
    }
}

/// `out[i] = input[i] ^ 0x80`: from the signed byte of a value to its unsigned one and back. Both slices have one length.
pub fn flip_sign(input: &[u8], out: &mut [u8]) -> Result<(), ShapeError> {
    exactly("input", out.len(), input.len())?;
    for (out, &input) in out.iter_mut().zip(input) {
        *out = input ^ 0x80;
    }
    Ok(())
}
