//! Upkeep of a graph that a rewrite leaves behind.

use std::collections::HashSet;

use dunlin_engine::tensor::DType;

use super::moves;
use crate::ir::{Graph, ValueId};

/// Removes the nodes whose results nobody reads.
pub fn sweep(graph: &mut Graph) {
    let mut read: HashSet<ValueId> = graph.outputs.iter().copied().collect();
    let mut nodes = std::mem::take(&mut graph.nodes);
    nodes.reverse();
    nodes.retain(|node| {
        let kept = node.outputs.iter().any(|output| read.contains(output));
        if kept {
            read.extend(&node.inputs);
        }
        kept
    });
    nodes.reverse();
    graph.nodes = nodes;
}

/// Gives u8 results of operators that only move data the quantization of what they move, where they have none.
pub fn keep_quantization(graph: &mut Graph) {
    for index in 0..graph.nodes.len() {
        let node = &graph.nodes[index];
        let Some(&first) = moves::operands(&node.op).and_then(|places| node.inputs.get(places.start)) else { continue };
        let (quant, output) = (graph.value(first).quant, node.outputs[0]);
        let result = &mut graph.values[output.0];
        if result.dtype == DType::U8 && result.quant.is_none() {
            result.quant = quant;
        }
    }
}
