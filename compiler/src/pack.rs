//! The last pass: weights into panels, windows into tables of offsets.
//!
//! Takes the form that [`crate::int8`] leaves (plain i8 weights, no tables) and gives that of the engine's operators
//! ([`QConv`](EngineOp::QConv) and its kin). It runs after the layout pass, when an image's last axis is its channels for good.

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
