//! Writes a scheme into a graph.

use dunlin_engine::op::infer::Info;
use dunlin_engine::tensor::{DType, Quant};

use super::channels;
use super::ranges::Quants;
use super::scheme::{self, Scheme};
use crate::int8::moves;
use crate::ir::{Graph, Node, Op, Tensor, ValueId};

/// Puts `QuantizeLinear` and `DequantizeLinear` behind each quantized value and lets its readers read that.
pub fn insert(graph: &mut Graph, scheme: &Scheme, quants: &Quants) {
    let old = std::mem::take(&mut graph.nodes);
    let values = graph.values.len();
    let mut insertion =
        Insertion { graph, scheme, quants, nodes: Vec::new(), rounded: vec![None; values], whole: vec![false; values] };
    insertion.sources(values);
    for (index, node) in old.into_iter().enumerate() {
        insertion.node(index, node);
    }
    insertion.finish();
}

struct Insertion<'a> {
    graph: &'a mut Graph,
    scheme: &'a Scheme,
    quants: &'a Quants,
    nodes: Vec<Node>,
    /// Of each old value: what it is after rounding.
    rounded: Vec<Option<ValueId>>,
    /// Of each old value: whether it is computed in integers. Then everyone reads the rounded one.
    whole: Vec<bool>,
}

impl Insertion<'_> {
    /// Rounds inputs and constants.
    fn sources(&mut self, values: usize) {
        for value in (0..values).map(ValueId) {
            if self.graph.inputs.contains(&value) || self.graph.constant(value).is_some() {
                self.round(value);
            }
        }
    }

    fn round(&mut self, value: ValueId) {
        let quant = self.quants.get(&self.scheme.group(value)).filter(|_| self.scheme.quantized[value.0]);
        if let Some(&quant) = quant {
            self.rounded[value.0] = Some(rounded(self.graph, &mut self.nodes, value, quant));
        }
    }

    fn node(&mut self, index: usize, mut node: Node) {
        let integer = self.scheme.integer[index] && !self.scheme.fused[index];
        let moving = self.moves_quanta(&node);
        let weights = integer.then(|| scheme::weights(self.graph, &node)).flatten();
        let quant = self.quants.get(&self.scheme.group(node.inputs[0])).copied();
        for value in &mut node.inputs {
            let replacement = self.rounded[value.0].filter(|_| integer || moving || self.whole[value.0]);
            *value = replacement.unwrap_or(*value);
        }
        let stored = weights
            .zip(quant)
            .and_then(|(weights, quant)| channels::dequantized(self.graph, &mut self.nodes, &node, weights, quant));
        if let Some(weights) = stored {
            node.inputs[1] = weights;
        }
        let output = node.outputs[0];
        self.nodes.push(node);
        self.whole[output.0] = self.scheme.integer[index] || moving;
        self.round(output);
    }

    fn moves_quanta(&self, node: &Node) -> bool {
        moves::operands(&node.op).is_some_and(|places| {
            let mut operands = places.among(node.inputs.len()).map(|place| node.inputs[place]);
            operands.all(|value| self.rounded[value.0].is_some() || self.whole[value.0])
        })
    }

    /// The model's outputs are the rounded values, under their own names.
    fn finish(self) {
        for output in &mut self.graph.outputs {
            let Some(replacement) = self.rounded[output.0].filter(|_| self.whole[output.0]) else { continue };
            let name = std::mem::take(&mut self.graph.values[output.0].name);
            self.graph.values[output.0].name = format!("{name}/float");
            self.graph.values[replacement.0].name = name;
            *output = replacement;
        }
        self.graph.nodes = self.nodes;
    }
}

/// A value rounded to its quanta and back.
pub fn rounded(graph: &mut Graph, nodes: &mut Vec<Node>, value: ValueId, quant: Quant) -> ValueId {
    let (name, shape) = (graph.value(value).name.clone(), graph.value(value).shape);
    let scale = graph.push_constant(format!("{name}/scale"), Tensor::f32s(&[], &[quant.scale]));
    let zero = graph.push_constant(format!("{name}/zero"), Tensor::u8s(&[], &[quant.zero as u8]));
    let mut add = |name: String, op, x, dtype| {
        let result = graph.push_value(name.as_str(), Info { dtype, shape }, None);
        nodes.push(Node { name, op, inputs: vec![x, scale, zero], outputs: vec![result] });
        result
    };
    let quantize = Op::QuantizeLinear { axis: 0, to: DType::U8 };
    let quanta = add(format!("{name}/quantize"), quantize, value, DType::U8);
    add(format!("{name}/dequantize"), Op::DequantizeLinear { axis: 0 }, quanta, DType::F32)
}
