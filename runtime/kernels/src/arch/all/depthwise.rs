//! Depthwise convolutions.

use crate::depthwise::DepthwiseInput;
use crate::epilogue::{Epilogue, Requant};

pub(crate) fn depthwise(input: &DepthwiseInput<'_>, epilogue: &Requant<'_>, out: &mut [u8], _: &mut [u8]) {
    let shape = input.taps.shape();
    let [oh, ow] = shape.out;
    for oy in 0..oh {
        for ox in 0..ow {
            for c in 0..shape.run {
                out[(oy * ow + ox) * shape.run + c] = epilogue.finish(point(input, oy, ox, c), c);
            }
        }
    }
}

/// The sum of one output point and channel.
fn point(input: &DepthwiseInput<'_>, oy: usize, ox: usize, c: usize) -> i32 {
    let [kh, kw] = input.taps.shape().kernel;
    let w_zero = input.w_zero.get(c).copied().unwrap_or(0);
    let mut acc = 0_i32;
    for ky in 0..kh {
        for kx in 0..kw {
            let a = input.taps.at(oy, ox, ky, kx).map_or(input.zero, |at| input.input[at + c]);
            let weight = i32::from(input.panels.at(c, ky * kw + kx)).wrapping_sub(w_zero);
            acc = acc.wrapping_add(weight.wrapping_mul(i32::from(a)));
        }
    }
    acc
}
