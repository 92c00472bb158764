//! A fourth channel for the three of a picture.
//!
//! The integer kernels read activations in groups of four. Where pixels have three, windows begin in the middle of a group
//! and have to be unfolded first; with a fourth channel, whose weights change nothing, they are read where they lie.

use dunlin_engine::op::Op as EngineOp;
use dunlin_engine::tensor::{DType, Ints};

use super::rewrite::engine;
use crate::build::Builder;
use crate::error::Result;
use crate::ir::{Graph, Node, Tensor, ValueId};

/// NCHW to NHWC.
const PIXELS: [i32; 4] = [0, 2, 3, 1];

/// Widens the images of convolutions that read three channels right after they became pixels. Runs between the layout
/// pass and packing.
///
/// # Errors
/// When the widened shapes exceed what the engine takes.
pub fn run(graph: &mut Graph) -> Result<()> {
    let makers = graph.makers();
    let readers = graph.readers();
    let picked = |node: &Node| {
        let transposed = makers[node.inputs.first()?.0]?;
        let alone = readers[node.inputs[0].0].len() == 1 && !graph.outputs.contains(&node.inputs[0]);
        let weights = alone.then(|| widened(graph, node, &graph.nodes[transposed]))??;
        Some((graph.nodes[transposed].inputs[0], weights))
    };
    let picked: Vec<_> = graph.nodes.iter().map(picked).collect();
    let nodes = std::mem::take(&mut graph.nodes);
    let mut builder = Builder::rewriting(graph);
    for (node, picked) in nodes.into_iter().zip(picked) {
        builder.node.clone_from(&node.name);
        let node = match picked {
            Some((planes, weights)) => with_fourth(&mut builder, node, planes, weights)?,
            None => node,
        };
        builder.graph.nodes.push(node);
    }
    super::dead::run(graph)
}

fn with_fourth(builder: &mut Builder<'_>, node: Node, planes: ValueId, weights: Tensor) -> Result<Node> {
    let quant = builder.graph.value(planes).quant;
    let zero = quant.map_or(0.0, |quant| quant.zero as f32);
    let padded = builder.pad(planes, &[0; 4], &[0, 1, 0, 0], zero)?;
    builder.graph.values[padded.0].quant = quant;
    let pixels = builder.transpose(padded, &PIXELS.map(|axis| axis as usize))?;
    builder.graph.values[pixels.0].quant = quant;
    let weights = builder.constant(weights);
    let mut inputs = node.inputs;
    inputs[..2].copy_from_slice(&[pixels, weights]);
    Ok(Node { inputs, ..node })
}

/// The weights `[oc,kh,kw,4]` of a convolution whose operand `transposed` makes pixels of three byte planes. The fourth
/// weight is the channel's zero point, so that it counts for nothing.
fn widened(graph: &Graph, node: &Node, transposed: &Node) -> Option<Tensor> {
    let Some(EngineOp::QConv { groups: 1, window, .. }) = engine(node) else { return None };
    let Some(EngineOp::Transpose { perm }) = engine(transposed) else { return None };
    let planes = graph.value(*transposed.inputs.first()?);
    let fits = planes.dtype == DType::U8 && planes.shape.rank() == 4 && planes.shape.dim(1) == 3;
    // A window of one column of pixels gains nothing.
    (fits && perm == Ints::new(&PIXELS)? && window.kernel[1] > 1).then_some(())?;
    let weights = graph.constant(node.inputs[1])?;
    let &[oc, kh, kw, 3] = weights.shape.dims() else { return None };
    let values = weights.as_i8s()?;
    let zeros =
        node.inputs.get(4).map(|&zeros| graph.constant(zeros)?.as_i32s()).map_or(Some(None), |z| z.map(Some))?;
    let mut wide = Vec::with_capacity(values.len() / 3 * 4);
    for (i, taps) in values.chunks_exact(3).enumerate() {
        let channel = i / (kh * kw) as usize;
        let zero = zeros.map_or(Some(0), |zeros| i8::try_from(*zeros.get(channel)?).ok())?;
        wide.extend_from_slice(&[taps[0], taps[1], taps[2], zero]);
    }
    Some(Tensor::i8s(&[oc, kh, kw, 4].map(|d| d as usize), &wide))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::evaluate;
    use crate::ir::Op;
    use crate::pack::pack;
    use dunlin_engine::op::infer::Info;
    use dunlin_engine::op::{Clamp, Window};
    use dunlin_engine::tensor::{Quant, Shape};

    /// A picture's first layer, its weights with zero points if `zeros` are given.
    fn first_layer(zeros: Option<[i32; 2]>) -> Graph {
        let mut graph = Graph::default();
        let info = |dims: &[usize]| Info { dtype: DType::U8, shape: Shape::new(dims).expect("small") };
        let quantized = |graph: &mut Graph, name: &str, dims: &[usize]| {
            let value = graph.push_value(name, info(dims), None);
            graph.values[value.0].quant = Some(Quant { scale: 0.5, zero: 7 });
            value
        };
        let [planes, pixels, y] = [("planes", [1, 3, 4, 5]), ("pixels", [1, 4, 5, 3]), ("y", [1, 4, 5, 2])]
            .map(|(name, dims)| quantized(&mut graph, name, &dims));
        let weights: Vec<i8> = (0..54).map(|i| (i * 37 % 101 - 50) as i8).collect();
        let mut inputs = vec![
            pixels,
            graph.push_constant("weights", Tensor::i8s(&[2, 3, 3, 3], &weights)),
            graph.push_constant("bias", Tensor::i32s(&[2], &[100, -900])),
            graph.push_constant("scale", Tensor::f32s(&[2], &[0.01, 0.02])),
        ];
        inputs.extend(zeros.map(|zeros| graph.push_constant("zeros", Tensor::i32s(&[2], &zeros))));
        let window = Window { kernel: [3; 2], stride: [1; 2], dilation: [1; 2], pads: [1; 4], ceil: false };
        let conv = EngineOp::QConv { window, groups: 1, out_channels: 2, clamp: Clamp { lo: 0, hi: 255 } };
        let perm = Ints::new(&PIXELS).expect("four axes");
        let node = |name: &str, op, inputs, output| Node {
            name: name.to_owned(),
            op: Op::Engine(op),
            inputs,
            outputs: vec![output],
        };
        graph.nodes.push(node("turn", EngineOp::Transpose { perm }, vec![planes], pixels));
        graph.nodes.push(node("conv", conv, inputs, y));
        graph.inputs.push(planes);
        graph.outputs.push(y);
        graph
    }

    #[test]
    fn a_fourth_channel_changes_no_result() {
        let picture: Vec<u8> = (0..60).map(|i| (i * 89) as u8).collect();
        let picture = [Tensor::u8s(&[1, 3, 4, 5], &picture)];
        let results = |mut graph: Graph| {
            pack(&mut graph).expect("it packs");
            evaluate(&graph, &picture).expect("it runs")[0].as_u8s().expect("bytes").to_vec()
        };
        for zeros in [None, Some([3, -128])] {
            let before = results(first_layer(zeros));
            let mut graph = first_layer(zeros);
            run(&mut graph).expect("small shapes");
            assert_eq!(graph.value(graph.nodes[2].inputs[0]).shape.dims(), [1, 4, 5, 4]);
            assert_eq!(results(graph), before, "{zeros:?}");
        }
    }

    #[test]
    fn a_zero_point_that_is_no_weight_stays_out() {
        let mut graph = first_layer(Some([3, 128]));
        run(&mut graph).expect("small shapes");
        assert_eq!(graph.nodes.len(), 2);
    }
}
