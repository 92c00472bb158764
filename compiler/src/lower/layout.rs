//! Removing transposes.
//!
//! After lowering a transpose stands before and behind each operator on images. This pass walks the graph once and
//! holds every transpose back: its result is *pending*, it stands for a permutation of a value that exists. An
//! operator that works in any layout takes the existing value, and its result is pending in turn; a transpose of a
//! pending value composes with it and often cancels. Where an operator needs the layout as written, the pending
//! transpose is put there. A convolutional network ends up in NHWC throughout.
//!
//! A flattened image keeps its elements in NHWC order too when a product with constant weights reads it: the
//! weights' rows change places instead.

use std::collections::HashMap;

use dunlin_engine::op::Op as EngineOp;
use dunlin_engine::op::infer::Info;
use dunlin_engine::tensor::{DType, Ints, Shape};

use super::permute::{Moved, Perm, moved};
use crate::error::Result;
use crate::ir::{Graph, Node, Op, Tensor, ValueId};
use crate::passes;

/// Removes transposes from a lowered graph.
///
/// # Errors
/// As [`passes::dead::run`].
pub fn run(graph: &mut Graph) -> Result<()> {
    let nodes = std::mem::take(&mut graph.nodes);
    let mut walk = Walk { graph, pending: HashMap::new(), alias: HashMap::new() };
    for node in nodes {
        walk.step(node);
    }
    walk.outputs();
    passes::dead::run(graph)
}

/// A value that hasn't been made: another one, rearranged.
#[derive(Clone, Debug)]
enum Pending {
    /// `Transpose(of, perm)`.
    Transposed { of: ValueId, perm: Perm },
    /// The rows of `Transpose(of, perm)`, `of` having four dimensions; `rows` are the same elements in `of`'s order.
    Flattened { of: ValueId, perm: Perm, rows: ValueId },
}

struct Walk<'g> {
    graph: &'g mut Graph,
    pending: HashMap<ValueId, Pending>,
    /// Values that turned out to be others.
    alias: HashMap<ValueId, ValueId>,
}

