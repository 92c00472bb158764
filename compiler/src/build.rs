//! Adding operators to a graph: shapes are inferred, and what is constant is computed at once.

use dunlin_engine::op::infer::Info;
use dunlin_engine::op::{Activation, BinaryKind, Op as EngineOp, PadMode, ReduceKind, UnaryKind};
use dunlin_engine::tensor::{DType, Ints, Shape};

use crate::error::{CompileError, Result};
use crate::eval;
use crate::ir::{Graph, Node, Op, Tensor, ValueId};
use crate::tensor::dims;

/// Appends nodes to a graph on behalf of one named node of the model.
#[derive(Debug)]
pub struct Builder<'g> {
    /// The graph that grows.
    pub graph: &'g mut Graph,
    /// Name of the node that is being built, for new nodes and messages.
    pub node: String,
    /// Bytes of constants that may still be computed.
    budget: usize,
    /// Elements that may still be read or multiplied while computing constants.
    work: usize,
}

impl<'g> Builder<'g> {
    /// A builder that computes at most `budget` bytes of constants; what would exceed it is left for run time.
    pub fn new(graph: &'g mut Graph, budget: usize) -> Self {
        Self { graph, node: String::new(), budget, work: MAX_WORK }
    }

    /// As [`Builder::new`], with a budget for bringing the graph's own constants into other forms.
    pub fn rewriting(graph: &'g mut Graph) -> Self {
        let budget = rewriting_budget(graph);
        Self::new(graph, budget)
    }

    /// Takes the bytes of a constant that is about to be made from the budget.
    ///
    /// # Errors
    /// When it has fewer.
    pub fn reserve(&mut self, bytes: usize) -> Result<()> {
        let left = self.budget.checked_sub(bytes).ok_or_else(|| CompileError::Shape {
            tensor: self.node.clone(),
            what: format!("a table of {bytes} bytes would have to be computed for it"),
        })?;
        self.budget = left;
        Ok(())
    }

    /// Dimensions of a value.
    pub fn dims(&self, x: ValueId) -> Vec<usize> {
        dims(&self.graph.value(x).shape)
    }

    /// Number of dimensions of a value.
    pub fn rank(&self, x: ValueId) -> usize {
        self.graph.value(x).shape.rank()
    }

    /// Element type of a value.
    pub fn dtype(&self, x: ValueId) -> DType {
        self.graph.value(x).dtype
    }

    /// A shape for a result of the current node.
    ///
    /// # Errors
    /// Beyond the engine's limits of rank and size.
    pub fn shape(&self, dims: &[usize]) -> Result<Shape> {
        Shape::new(dims).ok_or_else(|| CompileError::Shape {
            tensor: self.node.clone(),
            what: format!("{dims:?} has more than 8 dimensions or 2^31 elements"),
        })
    }

    /// Integers for an operator's parameter.
    ///
    /// # Errors
    /// When there are more than eight.
    pub fn ints(&self, values: &[i32]) -> Result<Ints> {
        Ints::new(values).ok_or_else(|| CompileError::Shape {
            tensor: self.node.clone(),
            what: format!("{} dimensions are more than 8", values.len()),
        })
    }

    /// Adds one of the engine's operators with one result.
    ///
    /// # Errors
    /// When the operands don't fit it.
    pub fn engine(&mut self, op: EngineOp, inputs: &[ValueId]) -> Result<ValueId> {
        Ok(self.engine_all(op, inputs)?[0])
    }

    /// Adds one of the engine's operators; computes it when all operands are constants.
    ///
    /// # Errors
    /// When the operands don't fit it.
    pub fn engine_all(&mut self, op: EngineOp, inputs: &[ValueId]) -> Result<Vec<ValueId>> {
        let infos: Vec<Info> = inputs.iter().map(|&i| self.graph.info(i)).collect();
        let outputs = op.infer(&infos).map_err(|source| CompileError::Operands { node: self.node.clone(), source })?;
        let outputs: Vec<Info> = outputs.into_iter().flatten().collect();
        if let Some(constants) = self.fold(&op, inputs, &outputs)? {
            return Ok(constants.into_iter().map(|t| self.constant(t)).collect());
        }
        Ok(self.append(Op::Engine(op), inputs, &outputs))
    }

