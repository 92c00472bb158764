//! Attention of several heads, which exporters write out in products, becomes one operator.
//!
//! ```text
//! q [b,s,h*d] - Reshape [b,s,h,d] - Transpose [b,h,s,d] -+
//! k [b,t,h*d] - Reshape [b,t,h,d] - Transpose [b,h,d,t] -+- MatMul - scale - Add mask - Softmax -+
//! v [b,t,h*w] - Reshape [b,t,h,w] - Transpose [b,h,t,w] -----------------------------------------+- MatMul -
//!                                                        - Transpose [b,s,h,w] - Reshape [b,s,h*w]
//! ```
//!
//! The scale, a factor or divisor, may stand at q, at k or at the scores, or at several of them; scale and mask may be missing.
//! The search starts at the last Reshape and goes backward; what it passes goes with the dead nodes. It runs after the integer
//! lowering, which takes the products of a quantized model first.

use dunlin_engine::op::infer::Info;
use dunlin_engine::op::{BinaryKind, Op as EngineOp};

use super::rewrite::{engine, uses};
use crate::error::Result;
use crate::ir::{Graph, Node, Op, ValueId};

/// Replaces each attention that is written out by the engine's operator.
///
/// # Errors
/// As [`super::dead::run`].
pub fn run(graph: &mut Graph) -> Result<()> {
    let (makers, uses) = (graph.makers(), uses(graph));
    for index in 0..graph.nodes.len() {
        let search = Search { graph, makers: &makers, uses: &uses };
        if let Some((op, inputs)) = search.attention(&graph.nodes[index]) {
            graph.nodes[index].op = Op::Engine(op);
            graph.nodes[index].inputs = inputs;
        }
    }
    super::dead::run(graph)
}

struct Search<'g> {
    graph: &'g Graph,
    makers: &'g [Option<usize>],
    uses: &'g [usize],
}

/// Axes of `[batch, rows, heads, columns]` with the heads in front of the rows, and back.
const SPLIT: [i32; 4] = [0, 2, 1, 3];
/// The same with the columns in front of the rows.
const TURNED: [i32; 4] = [0, 2, 3, 1];