impl Walk<'_> {
    fn step(&mut self, mut node: Node) {
        for input in &mut node.inputs {
            *input = self.alias.get(input).copied().unwrap_or(*input);
        }
        if self.hold_back(&node) || self.sink(&node) || self.reorder_weights(&mut node) {
            return;
        }
        for input in node.inputs.clone() {
            self.materialize(input);
        }
        self.graph.nodes.push(node);
    }

    /// Takes a Transpose, or a Reshape of something pending, out of the graph for now.
    fn hold_back(&mut self, node: &Node) -> bool {
        let (x, result) = (node.inputs[0], node.outputs.first().copied());
        let Some(result) = result else { return false };
        match node.op {
            Op::Engine(EngineOp::Transpose { perm }) => {
                let perm = Perm::new(&perm);
                let (of, perm) = match self.pending.get(&x) {
                    Some(Pending::Transposed { of, perm: first }) => (*of, first.then(&perm)),
                    Some(Pending::Flattened { .. }) => {
                        self.materialize(x);
                        (x, perm)
                    }
                    None => (x, perm),
                };
                self.stand_for(result, of, perm);
                true
            }
            Op::Engine(EngineOp::Reshape { .. }) => self.flatten(node, x, result),
            _ => false,
        }
    }

    /// Lets `result` stand for `of` permuted: nothing, a reshape, or something pending.
    fn stand_for(&mut self, result: ValueId, of: ValueId, perm: Perm) {
        if perm.is_identity() {
            // An output keeps its own name and place: a copy is made for it.
            match self.graph.outputs.contains(&result) {
                true => self.reshape(of, result),
                false => drop(self.alias.insert(result, of)),
            }
        } else if perm.keeps_order(&self.graph.value(of).shape) {
            self.reshape(of, result);
        } else {
            self.pending.insert(result, Pending::Transposed { of, perm });
        }
    }

    /// A Reshape of a pending image to rows: `[n,c,h,w]` to `[n, c*h*w]`.
    fn flatten(&mut self, node: &Node, x: ValueId, result: ValueId) -> bool {
        let Some(Pending::Transposed { of, perm }) = self.pending.get(&x).cloned() else { return false };
        let (shape, flat) = (self.graph.value(x).shape, self.graph.value(result).shape);
        let rows = shape.rank() == 4 && flat.rank() == 2 && flat.dim(0) == shape.dim(0) && perm.source(0) == 0;
        if !rows {
            return false;
        }
        let rows = self.like(result, flat);
        self.push(node, EngineOp::Reshape { dims: row_dims() }, vec![of], rows);
        self.pending.insert(result, Pending::Flattened { of, perm, rows });
        true
    }

    /// Carries an operator out on what its operands stand for, and lets its results be pending.
    fn sink(&mut self, node: &Node) -> bool {
        let Op::Engine(op) = node.op else { return false };
        if let Some(Pending::Flattened { of, perm, rows }) =
            node.inputs.first().and_then(|x| self.pending.get(x)).cloned()
        {
            return is_pointwise(&op) && self.sink_rows(node, op, of, perm, rows);
        }
        let Some(perm) = self.shared_perm(node) else { return false };
        let Some(moved) = moved(&op, &perm) else { return false };
        let Some(operands) = self.operands(node, &op, &perm) else { return false };
        let (op, left) = match moved {
            Moved::Same(op) => (op, perm),
            Moved::Fewer(op, left) => (op, left),
        };
        let &[result] = &node.outputs[..] else { return false };
        let Some(shape) = left.inverse().shape(&self.graph.value(result).shape) else { return false };
        let made = self.like(result, shape);
        self.push(node, op, operands, made);
        self.stand_for(result, made, left);
        true
    }

    fn sink_rows(&mut self, node: &Node, op: EngineOp, of: ValueId, perm: Perm, rows: ValueId) -> bool {
        let result = node.outputs[0];
        let image = self.like(result, self.graph.value(of).shape);
        let made = self.like(result, self.graph.value(rows).shape);
        let others = &node.inputs[1..];
        self.push(node, op, [&[of], others].concat(), image);
        self.push(node, EngineOp::Reshape { dims: row_dims() }, vec![image], made);
        self.pending.insert(result, Pending::Flattened { of: image, perm, rows: made });
        true
    }

    /// The one permutation under which operands of the node are pending.
    fn shared_perm(&self, node: &Node) -> Option<Perm> {
        let mut perms = node.inputs.iter().filter_map(|x| match self.pending.get(x) {
            Some(Pending::Transposed { perm, .. }) => Some(perm),
            _ => None,
        });
        let first = perms.next()?;
        perms.all(|perm| perm == first).then(|| first.clone())
    }

    /// The node's operands before the permutation; `None` when one can't be had without a transpose.
    fn operands(&mut self, node: &Node, op: &EngineOp, perm: &Perm) -> Option<Vec<ValueId>> {
        let data = data_operands(op, node.inputs.len());
        if !fits(self.graph, node, op, perm) {
            return None;
        }
        let mut operands = Vec::with_capacity(node.inputs.len());
        for (index, &x) in node.inputs.iter().enumerate() {
            operands.push(match self.pending.get(&x) {
                Some(Pending::Transposed { of, .. }) if index < data => *of,
                Some(_) => return None,
                None if index < data => self.before(x, perm)?,
                None => x,
            });
        }
        Some(operands)
    }

    /// `x` as it was before `perm`, when it is constant or its elements keep their order.
    fn before(&mut self, x: ValueId, perm: &Perm) -> Option<ValueId> {
        let shape = self.graph.value(x).shape;
        if shape.count() == 1 && shape.rank() <= 1 {
            return Some(x);
        }
        let mut dims = vec![1; perm.rank().checked_sub(shape.rank())?];
        dims.extend(shape.dims().iter().map(|&d| d as usize));
        let full = Shape::new(&dims)?;
        let inverse = perm.inverse();
        let target = inverse.shape(&full)?;
        if let Some(tensor) = self.graph.constant(x) {
            let tensor = permuted(tensor, &full, &inverse)?;
            let value = self.graph.value(x);
            let (name, quant) = (value.name.clone(), value.quant);
            let id = self.graph.push_constant(name, tensor);
            self.graph.values[id.0].quant = quant;
            return Some(id);
        }
        if !inverse.keeps_order(&full) {
            return None;
        }
        let id = self.like(x, target);
        self.reshape(x, id);
        Some(id)
    }

    /// A product of flattened rows with constant weights: the weights' rows are reordered.
    fn reorder_weights(&mut self, node: &mut Node) -> bool {
        let Some(Pending::Flattened { of, perm, rows }) =
            node.inputs.first().and_then(|x| self.pending.get(x)).cloned()
        else {
            return false;
        };
        let shape = self.graph.value(of).shape;
        let deep_last = match node.op {
            Op::Engine(EngineOp::MatMul { trans_b, .. }) => trans_b,
            Op::Engine(EngineOp::QGemm { .. }) => true,
            _ => return false,
        };
        let Some(weights) = self.graph.constant(node.inputs[1]).filter(|w| w.shape.rank() == 2) else { return false };
        let Some(reordered) = reordered(weights, &shape, &perm, deep_last) else { return false };
        let name = self.graph.value(node.inputs[1]).name.clone();
        node.inputs[0] = rows;
        node.inputs[1] = self.graph.push_constant(name, reordered);
        for &other in &node.inputs[2..] {
            self.materialize(other);
        }
        self.graph.nodes.push(node.clone());
        true
    }

    /// Makes a pending value after all.
    fn materialize(&mut self, x: ValueId) {
        let node = Node { name: self.graph.value(x).name.clone(), op: NO_OP, inputs: Vec::new(), outputs: Vec::new() };
        match self.pending.remove(&x) {
            Some(Pending::Transposed { of, perm }) => self.transpose(&node, of, &perm, x),
            Some(Pending::Flattened { of, perm, .. }) => {
                let Some(shape) = perm.shape(&self.graph.value(of).shape) else { return };
                let image = self.like(x, shape);
                self.transpose(&node, of, &perm, image);
                self.push(&node, EngineOp::Reshape { dims: row_dims() }, vec![image], x);
            }
            None => {}
        }
    }

    fn transpose(&mut self, node: &Node, of: ValueId, perm: &Perm, result: ValueId) {
        if let Some(perm) = perm.ints() {
            self.push(node, EngineOp::Transpose { perm }, vec![of], result);
        }
    }

    fn outputs(&mut self) {
        for output in self.graph.outputs.clone() {
            self.materialize(output);
        }
    }

    /// A new value like `x` with another shape.
    fn like(&mut self, x: ValueId, shape: Shape) -> ValueId {
        let value = self.graph.value(x);
        let (name, quant, dtype) = (value.name.clone(), value.quant, value.dtype);
        let id = self.graph.push_value(name, Info { dtype, shape }, None);
        self.graph.values[id.0].quant = quant;
        id
    }

    /// A Reshape from one value to another whose shape is known.
    fn reshape(&mut self, from: ValueId, to: ValueId) {
        let (old, new) = (self.graph.value(from).shape, self.graph.value(to).shape);
        let dims = crate::build::relative_dims(&crate::tensor::dims(&old), &crate::tensor::dims(&new));
        let name = self.graph.value(to).name.clone();
        let node = Node { name, op: NO_OP, inputs: Vec::new(), outputs: Vec::new() };
        self.push(&node, EngineOp::Reshape { dims: Ints::new(&dims).unwrap_or_default() }, vec![from], to);
    }

    fn push(&mut self, node: &Node, op: EngineOp, inputs: Vec<ValueId>, output: ValueId) {
        self.graph.nodes.push(Node { name: node.name.clone(), op: Op::Engine(op), inputs, outputs: vec![output] });
    }
}

