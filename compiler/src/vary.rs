//! Axes that vary from call to call: a text's length.
//!
//! A graph is imported and lowered for the longest input. This pass walks it once more with inputs that are one
//! shorter and repairs what has the maximum written into it: target dimensions of Reshape, ends of Slice, and
//! tables (of positions, say) that are as long as the longest input, of which a shorter one takes the beginning.
//! At the maximum the graph computes what it did before.

use dunlin_engine::model::VaryingAxis;
use dunlin_engine::op::Op as EngineOp;
use dunlin_engine::op::infer::{Info, Outputs};
use dunlin_engine::tensor::{Ints, Shape};

use crate::error::{CompileError, Result};
use crate::ir::{Graph, Node, Op, ValueId};

/// Makes axes of the graph's inputs vary together; their dimension becomes the maximum.
///
/// # Errors
/// [`CompileError::Vary`] when the axes have different dimensions, or an operator has a fixed size that a shorter input
/// doesn't fit and that can't be repaired.
pub fn vary(graph: &mut Graph, axes: &[VaryingAxis]) -> Result<()> {
    let Some(max) = common_length(graph, axes)? else { return Ok(()) };
    let mut walk = Walk {
        shapes: graph.values.iter().map(|v| v.shape).collect(),
        max,
        source: graph.inputs[axes[0].input],
        axis: axes[0].axis,
    };
    for varying in axes {
        let input = graph.inputs[varying.input];
        let shorter = walk.shapes[input.0].with(varying.axis, max - 1);
        walk.shapes[input.0] = shorter.ok_or_else(|| fault("input", "the axis can't be shorter"))?;
    }
    let mut index = 0;
    while index < graph.nodes.len() {
        index = walk.step(graph, index)?;
    }
    Ok(())
}

fn fault(node: &str, why: &str) -> CompileError {
    CompileError::Vary { node: node.to_owned(), why: why.to_owned() }
}

fn common_length(graph: &Graph, axes: &[VaryingAxis]) -> Result<Option<usize>> {
    let mut lengths = axes.iter().map(|axis| {
        let shape = graph.inputs.get(axis.input).map(|&input| graph.value(input).shape);
        shape.filter(|shape| axis.axis < shape.rank()).map(|shape| shape.dim(axis.axis))
    });
    let Some(first) = lengths.next() else { return Ok(None) };
    match first {
        Some(max) if max > 1 && lengths.all(|length| length == Some(max)) => Ok(Some(max)),
        _ => Err(fault("input", "the varying axes need one and the same maximum above 1")),
    }
}

/// The graph's shapes when its inputs are one shorter.
struct Walk {
    shapes: Vec<Shape>,
    max: usize,
    /// An input that varies, and where.
    source: ValueId,
    axis: usize,
}

impl Walk {
    /// Gives the node's results their shapes, repairing the node or its operands first where that is needed; returns
    /// the index of the next node.
    fn step(&mut self, graph: &mut Graph, index: usize) -> Result<usize> {
        let mut index = index;
        self.repair_parameters(graph, index);
        while let Some((operand, axis)) = self.too_long(graph, index) {
            self.shorten(graph, index, operand, axis)?;
            index += 1;
        }
        let node = &graph.nodes[index];
        let results = self
            .infer(graph, node)
            .ok_or_else(|| fault(&node.name, "it has a fixed size that a shorter input doesn't fit"))?;
        for (&output, info) in node.outputs.iter().zip(results.iter().flatten()) {
            if info.shape.count() > graph.value(output).shape.count() {
                return Err(fault(&node.name, "a shorter input makes a larger result"));
            }
            self.shapes[output.0] = info.shape;
        }
        Ok(index + 1)
    }

    fn infer(&self, graph: &Graph, node: &Node) -> Option<Outputs> {
        let Op::Engine(op) = &node.op else { return None };
        let infos: Vec<Info> =
            node.inputs.iter().map(|&id| Info { dtype: graph.value(id).dtype, shape: self.shapes[id.0] }).collect();
        op.infer(&infos).ok()
    }