impl Search<'_> {
    fn attention(&self, last: &Node) -> Option<(EngineOp, Vec<ValueId>)> {
        matches!(engine(last)?, EngineOp::Reshape { .. }).then_some(())?;
        let rows = self.transposed(self.only(last.inputs[0])?, SPLIT)?;
        let (weights, v, false) = self.product(self.only(rows)?)? else { return None };
        let (scores, mask) = self.masked(self.softmax(self.only(weights)?)?)?;
        let (product, scale) = self.scaled(scores);
        let (q, k, trans_b) = self.product(self.only(product)?)?;
        let ((q, q_scale), (k, k_scale)) = (self.scaled(q), self.scaled(k));
        let (q, heads) = self.heads(q, SPLIT)?;
        let (k, k_heads) = self.heads(k, if trans_b { SPLIT } else { TURNED })?;
        let (v, v_heads) = self.heads(v, SPLIT)?;
        (heads == k_heads && heads == v_heads).then_some(())?;
        let op = EngineOp::Attention { heads, scale: (scale * q_scale * k_scale) as f32 };
        let inputs: Vec<ValueId> = [q, k, v].into_iter().chain(mask).collect();
        let infos: Vec<Info> = inputs.iter().map(|&id| self.graph.info(id)).collect();
        let result = op.infer(&infos).ok()?[0]?;
        (result == self.graph.info(last.outputs[0])).then_some((op, inputs))
    }

    fn maker(&self, x: ValueId) -> Option<(&Node, EngineOp)> {
        let node = &self.graph.nodes[self.makers[x.0]?];
        Some((node, engine(node)?))
    }

    /// A value that nobody else reads.
    fn only(&self, x: ValueId) -> Option<ValueId> {
        (self.uses[x.0] == 1).then_some(x)
    }

    fn transposed(&self, x: ValueId, by: [i32; 4]) -> Option<ValueId> {
        match self.maker(x)? {
            (node, EngineOp::Transpose { perm }) if perm[..] == by => Some(node.inputs[0]),
            _ => None,
        }
    }

    /// The factors of a product, and whether the second is transposed.
    fn product(&self, x: ValueId) -> Option<(ValueId, ValueId, bool)> {
        match (self.maker(x)?, f32::INFINITY) {
            ((node, EngineOp::MatMul { trans_b, lo, hi }), all) if lo == -all && hi == all => {
                let &[a, b] = &node.inputs[..] else { return None };
                Some((a, b, trans_b))
            }
            _ => None,
        }
    }

    fn softmax(&self, x: ValueId) -> Option<ValueId> {
        match self.maker(x)? {
            (node, EngineOp::Softmax { axis: 3, log: false }) => Some(node.inputs[0]),
            _ => None,
        }
    }

    /// Scaled scores and what is added to them.
    fn masked(&self, x: ValueId) -> Option<(ValueId, Option<ValueId>)> {
        let (node, op) = self.maker(self.only(x)?)?;
        let EngineOp::Binary { kind: BinaryKind::Add } = op else { return Some((x, None)) };
        let (a, b) = (node.inputs[0], node.inputs[1]);
        let is_product = |x: ValueId| self.product(self.scaled(x).0).is_some();
        [(a, b), (b, a)].into_iter().find(|&(scores, _)| is_product(scores)).map(|(scores, mask)| (scores, Some(mask)))
    }

    /// What constants multiply or divide on the way to `x`, and their factor.
    fn scaled(&self, x: ValueId) -> (ValueId, f64) {
        let step = |x: ValueId| {
            let (node, op) = self.maker(self.only(x)?)?;
            let scalar = |x: ValueId| self.graph.constant(x)?.scalar().map(f64::from);
            let (a, b) = (*node.inputs.first()?, *node.inputs.get(1)?);
            match op {
                EngineOp::Binary { kind: BinaryKind::Mul } => {
                    scalar(b).map(|factor| (a, factor)).or_else(|| scalar(a).map(|factor| (b, factor)))
                }
                EngineOp::Binary { kind: BinaryKind::Div } => scalar(b).map(|divisor| (a, 1.0 / divisor)),
                _ => None,
            }
        };
        std::iter::successors(Some((x, 1.0)), |&(x, scale)| step(x).map(|(x, factor)| (x, scale * factor)))
            .last()
            .unwrap_or((x, 1.0))
    }

    /// What is split into heads, `[batch, rows, columns]`, and how many there are.
    fn heads(&self, x: ValueId, by: [i32; 4]) -> Option<(ValueId, u32)> {
        let split = self.transposed(x, by)?;
        let (node, op) = self.maker(split)?;
        matches!(op, EngineOp::Reshape { .. }).then_some(())?;
        let (whole, parts) = (self.graph.value(node.inputs[0]).shape, self.graph.value(split).shape);
        let same = whole.rank() == 3 && parts.rank() == 4 && whole.dims()[..2] == parts.dims()[..2];
        same.then(|| (node.inputs[0], parts.dims()[2]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::Builder;
    use crate::eval::evaluate;
    use crate::ir::Tensor;
    use dunlin_engine::tensor::DType;

    const HEADS: usize = 2;

    /// Where the scale stands, and how the keys are turned.
    #[derive(Clone, Copy, Debug)]
    enum Form {
        DividedScores,
        ScaledFactors,
        Unmasked,
    }

    /// Attention of 3 queries to 4 keys as BERT's and newer exporters write it.
    fn written_out(b: &mut Builder<'_>, [q, k, v]: [ValueId; 3], mask: ValueId, form: Form) -> Result<ValueId> {
        let split = |b: &mut Builder<'_>, x, perm: &[usize]| {
            let dims = b.dims(x);
            let parts = b.reshape(x, &[dims[0], dims[1], HEADS, dims[2] / HEADS])?;
            b.transpose(parts, perm)
        };
        let (q, v) = (split(b, q, &[0, 2, 1, 3])?, split(b, v, &[0, 2, 1, 3])?);
        let scores = match form {
            Form::DividedScores => {
                let k = split(b, k, &[0, 2, 3, 1])?;
                let product = b.matmul(q, k)?;
                let divided = b.with_scalar(BinaryKind::Div, product, 1.5)?;
                b.binary(BinaryKind::Add, mask, divided)?
            }
            Form::ScaledFactors => {
                let k = split(b, k, &[0, 2, 1, 3])?;
                let (q, k) = (b.with_scalar(BinaryKind::Mul, q, 0.5)?, b.with_scalar(BinaryKind::Mul, k, 0.75)?);
                let op = EngineOp::MatMul { trans_b: true, lo: f32::NEG_INFINITY, hi: f32::INFINITY };
                let product = b.engine(op, &[q, k])?;
                b.binary(BinaryKind::Add, product, mask)?
            }
            Form::Unmasked => {
                let k = split(b, k, &[0, 2, 3, 1])?;
                b.matmul(q, k)?
            }
        };
        let weights = b.engine(EngineOp::Softmax { axis: 3, log: false }, &[scores])?;
        let mixed = b.matmul(weights, v)?;
        let rows = b.transpose(mixed, &[0, 2, 1, 3])?;
        let dims = b.dims(rows);
        b.reshape(rows, &[dims[0], dims[1], dims[2] * dims[3]])
    }

    fn ramp(dims: &[usize], seed: usize) -> Tensor {
        let values: Vec<f32> =
            (0..dims.iter().product()).map(|i| ((i + seed) * 37 % 101) as f32 / 50.0 - 1.0).collect();
        Tensor::f32s(dims, &values)
    }

    fn graph(form: Form, mask: &[usize]) -> (Graph, Vec<Tensor>) {
        let samples = vec![ramp(&[2, 3, 8], 1), ramp(&[2, 4, 8], 2), ramp(&[2, 4, 6], 3), ramp(mask, 4)];
        let mut graph = Graph::default();
        let inputs: Vec<ValueId> = samples
            .iter()
            .zip(["q", "k", "v", "mask"])
            .map(|(x, name)| graph.push_value(name, x.info(), None))
            .collect();
        graph.inputs = inputs.clone();
        let operands = [inputs[0], inputs[1], inputs[2]];
        let y = written_out(&mut Builder::new(&mut graph, 0), operands, inputs[3], form).expect("it is sound");
        graph.outputs.push(y);
        (graph, samples)
    }

    #[test]
    fn every_form_becomes_one_operator_with_the_same_result() {
        for form in [Form::DividedScores, Form::ScaledFactors, Form::Unmasked] {
            for mask in [&[2, 1, 1, 4][..], &[3, 4], &[1, 2, 3, 4]] {
                let (mut graph, samples) = graph(form, mask);
                let before = evaluate(&graph, &samples).expect("it runs");
                run(&mut graph).expect("it can't fail");
                assert_eq!(graph.nodes.len(), 1, "{form:?}");
                assert!(matches!(graph.nodes[0].op, Op::Engine(EngineOp::Attention { heads: 2, .. })));
                let after = evaluate(&graph, &samples).expect("it runs");
                let pairs = before[0].as_f32s().expect("floats").iter().zip(after[0].as_f32s().expect("floats"));
                pairs.for_each(|(a, b)| assert!((a - b).abs() < 1e-6, "{form:?}: {a} and {b}"));
            }
        }
    }

    #[test]
    fn weights_that_somebody_reads_stay() {
        let (mut graph, _) = graph(Form::DividedScores, &[4]);
        let softmax = |node: &&Node| matches!(node.op, Op::Engine(EngineOp::Softmax { .. }));
        let weights = graph.nodes.iter().find(softmax).expect("there is one").outputs[0];
        graph.outputs.push(weights);
        let count = graph.nodes.len();
        run(&mut graph).expect("it can't fail");
        assert_eq!(graph.nodes.len(), count);
    }

    #[test]
    fn integers_are_no_attention() {
        let (mut graph, _) = graph(Form::DividedScores, &[4]);
        graph.values.iter_mut().for_each(|value| value.dtype = DType::I32);
        let count = graph.nodes.len();
        run(&mut graph).expect("it can't fail");
        assert_eq!(graph.nodes.len(), count);
    }
}
