//! Operations on one element at a time.

use crate::arch::ElementwiseFns;
use crate::elementwise::{AddParams, DequantizeParams, MulParams, QuantizeParams};
use crate::epilogue::requantize;

pub(crate) const ELEMENTWISE: ElementwiseFns = ElementwiseFns { add, mul, lookup, quantize, dequantize };

pub(crate) fn add(p: &AddParams, a: &[u8], b: &[u8], out: &mut [u8]) {
    for (out, (&a, &b)) in out.iter_mut().zip(a.iter().zip(b)) {
        let left = centred(a, p.a_zero) as f32 * p.a_ratio;
        let right = centred(b, p.b_zero) as f32 * p.b_ratio;
        *out = requantize(left + right, p.zero, p.lo, p.hi);
    }
}

pub(crate) fn mul(p: &MulParams, a: &[u8], b: &[u8], out: &mut [u8]) {
    for (out, (&a, &b)) in out.iter_mut().zip(a.iter().zip(b)) {
        let product = centred(a, p.a_zero) * centred(b, p.b_zero);
        *out = requantize(product as f32 * p.scale, p.zero, p.lo, p.hi);
    }
}

pub(crate) fn lookup(table: &[u8; 256], input: &[u8], out: &mut [u8]) {
    for (out, &q) in out.iter_mut().zip(input) {
        *out = table[usize::from(q)];
    }
}

pub(crate) fn quantize(p: &QuantizeParams, input: &[f32], out: &mut [u8]) {
    for (out, &x) in out.iter_mut().zip(input) {
        *out = requantize(x / p.scale, p.zero, 0, 255);
    }
}

pub(crate) fn dequantize(p: &DequantizeParams, input: &[u8], out: &mut [f32]) {
    for (out, &q) in out.iter_mut().zip(input) {
        *out = centred(q, p.zero) as f32 * p.scale;
    }
}

fn centred(q: u8, zero: u8) -> i32 {
    i32::from(q) - i32::from(zero)
}
