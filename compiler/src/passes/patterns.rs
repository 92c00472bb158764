//! Functions that exporters write out in primitives: layer normalization, Gelu, Swish, hard-swish.
//!
//! Each matcher starts at the last node of its pattern and looks backward; the pattern's nodes go with the dead ones.

use dunlin_engine::op::{Activation, BinaryKind, Op as EngineOp, ReduceKind, UnaryKind};
use dunlin_engine::tensor::DType;

use super::rewrite::engine;
use crate::error::Result;
use crate::ir::{Graph, Op, ValueId};

/// Replaces the patterns by the engine's operators.
///
/// # Errors
/// As [`super::dead::run`].
pub fn run(graph: &mut Graph) -> Result<()> {
    let makers = graph.makers();
    for index in 0..graph.nodes.len() {
        let search = Search { graph, makers: &makers };
        if let Some((op, inputs)) = search.layer_norm(index).or_else(|| search.unary(index)) {
            graph.nodes[index].op = Op::Engine(op);
            graph.nodes[index].inputs = inputs;
        }
    }
    super::dead::run(graph)
}

type Found = (EngineOp, Vec<ValueId>);

struct Search<'g> {
    graph: &'g Graph,
    makers: &'g [Option<usize>],
}

impl Search<'_> {
    fn op(&self, index: usize) -> Option<EngineOp> {
        engine(&self.graph.nodes[index])
    }

    /// The operands of the binary function that makes `x`.
    fn binary(&self, x: ValueId, kind: BinaryKind) -> Option<[ValueId; 2]> {
        let node = &self.graph.nodes[self.makers[x.0]?];
        (engine(node) == Some(EngineOp::Binary { kind })).then(|| [node.inputs[0], node.inputs[1]])
    }

    /// The operand of the function that makes `x`, with that function's parameters.
    fn function(&self, x: ValueId, kind: UnaryKind) -> Option<(ValueId, Activation)> {
        let node = &self.graph.nodes[self.makers[x.0]?];
        match engine(node)? {
            EngineOp::Unary { f } if f.kind == kind => Some((node.inputs[0], f)),
            _ => None,
        }
    }

    /// The operand beside a constant scalar of about `value`.
    fn beside(&self, made: ValueId, kind: BinaryKind, value: f32) -> Option<ValueId> {
        let (x, scalar) = self.with_scalar(made, kind)?;
        close(scalar, value).then_some(x)
    }

    /// A commutative function of something and a constant scalar.
    fn with_scalar(&self, made: ValueId, kind: BinaryKind) -> Option<(ValueId, f32)> {
        let [a, b] = self.binary(made, kind)?;
        match (self.scalar(a), self.scalar(b)) {
            (None, Some(value)) => Some((a, value)),
            (Some(value), None) => Some((b, value)),
            _ => None,
        }
    }

    fn scalar(&self, x: ValueId) -> Option<f32> {
        self.graph.constant(x)?.scalar()
    }

    /// Gelu, Swish and hard-swish.
    fn unary(&self, index: usize) -> Option<Found> {
        let y = *self.graph.nodes[index].outputs.first()?;
        let found = self.gelu(y).or_else(|| self.swish(y)).or_else(|| self.hard_swish(y));
        found.map(|(f, x)| (EngineOp::Unary { f }, vec![x]))
    }

    /// `x * (1 + erf(x / sqrt 2)) * 0.5` in any association.
    fn gelu(&self, y: ValueId) -> Option<(Activation, ValueId)> {
        let halved = self.beside(y, BinaryKind::Mul, 0.5);
        let product = halved.unwrap_or(y);
        for [a, b] in both(self.binary(product, BinaryKind::Mul)?) {
            let (x, sum) = match halved {
                Some(_) => (a, b),
                // The half was taken from x, or from the sum.
                None => match (self.beside(a, BinaryKind::Mul, 0.5), self.beside(b, BinaryKind::Mul, 0.5)) {
                    (Some(x), _) => (x, b),
                    (None, Some(sum)) => (a, sum),
                    (None, None) => continue,
                },
            };
            let Some(erf) = self.beside(sum, BinaryKind::Add, 1.0) else { continue };
            let Some((scaled, _)) = self.function(erf, UnaryKind::Erf) else { continue };
            let divided = self.beside(scaled, BinaryKind::Div, std::f32::consts::SQRT_2);
            let multiplied = self.beside(scaled, BinaryKind::Mul, std::f32::consts::FRAC_1_SQRT_2);
            if divided.or(multiplied) == Some(x) {
                return Some((plain(UnaryKind::Gelu), x));
            }
        }
        None
    }

    /// `x * sigmoid(x)`.
    fn swish(&self, y: ValueId) -> Option<(Activation, ValueId)> {
        both(self.binary(y, BinaryKind::Mul)?).into_iter().find_map(|[x, gate]| {
            let (of, _) = self.function(gate, UnaryKind::Sigmoid)?;
            (of == x).then_some((Activation { kind: UnaryKind::Swish, alpha: 1.0, beta: 0.0 }, x))
        })
    }

    /// `x * clip(x + 3, 0, 6) / 6`, or with HardSigmoid.
    fn hard_swish(&self, y: ValueId) -> Option<(Activation, ValueId)> {
        let sixth = self.beside(y, BinaryKind::Div, 6.0).or_else(|| self.beside(y, BinaryKind::Mul, 1.0 / 6.0));
        let product = sixth.unwrap_or(y);
        both(self.binary(product, BinaryKind::Mul)?).into_iter().find_map(|[x, gate]| {
            let of = match sixth {
                Some(_) => self.relu6_of_plus_3(gate),
                None => self.gate(gate),
            };
            (of? == x).then_some((plain(UnaryKind::HardSwish), x))
        })
    }

    fn relu6_of_plus_3(&self, gate: ValueId) -> Option<ValueId> {
        let (sum, clip) = self.function(gate, UnaryKind::Clip)?;
        (clip.alpha == 0.0 && clip.beta == 6.0).then_some(())?;
        self.beside(sum, BinaryKind::Add, 3.0)
    }

    fn gate(&self, gate: ValueId) -> Option<ValueId> {
        if let Some((x, f)) = self.function(gate, UnaryKind::HardSigmoid) {
            return (close(f.alpha, 1.0 / 6.0) && close(f.beta, 0.5)).then_some(x);
        }
        let divided = self.beside(gate, BinaryKind::Div, 6.0).or_else(|| self.beside(gate, BinaryKind::Mul, 1.0 / 6.0));
        self.relu6_of_plus_3(divided?)
    }

    /// `(x - mean) / sqrt(mean of squares + epsilon) * scale + bias` over the last axis.
    fn layer_norm(&self, index: usize) -> Option<Found> {
        let y = *self.graph.nodes[index].outputs.first()?;
        matches!(self.op(index)?, EngineOp::Binary { kind: BinaryKind::Add }).then_some(())?;
        both(self.binary(y, BinaryKind::Add)?).into_iter().find_map(|[scaled, bias]| {
            both(self.binary(scaled, BinaryKind::Mul)?).into_iter().find_map(|[normal, scale]| {
                let (x, epsilon) = self.standardized(normal)?;
                let shape = self.graph.value(x).shape;
                let fits = |p: ValueId| {
                    let p = self.graph.value(p);
                    p.data.is_some() && p.dtype == DType::F32 && p.shape.dims() == &shape.dims()[shape.rank() - 1..]
                };
                let axis = shape.rank() as u32 - 1;
                (fits(scale) && fits(bias))
                    .then(|| (EngineOp::LayerNorm { axis, epsilon, rms: false }, vec![x, scale, bias]))
            })
        })
    }

    /// What is standardized over its last axis, and epsilon.
    fn standardized(&self, y: ValueId) -> Option<(ValueId, f32)> {
        let [centred, deviation] = self.binary(y, BinaryKind::Div)?;
        let (raised, _) = self.function(deviation, UnaryKind::Sqrt)?;
        let (variance, epsilon) = self.with_scalar(raised, BinaryKind::Add)?;
        let squares = self.mean(variance)?;
        let square = self.binary(squares, BinaryKind::Mul) == Some([centred; 2])
            || self
                .binary(squares, BinaryKind::Pow)
                .is_some_and(|[x, power]| x == centred && self.scalar(power) == Some(2.0));
        square.then_some(())?;
        let [x, mean] = self.binary(centred, BinaryKind::Sub)?;
        (self.mean(mean)? == x).then_some((x, epsilon))
    }

    /// What a mean over the last axis is taken of.
    fn mean(&self, y: ValueId) -> Option<ValueId> {
        let node = &self.graph.nodes[self.makers[y.0]?];
        let x = *node.inputs.first()?;
        let last = self.graph.value(x).shape.rank() as i32 - 1;
        match engine(node)? {
            EngineOp::Reduce { kind: ReduceKind::Mean, axes, keep: true } if axes[..] == [last] || axes[..] == [-1] => {
                Some(x)
            }
            _ => None,
        }
    }
}

