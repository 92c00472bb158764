//! Where computed tensors lie in the arena.
//!
//! Greedy by size: the largest tensors are placed first, each at the lowest offset that is free while it lives
//! (Pisarchyk and Lee: Efficient Memory Management for Deep Neural Net Inference, 2020). Reshapes keep their
//! operand's place.

use dunlin_engine::artifact::ALIGN;
use dunlin_engine::op::Op as EngineOp;

use crate::ir::{Graph, Op, ValueId};

/// Offsets of values in the arena.
#[derive(Clone, Debug)]
pub struct MemoryPlan {
    /// Offset of each value, in bytes, a multiple of [`ALIGN`]; 0 for constants.
    pub offsets: Vec<usize>,
    /// Length of the arena.
    pub arena: usize,
}

/// The steps during which a buffer holds something that is still needed, both ends included.
#[derive(Clone, Copy, Debug)]
struct Buffer {
    root: ValueId,
    len: usize,
    first: usize,
    last: usize,
}

impl MemoryPlan {
    /// Plans a graph whose nodes are in order.
    pub fn new(graph: &Graph) -> Self {
        let roots = roots(graph);
        let mut buffers = lifetimes(graph, &roots);
        buffers.sort_by_key(|b| (std::cmp::Reverse(b.len), b.first, b.root));
        let mut placed: Vec<(usize, Buffer)> = Vec::new();
        for buffer in buffers {
            let offset = lowest_free(&placed, &buffer);
            let at = placed.partition_point(|(other, _)| *other < offset);
            placed.insert(at, (offset, buffer));
        }
        let arena = placed.iter().map(|(offset, buffer)| offset + buffer.len).max().unwrap_or(0);
        let mut own = vec![0; graph.values.len()];
        for (offset, buffer) in placed {
            own[buffer.root.0] = offset;
        }
        Self { offsets: roots.iter().map(|root| own[root.0]).collect(), arena }
    }
}

/// For each value the one whose buffer it lies in: another one for results of Reshape. Inputs and outputs of the
/// graph are buffers of their own, so that a caller may read one after having written the other.
fn roots(graph: &Graph) -> Vec<ValueId> {
    let mut roots: Vec<ValueId> = (0..graph.values.len()).map(ValueId).collect();
    for node in &graph.nodes {
        let (&[input], &[output]) = (&node.inputs[..], &node.outputs[..]) else { continue };
        let view = matches!(node.op, Op::Engine(EngineOp::Reshape { .. }));
        if view && graph.constant(input).is_none() && !graph.inputs.contains(&input) {
            roots[output.0] = roots[input.0];
        }
    }
    roots
}

fn lifetimes(graph: &Graph, roots: &[ValueId]) -> Vec<Buffer> {
    let mut spans: Vec<Option<Buffer>> = vec![None; graph.values.len()];
    let mut touch = |id: ValueId, step: usize| {
        if graph.constant(id).is_some() {
            return;
        }
        let value = graph.value(id);
        let len = (value.shape.count() * value.dtype.size()).next_multiple_of(ALIGN);
        let root = roots[id.0];
        let span = spans[root.0].get_or_insert(Buffer { root, len, first: step, last: step });
        span.first = span.first.min(step);
        span.last = span.last.max(step);
        span.len = span.len.max(len);
    };
    graph.inputs.iter().for_each(|&id| touch(id, 0));
    for (step, node) in graph.nodes.iter().enumerate() {
        node.inputs.iter().chain(&node.outputs).for_each(|&id| touch(id, step + 1));
    }
    graph.outputs.iter().for_each(|&id| touch(id, graph.nodes.len() + 1));
    spans.into_iter().flatten().collect()
}

/// The lowest offset at which `buffer` meets nothing that lives at the same time; `placed` is sorted by offset.
fn lowest_free(placed: &[(usize, Buffer)], buffer: &Buffer) -> usize {
    let mut offset = 0;
    for (start, other) in placed {
        let together = other.first <= buffer.last && buffer.first <= other.last;
        if !together {
            continue;
        }
        if offset + buffer.len <= *start {
            break;
        }
        offset = offset.max(start + other.len);
    }
    offset
}

#[cfg(test)]
mod tests {
    use dunlin_engine::op::infer::Info;
    use dunlin_engine::tensor::{DType, Ints, Shape};

    use super::*;
    use crate::ir::Node;

    /// A chain of tables over `lens` bytes each, where each step also reads the value `back` steps before.
    fn chain(lens: &[usize], back: usize) -> Graph {
        let mut graph = Graph::default();
        let shape = |len: usize| Info { dtype: DType::U8, shape: Shape::new(&[len]).expect("small") };
        let ids: Vec<ValueId> = lens.iter().map(|&len| graph.push_value("v", shape(len), None)).collect();
        graph.inputs = vec![ids[0]];
        graph.outputs = vec![*ids.last().expect("not empty")];
        for step in 1..ids.len() {
            let mut inputs = vec![ids[step - 1]];
            inputs.extend(step.checked_sub(back).map(|i| ids[i]));
            let op = Op::Engine(EngineOp::Concat { axis: 0 });
            graph.nodes.push(Node { name: String::new(), op, inputs, outputs: vec![ids[step]] });
        }
        graph
    }

    fn overlapping(plan: &MemoryPlan, graph: &Graph) -> bool {
        let buffers = lifetimes(graph, &roots(graph));
        let crosses = |a: &Buffer, b: &Buffer| {
            let together = a.first <= b.last && b.first <= a.last;
            let (x, y) = (plan.offsets[a.root.0], plan.offsets[b.root.0]);
            together && x < y + b.len && y < x + a.len
        };
        buffers.iter().enumerate().any(|(i, a)| buffers[..i].iter().any(|b| crosses(a, b)))
    }

    #[test]
    fn reuses_what_is_no_longer_needed() {
        let graph = chain(&[64, 128, 64, 128, 64], 9);
        let plan = MemoryPlan::new(&graph);
        assert_eq!(plan.arena, 192);
        assert!(!overlapping(&plan, &graph));
    }

    #[test]
    fn keeps_apart_what_lives_together() {
        for back in 2..6 {
            let lens: Vec<usize> = (0..40).map(|i| 64 + (i * 7919 % 13) * 64).collect();
            let graph = chain(&lens, back);
            assert!(!overlapping(&MemoryPlan::new(&graph), &graph), "reading {back} steps back");
        }
    }

    #[test]
    fn lays_a_reshape_where_its_operand_is() {
        let mut graph = chain(&[64, 64, 64], 9);
        let dims = Ints::new(&[8, 8]).expect("two axes");
        graph.nodes[1].op = Op::Engine(EngineOp::Reshape { dims });
        let plan = MemoryPlan::new(&graph);
        assert_eq!(plan.offsets[1], plan.offsets[2]);
        assert_eq!(plan.arena, 128);
    }
}
