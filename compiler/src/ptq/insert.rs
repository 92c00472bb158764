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
    let mut nodes = Vec::with_capacity(3 * old.len());
    let values = graph.values.len();
    let mut rounded: Vec<Option<ValueId>> = vec![None; values];
    // Whether a value comes from integers; then everyone reads the rounded one.
    let mut whole = vec![false; values];
    let first = |value: ValueId| graph.inputs.contains(&value) || graph.constant(value).is_some();
    let early: Vec<ValueId> = (0..scheme.quantized.len()).map(ValueId).filter(|&v| scheme.quantized[v.0] && first(v)).collect();
    for value in early {
        rounded[value.0] = around(graph, &mut nodes, scheme, quants, value);
    }
    for (index, mut node) in old.into_iter().enumerate() {
        let integer = scheme.integer[index] && !scheme.fused[index];
        let moving = moves::operands(&node.op).is_some_and(|places| {
            let mut operands = places.among(node.inputs.len()).map(|place| node.inputs[place]);
            operands.all(|value| rounded[value.0].is_some() || whole[value.0])
        });
        let weights = integer.then(|| scheme::weights(graph, &node)).flatten();
        for value in &mut node.inputs {
            if let Some(replacement) = rounded[value.0].filter(|_| integer || moving || whole[value.0]) {
                *value = replacement;
            }
        }
        if let Some((weights, axis)) = weights {
            if let Some(dequantized) = channels::dequantized(graph, &mut nodes, weights, axis) {
                node.inputs[1] = dequantized;
            }
        }
        let output = node.outputs[0];
        nodes.push(node);
        whole[output.0] = scheme.integer[index] || moving;
        if scheme.quantized[output.0] {
            rounded[output.0] = around(graph, &mut nodes, scheme, quants, output);
        }
    }
    for output in &mut graph.outputs {
        let replacement = rounded[output.0].filter(|_| whole[output.0]);
        if let Some(replacement) = replacement {
            // The model's output keeps its name.
            let name = std::mem::take(&mut graph.values[output.0].name);
            graph.values[output.0].name = format!("{name}/float");
            graph.values[replacement.0].name = name;
            *output = replacement;
        }
    }
    graph.nodes = nodes;
}

fn around(
    graph: &mut Graph,
    nodes: &mut Vec<Node>,
    scheme: &Scheme,
    quants: &Quants,
    value: ValueId,
) -> Option<ValueId> {
    Some(rounded(graph, nodes, value, *quants.get(&scheme.group(value))?))
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
