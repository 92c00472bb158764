//! Relu and other clips into the bounds of the float product before them.

use dunlin_engine::op::{Op as EngineOp, UnaryKind};

use super::rewrite::{engine, uses};
use crate::error::Result;
use crate::ir::{Graph, Op};

/// Bounds the results of `Conv` and `MatMul` instead of clipping them afterwards.
///
/// # Errors
/// As [`super::dead::run`].
pub fn run(graph: &mut Graph) -> Result<()> {
    let (makers, uses) = (graph.makers(), uses(graph));
    for index in 0..graph.nodes.len() {
        let Some(EngineOp::Unary { f }) = engine(&graph.nodes[index]) else { continue };
        let x = graph.nodes[index].inputs[0];
        let maker = makers[x.0].filter(|_| f.kind == UnaryKind::Clip && uses[x.0] == 1);
        let Some((maker, op)) = maker.and_then(|m| Some((m, bounded(engine(&graph.nodes[m])?, f.alpha, f.beta)?)))
        else {
            continue;
        };
        graph.nodes[maker].op = Op::Engine(op);
        // The product makes the clip's result; the clip's node makes what nobody reads and goes.
        let clipped = graph.nodes[index].outputs[0];
        graph.nodes[maker].outputs[0] = clipped;
        graph.nodes[index].inputs[0] = clipped;
        graph.nodes[index].outputs[0] = x;
    }
    super::dead::run(graph)
}

fn bounded(op: EngineOp, low: f32, high: f32) -> Option<EngineOp> {
    // Clipping to [a, b] and then to [c, d] is clipping to the one's bounds clipped by the other.
    let clip = |bound: f32| bound.max(low).min(high);
    match op {
        EngineOp::Conv { window, groups, lo, hi } => {
            Some(EngineOp::Conv { window, groups, lo: clip(lo), hi: clip(hi) })
        }
        EngineOp::MatMul { trans_b, lo, hi } => Some(EngineOp::MatMul { trans_b, lo: clip(lo), hi: clip(hi) }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::Builder;
    use crate::eval::evaluate;
    use crate::ir::Tensor;

    #[test]
    fn relu_goes_into_the_product() {
        let mut graph = Graph::default();
        let x = graph.push_value("x", Tensor::f32s(&[1, 2], &[0.0; 2]).info(), None);
        graph.inputs.push(x);
        let mut builder = Builder::new(&mut graph, 0);
        let w = builder.constant(Tensor::f32s(&[2, 2], &[1.0, -1.0, 1.0, -1.0]));
        let y = builder.matmul(x, w).expect("it fits");
        let z = builder.unary_with(UnaryKind::Clip, 0.0, f32::INFINITY, y).expect("a float");
        graph.outputs.push(z);
        run(&mut graph).expect("it can't fail");
        assert_eq!(graph.nodes.len(), 1);
        let made = evaluate(&graph, &[Tensor::f32s(&[1, 2], &[1.0, 2.0])]).expect("it runs");
        assert_eq!(made[0].as_f32s(), Some(&[3.0, 0.0][..]));
    }
}
