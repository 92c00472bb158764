//! Nodes whose results nobody reads, and values that nobody mentions.

use crate::error::Result;
use crate::ir::{Graph, ValueId};

/// Removes nodes that no output depends on.
///
/// # Errors
/// None today; the signature is that of a pass.
pub fn run(graph: &mut Graph) -> Result<()> {
    let mut needed = vec![false; graph.values.len()];
    graph.outputs.iter().for_each(|x| needed[x.0] = true);
    let mut keep = vec![false; graph.nodes.len()];
    for (index, node) in graph.nodes.iter().enumerate().rev() {
        // A result that became a constant needs no node.
        let made = |x: &ValueId| needed[x.0] && graph.values[x.0].data.is_none();
        keep[index] = node.outputs.iter().any(made);
        if keep[index] {
            node.inputs.iter().for_each(|x| needed[x.0] = true);
        }
    }
    let mut keep = keep.into_iter();
    graph.nodes.retain(|_| keep.next().unwrap_or(true));
    Ok(())
}

/// Removes values that neither a node nor the graph's borders mention; ids change.
pub fn compact(graph: &mut Graph) {
    let mut mentioned = vec![false; graph.values.len()];
    let nodes = graph.nodes.iter().flat_map(|node| node.inputs.iter().chain(&node.outputs));
    nodes.chain(&graph.inputs).chain(&graph.outputs).for_each(|x| mentioned[x.0] = true);
    let mut next = 0;
    let renamed: Vec<ValueId> = mentioned
        .iter()
        .map(|&kept| {
            let id = ValueId(next);
            next += usize::from(kept);
            id
        })
        .collect();
    let mut kept = mentioned.iter().copied();
    graph.values.retain(|_| kept.next().unwrap_or(true));
    let nodes = graph.nodes.iter_mut().flat_map(|node| node.inputs.iter_mut().chain(&mut node.outputs));
    nodes.chain(&mut graph.inputs).chain(&mut graph.outputs).for_each(|x| *x = renamed[x.0]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::Builder;
    use crate::ir::Tensor;
    use dunlin_engine::op::UnaryKind;

    #[test]
    fn removes_what_no_output_depends_on() {
        let mut graph = Graph::default();
        let x = graph.push_value("x", Tensor::f32s(&[2], &[0.0; 2]).info(), None);
        graph.inputs.push(x);
        let mut builder = Builder::new(&mut graph, 0);
        let dead = builder.unary(UnaryKind::Exp, x).expect("a float");
        builder.unary(UnaryKind::Exp, dead).expect("a float");
        let live = builder.unary(UnaryKind::Neg, x).expect("a float");
        graph.outputs.push(live);
        run(&mut graph).expect("it can't fail");
        compact(&mut graph);
        assert_eq!((graph.nodes.len(), graph.values.len()), (1, 2));
        assert_eq!(graph.nodes[0].outputs, graph.outputs);
    }
}