fn plain(kind: UnaryKind) -> Activation {
    Activation { kind, alpha: 0.0, beta: 0.0 }
}

fn both([a, b]: [ValueId; 2]) -> [[ValueId; 2]; 2] {
    [[a, b], [b, a]]
}

/// Equal but for the digits that an exporter rounded away.
fn close(a: f32, b: f32) -> bool {
    (a - b).abs() <= 1e-4 * b.abs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::Builder;
    use crate::eval::evaluate;
    use crate::ir::Tensor;

    fn check(expected: &str, make: impl Fn(&mut Builder<'_>, ValueId) -> Result<ValueId>) {
        let mut graph = Graph::default();
        let sample = Tensor::f32s(&[2, 4], &[0.5, -1.5, 2.0, 3.0, -4.0, 0.0, 1.0, 0.25]);
        let x = graph.push_value("x", sample.info(), None);
        graph.inputs.push(x);
        let y = make(&mut Builder::new(&mut graph, 0), x).expect("the pattern is sound");
        graph.outputs.push(y);
        let before = evaluate(&graph, std::slice::from_ref(&sample)).expect("it runs");
        run(&mut graph).expect("it can't fail");
        assert_eq!(graph.nodes.len(), 1, "{expected}: {:?}", graph.nodes);
        assert!(format!("{:?}", graph.nodes[0].op).contains(expected));
        let after = evaluate(&graph, &[sample]).expect("it runs");
        let pairs = before[0].as_f32s().expect("floats").iter().zip(after[0].as_f32s().expect("floats"));
        pairs.for_each(|(a, b)| assert!((a - b).abs() < 1e-5, "{expected}: {a} and {b}"));
    }

    #[test]
    fn finds_what_exporters_write_out() {
        check("Gelu", |b, x| {
            let scaled = b.with_scalar(BinaryKind::Div, x, std::f32::consts::SQRT_2)?;
            let erf = b.unary(UnaryKind::Erf, scaled)?;
            let sum = b.with_scalar(BinaryKind::Add, erf, 1.0)?;
            let product = b.binary(BinaryKind::Mul, x, sum)?;
            b.with_scalar(BinaryKind::Mul, product, 0.5)
        });
        check("Swish", |b, x| {
            let gate = b.unary(UnaryKind::Sigmoid, x)?;
            b.binary(BinaryKind::Mul, gate, x)
        });
        check("HardSwish", |b, x| {
            let sum = b.with_scalar(BinaryKind::Add, x, 3.0)?;
            let gate = b.unary_with(UnaryKind::Clip, 0.0, 6.0, sum)?;
            let product = b.binary(BinaryKind::Mul, x, gate)?;
            b.with_scalar(BinaryKind::Div, product, 6.0)
        });
        check("LayerNorm", |b, x| {
            let mean = b.reduce(ReduceKind::Mean, x, &[1], true)?;
            let centred = b.binary(BinaryKind::Sub, x, mean)?;
            let squares = b.with_scalar(BinaryKind::Pow, centred, 2.0)?;
            let variance = b.reduce(ReduceKind::Mean, squares, &[1], true)?;
            let raised = b.with_scalar(BinaryKind::Add, variance, 1e-5)?;
            let deviation = b.unary(UnaryKind::Sqrt, raised)?;
            let normal = b.binary(BinaryKind::Div, centred, deviation)?;
            let scale = b.constant(Tensor::f32s(&[4], &[1.0, 2.0, 3.0, 4.0]));
            let bias = b.constant(Tensor::f32s(&[4], &[0.5, 0.0, 0.0, 1.0]));
            let scaled = b.binary(BinaryKind::Mul, normal, scale)?;
            b.binary(BinaryKind::Add, scaled, bias)
        });
    }
}