    /// Adds any operator whose results are known already; computes nothing.
    pub fn append(&mut self, op: Op, inputs: &[ValueId], outputs: &[Info]) -> Vec<ValueId> {
        let outputs: Vec<ValueId> =
            outputs.iter().map(|&info| self.graph.push_value(self.node.clone(), info, None)).collect();
        let node = Node { name: self.node.clone(), op, inputs: inputs.to_vec(), outputs: outputs.clone() };
        self.graph.nodes.push(node);
        outputs
    }

    fn fold(&mut self, op: &EngineOp, inputs: &[ValueId], outputs: &[Info]) -> Result<Option<Vec<Tensor>>> {
        if outputs.iter().all(|info| info.shape.count() == 0) {
            return Ok(Some(outputs.iter().map(|&info| Tensor::zeroed(info)).collect()));
        }
        let Some(operands) = inputs.iter().map(|&i| self.graph.constant(i)).collect::<Option<Vec<_>>>() else {
            return Ok(None);
        };
        let bytes = outputs.iter().map(|info| info.shape.count() * info.dtype.size()).sum();
        let (Some(left), Some(work)) =
            (self.budget.checked_sub(bytes), self.work.checked_sub(work(op, &operands, outputs)))
        else {
            return Ok(None);
        };
        let views: Vec<_> = operands.iter().map(|t| t.view()).collect();
        let results = eval::compute(op, &views, outputs)
            .map_err(|source| CompileError::Evaluate { node: self.node.clone(), source })?;
        (self.budget, self.work) = (left, work);
        Ok(Some(results))
    }

    /// Lets `old`, the result of a node that is being replaced, stand for `new`: the node just added makes it, or it
    /// becomes the same constant.
    ///
    /// # Errors
    /// When `new` has too many dimensions to be copied.
    pub fn finish(&mut self, new: ValueId, old: ValueId) -> Result<()> {
        if let Some(tensor) = self.graph.constant(new).cloned() {
            self.graph.values[old.0].data = Some(tensor);
            return Ok(());
        }
        let made = self.graph.nodes.iter_mut().rev().flat_map(|node| &mut node.outputs).find(|output| **output == new);
        match made {
            Some(output) => *output = old,
            None => {
                let dims = self.ints(&vec![0; self.rank(new)])?;
                let node = Node {
                    name: self.node.clone(),
                    op: Op::Engine(EngineOp::Reshape { dims }),
                    inputs: vec![new],
                    outputs: vec![old],
                };
                self.graph.nodes.push(node);
            }
        }
        Ok(())
    }

    /// Adds a constant named after the current node.
    pub fn constant(&mut self, tensor: Tensor) -> ValueId {
        self.graph.push_constant(self.node.clone(), tensor)
    }

    /// An f32 scalar.
    pub fn scalar(&mut self, value: f32) -> ValueId {
        self.constant(Tensor::f32s(&[], &[value]))
    }

    /// An i32 scalar.
    pub fn scalar_i32(&mut self, value: i32) -> ValueId {
        self.constant(Tensor::i32s(&[], &[value]))
    }

    /// A function without parameters.
    pub fn unary(&mut self, kind: UnaryKind, x: ValueId) -> Result<ValueId> {
        self.unary_with(kind, 0.0, 0.0, x)
    }

    /// A function with its parameters.
    pub fn unary_with(&mut self, kind: UnaryKind, alpha: f32, beta: f32, x: ValueId) -> Result<ValueId> {
        self.engine(EngineOp::Unary { f: Activation { kind, alpha, beta } }, &[x])
    }