/// Stands in nodes that only lend their name.
const NO_OP: Op = Op::MatMulInteger;

/// `[n, rest]`.
fn row_dims() -> Ints {
    Ints::new(&[0, -1]).unwrap_or_default()
}

/// Operators that take each element alone, whatever the shape.
fn is_pointwise(op: &EngineOp) -> bool {
    matches!(
        op,
        EngineOp::Unary { .. }
            | EngineOp::Quantize {}
            | EngineOp::Dequantize {}
            | EngineOp::FlipSign {}
            | EngineOp::QLookup {}
            | EngineOp::Cast { .. }
    )
}

/// How many of the operands are in the layout that changes; the rest are tables and indices.
fn data_operands(op: &EngineOp, count: usize) -> usize {
    match op {
        EngineOp::Binary { .. } | EngineOp::QBinary { .. } | EngineOp::Where {} | EngineOp::Concat { .. } => count,
        _ => 1,
    }
}

/// Whether the operands' ranks allow to permute: all results' axes are the permutation's, and an index is a vector.
fn fits(graph: &Graph, node: &Node, op: &EngineOp, perm: &Perm) -> bool {
    let rank = |x: ValueId| graph.value(x).shape.rank();
    match op {
        EngineOp::Gather { .. } => rank(node.inputs[1]) == 1,
        EngineOp::Concat { .. } => node.inputs.iter().all(|&x| rank(x) == perm.rank()),
        _ => node.inputs[..data_operands(op, node.inputs.len())].iter().all(|&x| rank(x) <= perm.rank()),
    }
}

