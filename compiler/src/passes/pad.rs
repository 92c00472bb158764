//! Padding with zeros into the window of the convolution or mean that reads it.

use dunlin_engine::op::{Op as EngineOp, PadMode, PoolKind, Window};

use super::rewrite::engine;
use crate::error::Result;
use crate::ir::{Graph, Node, Op};

/// Lets windows pad by themselves; a Pad that nobody else reads goes.
///
/// # Errors
/// As [`super::dead::run`].
pub fn run(graph: &mut Graph) -> Result<()> {
    let makers = graph.makers();
    for index in 0..graph.nodes.len() {
        let maker = graph.nodes[index].inputs.first().and_then(|x| makers[x.0]);
        let Some(pad) = maker.filter(|&m| graph.nodes[m].inputs.len() == 1) else { continue };
        let pads = engine(&graph.nodes[pad]).and_then(|op| image_pads(&op));
        if let Some(op) = pads.and_then(|pads| padded(&graph.nodes[index], pads)) {
            graph.nodes[index].op = op;
            graph.nodes[index].inputs[0] = graph.nodes[pad].inputs[0];
        }
    }
    super::dead::run(graph)
}

/// Top, left, bottom and right of a Pad with zeros in H and W of NCHW only.
fn image_pads(op: &EngineOp) -> Option<[u32; 4]> {
    let EngineOp::Pad { before, after, mode: PadMode::Constant, value: 0.0 } = op else { return None };
    let (&[0, 0, top, left], &[0, 0, bottom, right]) = (&before[..], &after[..]) else { return None };
    let sides = [top, left, bottom, right].map(|side| u32::try_from(side).ok());
    let [Some(top), Some(left), Some(bottom), Some(right)] = sides else { return None };
    Some([top, left, bottom, right])
}

/// The reader with the padding in its window.
fn padded(node: &Node, pads: [u32; 4]) -> Option<Op> {
    let add = |window: Window| {
        let mut sum = window;
        sum.pads.iter_mut().zip(pads).for_each(|(own, pad)| *own += pad);
        sum
    };
    let plain = |window: &Window| window.pads == [0; 4] && !window.ceil;
    match node.op {
        Op::Conv { window, groups } => Some(Op::Conv { window: add(window), groups }),
        // The padding counted as elements; a mean that leaves its own padding out had none.
        Op::Pool { kind: PoolKind::Avg | PoolKind::AvgIncludePad, window, p } if plain(&window) => {
            Some(Op::Pool { kind: PoolKind::AvgIncludePad, window: add(window), p })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::Builder;
    use crate::eval::evaluate;
    use crate::ir::Tensor;
    use dunlin_engine::op::infer::Info;
    use dunlin_engine::tensor::{DType, Shape};

    #[test]
    fn a_mean_over_padding_pads_by_itself() {
        let mut graph = Graph::default();
        let info = |h, w| Info { dtype: DType::F32, shape: Shape::new(&[1, 1, h, w]).expect("small") };
        let x = graph.push_value("x", info(2, 2), None);
        graph.inputs.push(x);
        let window = Window { kernel: [2; 2], stride: [1; 2], dilation: [1; 2], pads: [0; 4], ceil: false };
        let mut builder = Builder::new(&mut graph, 0);
        let padded = builder.pad(x, &[0, 0, 1, 1], &[0; 4], 0.0).expect("four axes");
        let pool = Op::Pool { kind: PoolKind::Avg, window, p: 0.0 };
        let y = builder.append(pool, &[padded], &[info(2, 2)])[0];
        graph.outputs.push(y);
        let sample = [Tensor::f32s(&[1, 1, 2, 2], &[1.0, 2.0, 3.0, 4.0])];
        let before = evaluate(&graph, &sample).expect("it runs");
        run(&mut graph).expect("it can't fail");
        assert_eq!(graph.nodes.len(), 1);
        let after = evaluate(&graph, &sample).expect("it runs");
        assert_eq!(before[0].as_f32s(), after[0].as_f32s());
    }
}