    /// A function of two values.
    pub fn binary(&mut self, kind: BinaryKind, a: ValueId, b: ValueId) -> Result<ValueId> {
        self.engine(EngineOp::Binary { kind }, &[a, b])
    }

    /// A function of a value and an f32 scalar.
    pub fn with_scalar(&mut self, kind: BinaryKind, a: ValueId, b: f32) -> Result<ValueId> {
        let b = self.scalar(b);
        self.binary(kind, a, b)
    }

    /// Conversion; `x` itself when it has the type already.
    pub fn cast(&mut self, x: ValueId, to: DType) -> Result<ValueId> {
        if self.dtype(x) == to {
            return Ok(x);
        }
        self.engine(EngineOp::Cast { to }, &[x])
    }

    /// The same elements with other dimensions; `x` itself when they are the same.
    pub fn reshape(&mut self, x: ValueId, to: &[usize]) -> Result<ValueId> {
        let from = self.dims(x);
        if from == to {
            return Ok(x);
        }
        let shape = self.shape(to)?;
        if shape.count() != from.iter().product::<usize>() {
            let what = format!("{from:?} can't be reshaped to {to:?}");
            return Err(CompileError::Shape { tensor: self.node.clone(), what });
        }
        if shape.count() == 0 {
            let info = Info { dtype: self.dtype(x), shape };
            return Ok(self.constant(Tensor::zeroed(info)));
        }
        let target = self.ints(&relative_dims(&from, to))?;
        self.engine(EngineOp::Reshape { dims: target }, &[x])
    }

    /// Permuted axes; `x` itself when the permutation changes nothing.
    pub fn transpose(&mut self, x: ValueId, perm: &[usize]) -> Result<ValueId> {
        if perm.iter().enumerate().all(|(i, &p)| i == p) {
            return Ok(x);
        }
        let perm: Vec<i32> = perm.iter().map(|&p| p as i32).collect();
        let perm = self.ints(&perm)?;
        self.engine(EngineOp::Transpose { perm }, &[x])
    }

    /// Elements `start..end` of one axis.
    pub fn slice(&mut self, x: ValueId, axis: usize, start: usize, end: usize) -> Result<ValueId> {
        self.slice_step(x, axis, [start as i32, end as i32, 1])
    }

    /// Elements of one axis by start, end and step, as in [`EngineOp::Slice`].
    pub fn slice_step(&mut self, x: ValueId, axis: usize, [start, end, step]: [i32; 3]) -> Result<ValueId> {
        let rank = self.rank(x);
        let (mut starts, mut ends, mut steps) = (vec![0; rank], vec![i32::MAX; rank], vec![1; rank]);
        (starts[axis], ends[axis], steps[axis]) = (start, end, step);
        let (starts, ends, steps) = (self.ints(&starts)?, self.ints(&ends)?, self.ints(&steps)?);
        self.engine(EngineOp::Slice { starts, ends, steps }, &[x])
    }

    /// A reduction.
    pub fn reduce(&mut self, kind: ReduceKind, x: ValueId, axes: &[usize], keep: bool) -> Result<ValueId> {
        let axes: Vec<i32> = axes.iter().map(|&a| a as i32).collect();
        let axes = self.ints(&axes)?;
        self.engine(EngineOp::Reduce { kind, axes, keep }, &[x])
    }

    /// Tensors joined along an axis; the tensor itself when there is one.
    pub fn concat(&mut self, parts: &[ValueId], axis: usize) -> Result<ValueId> {
        match parts {
            &[one] => Ok(one),
            _ => self.engine(EngineOp::Concat { axis: axis as u32 }, parts),
        }
    }

    /// Broadcast to dimensions; `x` itself when it has them.
    pub fn expand(&mut self, x: ValueId, to: &[usize]) -> Result<ValueId> {
        if self.dims(x) == to {
            return Ok(x);
        }
        let target: Vec<i32> = to.iter().map(|&d| d as i32).collect();
        let dims = self.ints(&target)?;
        self.engine(EngineOp::Expand { dims }, &[x])
    }

