//! Which operators compute in integers, and which values are quantized for them.

use std::collections::HashSet;

use dunlin_engine::op::{BinaryKind, Op as EngineOp, PoolKind, ReduceKind, UnaryKind};
use dunlin_engine::tensor::DType;

use crate::int8::moves;
use crate::ir::{Graph, Node, Op, ValueId};

/// The decision for a whole graph.
#[derive(Clone, Debug)]
pub struct Scheme {
    /// Of each node: whether it computes in integers.
    pub integer: Vec<bool>,
    /// Of each node: whether it is a clamp that belongs to the operator before it.
    pub fused: Vec<bool>,
    /// Of each value: whether it is quantized where it is made.
    pub quantized: Vec<bool>,
    /// Of each value: the one that stands for all that share its quantization.
    group: Vec<ValueId>,
}

impl Scheme {
    /// Decides; nodes in `float` stay float.
    pub fn new(graph: &Graph, float: &HashSet<usize>) -> Self {
        let (readers, makers) = (graph.readers(), graph.makers());
        let integer = integers(graph, float);
        let fused = graph.nodes.iter().map(|node| {
            let x = node.inputs.first().copied();
            let single = |x: &ValueId| readers[x.0].len() == 1 && !graph.outputs.contains(x);
            let maker = x.filter(single).and_then(|x| makers[x.0]);
            is_clip(node) && maker.is_some_and(|maker| integer[maker] && clamps(&graph.nodes[maker]))
        });
        let mut scheme = Self {
            fused: fused.collect(),
            integer,
            quantized: vec![false; graph.values.len()],
            group: (0..graph.values.len()).map(ValueId).collect(),
        };
        scheme.mark(graph, &readers);
        scheme.join(graph);
        scheme
    }

    /// What stands for all values that share a value's quantization.
    pub fn group(&self, value: ValueId) -> ValueId {
        let mut value = value;
        while self.group[value.0] != value {
            value = self.group[value.0];
        }
        value
    }

    /// Operands of an integer operator that have to be quantized.
    pub fn operands<'a>(&self, graph: &'a Graph, index: usize) -> impl Iterator<Item = (usize, ValueId)> + 'a {
        let node = &graph.nodes[index];
        let weights = weights(graph, node).is_some();
        let scalar = scalar_operand(graph, node);
        node.inputs.iter().copied().enumerate().filter(move |&(place, value)| {
            let constant = graph.constant(value).is_some();
            graph.value(value).dtype == DType::F32 && Some(place) != scalar && !(constant && (weights || place > 1))
        })
    }

    /// Marks the values that integer operators read and make, back through movement to where they are made.
    fn mark(&mut self, graph: &Graph, readers: &[Vec<usize>]) {
        let mut needed = vec![false; graph.values.len()];
        for index in (0..graph.nodes.len()).rev() {
            let node = &graph.nodes[index];
            if self.integer[index] && !self.fused[index] {
                let operands: Vec<ValueId> = self.operands(graph, index).map(|(_, value)| value).collect();
                operands.iter().for_each(|value| needed[value.0] = true);
            }
            if let Some(places) = moves::operands(&node.op).filter(|_| needed[node.outputs[0].0]) {
                places.among(node.inputs.len()).for_each(|place| needed[node.inputs[place].0] = true);
                // It is made from quanta; nothing is quantized behind it.
                needed[node.outputs[0].0] = false;
            }
        }
        for (index, node) in graph.nodes.iter().enumerate() {
            let output = node.outputs[0];
            let clipped = readers[output.0].iter().any(|&reader| self.fused[reader]);
            if self.integer[index] && !clipped && !ends_in_float(graph, node, readers) {
                needed[output.0] = true;
            }
            if clipped {
                needed[output.0] = false;
            }
        }
        self.quantized = needed;
    }

    /// Joins what movement leaves alike.
    fn join(&mut self, graph: &Graph) {
        for node in &graph.nodes {
            let (Some(places), output) = (moves::operands(&node.op), node.outputs[0]) else { continue };
            if graph.value(output).dtype != DType::F32 {
                continue;
            }
            for place in places.among(node.inputs.len()) {
                let (a, b) = (self.group(node.inputs[place]), self.group(output));
                self.group[a.0] = b;
            }
        }
    }
}

