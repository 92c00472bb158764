//! Computing what depends on constants only.
//!
//! DequantizeLinear of a constant stays: integer lowering needs to see the quanta.

use dunlin_engine::exec::View;
use dunlin_engine::op::infer::Info;

use super::rewrite::engine;
use crate::build::{rewriting_budget, work};
use crate::error::{CompileError, Result};
use crate::eval;
use crate::ir::{Graph, Node, Tensor};

/// Replaces engine operators on constants by their results, as far as [`rewriting_budget`] goes.
///
/// # Errors
/// When the engine can't carry one out.
pub fn run(graph: &mut Graph) -> Result<()> {
    let mut budget = rewriting_budget(graph);
    for node in std::mem::take(&mut graph.nodes) {
        match fold(graph, &node, budget)? {
            Some(bytes) => budget -= bytes,
            None => graph.nodes.push(node),
        }
    }
    Ok(())
}

/// Computes a node's results when its operands are constants; their bytes.
fn fold(graph: &mut Graph, node: &Node, budget: usize) -> Result<Option<usize>> {
    let outputs: Vec<Info> = node.outputs.iter().map(|&id| graph.info(id)).collect();
    let bytes: usize = outputs.iter().map(|info| info.shape.count() * info.dtype.size()).sum();
    let plain = node.outputs.iter().chain(&node.inputs).all(|&id| graph.value(id).quant.is_none());
    let Some(op) = engine(node).filter(|_| bytes <= budget && plain) else { return Ok(None) };
    let operands: Option<Vec<&Tensor>> = node.inputs.iter().map(|&id| graph.constant(id)).collect();
    let Some(operands) = operands.filter(|operands| work(&op, operands, &outputs) <= MAX_WORK) else { return Ok(None) };
    let operands: Vec<View<'_>> = operands.into_iter().map(Tensor::view).collect();
    let results = eval::compute(&op, &operands, &outputs)
        .map_err(|source| CompileError::Evaluate { node: node.name.clone(), source })?;
    for (&id, tensor) in node.outputs.iter().zip(results) {
        graph.values[id.0].data = Some(tensor);
    }
    Ok(Some(bytes))
}

/// Elements that one result may cost.
const MAX_WORK: usize = 1 << 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::Builder;
    use dunlin_engine::op::BinaryKind;

    #[test]
    fn sums_of_constants_become_constants() {
        let mut graph = Graph::default();
        let mut builder = Builder::new(&mut graph, 0);
        let (one, two) = (builder.scalar(1.0), builder.constant(Tensor::f32s(&[2], &[2.0, 3.0])));
        let sum = builder.binary(BinaryKind::Add, one, two).expect("floats");
        graph.outputs.push(sum);
        assert_eq!(graph.nodes.len(), 1);
        run(&mut graph).expect("the engine adds");
        assert!(graph.nodes.is_empty());
        assert_eq!(graph.constant(sum).and_then(|t| t.as_f32s()), Some(&[3.0, 4.0][..]));
    }
}