    /// Constant padding; `x` itself when there is none.
    pub fn pad(&mut self, x: ValueId, before: &[i32], after: &[i32], value: f32) -> Result<ValueId> {
        if before.iter().chain(after).all(|&p| p == 0) {
            return Ok(x);
        }
        let (before, after) = (self.ints(before)?, self.ints(after)?);
        self.engine(EngineOp::Pad { before, after, mode: PadMode::Constant, value }, &[x])
    }

    /// A product of matrices without bias or bounds.
    pub fn matmul(&mut self, a: ValueId, b: ValueId) -> Result<ValueId> {
        self.engine(EngineOp::MatMul { trans_b: false, lo: f32::NEG_INFINITY, hi: f32::INFINITY }, &[a, b])
    }

    /// A choice between two values.
    pub fn choose(&mut self, condition: ValueId, a: ValueId, b: ValueId) -> Result<ValueId> {
        self.engine(EngineOp::Where {}, &[condition, a, b])
    }
}

/// Elements that all constants of one graph may cost to compute.
const MAX_WORK: usize = 1 << 33;

/// Bytes of constants that rewriting may make of any graph, however small its own are.
const REWRITING_FLOOR: usize = 64 << 20;

/// Bytes that a graph's constants may take in other forms.
pub fn rewriting_budget(graph: &Graph) -> usize {
    let own: usize = graph.values.iter().filter_map(|value| value.data.as_ref()).map(|tensor| tensor.bytes.len()).sum();
    REWRITING_FLOOR + 2 * own
}

/// Elements that an operator reads, writes or multiplies, about.
pub fn work(op: &EngineOp, operands: &[&Tensor], outputs: &[Info]) -> usize {
    let made: usize = outputs.iter().map(|info| info.shape.count()).sum();
    let read: usize = operands.iter().map(|tensor| tensor.shape.count()).sum();
    let depth = match op {
        EngineOp::MatMul { .. } | EngineOp::QMatMul { .. } => operands[0].shape.last(),
        EngineOp::Conv { .. } => operands[1].shape.count() / operands[1].shape.last().max(1),
        EngineOp::Interpolate { .. } => operands[1].shape.last(),
        EngineOp::Pool { window, .. } => window.kernel.iter().map(|&k| k as usize).product(),
        EngineOp::Lrn { size, .. } => *size as usize,
        // Its cost isn't worth a formula: it is left for run time.
        EngineOp::Recurrent { .. } => usize::MAX,
        _ => 1,
    };
    made.saturating_mul(depth).saturating_add(read)
}

/// Target dimensions of a reshape that still hold when a varying dimension is shorter: leading dims that stay are
/// 0, the first other that isn't 1 is -1 when it is the only one left.
pub fn relative_dims(from: &[usize], to: &[usize]) -> Vec<i32> {
    let kept = from.iter().zip(to).take_while(|(a, b)| a == b).count();
    let mut dims: Vec<i32> = to.iter().enumerate().map(|(i, &d)| if i < kept { 0 } else { d as i32 }).collect();
    let mut open = dims[kept..].iter_mut().filter(|d| **d != 1);
    if let (Some(only), None) = (open.next(), open.next()) {
        *only = -1;
    }
    dims
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reshape_targets_hold_for_shorter_sequences() {
        for (from, to, expected) in [
            (&[1, 128, 384][..], &[1, 128, 12, 32][..], &[0, 0, 12, 32][..]),
            (&[1, 128, 12, 32], &[1, 128, 384], &[0, 0, -1]),
            (&[1, 128], &[1, 1, 1, 128], &[0, 1, 1, -1]),
            (&[1, 128], &[1, 128, 1], &[0, 0, 1]),
            (&[2, 3], &[], &[]),
        ] {
            assert_eq!(relative_dims(from, to), expected);
        }
    }
}
