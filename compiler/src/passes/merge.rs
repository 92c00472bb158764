//! Reshapes of reshapes and transposes of transposes become one.

use dunlin_engine::op::Op as EngineOp;
use dunlin_engine::tensor::Ints;

use super::rewrite::engine;
use crate::build::relative_dims;
use crate::error::Result;
use crate::ir::{Graph, Node, Op};
use crate::tensor::dims;

/// Lets the second of two take the first one's operand; the first goes when nobody else reads it.
///
/// # Errors
/// As [`super::dead::run`].
pub fn run(graph: &mut Graph) -> Result<()> {
    let makers = graph.makers();
    for index in 0..graph.nodes.len() {
        let first = graph.nodes[index].inputs.first().and_then(|x| makers[x.0]);
        let merged = first.and_then(|first| merged(graph, &graph.nodes[first], &graph.nodes[index]));
        if let Some((op, first)) = merged.zip(first) {
            graph.nodes[index].op = Op::Engine(op);
            graph.nodes[index].inputs[0] = graph.nodes[first].inputs[0];
        }
    }
    super::dead::run(graph)
}

fn merged(graph: &Graph, first: &Node, second: &Node) -> Option<EngineOp> {
    match (engine(first)?, engine(second)?) {
        (EngineOp::Reshape { .. }, EngineOp::Reshape { .. }) => {
            let (from, to) = (graph.value(first.inputs[0]).shape, graph.value(second.outputs[0]).shape);
            Some(EngineOp::Reshape { dims: Ints::new(&relative_dims(&dims(&from), &dims(&to)))? })
        }
        (EngineOp::Transpose { perm: inner }, EngineOp::Transpose { perm: outer }) => {
            let perm: Vec<i32> = outer.iter().map(|&p| inner[p as usize]).collect();
            Some(EngineOp::Transpose { perm: Ints::new(&perm)? })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::Builder;
    use crate::ir::Tensor;

    #[test]
    fn two_transposes_become_one() {
        let mut graph = Graph::default();
        let x = graph.push_value("x", Tensor::f32s(&[1, 2, 3], &[0.0; 6]).info(), None);
        let mut builder = Builder::new(&mut graph, 0);
        let first = builder.transpose(x, &[0, 2, 1]).expect("three axes");
        let second = builder.transpose(first, &[1, 0, 2]).expect("three axes");
        graph.outputs.push(second);
        run(&mut graph).expect("it can't fail");
        assert_eq!(graph.nodes.len(), 1);
        let perm = Ints::new(&[2, 0, 1]).expect("few");
        assert_eq!(graph.nodes[0].op, Op::Engine(EngineOp::Transpose { perm }));
    }
}
