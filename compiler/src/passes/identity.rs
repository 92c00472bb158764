//! Operators that change nothing.

use dunlin_engine::op::Op as EngineOp;

use super::rewrite::{Aliases, engine};
use crate::error::Result;
use crate::ir::{Graph, Node};

/// Removes reshapes to the same shape, transposes that move nothing, casts to the same type, slices of everything, pads of
/// nothing. A node that makes an output of the graph stays.
///
/// # Errors
/// None today; the signature is that of a pass.
pub fn run(graph: &mut Graph) -> Result<()> {
    let mut aliases = Aliases::new(graph);
    for mut node in std::mem::take(&mut graph.nodes) {
        aliases.apply(&mut node);
        match changes_nothing(graph, &node) && !graph.outputs.contains(&node.outputs[0]) {
            true => aliases.set(node.outputs[0], node.inputs[0]),
            false => graph.nodes.push(node),
        }
    }
    Ok(())
}

fn changes_nothing(graph: &Graph, node: &Node) -> bool {
    let (Some(op), Some(&x)) = (engine(node), node.inputs.first()) else { return false };
    let (before, after) = (graph.value(x), graph.value(node.outputs[0]));
    if (before.dtype, before.shape, before.quant) != (after.dtype, after.shape, after.quant) {
        return false;
    }
    match op {
        EngineOp::Reshape { .. } | EngineOp::Cast { .. } | EngineOp::Expand { .. } | EngineOp::Tile { .. } => true,
        EngineOp::Transpose { perm } => perm.is_sorted(),
        EngineOp::Slice { steps, .. } => steps.iter().all(|&step| step == 1),
        EngineOp::Pad { before, after, .. } => before.iter().chain(after.iter()).all(|&pad| pad == 0),
        EngineOp::Concat { .. } => node.inputs.len() == 1,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{Op, Tensor};
    use dunlin_engine::op::UnaryKind;
    use dunlin_engine::tensor::Ints;

    #[test]
    fn a_reshape_to_the_same_shape_goes() {
        let mut graph = Graph::default();
        let info = Tensor::f32s(&[2, 3], &[0.0; 6]).info();
        let [x, same, y] = ["x", "same", "y"].map(|name| graph.push_value(name, info, None));
        let reshape = EngineOp::Reshape { dims: Ints::new(&[2, -1]).expect("few") };
        let f = dunlin_engine::op::Activation { kind: UnaryKind::Exp, alpha: 0.0, beta: 0.0 };
        for (op, from, to) in [(reshape, x, same), (EngineOp::Unary { f }, same, y)] {
            graph.nodes.push(Node { name: String::new(), op: Op::Engine(op), inputs: vec![from], outputs: vec![to] });
        }
        graph.outputs.push(y);
        run(&mut graph).expect("it can't fail");
        assert_eq!(graph.nodes.len(), 1);
        assert_eq!(graph.nodes[0].inputs, [x]);
    }
}
