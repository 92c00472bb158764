//! One node for all that compute the same from the same.

use std::collections::HashMap;

use super::rewrite::Aliases;
use crate::error::Result;
use crate::ir::{Graph, ValueId};

/// Lets equal nodes share the first one's results, except where an output of the graph would lose its own value.
///
/// # Errors
/// None today; the signature is that of a pass.
pub fn run(graph: &mut Graph) -> Result<()> {
    let mut aliases = Aliases::new(graph);
    let mut seen: HashMap<(String, Vec<ValueId>), Vec<ValueId>> = HashMap::new();
    for mut node in std::mem::take(&mut graph.nodes) {
        aliases.apply(&mut node);
        // Parameters are floats, too, which compare by what they print as.
        let key = (format!("{:?}", node.op), node.inputs.clone());
        let shared = seen.get(&key).filter(|first| {
            let pairs = first.iter().zip(&node.outputs);
            pairs.into_iter().all(|(&a, &b)| same(graph, a, b)) && first.len() == node.outputs.len()
        });
        match shared {
            Some(first) => node.outputs.iter().zip(first).for_each(|(&own, &other)| aliases.set(own, other)),
            None => {
                seen.insert(key, node.outputs.clone());
                graph.nodes.push(node);
            }
        }
    }
    Ok(())
}

fn same(graph: &Graph, a: ValueId, b: ValueId) -> bool {
    let (x, y) = (graph.value(a), graph.value(b));
    x.dtype == y.dtype && x.shape == y.shape && x.quant == y.quant && !graph.outputs.contains(&b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::Builder;
    use crate::ir::Tensor;
    use dunlin_engine::op::{BinaryKind, UnaryKind};

    #[test]
    fn equal_nodes_become_one() {
        let mut graph = Graph::default();
        let x = graph.push_value("x", Tensor::f32s(&[2], &[0.0; 2]).info(), None);
        let mut builder = Builder::new(&mut graph, 0);
        let a = builder.unary(UnaryKind::Exp, x).expect("a float");
        let b = builder.unary(UnaryKind::Exp, x).expect("a float");
        let sum = builder.binary(BinaryKind::Add, a, b).expect("floats");
        graph.outputs.push(sum);
        run(&mut graph).expect("it can't fail");
        assert_eq!(graph.nodes.len(), 2);
        assert_eq!(graph.nodes[1].inputs, [a, a]);
    }
}