    fn repair_parameters(&self, graph: &mut Graph, index: usize) {
        let node = &graph.nodes[index];
        let Some(&input) = node.inputs.first() else { return };
        let (long, short) = (graph.value(input).shape, self.shapes[input.0]);
        let repaired = match node.op {
            Op::Engine(EngineOp::Reshape { dims }) if long != short => {
                let result = graph.value(node.outputs[0]).shape;
                self.reshape(&dims, &result).map(|dims| EngineOp::Reshape { dims })
            }
            Op::Engine(EngineOp::Slice { starts, ends, steps }) => {
                let limits = ends.iter().enumerate().map(|(axis, &end)| {
                    let whole = long.dim(axis) != short.dim(axis) && end as usize == self.max;
                    if whole { i32::MAX } else { end }
                });
                Ints::new(&limits.collect::<Vec<_>>()).map(|ends| EngineOp::Slice { starts, ends, steps })
            }
            _ => None,
        };
        if let Some(op) = repaired {
            graph.nodes[index].op = Op::Engine(op);
        }
    }

    /// The dimension that holds the length is left to what remains.
    fn reshape(&self, dims: &Ints, result: &Shape) -> Option<Ints> {
        if dims.contains(&-1) {
            return None;
        }
        let own = |axis: &usize| dims[*axis] > 0;
        let exact = (0..dims.len()).filter(own).find(|&axis| result.dim(axis) == self.max);
        let multiple = || (0..dims.len()).filter(own).find(|&axis| result.dim(axis).is_multiple_of(self.max));
        let axis = exact.or_else(multiple)?;
        let mut dims = dims.to_vec();
        dims[axis] = -1;
        Ints::new(&dims)
    }

    /// An operand that is as long as the maximum where another of the node's operands has become shorter.
    fn too_long(&self, graph: &Graph, index: usize) -> Option<(usize, usize)> {
        let node = &graph.nodes[index];
        match node.op {
            Op::Engine(EngineOp::Binary { .. } | EngineOp::QBinary { .. } | EngineOp::Where {}) => {}
            Op::Engine(EngineOp::Attention { .. }) => return self.long_mask(node),
            _ => return None,
        }
        let rank = node.inputs.iter().map(|id| self.shapes[id.0].rank()).max()?;
        let dim = |id: ValueId, axis: usize| {
            let shape = self.shapes[id.0];
            axis.checked_sub(rank - shape.rank()).map(|axis| shape.dim(axis))
        };
        (0..rank).find_map(|axis| {
            node.inputs.iter().any(|&id| dim(id, axis) == Some(self.max - 1)).then_some(())?;
            let operand = node.inputs.iter().position(|&id| dim(id, axis) == Some(self.max))?;
            Some((operand, axis - (rank - self.shapes[node.inputs[operand].0].rank())))
        })
    }

    /// A mask that is as long as the maximum where the queries or the keys have become fewer.
    fn long_mask(&self, node: &Node) -> Option<(usize, usize)> {
        let shape = |operand: usize| node.inputs.get(operand).map(|id| self.shapes[id.0]);
        let (mask, queries, keys) = (shape(3)?, shape(0)?.dim(1), shape(1)?.dim(1));
        let axis = [queries, keys].into_iter().enumerate().find_map(|(place, length)| {
            let axis = mask.rank().checked_sub(2 - place)?;
            (mask.dim(axis) == self.max && length == self.max - 1).then_some(axis)
        })?;
        Some((3, axis))
    }

