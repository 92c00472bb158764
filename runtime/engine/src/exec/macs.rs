//! How much arithmetic an operator is.

use crate::op::infer::Info;
use crate::op::{Op, Window};
use crate::tensor::Shape;

/// Multiply-accumulate operations of an operator; 0 for operators that aren't sums of products.
pub(crate) fn macs(op: &Op, operands: &[Info], result: Shape) -> u64 {
    let last = |operand: usize| operands.get(operand).map_or(0, |info| info.shape.last());
    let taps = |window: &Window| window.taps().unwrap_or(0);
    let depth = match op {
        Op::QConv { window, groups, .. } | Op::Conv { window, groups, .. } => {
            taps(window) * last(0) / (*groups).max(1) as usize
        }
        Op::QDepthwise { window, .. } => taps(window),
        Op::QGemm { .. } | Op::QMatMul { .. } | Op::MatMul { .. } => last(0),
        Op::Recurrent { .. } => return recurrent(operands),
        _ => 0,
    };
    result.count() as u64 * depth as u64
}

/// Each step of the sequence multiplies the input by W and the state by R.
fn recurrent(operands: &[Info]) -> u64 {
    let [x, w, r, ..] = operands else { return 0 };
    let steps = x.shape.dims().iter().take(2).map(|&d| u64::from(d)).product::<u64>();
    steps * (w.shape.count() + r.shape.count()) as u64
}
