//! Element-wise functions of one quantized tensor, as tables of 256 entries.
//!
//! An entry is `clamp(round_ties_even(f(s (q - z)) / s_y) + z_y)`, computed in f64 and rounded once. Not only single
//! operators become tables but whole expressions of one tensor and scalars, such as `x * sigmoid(x)`.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use dunlin_engine::op::{Activation, BinaryKind, Op as EngineOp, UnaryKind};
use dunlin_engine::tensor::Shape;

use super::literal;
use super::products::Want;
use super::walk::Walk;
use crate::ir::{Op, ValueId};

/// The table look-up that makes a float value, if it is a function of one quantized tensor.
pub(super) fn elementwise(walk: &mut Walk<'_>, float: ValueId, want: Want) -> Option<ValueId> {
    let expression = expression(walk, float, DEPTH)?;
    let x = expression.x?;
    let entry = |q: usize| {
        let q = (expression.values[q] / f64::from(want.quant.scale)).round_ties_even() + f64::from(want.quant.zero);
        (q.clamp(0.0, 255.0) as u8).clamp(want.clamp.lo, want.clamp.hi)
    };
    let table = std::array::from_fn(entry);
    let name = walk.maker(float)?.name.clone();
    Some(walk.lookup(&name, x, want.quant, &table))
}

/// A value for each quantum of a tensor, or one value when it depends on none.
struct Expression {
    x: Option<ValueId>,
    shape: Shape,
    values: Vec<f64>,
}

/// How many operators an expression may nest.
const DEPTH: u32 = 24;

fn expression(walk: &Walk<'_>, float: ValueId, depth: u32) -> Option<Expression> {
    let shape = walk.graph.value(float).shape;
    if let Some((view, quant)) = walk.view(float) {
        let real = |q: i32| f64::from(quant.scale) * f64::from(q - quant.zero);
        return Some(Expression { x: Some(view), shape, values: (0..256).map(real).collect() });
    }
    if let Some(tensor) = walk.graph.constant(float) {
        let value = *literal::floats(tensor).filter(|values| values.len() == 1)?.first()?;
        return Some(Expression { x: None, shape, values: vec![f64::from(value)] });
    }
    let node = walk.maker(float)?;
    let depth = depth.checked_sub(1)?;
    let result = match node.op {
        Op::Engine(EngineOp::Unary { f }) if is_real(f.kind) => {
            let inner = expression(walk, node.inputs[0], depth)?;
            Expression { values: inner.values.iter().map(|&x| apply(f, x)).collect(), ..inner }
        }
        Op::Engine(EngineOp::Binary { kind }) => {
            let a = expression(walk, node.inputs[0], depth)?;
            let b = expression(walk, node.inputs[1], depth)?;
            combine(kind, &a, &b)?
        }
        _ => return None,
    };
    // A scalar of higher rank would change the shape.
    (result.x.is_none() || result.shape == shape).then_some(result)
}

fn combine(kind: BinaryKind, a: &Expression, b: &Expression) -> Option<Expression> {
    let f = arithmetic(kind)?;
    if a.x.is_some() && b.x.is_some() && a.x != b.x {
        return None;
    }
    let count = a.values.len().max(b.values.len());
    let at = |e: &Expression, i: usize| e.values[i.min(e.values.len() - 1)];
    let values = (0..count).map(|i| f(at(a, i), at(b, i))).collect();
    Some(Expression { x: a.x.or(b.x), shape: if a.x.is_some() { a.shape } else { b.shape }, values })
}

fn arithmetic(kind: BinaryKind) -> Option<fn(f64, f64) -> f64> {
    Some(match kind {
        BinaryKind::Add => |a, b| a + b,
        BinaryKind::Sub => |a, b| a - b,
        BinaryKind::Mul => |a, b| a * b,
        BinaryKind::Div => |a, b| a / b,
        BinaryKind::Pow => f64::powf,
        BinaryKind::Min => f64::min,
        BinaryKind::Max => f64::max,
        BinaryKind::PRelu => |a, b| if a < 0.0 { a * b } else { a },
        _ => return None,
    })
}

/// Whether a function gives numbers, not truth values or bits.
fn is_real(kind: UnaryKind) -> bool {
    !matches!(kind, UnaryKind::IsNan | UnaryKind::IsInf | UnaryKind::Not | UnaryKind::BitNot)
}

