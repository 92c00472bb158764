//! Constant weights of float convolutions and products into panels.

use dunlin_engine::op::Op as EngineOp;
use dunlin_engine::tensor::{DType, Shape};
use dunlin_kernels::float::panels::{CHANNELS, pack as pack_columns};

use crate::ir::{Graph, Op, Tensor, ValueId};

/// Gives node `index`, whose operator is `op`, packed weights where they are constant and its operator has such a form.
pub(super) fn pack(graph: &mut Graph, index: usize, op: &EngineOp) {
    if let Some((op, weights)) = packed(graph, index, op) {
        let node = &mut graph.nodes[index];
        (node.op, node.inputs[1]) = (Op::Engine(op), weights);
    }
}

fn packed(graph: &mut Graph, index: usize, op: &EngineOp) -> Option<(EngineOp, ValueId)> {
    let node = &graph.nodes[index];
    let tensor = graph.constant(node.inputs[1])?;
    let shape = tensor.shape;
    match *op {
        EngineOp::Conv { window, groups, lo, hi } => {
            let (channels, groups) = (shape.last(), groups as usize);
            let n = channels.checked_div(groups).filter(|&n| n > 0)?;
            let k = shape.count() / channels;
            if channels == groups && shape.dim(2) == 1 {
                let dims = [channels.div_ceil(CHANNELS), k, CHANNELS];
                let weights = panels(tensor, &[0], [channels, 1], [k, channels], &dims)?;
                return Some((EngineOp::DepthwisePanels { window, lo, hi }, constant(graph, index, weights)));
            }
            let origins: Vec<usize> = (0..groups).map(|group| group * n).collect();
            let dims = [groups, n.div_ceil(CHANNELS), k, CHANNELS];
            let weights = panels(tensor, &origins, [channels, 1], [k, n], &dims)?;
            let op = EngineOp::ConvPanels { window, groups: groups as u32, lo, hi };
            Some((op, constant(graph, index, weights)))
        }
        EngineOp::MatMul { trans_b, lo, hi } if shape.rank() == 2 => {
            let [rows, columns] = [shape.dim(0), shape.dim(1)];
            let (step, [k, n]) =
                if trans_b { ([1, columns], [columns, rows]) } else { ([columns, 1], [rows, columns]) };
            let weights = panels(tensor, &[0], step, [k, n], &[n.div_ceil(CHANNELS), k, CHANNELS])?;
            Some((EngineOp::MatMulPanels { n: u32::try_from(n).ok()?, lo, hi }, constant(graph, index, weights)))
        }
        _ => None,
    }
}

fn constant(graph: &mut Graph, index: usize, weights: Tensor) -> ValueId {
    graph.push_constant(format!("{}/panels", graph.nodes[index].name), weights)
}

/// Panels of the `n` columns from each origin on, one set after the other; see [`pack_columns`].
fn panels(tensor: &Tensor, origins: &[usize], step: [usize; 2], extent: [usize; 2], dims: &[usize]) -> Option<Tensor> {
    let shape = Shape::new(dims)?;
    match tensor.dtype {
        DType::F16 => {
            let weights = tensor.as_f16_bits()?;
            let sets = origins.iter().flat_map(|&origin| pack_columns(weights, origin, step, extent));
            Tensor::new(DType::F16, shape, &sets.collect::<Vec<u16>>())
        }
        _ => {
            let weights = tensor.as_f32s()?;
            let sets = origins.iter().flat_map(|&origin| pack_columns(weights, origin, step, extent));
            Tensor::new(DType::F32, shape, &sets.collect::<Vec<f32>>())
        }
    }
}