/// The constant weights of a contraction, and the axis of its output channels among theirs.
pub fn weights(graph: &Graph, node: &Node) -> Option<(ValueId, usize)> {
    let axis = match node.op {
        Op::Conv { .. } => 0,
        Op::Engine(EngineOp::MatMul { trans_b, .. }) => usize::from(!trans_b),
        _ => return None,
    };
    let tensor = graph.constant(*node.inputs.get(1)?)?;
    let fits = tensor.dtype == DType::F32 && (matches!(node.op, Op::Conv { .. }) || tensor.shape.rank() == 2);
    fits.then_some((node.inputs[1], axis))
}

/// Whether an operator's bounds are part of its integer form; others take a clamp as a table behind them.
fn clamps(node: &Node) -> bool {
    matches!(node.op, Op::Conv { .. } | Op::Engine(EngineOp::MatMul { .. } | EngineOp::Binary { .. }))
}

fn is_clip(node: &Node) -> bool {
    matches!(node.op, Op::Engine(EngineOp::Unary { f }) if f.kind == UnaryKind::Clip)
}

/// A product whose result is the model's own output returns to float without rounding to 8 bits.
fn ends_in_float(graph: &Graph, node: &Node, readers: &[Vec<usize>]) -> bool {
    let output = node.outputs[0];
    let product = matches!(node.op, Op::Engine(EngineOp::MatMul { lo, hi, .. }) if lo == f32::NEG_INFINITY && hi == f32::INFINITY);
    product && weights(graph, node).is_some() && readers[output.0].is_empty() && graph.outputs.contains(&output)
}

/// The place of a scalar constant among an element-wise operator's operands.
fn scalar_operand(graph: &Graph, node: &Node) -> Option<usize> {
    matches!(node.op, Op::Engine(EngineOp::Binary { .. })).then_some(())?;
    let scalar = |value: &ValueId| graph.constant(*value).is_some_and(|tensor| tensor.shape.count() == 1);
    node.inputs.iter().position(scalar)
}

/// Contractions wherever they have an integer form; what does little work, only behind something in integers.
fn integers(graph: &Graph, float: &HashSet<usize>) -> Vec<bool> {
    let mut whole = vec![false; graph.values.len()];
    let decide = |(index, node): (usize, &Node)| {
        let behind = node.inputs.iter().any(|value| whole[value.0]);
        let contraction = matches!(node.op, Op::Conv { .. } | Op::Engine(EngineOp::MatMul { .. }));
        let integer = !float.contains(&index) && (contraction || behind) && has_integer_form(graph, node);
        let moved = behind && moves::operands(&node.op).is_some();
        node.outputs.iter().for_each(|output| whole[output.0] = integer || moved);
        integer
    };
    graph.nodes.iter().enumerate().map(decide).collect()
}

fn has_integer_form(graph: &Graph, node: &Node) -> bool {
    let float = |value: &ValueId| graph.value(*value).dtype == DType::F32;
    let constant = |value: &ValueId| graph.constant(*value).is_some();
    if !node.outputs.iter().all(float) || !node.inputs.iter().all(float) || node.inputs.iter().all(constant) {
        return false;
    }
    let biased = node.inputs.get(2).is_none_or(constant);
    match node.op {
        Op::Conv { .. } => weights(graph, node).is_some() && biased,
        Op::Pool { kind, .. } => matches!(kind, PoolKind::Avg | PoolKind::AvgIncludePad),
        Op::Engine(EngineOp::MatMul { .. }) => match weights(graph, node) {
            Some(_) => biased,
            None => node.inputs.len() == 2 && !node.inputs.iter().any(constant),
        },
        Op::Engine(EngineOp::Reduce { kind, .. }) => matches!(kind, ReduceKind::Mean | ReduceKind::Max),
        Op::Engine(EngineOp::Softmax { .. }) => true,
        Op::Engine(EngineOp::Unary { f }) => is_activation(f.kind),
        Op::Engine(EngineOp::Binary { kind }) => match kind {
            BinaryKind::Add | BinaryKind::Sub | BinaryKind::Mul => true,
            BinaryKind::Div | BinaryKind::Min | BinaryKind::Max => scalar_operand(graph, node) == Some(1),
            _ => false,
        },
        _ => false,
    }
}

/// Functions that classifiers use as activations: smooth or clamped, of bounded slope. Others lose too much in 8 bits.
fn is_activation(kind: UnaryKind) -> bool {
    use UnaryKind::*;
    matches!(
        kind,
        Neg | Abs
            | Erf
            | Tanh
            | Sigmoid
            | Clip
            | LeakyRelu
            | Elu
            | Selu
            | Celu
            | Softplus
            | Softsign
            | HardSigmoid
            | HardSwish
            | Mish
            | Swish
            | Gelu
            | GeluTanh
            | ThresholdedRelu
    )
}
