//! How much arithmetic an operator is.

use crate::op::infer::Info;
use crate::op::{Op, Window};
use crate::tensor::Shape;

/// Multiply-accumulate operations of an operator; 0 for operators that aren't sums of products.
pub(crate) fn macs(op: &Op, operands: &[Info], result: Shape) -> u64 {
    let last = |operand: usize| operands.get(operand).map_or(0, |info| info.shape.last());
    let taps = |window: &Window| window.taps().unwrap_or(0);
    let depth = match op {
        Op::QConv { window, groups, .. } | Op::Conv { window, groups, .. } | Op::ConvPanels { window, groups, .. } => {
            taps(window).saturating_mul(last(0)) / (*groups).max(1) as usize
        }
        Op::QDepthwise { window, .. } | Op::DepthwisePanels { window, .. } => taps(window),
        Op::QGemm { .. } | Op::QMatMul { .. } | Op::MatMul { .. } | Op::MatMulPanels { .. } => last(0),
        Op::Attention { .. } => return attention(operands),
        Op::Recurrent { .. } => return recurrent(operands),
        _ => 0,
    };
    (result.count() as u64).saturating_mul(depth as u64)
}

/// Steps of an operator's inner loops, about: what a limit on work counts.
pub(crate) fn work(op: &Op, operands: &[Info], result: Shape) -> u64 {
    let each = match op {
        Op::QPool { window, .. } | Op::Pool { window, .. } => window.taps().unwrap_or(0),
        Op::Lrn { size, .. } => *size as usize,
        _ => 1,
    };
    let read = operands.iter().map(|operand| operand.shape.count() as u64).sum::<u64>();
    let written = (result.count() as u64).saturating_mul(each as u64);
    macs(op, operands, result).saturating_add(written).saturating_add(read)
}

/// Bytes of the tables that a plan makes for an operator: offsets and scales of pools.
pub(crate) fn table_len(op: &Op, result: Shape) -> u64 {
    let Op::QPool { window, .. } = op else { return 0 };
    let &[_, oh, ow, _] = result.dims() else { return 0 };
    let [oh, ow, kh, kw] = [oh, ow, window.kernel[0], window.kernel[1]].map(u64::from);
    // Windows have less than 2^16 taps a side and tensors less than 2^31 elements.
    4 * (oh * kh + ow * kw + oh * ow)
}

/// Every query meets every key, and is answered by every row of v.
fn attention(operands: &[Info]) -> u64 {
    let [q, k, v, ..] = operands else { return 0 };
    let keys = k.shape.dims().get(1).map_or(0, |&keys| u64::from(keys));
    let rows = q.shape.dims().iter().take(2).map(|&d| u64::from(d)).product::<u64>();
    let columns = (q.shape.last() + v.shape.last()) as u64;
    rows.saturating_mul(keys).saturating_mul(columns)
}

/// Each step of the sequence multiplies the input by W and the state by R.
fn recurrent(operands: &[Info]) -> u64 {
    let [x, w, r, ..] = operands else { return 0 };
    let steps = x.shape.dims().iter().take(2).map(|&d| u64::from(d)).product::<u64>();
    steps * (w.shape.count() + r.shape.count()) as u64
}