    /// Puts a SliceLike between an operand and the node.
    fn shorten(&mut self, graph: &mut Graph, index: usize, operand: usize, axis: usize) -> Result<()> {
        let node = &graph.nodes[index];
        let name = format!("{}/prefix{operand}", node.name);
        let long = node.inputs[operand];
        let shape =
            self.shapes[long.0].with(axis, self.max - 1).ok_or_else(|| fault(&name, "the axis can't be shorter"))?;
        let prefix = graph.push_value(name.clone(), graph.info(long), None);
        graph.values[prefix.0].quant = graph.value(long).quant;
        self.shapes.push(shape);
        let op = Op::Engine(EngineOp::SliceLike { axis: axis as u32, like_axis: self.axis as u32 });
        graph.nodes[index].inputs[operand] = prefix;
        graph.nodes.insert(index, Node { name, op, inputs: vec![long, self.source], outputs: vec![prefix] });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use dunlin_engine::op::{BinaryKind, ReduceKind};
    use dunlin_engine::task::{Scoring, Task, TaskSpec};
    use dunlin_engine::tensor::DType;
    use dunlin_engine::{Isa, Limits, Session};

    use super::*;
    use crate::emit::{Extras, emit};
    use crate::ir::Tensor;

    fn info(dims: &[usize]) -> Info {
        Info { dtype: DType::F32, shape: Shape::new(dims).expect("small") }
    }

    /// `sum over rows of reshape(x + positions)`, with the length 4 written into the table and the Reshape.
    fn text_model() -> Graph {
        let mut graph = Graph::default();
        let x = graph.push_value("x", info(&[1, 4, 2]), None);
        let positions: Vec<f32> = (0..8).map(|i| i as f32).collect();
        let positions = graph.push_constant("positions", Tensor::f32s(&[4, 2], &positions));
        let placed = graph.push_value("placed", info(&[1, 4, 2]), None);
        let rows = graph.push_value("rows", info(&[4, 2]), None);
        let sum = graph.push_value("sum", info(&[2]), None);
        let ints = |values: &[i32]| Ints::new(values).expect("few");
        let mut add = |name: &str, op, inputs: &[ValueId], output| {
            let node =
                Node { name: name.to_owned(), op: Op::Engine(op), inputs: inputs.to_vec(), outputs: vec![output] };
            graph.nodes.push(node);
        };
        add("add", EngineOp::Binary { kind: BinaryKind::Add }, &[x, positions], placed);
        add("reshape", EngineOp::Reshape { dims: ints(&[4, 2]) }, &[placed], rows);
        add("sum", EngineOp::Reduce { kind: ReduceKind::Sum, axes: ints(&[0]), keep: false }, &[rows], sum);
        graph.inputs = vec![x];
        graph.outputs = vec![sum];
        graph
    }

    const AXIS: VaryingAxis = VaryingAxis { input: 0, axis: 1 };

    #[test]
    fn a_shorter_input_takes_the_beginning_of_tables() {
        let mut graph = text_model();
        vary(&mut graph, &[AXIS]).expect("can be repaired");
        let task = Task { scoring: Scoring::Logits, spec: TaskSpec::Tensor };
        let extras = Extras {
            varying: vec![AXIS],
            labels: Vec::new(),
            task,
            heads: Vec::new(),
            text: None,
            card: String::new(),
            golden: Vec::new(),
        };
        let artifact = emit(&graph, &extras).expect("engine operators");
        let mut session = Session::load(&artifact[..], Isa::best(), Limits::default()).expect("sound");
        for (length, expected) in [(4, [12.0, 16.0]), (1, [0.0, 1.0]), (3, [6.0, 9.0]), (4, [12.0, 16.0])] {
            session.set_length(length).expect("planned for");
            session.input_mut(0).expect("an input").bytes.fill(0);
            session.run().expect("runs");
            let sum = session.output(0).expect("an output").f32s().expect("floats").to_vec();
            assert_eq!(sum, expected, "length {length}");
        }
        assert!(session.set_length(5).is_err());
        assert!(session.set_length(0).is_err());
    }

    #[test]
    fn a_mask_that_is_written_out_is_cut_on_both_sides() {
        let mut graph = Graph::default();
        let x = graph.push_value("x", info(&[1, 4, 2]), None);
        let bias: Vec<f32> = (0..16).map(|i| i as f32).collect();
        let bias = graph.push_constant("bias", Tensor::f32s(&[1, 4, 4], &bias));
        let y = graph.push_value("y", info(&[1, 4, 2]), None);
        let op = Op::Engine(EngineOp::Attention { heads: 2, scale: 1.0 });
        graph.nodes.push(Node { name: "attention".to_owned(), op, inputs: vec![x, x, x, bias], outputs: vec![y] });
        graph.inputs = vec![x];
        graph.outputs = vec![y];
        vary(&mut graph, &[AXIS]).expect("can be repaired");
        let cut = |node: &Node| matches!(node.op, Op::Engine(EngineOp::SliceLike { .. }));
        assert_eq!(graph.nodes.iter().map(cut).collect::<Vec<_>>(), [true, true, false]);
    }

    #[test]
    fn names_the_operator_that_is_in_the_way() {
        let mut graph = text_model();
        let dims = Ints::new(&[1, 8]).expect("few");
        graph.nodes[1].op = Op::Engine(EngineOp::Reshape { dims });
        graph.values[3].shape = Shape::new(&[1, 8]).expect("small");
        let weights = graph.push_constant("w", Tensor::f32s(&[8, 2], &[1.0; 16]));
        graph.nodes[2].op = Op::Engine(EngineOp::MatMul { trans_b: false, lo: f32::NEG_INFINITY, hi: f32::INFINITY });
        graph.nodes[2].inputs = vec![ValueId(3), weights];
        let error = vary(&mut graph, &[AXIS]).expect_err("a product of fixed depth");
        assert!(error.to_string().contains("'sum'"), "{error}");
    }
}
