//! Element-wise functions of one value.

use dunlin_kernels::Isa;
use dunlin_kernels::float::elementwise::map_in_place;
use dunlin_kernels::float::math;

use crate::error::RunError;
use crate::exec::walk::elements_mut;
use crate::exec::{View, ViewMut};
use crate::op::{Activation, UnaryKind};
use crate::tensor::DType;

/// Elements that are copied and worked on together.
const BLOCK: usize = 2048;

pub(super) fn run(f: Activation, x: &View<'_>, y: &mut ViewMut<'_>, isa: Isa) -> Result<(), RunError> {
    match (f.kind, x.dtype) {
        (UnaryKind::IsNan, _) => test(x, y, f32::is_nan),
        (UnaryKind::IsInf, _) => {
            test(x, y, |v| (v == f32::INFINITY && f.beta != 0.0) || (v == f32::NEG_INFINITY && f.alpha != 0.0))
        }
        (kind, dtype) => {
            if dtype == DType::F32 {
                // A block is still in the cache when the function is applied to it.
                for (x, y) in x.f32s()?.chunks(BLOCK).zip(y.f32s()?.chunks_mut(BLOCK)) {
                    y.copy_from_slice(x);
                    apply(f, y, isa);
                }
                return Ok(());
            }
            y.bytes.copy_from_slice(x.bytes);
            match kind {
                UnaryKind::Not => y.bytes.iter_mut().for_each(|b| *b = u8::from(*b == 0)),
                UnaryKind::BitNot => y.bytes.iter_mut().for_each(|b| *b = !*b),
                _ => integer(f, elements_mut(y.bytes)?),
            }
            Ok(())
        }
    }
}

fn test(x: &View<'_>, y: &mut ViewMut<'_>, is: impl Fn(f32) -> bool) -> Result<(), RunError> {
    y.bytes.iter_mut().zip(x.f32s()?).for_each(|(y, &v)| *y = u8::from(is(v)));
    Ok(())
}

fn integer(f: Activation, x: &mut [i32]) {
    let (lo, hi) = (f.alpha as i32, f.beta as i32);
    for x in x {
        *x = match f.kind {
            UnaryKind::Neg => x.wrapping_neg(),
            UnaryKind::Abs => x.wrapping_abs(),
            UnaryKind::Sign => x.signum(),
            _ => (*x).max(lo).min(hi),
        };
    }
}

/// Applies a function to each element.
pub(super) fn apply(f: Activation, x: &mut [f32], isa: Isa) {
    use UnaryKind as U;
    let Activation { kind, alpha, beta } = f;
    match kind {
        U::Neg => map_in_place(isa, x, |v: f32| -v),
        U::Abs => map_in_place(isa, x, f32::abs),
        U::Reciprocal => map_in_place(isa, x, |v| 1.0 / v),
        U::Sqrt => map_in_place(isa, x, math::sqrt),
        U::Exp => map_in_place(isa, x, math::exp),
        U::Log => map_in_place(isa, x, math::ln),
        U::Erf => map_in_place(isa, x, math::erf),
        U::Floor => map_in_place(isa, x, math::floor),
        U::Round => map_in_place(isa, x, math::round),
        U::Tanh => map_in_place(isa, x, math::tanh),
        U::Sigmoid => map_in_place(isa, x, math::sigmoid),
        U::Clip => map_in_place(isa, x, |v| math::clamp(v, alpha, beta)),
        U::LeakyRelu => map_in_place(isa, x, |v| if v < 0.0 { alpha * v } else { v }),
        U::Elu => map_in_place(isa, x, |v| if v < 0.0 { alpha * math::exp_m1(v) } else { v }),
        U::Softplus => map_in_place(isa, x, math::softplus),
        U::HardSigmoid => map_in_place(isa, x, |v| math::clamp(alpha * v + beta, 0.0, 1.0)),
        U::HardSwish => map_in_place(isa, x, |v| v * math::clamp(v / 6.0 + 0.5, 0.0, 1.0)),
        U::Mish => map_in_place(isa, x, math::mish),
        U::Swish => map_in_place(isa, x, |v| v * math::sigmoid(alpha * v)),
        U::Gelu => map_in_place(isa, x, math::gelu),
        U::GeluTanh => map_in_place(isa, x, math::gelu_tanh),
        _ => x.iter_mut().for_each(|x| *x = seldom(f, *x)),
    }
}

fn shrink(v: f32, lambda: f32, bias: f32) -> f32 {
    if v < -lambda {
        v + bias
    } else if v > lambda {
        v - bias
    } else {
        0.0
    }
}

/// Functions that no common model's time is in: one loop for all of them.
fn seldom(Activation { kind, alpha, beta }: Activation, v: f32) -> f32 {
    use UnaryKind as U;
    match kind {
        U::Sign => math::sign(v),
        U::Ceil => math::ceil(v),
        U::Selu => beta * if v < 0.0 { alpha * math::exp_m1(v) } else { v },
        U::Celu => {
            if v < 0.0 {
                alpha * math::exp_m1(v / alpha)
            } else {
                v
            }
        }
        U::Softsign => v / (1.0 + v.abs()),
        U::ThresholdedRelu => {
            if v > alpha {
                v
            } else {
                0.0
            }
        }
        U::Shrink => shrink(v, alpha, beta),
        U::Sin => math::sin(v),
        U::Cos => math::cos(v),
        U::Tan => math::tan(v),
        U::Asin => math::asin(v),
        U::Acos => math::acos(v),
        U::Atan => math::atan(v),
        U::Sinh => math::sinh(v),
        U::Cosh => math::cosh(v),
        U::Asinh => math::asinh(v),
        U::Acosh => math::acosh(v),
        U::Atanh => math::atanh(v),
        // What remains gives bools or takes integers.
        _ => v,
    }
}
