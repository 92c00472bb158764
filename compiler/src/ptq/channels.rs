//! Weights with one scale per output channel.

use dunlin_engine::op::infer::Info;
use dunlin_engine::tensor::{DType, Quant};

use crate::ir::{Graph, Node, Op, Tensor, ValueId};

/// Adds i8 weights of a contraction and the operator that dequantizes them; returns the operator's result.
///
/// Symmetric within -127..=127: the scale is the largest magnitude of the channel over 127, and no less than lets the
/// bias fit in 32 bits, in quanta of the scale times that of the operand `x`. Channels that training has all but
/// switched off have a bias and next to no weights.
pub fn dequantized(
    graph: &mut Graph,
    nodes: &mut Vec<Node>,
    node: &Node,
    (weights, axis): (ValueId, usize),
    x: Quant,
) -> Option<ValueId> {
    let bias = node.inputs.get(2).and_then(|&bias| graph.constant(bias)).and_then(Tensor::as_f32s).unwrap_or_default();
    let bias = bias.to_vec();
    let tensor = graph.constant(weights)?;
    let (shape, values) = (tensor.shape, tensor.as_f32s()?);
    let inner = shape.span(axis + 1, shape.rank()).max(1);
    let count = shape.dim(axis);
    let channel = |index: usize| index / inner % count;
    let mut largest = vec![0.0_f32; count];
    for (index, value) in values.iter().enumerate() {
        let slot = &mut largest[channel(index)];
        *slot = slot.max(value.abs());
    }
    let least = |channel: usize| bias.get(channel).map_or(0.0, |bias| bias.abs() / (x.scale * BIAS_QUANTA));
    let scale = largest.iter().enumerate().map(|(channel, largest)| (largest / 127.0).max(least(channel)));
    let scale: Vec<f32> = scale.map(|scale| if scale.is_normal() { scale } else { 1.0 }).collect();
    let quantum =
        |(index, value): (usize, &f32)| (value / scale[channel(index)]).round_ties_even().clamp(-127.0, 127.0) as i8;
    let quanta: Vec<i8> = values.iter().enumerate().map(quantum).collect();
    let name = graph.value(weights).name.clone();
    let stored = Tensor::new(DType::I8, shape, &quanta)?;
    let stored = graph.push_constant(format!("{name}/int8"), stored);
    let scales = graph.push_constant(format!("{name}/scale"), Tensor::f32s(&[count], &scale));
    let zeros = graph.push_constant(format!("{name}/zero"), Tensor::i8s(&[count], &vec![0; count]));
    let result = graph.push_value(format!("{name}/dequantized"), Info { dtype: DType::F32, shape }, None);
    nodes.push(Node {
        name: format!("{name}/dequantize"),
        op: Op::DequantizeLinear { axis: axis as u32 },
        inputs: vec![stored, scales, zeros],
        outputs: vec![result],
    });
    Some(result)
}

/// The most quanta of a bias: a quarter of what i32 holds, so that sums fit beside it.
const BIAS_QUANTA: f32 = (1 << 29) as f32;
