//! Concats of more operands than the engine takes.

use dunlin_engine::model::MAX_OPERANDS;
use dunlin_engine::op::Op as EngineOp;
use dunlin_engine::op::infer::Info;

use super::rewrite::engine;
use crate::error::Result;
use crate::ir::{Graph, Node, Op, ValueId};

/// Joins the operands of a wide Concat in groups first, then the groups, until none is too wide.
///
/// # Errors
/// None today; the signature is that of a pass.
pub fn run(graph: &mut Graph) -> Result<()> {
    for mut node in std::mem::take(&mut graph.nodes) {
        if let Some(EngineOp::Concat { axis }) = engine(&node) {
            while node.inputs.len() > MAX_OPERANDS {
                let groups = node.inputs.chunks(MAX_OPERANDS).map(<[ValueId]>::to_vec).collect::<Vec<_>>();
                node.inputs = groups.into_iter().map(|group| joined(graph, &node, axis, group)).collect();
            }
        }
        graph.nodes.push(node);
    }
    Ok(())
}

/// The value that joins a group of the node's operands.
fn joined(graph: &mut Graph, node: &Node, axis: u32, group: Vec<ValueId>) -> ValueId {
    if let [only] = group[..] {
        return only;
    }
    let total = group.iter().map(|&id| graph.value(id).shape.dim(axis as usize)).sum();
    let whole = graph.value(node.outputs[0]);
    let (dtype, quant) = (whole.dtype, whole.quant);
    let shape = whole.shape.with(axis as usize, total).expect("a part of a shape that fits");
    let name = format!("{}/part", node.name);
    let part = graph.push_value(name.clone(), Info { dtype, shape }, None);
    graph.values[part.0].quant = quant;
    graph.nodes.push(Node { name, op: Op::Engine(EngineOp::Concat { axis }), inputs: group, outputs: vec![part] });
    part
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::Builder;
    use crate::eval::evaluate;
    use crate::ir::Tensor;

    #[test]
    fn a_wide_concat_becomes_a_tree_with_the_same_result() {
        for parts in [16, 17, 33, 300] {
            let mut graph = Graph::default();
            let shape = dunlin_engine::tensor::Shape::new(&[2, 1]).expect("small");
            let info = Info { dtype: dunlin_engine::tensor::DType::F32, shape };
            let inputs: Vec<ValueId> = (0..parts).map(|i| graph.push_value(format!("x{i}"), info, None)).collect();
            graph.inputs.clone_from(&inputs);
            let mut builder = Builder::new(&mut graph, usize::MAX);
            let output = builder.concat(&inputs, 1).expect("they fit");
            graph.outputs = vec![output];
            let samples: Vec<Tensor> = (0..parts).map(|i| Tensor::f32s(&[2, 1], &[i as f32, -(i as f32)])).collect();
            let before = evaluate(&graph, &samples).expect("runs");
            run(&mut graph).expect("can't fail");
            assert!(graph.nodes.iter().all(|node| node.inputs.len() <= MAX_OPERANDS), "{parts}");
            let after = evaluate(&graph, &samples).expect("runs");
            assert_eq!(before[0].bytes, after[0].bytes, "{parts}");
        }
    }
}
