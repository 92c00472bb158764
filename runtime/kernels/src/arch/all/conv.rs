//! Convolutions.

use crate::arch::choice::TileChoice;
use crate::conv::ConvInput;
use crate::epilogue::{Epilogue, Requant};

pub(crate) fn conv(
    _: TileChoice,
    input: &ConvInput<'_>,
    epilogue: &Requant<'_>,
    out: &mut [u8],
    ldo: usize,
    _: &mut [u8],
) {
    let [oh, ow] = input.taps.shape().out;
    for oy in 0..oh {
        for ox in 0..ow {
            for c in 0..input.panels.n() {
                out[(oy * ow + ox) * ldo + c] = epilogue.finish(point(input, oy, ox, c), c);
            }
        }
    }
}

/// The sum of one output point and channel.
fn point(input: &ConvInput<'_>, oy: usize, ox: usize, c: usize) -> i32 {
    let shape = input.taps.shape();
    let [kh, kw] = shape.kernel;
    let w_zero = input.w_zero.get(c).copied().unwrap_or(0);
    let mut acc = 0_i32;
    for ky in 0..kh {
        for kx in 0..kw {
            let at = input.taps.at(oy, ox, ky, kx);
            for i in 0..shape.run {
                let a = at.map_or(input.zero, |at| input.input[at + i]);
                let depth = (ky * kw + kx) * shape.run + i;
                let weight = i32::from(input.panels.at(c, depth)).wrapping_sub(w_zero);
                acc = acc.wrapping_add(weight.wrapping_mul(i32::from(a)));
            }
        }
    }
    acc
}
