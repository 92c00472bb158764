//! The last pass: weights into panels, windows into tables of offsets.
//!
//! Takes the form that [`crate::int8`] leaves (plain i8 weights, no tables) and gives that of the engine's operators
//! ([`QConv`](EngineOp::QConv) and its kin). It runs after the layout pass, when an image's last axis is its channels for good.

mod float;

use dunlin_engine::op::{Op as EngineOp, Window};
use dunlin_kernels::pack_panels;

use crate::error::{CompileError, Result};
use crate::ir::{Graph, Node, Op, Tensor, ValueId};

/// Packs the weights of every contraction.
///
/// # Errors
/// [`CompileError::Invalid`] when a contraction's operands aren't those that the int8 lowering leaves.
pub fn pack(graph: &mut Graph) -> Result<()> {
    for index in 0..graph.nodes.len() {
        let node = graph.nodes[index].clone();
        let Op::Engine(op) = node.op else { continue };
        let inputs = match op {
            EngineOp::QConv { window, groups, .. } => conv(graph, &node, window, groups as usize),
            EngineOp::QDepthwise { window, .. } => depthwise(graph, &node, window),
            EngineOp::QGemm { .. } => gemm(graph, &node),
            EngineOp::Conv { .. } | EngineOp::MatMul { .. } => {
                float::pack(graph, index, &op);
                continue;
            }
            _ => continue,
        };
        graph.nodes[index].inputs = inputs.ok_or_else(|| malformed(&node, &op))?;
    }
    Ok(())
}

fn malformed(node: &Node, op: &EngineOp) -> CompileError {
    let what = "its weights don't fit its input; please report this model".to_owned();
    CompileError::Invalid { op: op.name().to_owned(), node: node.name.clone(), what }
}

/// One set of panels per group, `[oc/groups][kh*kw*c/groups]` each.
fn conv(graph: &mut Graph, node: &Node, window: Window, groups: usize) -> Option<Vec<ValueId>> {
    let channels = graph.value(node.inputs[0]).shape.last();
    let weights = graph.constant(node.inputs[1])?;
    let oc = weights.shape.dims().first().copied()? as usize;
    let n = oc.checked_div(groups).filter(|&n| n > 0 && n * groups == oc)?;
    let values = weights.as_i8s()?;
    let k = values.len() / oc;
    (k == window.taps()? * (channels / groups)).then_some(())?;
    let panels: Vec<i8> = values.chunks(n * k).flat_map(|group| pack_panels(group, n, k)).collect();
    windowed(graph, node, window, panels, channels / groups)
}

/// One set of panels with the taps as depth.
fn depthwise(graph: &mut Graph, node: &Node, window: Window) -> Option<Vec<ValueId>> {
    let channels = graph.value(node.inputs[0]).shape.last();
    let values = graph.constant(node.inputs[1])?.as_i8s()?;
    let taps = window.taps()?;
    (values.len() == channels * taps).then_some(())?;
    let panels = pack_panels(values, channels, taps);
    windowed(graph, node, window, panels, channels)
}

/// The operands of a windowed product: x, panels, rows, cols, and what came after the weights.
fn windowed(graph: &mut Graph, node: &Node, window: Window, panels: Vec<i8>, run: usize) -> Option<Vec<ValueId>> {
    let &[_, h, w, c] = graph.value(node.inputs[0]).shape.dims() else { return None };
    let (rows, cols, _) = window.tables([h, w, c].map(|dim| dim as usize), run)?;
    let mut inputs = vec![node.inputs[0], panels_of(graph, node, &panels)];
    inputs.push(offsets(graph, format!("{}/rows", node.name), &rows));
    inputs.push(offsets(graph, format!("{}/cols", node.name), &cols));
    inputs.extend(&node.inputs[2..]);
    Some(inputs)
}

fn gemm(graph: &mut Graph, node: &Node) -> Option<Vec<ValueId>> {
    let k = graph.value(node.inputs[0]).shape.last();
    let weights = graph.constant(node.inputs[1])?;
    let &[n, depth] = weights.shape.dims() else { return None };
    (depth as usize == k).then_some(())?;
    let panels = pack_panels(weights.as_i8s()?, n as usize, k);
    let mut inputs = node.inputs.clone();
    inputs[1] = panels_of(graph, node, &panels);
    Some(inputs)
}