/// A constant with `dims` permuted.
fn permuted(tensor: &Tensor, dims: &Shape, perm: &Perm) -> Option<Tensor> {
    let shape = perm.shape(dims)?;
    let strides = dims.strides();
    let size = tensor.dtype.size();
    let mut out = Tensor::zeroed(Info { dtype: tensor.dtype, shape });
    let steps = shape.strides();
    for (index, element) in out.bytes.chunks_exact_mut(size).enumerate() {
        let place = |axis: usize| index / steps[axis] % shape.dim(axis) * strides[perm.source(axis)];
        let from: usize = (0..shape.rank()).map(place).sum();
        element.copy_from_slice(&tensor.bytes[from * size..][..size]);
    }
    Some(out)
}

/// Weights for rows in the order of `image` instead of that of its permutation. `deep_last`: they are `[n, k]`.
fn reordered(weights: &Tensor, image: &Shape, perm: &Perm, deep_last: bool) -> Option<Tensor> {
    let rows = perm.shape(image)?;
    let (depth, columns) = match deep_last {
        true => (weights.shape.dim(1), weights.shape.dim(0)),
        false => (weights.shape.dim(0), weights.shape.dim(1)),
    };
    if rows.span(1, 4) != depth || !matches!(weights.dtype, DType::F32 | DType::F16 | DType::I8) {
        return None;
    }
    // One pixel axis after the other, the columns as one more.
    let spread = [rows.dim(1), rows.dim(2), rows.dim(3)];
    let inverse = perm.inverse();
    let axes: Vec<i32> = (1..4).map(|axis| inverse.source(axis) as i32 - 1).collect();
    let (dims, order) = match deep_last {
        true => (vec![columns, spread[0], spread[1], spread[2]], vec![0, axes[0] + 1, axes[1] + 1, axes[2] + 1]),
        false => (vec![spread[0], spread[1], spread[2], columns], vec![axes[0], axes[1], axes[2], 3]),
    };
    let moved = permuted(weights, &Shape::new(&dims)?, &Perm::new(&Ints::new(&order)?))?;
    Some(Tensor { shape: weights.shape, ..moved })
}