/// A function in f64, by ONNX's definition.
pub fn apply(f: Activation, x: f64) -> f64 {
    let (alpha, beta) = (f64::from(f.alpha), f64::from(f.beta));
    match f.kind {
        UnaryKind::Neg => -x,
        UnaryKind::Abs => x.abs(),
        UnaryKind::Reciprocal => x.recip(),
        UnaryKind::Sqrt => x.sqrt(),
        UnaryKind::Exp => x.exp(),
        UnaryKind::Log => x.ln(),
        UnaryKind::Erf => libm::erf(x),
        UnaryKind::Sign => f64::from(i8::from(x > 0.0) - i8::from(x < 0.0)),
        UnaryKind::Floor => x.floor(),
        UnaryKind::Ceil => x.ceil(),
        UnaryKind::Round => x.round_ties_even(),
        UnaryKind::Sin => x.sin(),
        UnaryKind::Cos => x.cos(),
        UnaryKind::Tan => x.tan(),
        UnaryKind::Asin => x.asin(),
        UnaryKind::Acos => x.acos(),
        UnaryKind::Atan => x.atan(),
        UnaryKind::Sinh => x.sinh(),
        UnaryKind::Cosh => x.cosh(),
        UnaryKind::Tanh => x.tanh(),
        UnaryKind::Asinh => x.asinh(),
        UnaryKind::Acosh => x.acosh(),
        UnaryKind::Atanh => x.atanh(),
        UnaryKind::IsNan | UnaryKind::IsInf | UnaryKind::Not | UnaryKind::BitNot => f64::NAN,
        _ => rectifier(f.kind, alpha, beta, x),
    }
}

fn rectifier(kind: UnaryKind, alpha: f64, beta: f64, x: f64) -> f64 {
    match kind {
        UnaryKind::Clip => x.max(alpha).min(beta),
        UnaryKind::LeakyRelu => {
            if x < 0.0 {
                alpha * x
            } else {
                x
            }
        }
        UnaryKind::Elu => {
            if x < 0.0 {
                alpha * x.exp_m1()
            } else {
                x
            }
        }
        UnaryKind::Selu => beta * if x < 0.0 { alpha * x.exp_m1() } else { x },
        UnaryKind::Celu => x.max(0.0) + (alpha * (x / alpha).exp_m1()).min(0.0),
        UnaryKind::Sigmoid => sigmoid(x),
        UnaryKind::Softplus => softplus(x),
        UnaryKind::Softsign => x / (1.0 + x.abs()),
        UnaryKind::HardSigmoid => (alpha * x + beta).clamp(0.0, 1.0),
        UnaryKind::HardSwish => x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
        UnaryKind::Mish => x * softplus(x).tanh(),
        UnaryKind::Swish => x * sigmoid(alpha * x),
        UnaryKind::Gelu => 0.5 * x * (1.0 + libm::erf(x * FRAC_1_SQRT_2)),
        UnaryKind::GeluTanh => 0.5 * x * (1.0 + ((2.0 / PI).sqrt() * (x + 0.044715 * x.powi(3))).tanh()),
        UnaryKind::ThresholdedRelu if x > alpha => x,
        UnaryKind::Shrink if x < -alpha => x + beta,
        UnaryKind::Shrink if x > alpha => x - beta,
        _ => 0.0,
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_have_their_known_values() {
        let cases = [
            (UnaryKind::HardSwish, 0.0, 0.0, -1.5, -0.375),
            (UnaryKind::HardSigmoid, 0.2, 0.5, 1.0, 0.7),
            (UnaryKind::Selu, 1.0, 2.0, 3.0, 6.0),
            (UnaryKind::Shrink, 1.0, 0.5, -2.0, -1.5),
            (UnaryKind::Gelu, 0.0, 0.0, 1.0, 0.841_344_746),
            (UnaryKind::Softplus, 0.0, 0.0, 0.0, std::f64::consts::LN_2),
            (UnaryKind::LeakyRelu, 0.5, 0.0, -4.0, -2.0),
        ];
        for (kind, alpha, beta, x, expected) in cases {
            let found = apply(Activation { kind, alpha, beta }, x);
            assert!((found - expected).abs() < 1e-7, "{kind:?}({x}) = {found}");
        }
    }
}
