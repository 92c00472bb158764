//! Weights of float convolutions and products stored in 16 bits; the arithmetic stays f32.

use dunlin_engine::op::Op as EngineOp;
use dunlin_engine::tensor::DType;
use half::f16;

use crate::error::Result;
use crate::ir::{Graph, Op, Tensor, ValueId};

/// Stores the constant weights of every `Conv` and `MatMul` as f16, except where a weight lies beyond f16's range.
///
/// # Errors
/// None today; the signature is that of a pass.
pub fn run(graph: &mut Graph) -> Result<()> {
    for index in 0..graph.nodes.len() {
        let weighted = matches!(graph.nodes[index].op, Op::Engine(EngineOp::Conv { .. } | EngineOp::MatMul { .. }));
        let weights = graph.nodes[index].inputs.get(1).copied().filter(|_| weighted);
        if let Some(narrow) = weights.and_then(|id| narrowed(graph, id)) {
            graph.nodes[index].inputs[1] = narrow;
        }
    }
    Ok(())
}

fn narrowed(graph: &mut Graph, id: ValueId) -> Option<ValueId> {
    let tensor = graph.constant(id)?;
    let narrow: Vec<u16> = tensor.as_f32s()?.iter().map(|&v| f16::from_f32(v)).map(f16::to_bits).collect();
    if narrow.iter().any(|&bits| !f16::from_bits(bits).is_finite()) {
        return None;
    }
    let tensor = Tensor::new(DType::F16, tensor.shape, &narrow)?;
    let name = graph.value(id).name.clone();
    Some(graph.push_constant(name, tensor))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::Node;
    use dunlin_engine::op::infer::Info;

    #[test]
    fn keeps_weights_beyond_the_range_of_f16() {
        for (weight, expected) in [(1.5, DType::F16), (1e6, DType::F32)] {
            let mut graph = Graph::default();
            let x = Tensor::f32s(&[1, 1], &[1.0]).info();
            let x = graph.push_value("x", x, None);
            let w = graph.push_constant("w", Tensor::f32s(&[1, 1], &[weight]));
            let y = graph.push_value("y", Info { ..graph.info(x) }, None);
            let op = Op::Engine(EngineOp::MatMul { trans_b: false, lo: 0.0, hi: 1.0 });
            graph.nodes.push(Node { name: "y".into(), op, inputs: vec![x, w], outputs: vec![y] });
            run(&mut graph).expect("it can't fail");
            assert_eq!(graph.value(graph.nodes[0].inputs[1]).dtype, expected);
        }
    }
}