fn panels_of(graph: &mut Graph, node: &Node, panels: &[i8]) -> ValueId {
    graph.push_constant(format!("{}/panels", node.name), Tensor::i8s(&[panels.len()], panels))
}

/// Offsets are u32; the engine's element type for them is i32.
fn offsets(graph: &mut Graph, name: String, offsets: &[u32]) -> ValueId {
    let words: Vec<i32> = offsets.iter().map(|&offset| offset.cast_signed()).collect();
    graph.push_constant(name, Tensor::i32s(&[words.len()], &words))
}

#[cfg(test)]
mod tests {
    use dunlin_engine::op::infer::Info;
    use dunlin_engine::op::{Clamp, Epilogue};
    use dunlin_engine::tensor::{DType, Shape};
    use dunlin_kernels::PAD;

    use super::*;

    const CLAMP: Clamp = Clamp { lo: 0, hi: 255 };

    /// A graph of one operator: x, weights, bias and scale in, what the engine infers out.
    fn packed(op: EngineOp, dims: &[usize], weights: Tensor, channels: usize) -> Result<(Graph, Shape)> {
        let mut graph = Graph::default();
        let info = |dims| Info { dtype: DType::U8, shape: Shape::new(dims).expect("small") };
        let inputs = vec![
            graph.push_value("x", info(dims), None),
            graph.push_constant("weights", weights),
            graph.push_constant("bias", Tensor::i32s(&[channels], &vec![0; channels])),
            graph.push_constant("scale", Tensor::f32s(&[channels], &vec![1.0; channels])),
        ];
        let output = graph.push_value("y", info(&[1]), None);
        graph.nodes.push(Node { name: "op".to_owned(), op: Op::Engine(op), inputs, outputs: vec![output] });
        pack(&mut graph)?;
        let infos: Vec<Info> = graph.nodes[0].inputs.iter().map(|&input| graph.info(input)).collect();
        let result = op.infer(&infos).expect("the engine takes packed operands")[0].expect("one result");
        Ok((graph, result.shape))
    }

    fn window() -> Window {
        Window { kernel: [2, 2], stride: [1, 1], dilation: [1, 1], pads: [1, 0, 0, 0], ceil: false }
    }

    #[test]
    fn a_convolution_gets_panels_and_offsets() {
        let op = EngineOp::QConv { window: window(), groups: 1, out_channels: 2, clamp: CLAMP };
        let weights: Vec<i8> = (0..24).collect();
        let (graph, shape) = packed(op, &[1, 2, 3, 3], Tensor::i8s(&[2, 2, 2, 3], &weights), 2).expect("packs");
        assert_eq!(shape.dims(), [1, 2, 2, 2]);
        let operand = |place: usize| graph.constant(graph.nodes[0].inputs[place]).expect("constant");
        let panels = operand(1).as_i8s().expect("i8");
        assert_eq!((panels[..4].to_vec(), panels[4..8].to_vec()), (vec![0, 1, 2, 3], vec![12, 13, 14, 15]));
        assert_eq!(operand(2).as_i32s(), Some(&[PAD.cast_signed(), 0, 0, 9][..]));
        assert_eq!(operand(3).as_i32s(), Some(&[0, 3, 3, 6][..]));
    }

    #[test]
    fn groups_depthwise_filters_and_matrices_are_packed() {
        let grouped = EngineOp::QConv { window: window(), groups: 2, out_channels: 4, clamp: CLAMP };
        packed(grouped, &[1, 2, 3, 4], Tensor::i8s(&[4, 2, 2, 2], &[1; 32]), 4).expect("packs");
        let depthwise = EngineOp::QDepthwise { window: window(), clamp: CLAMP };
        packed(depthwise, &[1, 2, 3, 5], Tensor::i8s(&[5, 2, 2], &[1; 20]), 5).expect("packs");
        let gemm = EngineOp::QGemm { n: 17, epilogue: Epilogue::Requant, clamp: CLAMP };
        packed(gemm, &[2, 5], Tensor::i8s(&[17, 5], &[1; 85]), 17).expect("packs");
    }

    #[test]
    fn weights_that_do_not_fit_are_an_error() {
        let gemm = EngineOp::QGemm { n: 17, epilogue: Epilogue::Requant, clamp: CLAMP };
        let found = packed(gemm, &[2, 5], Tensor::i8s(&[17, 6], &[1; 102]), 17);
        assert!(matches!(found, Err(CompileError::Invalid { .. })));
    }
}
