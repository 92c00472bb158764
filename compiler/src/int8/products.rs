//! Integer forms of what needs no weights: arithmetic of two tensors, pools, softmax; and the rounding
//! of single numbers that all rules share.

use dunlin_engine::op::{BinaryKind, Clamp, Op as EngineOp, PoolKind, Window};
use dunlin_engine::tensor::{Ints, Quant, Shape};

use super::note::Reason;
use super::walk::Walk;
use crate::ir::{Node, ValueId};

/// No clamp beyond the type's own bounds.
pub const FULL: Clamp = Clamp { lo: 0, hi: 255 };

/// What a result is to be quantized to.
#[derive(Clone, Copy, Debug)]
pub struct Want {
    /// Scale and zero point.
    pub quant: Quant,
    /// Bounds in its quanta.
    pub clamp: Clamp,
}

/// The quantum of a number, as `QuantizeLinear` rounds it: one f32 division, ties to even.
pub fn quantum(value: f32, quant: Quant) -> u8 {
    let q = (value / quant.scale).round_ties_even() + quant.zero as f32;
    // A NaN becomes 0 here; no ONNX runtime agrees with another on it.
    q.clamp(0.0, 255.0) as u8
}

/// [`quantum`] within bounds.
pub fn clamped_quantum(value: f32, quant: Quant, clamp: Clamp) -> u8 {
    quantum(value, quant).clamp(clamp.lo, clamp.hi)
}

/// Quanta of one quantization as those of another: one f32 multiplication by the ratio of scales.
pub fn requantize_table(from: Quant, to: Quant, clamp: Clamp) -> [u8; 256] {
    let ratio = (f64::from(from.scale) / f64::from(to.scale)) as f32;
    std::array::from_fn(|q| {
        let scaled = (q as i32 - from.zero) as f32 * ratio;
        let moved = scaled.round_ties_even() + to.zero as f32;
        (moved.clamp(0.0, 255.0) as u8).clamp(clamp.lo, clamp.hi)
    })
}

/// `Add`, `Sub` or `Mul` of two quantized tensors.
pub(super) fn binary(walk: &mut Walk<'_>, node: &Node, kind: BinaryKind, want: Want) -> Result<ValueId, Reason> {
    if !matches!(kind, BinaryKind::Add | BinaryKind::Sub | BinaryKind::Mul) {
        return Err(Reason::NoIntegerForm);
    }
    let (a, _) = walk.view(node.inputs[0]).ok_or(Reason::FloatOperand)?;
    let (b, _) = walk.view(node.inputs[1]).ok_or(Reason::FloatOperand)?;
    let shape = walk.graph.value(node.outputs[0]).shape;
    let op = EngineOp::QBinary { kind, clamp: want.clamp };
    Ok(walk.emit_u8(&node.name, op, vec![a, b], shape, want.quant))
}

/// An average pool of `[n,c,h,w]`.
pub(super) fn pool(
    walk: &mut Walk<'_>,
    node: &Node,
    kind: PoolKind,
    window: Window,
    want: Want,
) -> Result<ValueId, Reason> {
    if !matches!(kind, PoolKind::Avg | PoolKind::AvgIncludePad) {
        return Err(Reason::NoIntegerForm);
    }
    let (x, _) = walk.view(node.inputs[0]).ok_or(Reason::FloatOperand)?;
    let x = walk.channels_last(x).ok_or(Reason::Shape)?;
    let shape = last_of(walk.graph.value(node.outputs[0]).shape).ok_or(Reason::Shape)?;
    let pooled = walk.emit_u8(&node.name, EngineOp::QPool { kind, window }, vec![x], shape, want.quant);
    let pooled = clamped(walk, node, pooled, want);
    walk.channels_first(pooled).ok_or(Reason::Shape)
}

/// Softmax or its logarithm; the engine's runs along the last axis.
pub(super) fn softmax(walk: &mut Walk<'_>, node: &Node, axis: u32, log: bool, want: Want) -> Result<ValueId, Reason> {
    let (x, has) = walk.view(node.inputs[0]).ok_or(Reason::FloatOperand)?;
    let shape = walk.graph.value(x).shape;
    let last = shape.rank().checked_sub(1).ok_or(Reason::Shape)?;
    let mut perm: Vec<i32> = (0..shape.rank() as i32).collect();
    perm.swap(axis as usize, last);
    let op = EngineOp::QSoftmax { log };
    if axis as usize == last {
        let result = walk.emit_u8(&node.name, op, vec![x], shape, want.quant);
        return Ok(clamped(walk, node, result, want));
    }
    let dims: Vec<usize> = perm.iter().map(|&axis| shape.dim(axis as usize)).collect();
    let swapped = Shape::new(&dims).ok_or(Reason::Shape)?;
    let transpose = EngineOp::Transpose { perm: Ints::new(&perm).ok_or(Reason::Shape)? };
    let x = walk.emit_u8(&format!("{}/last", node.name), transpose, vec![x], swapped, has);
    let result = walk.emit_u8(&node.name, op, vec![x], swapped, want.quant);
    let result = clamped(walk, node, result, want);
    Ok(walk.emit_u8(&format!("{}/back", node.name), transpose, vec![result], shape, want.quant))
}

/// Applies bounds that an operator doesn't apply itself.
pub(super) fn clamped(walk: &mut Walk<'_>, node: &Node, value: ValueId, want: Want) -> ValueId {
    if want.clamp == FULL {
        return value;
    }
    let table = std::array::from_fn(|q| (q as u8).clamp(want.clamp.lo, want.clamp.hi));
    walk.lookup(&format!("{}/clamp", node.name), value, want.quant, &table)
}

/// The shape `[n,h,w,c]` of an `[n,c,h,w]`.
pub fn last_of(shape: Shape) -> Option<Shape> {
    (shape.rank() == 4).then(|| [0, 2, 3, 1].map(|axis| shape.dim(axis))).and_then(|dims| Shape::new(&dims))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_as_quantize_linear_does() {
        let quant = Quant { scale: 0.5, zero: 10 };
        let quanta = [0.25, 0.75, -0.25, 1e9, -1e9, f32::INFINITY].map(|v| quantum(v, quant));
        assert_eq!(quanta, [10, 12, 10, 255, 0, 255]);
    }

    #[test]
    fn requantizes_by_one_multiplication() {
        let table = requantize_table(Quant { scale: 1.0, zero: 4 }, Quant { scale: 2.0, zero: 100 }, FULL);
        assert_eq!(table[..8], [98, 98, 99, 100, 100, 100, 101, 102]);
    }
}
