//! What passes share.

use crate::ir::{Graph, Node, Op, ValueId};
use dunlin_engine::op::Op as EngineOp;

/// Lets readers and outputs take other values: `alias[v]` for `v`, where there is one.
#[derive(Debug)]
pub struct Aliases(Vec<Option<ValueId>>);

impl Aliases {
    /// None yet.
    pub fn new(graph: &Graph) -> Self {
        Self(vec![None; graph.values.len()])
    }

    /// `from` will be read as what `to` is read as.
    pub fn set(&mut self, from: ValueId, to: ValueId) {
        self.0[from.0] = Some(self.get(to));
    }

    /// What `id` is read as.
    pub fn get(&self, id: ValueId) -> ValueId {
        self.0.get(id.0).copied().flatten().unwrap_or(id)
    }

    /// Replaces a node's operands.
    pub fn apply(&self, node: &mut Node) {
        node.inputs.iter_mut().for_each(|x| *x = self.get(*x));
    }
}

/// The engine operator of a node.
pub fn engine(node: &Node) -> Option<EngineOp> {
    match node.op {
        Op::Engine(op) => Some(op),
        _ => None,
    }
}

/// How often each value is read, outputs of the graph included.
pub fn uses(graph: &Graph) -> Vec<usize> {
    let mut uses = vec![0; graph.values.len()];
    let read = graph.nodes.iter().flat_map(|node| &node.inputs).chain(&graph.outputs);
    read.for_each(|x| uses[x.0] += 1);
    uses
}
