//! Integer forms of reductions: means, sums and maxima over axes.
//!
//! The engine reduces axes that follow each other. Over an image's H and W that is done channels-last, where the image
//! lies anyway; other axes are brought to the end where they don't follow each other. As the axes that stay keep their order, a
//! reshape gives the result its shape.

use dunlin_engine::op::{Epilogue, Op as EngineOp, PoolKind, ReduceKind, Window};
use dunlin_engine::tensor::{Ints, Quant, Shape};

use super::literal::{self, vector};
use super::note::Reason;
use super::products::{Want, clamped, requantize_table};
use super::walk::Walk;
use crate::ir::{Node, ValueId};

/// A reduction of a quantized tensor.
pub(super) fn reduce(
    walk: &mut Walk<'_>,
    node: &Node,
    kind: ReduceKind,
    axes: &[i32],
    want: Want,
) -> Result<ValueId, Reason> {
    let rule = match kind {
        ReduceKind::Mean => mean,
        ReduceKind::Sum => sum,
        ReduceKind::Max => max,
        _ => return Err(Reason::NoIntegerForm),
    };
    let (x, quant) = walk.view(node.inputs[0]).ok_or(Reason::FloatOperand)?;
    let axes = normalized(axes, walk.graph.value(x).shape).ok_or(Reason::Shape)?;
    let laid = lay_out(walk, x, quant, &axes).ok_or(Reason::Shape)?;
    let reduced = rule(walk, node, &laid, want).ok_or(Reason::Shape)?;
    reshaped(walk, node, reduced, want.quant).ok_or(Reason::Shape)
}

/// A tensor whose reduced axes, `start..end`, follow each other.
struct Laid {
    x: ValueId,
    quant: Quant,
    shape: Shape,
    start: usize,
    end: usize,
}

fn lay_out(walk: &mut Walk<'_>, x: ValueId, quant: Quant, axes: &[i32]) -> Option<Laid> {
    let rank = walk.graph.value(x).shape.rank();
    let following = axes.windows(2).all(|pair| pair[1] == pair[0] + 1);
    let (x, start) = if rank == 4 && axes == [2, 3] {
        (walk.channels_last(x)?, 1)
    } else if following {
        (x, axes.first().map_or(0, |&axis| axis as usize))
    } else {
        (axes_last(walk, x, quant, axes)?, rank - axes.len())
    };
    Some(Laid { x, quant, shape: walk.graph.value(x).shape, start, end: start + axes.len() })
}

fn axes_last(walk: &mut Walk<'_>, x: ValueId, quant: Quant, axes: &[i32]) -> Option<ValueId> {
    let shape = walk.graph.value(x).shape;
    let others = (0..shape.rank() as i32).filter(|axis| !axes.contains(axis));
    let perm: Vec<i32> = others.chain(axes.iter().copied()).collect();
    let dims: Vec<usize> = perm.iter().map(|&axis| shape.dim(axis as usize)).collect();
    let op = EngineOp::Transpose { perm: Ints::new(&perm)? };
    let name = format!("{}/last", walk.graph.value(x).name);
    Some(walk.emit_u8(&name, op, vec![x], Shape::new(&dims)?, quant))
}

fn mean(walk: &mut Walk<'_>, node: &Node, laid: &Laid, want: Want) -> Option<ValueId> {
    let axes: Vec<i32> = (laid.start as i32..laid.end as i32).collect();
    let mut kept = laid.shape;
    for axis in laid.start..laid.end {
        kept = kept.with(axis, 1)?;
    }
    let op = EngineOp::QMean { axes: Ints::new(&axes)? };
    let mean = walk.emit_u8(&node.name, op, vec![laid.x], kept, want.quant);
    Some(clamped(walk, node, mean, want))
}

/// A product with ones.
fn sum(walk: &mut Walk<'_>, node: &Node, laid: &Laid, want: Want) -> Option<ValueId> {
    let (outer, count) = (laid.shape.span(0, laid.start), laid.shape.span(laid.start, laid.end));
    let inner = laid.shape.span(laid.end, laid.shape.rank());
    let rows = reshape(walk, laid.x, &[outer, count, inner], laid.quant)?;
    let rows = if inner == 1 { rows } else { axes_last(walk, rows, laid.quant, &[1])? };
    let rows = reshape(walk, rows, &[outer * inner, count], laid.quant)?;
    let bias = i32::try_from(count).ok()?.checked_mul(-laid.quant.zero)?;
    let scale = (f64::from(laid.quant.scale) / f64::from(want.quant.scale)) as f32;
    let name = &node.name;
    let inputs = vec![
        rows,
        walk.constant(format!("{name}/ones"), literal::i8s(Shape::new(&[1, count])?, &vec![1; count])),
        walk.constant(format!("{name}/bias"), literal::i32s(vector(1), &[bias])),
        walk.constant(format!("{name}/scale"), literal::f32s(vector(1), &[scale])),
    ];
    let op = EngineOp::QGemm { n: 1, epilogue: Epilogue::Requant, clamp: want.clamp };
    Some(walk.emit_u8(name, op, inputs, Shape::new(&[outer * inner, 1])?, want.quant))
}

/// A pool over a column: `[outer, count, 1, inner]` as an image.
fn max(walk: &mut Walk<'_>, node: &Node, laid: &Laid, want: Want) -> Option<ValueId> {
    let (outer, count) = (laid.shape.span(0, laid.start), laid.shape.span(laid.start, laid.end));
    let inner = laid.shape.span(laid.end, laid.shape.rank());
    let image = reshape(walk, laid.x, &[outer, count, 1, inner], laid.quant)?;
    let kernel = [u32::try_from(count).ok()?, 1];
    let window = Window { kernel, stride: [1; 2], dilation: [1; 2], pads: [0; 4], ceil: false };
    let op = EngineOp::QPool { kind: PoolKind::Max, window };
    let largest = walk.emit_u8(&node.name, op, vec![image], Shape::new(&[outer, 1, 1, inner])?, laid.quant);
    if laid.quant == want.quant {
        return Some(clamped(walk, node, largest, want));
    }
    let table = requantize_table(laid.quant, want.quant, want.clamp);
    Some(walk.lookup(&format!("{}/requantize", node.name), largest, want.quant, &table))
}

/// A reduced tensor in the shape that the node's result has.
fn reshaped(walk: &mut Walk<'_>, node: &Node, reduced: ValueId, quant: Quant) -> Option<ValueId> {
    let shape = walk.graph.value(node.outputs[0]).shape;
    let dims: Vec<usize> = shape.dims().iter().map(|&dim| dim as usize).collect();
    reshape(walk, reduced, &dims, quant)
}

fn reshape(walk: &mut Walk<'_>, x: ValueId, dims: &[usize], quant: Quant) -> Option<ValueId> {
    let shape = Shape::new(dims)?;
    if walk.graph.value(x).shape == shape {
        return Some(x);
    }
    let target: Vec<i32> = dims.iter().map(|&dim| dim as i32).collect();
    let op = EngineOp::Reshape { dims: Ints::new(&target)? };
    let name = format!("{}/reshape", walk.graph.value(x).name);
    Some(walk.emit_u8(&name, op, vec![x], shape, quant))
}

/// Axes counted from the front, in order; none means all.
fn normalized(axes: &[i32], shape: Shape) -> Option<Vec<i32>> {
    if axes.is_empty() {
        return Some((0..shape.rank() as i32).collect());
    }
    let mut axes: Vec<i32> = axes.iter().map(|&axis| shape.axis(axis).map(|a| a as i32)).collect::<Option<_>>()?;
    axes.sort_unstable();
    axes.dedup();
    Some(axes)
}
