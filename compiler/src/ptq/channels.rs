//! Weights with one scale per output channel.

use dunlin_engine::op::infer::Info;
use dunlin_engine::tensor::DType;

use crate::ir::{Graph, Node, Op, Tensor, ValueId};

/// Adds i8 weights and the operator that dequantizes them; returns the operator's result.
///
/// Symmetric within -127..=127: the scale is the largest magnitude of the channel over 127.
pub fn dequantized(graph: &mut Graph, nodes: &mut Vec<Node>, weights: ValueId, axis: usize) -> Option<ValueId> {
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
    let scale: Vec<f32> = largest.iter().map(|&m| if (m / 127.0).is_normal() { m / 127.0 } else { 1.0 }).collect();
    let quantum = |(index, value): (usize, &f32)| {
        (value / scale[channel(index)]).round_ties_even().clamp(-127.0, 127.0) as i8
    };
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
