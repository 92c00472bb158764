use super::*;
use crate::error::InferError;
use crate::exec::EvaluateError;
use crate::exec::fixtures::{bools, bytes, count, eval, gives, integers, ints, nears, reals};
use crate::op::{Activation, BinaryKind, ReduceKind, UnaryKind};

pub(super) const INF: f32 = f32::INFINITY;
const NAN: f32 = f32::NAN;

fn window(kernel: [u32; 2], stride: [u32; 2], pads: [u32; 4]) -> Window {
    Window { kernel, stride, dilation: [1, 1], pads, ceil: false }
}

fn unary(kind: UnaryKind, alpha: f32, beta: f32) -> Op {
    Op::Unary { f: Activation { kind, alpha, beta } }
}

#[test]
fn unary_functions_follow_onnx() {
    use UnaryKind as U;
    let x = [-2.5, -1.0, -0.0, 0.5, 1.0, 3.0];
    let sigmoid = |v: f32| 1.0 / (1.0 + (-v).exp());
    type Case = (UnaryKind, [f32; 2], fn(f32) -> f32);
    let cases: [Case; 24] = [
        (U::Neg, [0.0; 2], |v| -v),
        (U::Abs, [0.0; 2], f32::abs),
        (U::Reciprocal, [0.0; 2], |v| 1.0 / v),
        (U::Sqrt, [0.0; 2], f32::sqrt),
        (U::Exp, [0.0; 2], f32::exp),
        (U::Log, [0.0; 2], f32::ln),
        (U::Sign, [0.0; 2], |v| if v == 0.0 { 0.0 } else { v.signum() }),
        (U::Floor, [0.0; 2], f32::floor),
        (U::Ceil, [0.0; 2], f32::ceil),
        (U::Round, [0.0; 2], f32::round_ties_even),
        (U::Sin, [0.0; 2], f32::sin),
        (U::Atanh, [0.0; 2], f32::atanh),
        (U::Tanh, [0.0; 2], f32::tanh),
        (U::Clip, [-1.0, 0.75], |v| v.clamp(-1.0, 0.75)),
        (U::LeakyRelu, [0.1, 0.0], |v| if v < 0.0 { 0.1 * v } else { v }),
        (U::Elu, [2.0, 0.0], |v| if v < 0.0 { 2.0 * v.exp_m1() } else { v }),
        (U::Selu, [2.0, 3.0], |v| 3.0 * if v < 0.0 { 2.0 * v.exp_m1() } else { v }),
        (U::Celu, [2.0, 0.0], |v| v.max(0.0) + (2.0 * ((v / 2.0).exp() - 1.0)).min(0.0)),
        (U::Softplus, [0.0; 2], |v| v.exp().ln_1p()),
        (U::Softsign, [0.0; 2], |v| v / (1.0 + v.abs())),
        (U::HardSigmoid, [0.2, 0.5], |v| (0.2 * v + 0.5).clamp(0.0, 1.0)),
        (U::HardSwish, [0.0; 2], |v| v * (v / 6.0 + 0.5).clamp(0.0, 1.0)),
        (U::ThresholdedRelu, [0.75, 0.0], |v| if v > 0.75 { v } else { 0.0 }),
        (U::Shrink, [0.75, 0.25], |v| {
            if v < -0.75 {
                v + 0.25
            } else if v > 0.75 {
                v - 0.25
            } else {
                0.0
            }
        }),
    ];
    for (kind, [alpha, beta], exact) in cases {
        nears(&alloc::format!("{kind:?}"), unary(kind, alpha, beta), &[&reals(&[6], &x)], &x.map(exact));
    }
    let swish = x.map(|v| v * sigmoid(1.5 * v));
    nears("Swish", unary(U::Swish, 1.5, 0.0), &[&reals(&[6], &x)], &swish);
    nears("Gelu", unary(U::Gelu, 0.0, 0.0), &[&reals(&[2], &[1.0, -2.0])], &[0.841_344_8, -0.045_500_26]);
    nears("GeluTanh", unary(U::GeluTanh, 0.0, 0.0), &[&reals(&[2], &[1.0, -2.0])], &[0.841_192, -0.045_402_3]);
    nears("Mish", unary(U::Mish, 0.0, 0.0), &[&reals(&[2], &[1.0, -2.0])], &[0.865_098_4, -0.252_501_5]);
}

#[test]
fn unary_functions_of_integers_and_bools() {
    use UnaryKind as U;
    let x = integers(&[4], &[-7, 0, 5, i32::MIN]);
    for (kind, alpha, beta, expected) in [
        (U::Neg, 0.0, 0.0, [7, 0, -5, i32::MIN]),
        (U::Abs, 0.0, 0.0, [7, 0, 5, i32::MIN]),
        (U::Sign, 0.0, 0.0, [-1, 0, 1, -1]),
        (U::Clip, -2.0, INF, [-2, 0, 5, -2]),
        (U::Clip, 3.0, 1.0, [1, 1, 1, 1]),
        (U::BitNot, 0.0, 0.0, [6, -1, -6, i32::MAX]),
    ] {
        gives(&alloc::format!("{kind:?}"), unary(kind, alpha, beta), &[&x], &integers(&[4], &expected));
    }
    gives("Not", unary(U::Not, 0.0, 0.0), &[&bools(&[2], &[true, false])], &bools(&[2], &[false, true]));
    let odd = reals(&[4], &[NAN, INF, -INF, 1.0]);
    gives("IsNan", unary(U::IsNan, 0.0, 0.0), &[&odd], &bools(&[4], &[true, false, false, false]));
    gives("IsInf", unary(U::IsInf, 1.0, 1.0), &[&odd], &bools(&[4], &[false, true, true, false]));
    gives("IsInf of -inf only", unary(U::IsInf, 1.0, 0.0), &[&odd], &bools(&[4], &[false, false, true, false]));
}

#[test]
fn binary_functions_of_floats() {
    use BinaryKind as B;
    let (a, b) = ([5.0, -5.0, 2.0, NAN], [3.0, 3.0, -0.5, 1.0]);
    for (kind, expected) in [
        (B::Add, [8.0, -2.0, 1.5, NAN]),
        (B::Sub, [2.0, -8.0, 2.5, NAN]),
        (B::Mul, [15.0, -15.0, -1.0, NAN]),
        (B::Div, [5.0 / 3.0, -5.0 / 3.0, -4.0, NAN]),
        (B::Pow, [125.0, -125.0, 0.707_106_77, NAN]),
        (B::Min, [3.0, -5.0, -0.5, NAN]),
        (B::Max, [5.0, 3.0, 2.0, NAN]),
        (B::Mod, [2.0, 1.0, 0.0, NAN]),
        (B::Fmod, [2.0, -2.0, 0.0, NAN]),
        (B::PRelu, [5.0, -15.0, 2.0, NAN]),
    ] {
        nears(&alloc::format!("{kind:?}"), Op::Binary { kind }, &[&reals(&[4], &a), &reals(&[4], &b)], &expected);
    }
    for (kind, expected) in [
        (B::Equal, [false, false, true, false]),
        (B::Less, [false, true, false, false]),
        (B::LessOrEqual, [false, true, true, false]),
        (B::Greater, [true, false, false, false]),
        (B::GreaterOrEqual, [true, false, true, false]),
    ] {
        let (a, b) = (reals(&[4], &[2.0, 1.0, 1.0, NAN]), reals(&[4], &[1.0, 2.0, 1.0, NAN]));
        gives(&alloc::format!("{kind:?}"), Op::Binary { kind }, &[&a, &b], &bools(&[4], &expected));
    }
}

#[test]
fn binary_functions_of_integers_wrap_and_never_trap() {
    use BinaryKind as B;
    let a = integers(&[5], &[7, -7, i32::MIN, 9, -1]);
    let b = integers(&[5], &[3, 3, -1, 0, 33]);
    for (kind, expected) in [
        (B::Add, [10, -4, i32::MAX, 9, 32]),
        (B::Mul, [21, -21, i32::MIN, 0, -33]),
        (B::Div, [2, -2, i32::MIN, 0, 0]),
        (B::Mod, [1, 2, 0, 0, 32]),
        (B::Fmod, [1, -1, 0, 0, -1]),
        (B::Pow, [343, -343, 0, 1, -1]),
        (B::Shl, [56, -56, 0, 9, 0]),
        (B::Shr, [0, 0x1fff_ffff, 0, 9, 0]),
        (B::BitXor, [4, -6, i32::MAX, 9, -34]),
    ] {
        gives(&alloc::format!("{kind:?}"), Op::Binary { kind }, &[&a, &b], &integers(&[5], &expected));
    }
    let halves = [integers(&[3], &[1, -1, 2]), integers(&[3], &[-2, -3, -1])];
    gives("negative powers", Op::Binary { kind: B::Pow }, &[&halves[0], &halves[1]], &integers(&[3], &[1, -1, 0]));
}

#[test]
fn binary_functions_of_bytes_and_bools() {
    use BinaryKind as B;
    let signed = [bytes(DType::I8, &[2], &[0xff, 1]), bytes(DType::I8, &[2], &[1, 0xff])];
    gives("-1 < 1", Op::Binary { kind: B::Less }, &[&signed[0], &signed[1]], &bools(&[2], &[true, false]));
    let bits = [bools(&[4], &[false, false, true, true]), bools(&[4], &[false, true, false, true])];
    for (kind, expected) in [
        (B::And, [false, false, false, true]),
        (B::Or, [false, true, true, true]),
        (B::Xor, [false, true, true, false]),
        (B::Equal, [true, false, false, true]),
    ] {
        gives(&alloc::format!("{kind:?}"), Op::Binary { kind }, &[&bits[0], &bits[1]], &bools(&[4], &expected));
    }
}

#[test]
fn binary_operands_are_broadcast() {
    let sub = Op::Binary { kind: BinaryKind::Sub };
    let column = reals(&[2, 1], &[10.0, 20.0]);
    gives("column, row", sub, &[&column, &count(&[3])], &reals(&[2, 3], &[10.0, 9.0, 8.0, 20.0, 19.0, 18.0]));
    gives("scalar", sub, &[&reals(&[], &[1.0]), &count(&[2])], &reals(&[2], &[1.0, 0.0]));
    let long = count(&[2, 100]);
    let expected: alloc::vec::Vec<f32> = (0..200).map(|i| i as f32 - if i < 100 { 10.0 } else { 20.0 }).collect();
    gives("rows longer than a chunk", sub, &[&long, &column], &reals(&[2, 100], &expected));
    gives("empty", sub, &[&count(&[0, 3]), &count(&[3])], &count(&[0, 3]));
    gives("middle", sub, &[&count(&[2, 2, 1]), &count(&[2, 1, 1])], &reals(&[2, 2, 1], &[0.0, 1.0, 1.0, 2.0]));
}

#[test]
fn where_picks_elements_of_any_type() {
    let condition = bools(&[2, 1], &[true, false]);
    let (a, b) = (count(&[3]), reals(&[], &[9.0]));
    gives("f32", Op::Where {}, &[&condition, &a, &b], &reals(&[2, 3], &[0.0, 1.0, 2.0, 9.0, 9.0, 9.0]));
    let halves = [bytes(DType::F16, &[1], &[1, 2]), bytes(DType::F16, &[1], &[3, 4])];
    gives("f16", Op::Where {}, &[&condition, &halves[0], &halves[1]], &bytes(DType::F16, &[2, 1], &[1, 2, 3, 4]));
}

fn reduce(kind: ReduceKind, axes: &[i32], keep: bool) -> Op {
    Op::Reduce { kind, axes: ints(axes), keep }
}

#[test]
fn reductions_take_axes_away_or_keep_them() {
    use ReduceKind as R;
    let x = count(&[2, 3, 2]);
    for (name, axes, keep, dims, expected) in [
        ("all", &[][..], false, &[][..], &[66.0][..]),
        ("all, kept", &[], true, &[1, 1, 1], &[66.0]),
        ("last", &[-1], false, &[2, 3], &[1.0, 5.0, 9.0, 13.0, 17.0, 21.0]),
        ("middle", &[1], false, &[2, 2], &[6.0, 9.0, 24.0, 27.0]),
        ("first", &[0], true, &[1, 3, 2], &[6.0, 8.0, 10.0, 12.0, 14.0, 16.0]),
        ("outer two of three", &[0, 1], false, &[2], &[30.0, 36.0]),
        ("first and last", &[2, 0], false, &[3], &[14.0, 22.0, 30.0]),
    ] {
        gives(name, reduce(R::Sum, axes, keep), &[&x], &reals(dims, expected));
    }
}

#[test]
fn reductions_of_each_kind() {
    use ReduceKind as R;
    let x = reals(&[2, 2], &[-3.0, 4.0, 1.0, 2.0]);
    for (kind, rows, columns) in [
        (R::Sum, [1.0, 3.0], [-2.0, 6.0]),
        (R::Mean, [0.5, 1.5], [-1.0, 3.0]),
        (R::Max, [4.0, 2.0], [1.0, 4.0]),
        (R::Min, [-3.0, 1.0], [-3.0, 2.0]),
        (R::Prod, [-12.0, 2.0], [-3.0, 8.0]),
        (R::L1, [7.0, 3.0], [4.0, 6.0]),
        (R::L2, [5.0, 5.0_f32.sqrt()], [10.0_f32.sqrt(), 20.0_f32.sqrt()]),
        (R::SumSquare, [25.0, 5.0], [10.0, 20.0]),
        (R::LogSum, [0.0, 3.0_f32.ln()], [NAN, 6.0_f32.ln()]),
        (R::LogSumExp, [4.000_911_5, 2.313_261_7], [1.018_149_9, 4.126_928]),
    ] {
        nears(&alloc::format!("{kind:?} of rows"), reduce(kind, &[1], false), &[&x], &rows);
        nears(&alloc::format!("{kind:?} of columns"), reduce(kind, &[0], false), &[&x], &columns);
    }
    let big = reals(&[3, 2], &[1000.0, -INF, 1000.0, -INF, -INF, -INF]);
    nears("sums of exponentials stay in range", reduce(R::LogSumExp, &[1], false), &[&big], &[1000.0, 1000.0, -INF]);
}

#[test]
fn reductions_of_integers_bools_and_nothing() {
    use ReduceKind as R;
    let x = integers(&[2, 2], &[-3, 4, 1, 2]);
    for (kind, expected) in [
        (R::Sum, [1, 3]),
        (R::Mean, [0, 1]),
        (R::Max, [4, 2]),
        (R::Min, [-3, 1]),
        (R::Prod, [-12, 2]),
        (R::L1, [7, 3]),
        (R::SumSquare, [25, 5]),
    ] {
        gives(&alloc::format!("{kind:?}"), reduce(kind, &[1], false), &[&x], &integers(&[2], &expected));
    }
    let bits = bools(&[2, 2], &[true, false, true, true]);
    gives("any", reduce(R::Max, &[1], false), &[&bits], &bools(&[2], &[true, true]));
    gives("all", reduce(R::Min, &[1], false), &[&bits], &bools(&[2], &[false, true]));
    let empty = count(&[2, 0]);
    gives("max of nothing", reduce(R::Max, &[1], false), &[&empty], &reals(&[2], &[-INF, -INF]));
    gives("product of nothing", reduce(R::Prod, &[1], false), &[&empty], &reals(&[2], &[1.0, 1.0]));
}

#[test]
fn arg_reductions_follow_the_axis_and_the_tie_rule() {
    let x = reals(&[2, 3], &[1.0, 5.0, 5.0, 2.0, 2.0, 0.0]);
    for (name, max, axis, keep, last, dims, expected) in [
        ("first of equals", true, 1, false, false, &[2][..], &[1, 0][..]),
        ("last of equals", true, 1, false, true, &[2], &[2, 1]),
        ("smallest", false, 1, true, false, &[2, 1], &[0, 2]),
        ("columns", true, 0, false, false, &[3], &[1, 0, 0]),
    ] {
        gives(name, Op::ArgReduce { max, axis, keep, last }, &[&x], &integers(dims, expected));
    }
    let quanta = bytes(DType::U8, &[4], &[3, 200, 7, 200]);
    let op = Op::ArgReduce { max: true, axis: 0, keep: false, last: false };
    gives("quanta", op, &[&quanta], &integers(&[], &[1]));
    gives("NaN is largest", op, &[&reals(&[3], &[INF, NAN, 0.0])], &integers(&[], &[1]));
}

#[test]
fn top_k_orders_by_value_then_index() {
    let top = |axis, k, largest| Op::TopK { axis, k, largest };
    let x = reals(&[2, 4], &[1.0, 3.0, 3.0, 2.0, 0.0, -1.0, 5.0, 0.0]);
    for (name, op, dims, values, indices) in [
        ("largest", top(1, 2, true), [2, 2], &[3.0, 3.0, 5.0, 0.0][..], &[1, 2, 2, 0][..]),
        ("smallest", top(1, 2, false), [2, 2], &[1.0, 2.0, -1.0, 0.0], &[0, 3, 1, 0]),
        ("columns", top(0, 1, true), [1, 4], &[1.0, 3.0, 5.0, 2.0], &[0, 0, 1, 0]),
        ("none", top(1, 0, true), [2, 0], &[], &[]),
    ] {
        let found = eval(op, &[&x]).expect("operands fit");
        assert_eq!(found[0].view().f32s(), Ok(values), "{name}");
        assert_eq!(found[1].view().i32s(), Ok(indices), "{name}");
        assert_eq!(found[0].shape, crate::exec::fixtures::shape(&dims), "{name}");
    }
    let all = eval(top(0, 3, true), &[&reals(&[3], &[NAN, INF, NAN])]).expect("operands fit");
    assert_eq!(all[1].view().i32s(), Ok(&[0, 2, 1][..]), "NaN is largest");
}

#[test]
fn softmax_runs_along_its_axis() {
    let x = reals(&[2, 2], &[0.0, 3.0_f32.ln(), 0.0, 0.0]);
    nears("rows", Op::Softmax { axis: 1, log: false }, &[&x], &[0.25, 0.75, 0.5, 0.5]);
    nears("columns", Op::Softmax { axis: 0, log: false }, &[&x], &[0.5, 0.75, 0.5, 0.25]);
    nears("logarithm", Op::Softmax { axis: 1, log: true }, &[&x], &[0.25, 0.75, 0.5, 0.5].map(f32::ln));
}

#[test]
fn attention_averages_values_by_head() {
    // Queries of 0 see all keys alike; the first head's query of ln 3 weighs its second key three times.
    let (q, k) = (reals(&[1, 1, 2], &[3.0_f32.ln(), 0.0]), reals(&[1, 2, 2], &[0.0, 5.0, 2.0, 5.0]));
    let v = reals(&[1, 2, 2], &[4.0, 10.0, 8.0, 30.0]);
    let op = Op::Attention { heads: 2, scale: 0.5 };
    nears("no mask", op, &[&q, &k, &v], &[7.0, 20.0]);
    nears("a mask of keys", op, &[&q, &k, &v, &reals(&[2], &[0.0, -INF])], &[4.0, 10.0]);
    nears("a mask of heads", op, &[&q, &k, &v, &reals(&[2, 1, 2], &[0.0, 0.0, -INF, 0.0])], &[7.0, 30.0]);
}

#[test]
fn attention_rejects_operands_that_do_not_fit() {
    let rows = count(&[1, 2, 4]);
    let attention = |heads| Op::Attention { heads, scale: 1.0 };
    let cases: [(&str, Op, &[&crate::exec::OwnedTensor]); 12] = [
        ("attention of no heads", attention(0), &[&rows, &rows, &rows]),
        ("attention of heads that don't divide", attention(3), &[&rows, &rows, &rows]),
        ("attention of more heads than columns", attention(8), &[&rows, &rows, &rows]),
        ("attention of no columns", attention(1), &[&count(&[1, 2, 0]), &count(&[1, 2, 0]), &rows]),
        ("attention to no keys", attention(2), &[&rows, &count(&[1, 0, 4]), &count(&[1, 0, 4])]),
        ("attention to fewer values", attention(2), &[&rows, &rows, &count(&[1, 1, 4])]),
        ("attention to other keys", attention(2), &[&rows, &count(&[1, 2, 2]), &rows]),
        ("attention in another batch", attention(2), &[&rows, &count(&[2, 2, 4]), &count(&[2, 2, 4])]),
        ("attention of a matrix", attention(2), &[&count(&[2, 4]), &rows, &rows]),
        ("attention with a wide mask", attention(2), &[&rows, &rows, &rows, &count(&[3])]),
        ("attention with a mask of batches", attention(2), &[&rows, &rows, &rows, &count(&[2, 1, 1, 1])]),
        ("attention with a deep mask", attention(2), &[&rows, &rows, &rows, &count(&[1, 1, 1, 2, 2])]),
    ];
    for (name, op, operands) in cases {
        assert!(matches!(eval(op, operands), Err(EvaluateError::Infer(_))), "{name}");
    }
    assert!(eval(attention(2), &[&rows, &rows, &rows, &count(&[2, 1, 2])]).is_ok());
}

#[test]
fn layer_norm_spans_all_axes_from_its_own() {
    let x = reals(&[1, 2, 2], &[1.0, 2.0, 3.0, 4.0]);
    let norm = |axis, rms| Op::LayerNorm { axis, epsilon: 0.0, rms };
    let s = 1.25_f32.sqrt();
    let (scale, bias) = (reals(&[2, 2], &[1.0, 1.0, 2.0, 2.0]), reals(&[2, 2], &[0.0, 1.0, 0.0, 1.0]));
    nears("two axes", norm(1, false), &[&x, &scale, &bias], &[-1.5 / s, -0.5 / s + 1.0, 1.0 / s, 3.0 / s + 1.0]);
    let ones = reals(&[1, 1, 2], &[1.0, 1.0]);
    nears("last axis, no bias", norm(2, false), &[&x, &ones], &[-1.0, 1.0, -1.0, 1.0]);
    let (a, b) = (2.5_f32.sqrt(), 12.5_f32.sqrt());
    nears("rms", norm(2, true), &[&x, &ones], &[1.0 / a, 2.0 / a, 3.0 / b, 4.0 / b]);
}

#[test]
fn matmul_broadcasts_batches_and_adds_a_bias() {
    let op = |trans_b| Op::MatMul { trans_b, lo: -INF, hi: INF };
    let (a, b) = (count(&[2, 2, 3]), count(&[3, 2]));
    let flat = [10.0, 13.0, 28.0, 40.0, 46.0, 67.0, 64.0, 94.0];
    gives("one second factor", op(false), &[&a, &b], &reals(&[2, 2, 2], &flat));
    let turned = reals(&[2, 3], &[0.0, 2.0, 4.0, 1.0, 3.0, 5.0]);
    gives("transposed", op(true), &[&a, &turned], &reals(&[2, 2, 2], &flat));
    let bias = reals(&[2], &[1.0, -1.0]);
    let biased = [11.0, 12.0, 29.0, 39.0, 47.0, 66.0, 65.0, 93.0];
    gives("bias", op(false), &[&a, &b, &bias], &reals(&[2, 2, 2], &biased));
    let each = count(&[2, 3, 1]);
    gives("a factor each", op(false), &[&a, &each], &reals(&[2, 2, 1], &[5.0, 14.0, 86.0, 122.0]));
    let outer = count(&[2, 1, 1, 3]);
    gives("outer batches", op(false), &[&outer, &each], &reals(&[2, 2, 1, 1], &[5.0, 14.0, 14.0, 50.0]));
    let halves: alloc::vec::Vec<u8> = (0..6).flat_map(|i| half::f16::from_f32(i as f32).to_le_bytes()).collect();
    gives("f16", op(false), &[&a, &bytes(DType::F16, &[3, 2], &halves)], &reals(&[2, 2, 2], &flat));
    let clamped = Op::MatMul { trans_b: false, lo: 20.0, hi: 50.0 };
    let expected = flat.map(|v: f32| v.clamp(20.0, 50.0));
    gives("clamped", clamped, &[&a, &b], &reals(&[2, 2, 2], &expected));
    gives("sums of nothing", op(false), &[&count(&[2, 0]), &count(&[0, 2])], &reals(&[2, 2], &[0.0; 4]));
}

#[test]
fn conv_pads_strides_and_groups() {
    let op = |window, groups| Op::Conv { window, groups, lo: -INF, hi: INF };
    let x = count(&[1, 3, 3, 1]);
    let ones = reals(&[3, 3, 1, 1], &[1.0; 9]);
    let bias = reals(&[1], &[0.5]);
    let padded = op(window([3, 3], [2, 2], [1; 4]), 1);
    gives("3x3", padded, &[&x, &ones, &bias], &reals(&[1, 2, 2, 1], &[8.5, 12.5, 20.5, 24.5]));
    let pair = count(&[1, 1, 2, 2]);
    let each = reals(&[1, 1, 1, 2], &[10.0, 100.0]);
    let none = reals(&[2], &[0.0; 2]);
    let depthwise = op(window([1, 1], [1, 1], [0; 4]), 2);
    gives("depthwise", depthwise, &[&pair, &each, &none], &reals(&[1, 1, 2, 2], &[0.0, 100.0, 20.0, 300.0]));
}

#[test]
fn pools_and_lrn_reach_their_kernels() {
    let x = count(&[1, 3, 3, 1]);
    for (kind, expected) in [
        (PoolKind::Max, [0.0, 2.0, 6.0, 8.0]),
        (PoolKind::Avg, [0.0, 1.5, 4.5, 6.0]),
        (PoolKind::AvgIncludePad, [0.0, 0.75, 2.25, 6.0]),
    ] {
        let op = Op::Pool { kind, window: window([2, 2], [2, 2], [1, 1, 0, 0]), p: 0.0 };
        gives(&alloc::format!("{kind:?}"), op, &[&x], &reals(&[1, 2, 2, 1], &expected));
    }
    let lrn = Op::Lrn { size: 3, alpha: 3.0, beta: 1.0, bias: 1.0 };
    nears("Lrn", lrn, &[&reals(&[1, 1, 1, 2], &[1.0, 2.0])], &[1.0 / 6.0, 2.0 / 6.0]);
}

#[test]
fn a_partial_window_counts_in_ceil_mode_unless_it_starts_in_the_padding() {
    let window = |pads| Window { kernel: [1, 2], stride: [1, 2], dilation: [1, 1], pads, ceil: true };
    assert_eq!(window([0; 4]).output(1, 5), Some([1, 3]));
    assert_eq!(window([0, 0, 0, 1]).output(1, 4), Some([1, 2]));
    assert_eq!(window([0; 4]).output(1, 4), Some([1, 2]));
}

#[test]
fn running_sums_in_both_directions() {
    let x = count(&[2, 3]);
    for (name, axis, exclusive, reverse, expected) in [
        ("plain", 1, false, false, [0.0, 1.0, 3.0, 3.0, 7.0, 12.0]),
        ("exclusive", 1, true, false, [0.0, 0.0, 1.0, 0.0, 3.0, 7.0]),
        ("reverse", 1, false, true, [3.0, 3.0, 2.0, 12.0, 9.0, 5.0]),
        ("both", 1, true, true, [3.0, 2.0, 0.0, 9.0, 5.0, 0.0]),
        ("columns", 0, false, false, [0.0, 1.0, 2.0, 3.0, 5.0, 7.0]),
    ] {
        gives(name, Op::CumSum { axis, exclusive, reverse }, &[&x], &reals(&[2, 3], &expected));
    }
    let op = Op::CumSum { axis: 0, exclusive: false, reverse: false };
    gives("wraps", op, &[&integers(&[2], &[i32::MAX, 1])], &integers(&[2], &[i32::MAX, i32::MIN]));
}

#[test]
fn interpolation_checks_its_indices() {
    let x = count(&[2, 2]);
    let weight = reals(&[3, 2], &[1.0, 0.0, 0.5, 0.5, 2.0, 0.0]);
    let op = Op::Interpolate { axis: 1 };
    let index = integers(&[3, 2], &[0, 1, 0, 1, 1, 0]);
    gives("rows", op, &[&x, &index, &weight], &reals(&[2, 3], &[0.0, 0.5, 2.0, 2.0, 2.5, 6.0]));
    for bad in [2, -1] {
        let index = integers(&[3, 2], &[0, 1, bad, 1, 1, 0]);
        assert!(matches!(eval(op, &[&x, &index, &weight]), Err(EvaluateError::Run(RunError::Index { len: 2, .. }))));
    }
}

#[test]
fn rejects_operands_that_do_not_fit() {
    let x = count(&[1, 3, 3, 2]);
    let w = count(&[3, 3, 2, 4]);
    let bias = count(&[4]);
    let conv = |window, groups| Op::Conv { window, groups, lo: -INF, hi: INF };
    let plain = window([3, 3], [1, 1], [0; 4]);
    let matmul = Op::MatMul { trans_b: false, lo: -INF, hi: INF };
    let add = Op::Binary { kind: BinaryKind::Add };
    let huge = Window { dilation: [u32::MAX; 2], ..plain };
    let cases: [(&str, Op, &[&crate::exec::OwnedTensor]); 24] = [
        ("conv without a bias", conv(plain, 1), &[&x, &w]),
        ("conv of a matrix", conv(plain, 1), &[&count(&[3, 3]), &w, &bias]),
        ("conv with stride 0", conv(window([3, 3], [0, 1], [0; 4]), 1), &[&x, &w, &bias]),
        ("conv with another kernel", conv(window([1, 3], [1, 1], [0; 4]), 1), &[&x, &w, &bias]),
        ("conv larger than its image", conv(Window { dilation: [2, 2], ..plain }, 1), &[&x, &w, &bias]),
        ("conv with an overflowing dilation", conv(huge, 1), &[&x, &w, &bias]),
        ("conv with no groups", conv(plain, 0), &[&x, &w, &bias]),
        ("conv with groups that don't divide", conv(plain, 3), &[&x, &w, &bias]),
        ("conv of the wrong depth", conv(plain, 2), &[&x, &w, &bias]),
        ("matmul of vectors", matmul, &[&bias, &bias]),
        ("matmul of different depths", matmul, &[&count(&[2, 3]), &count(&[2, 3])]),
        ("matmul of different batches", matmul, &[&count(&[2, 1, 1]), &count(&[3, 1, 1])]),
        ("add of different types", add, &[&bias, &integers(&[4], &[0; 4])]),
        ("add of shapes that don't broadcast", add, &[&bias, &count(&[3])]),
        ("where without a condition", Op::Where {}, &[&bias, &bias, &bias]),
        ("reduction of one axis twice", reduce(ReduceKind::Sum, &[0, -4], false), &[&x]),
        ("reduction of no axis", reduce(ReduceKind::Sum, &[4], false), &[&x]),
        ("arg of nothing", Op::ArgReduce { max: true, axis: 0, keep: false, last: false }, &[&count(&[0])]),
        ("more than there are", Op::TopK { axis: 0, k: 5, largest: true }, &[&bias]),
        ("softmax of a scalar", Op::Softmax { axis: 0, log: false }, &[&count(&[])]),
        ("layer norm with another scale", Op::LayerNorm { axis: 3, epsilon: 0.0, rms: false }, &[&x, &bias]),
        ("lrn of no channels", Op::Lrn { size: 0, alpha: 0.0, beta: 0.0, bias: 0.0 }, &[&x]),
        ("not of numbers", unary(UnaryKind::Not, 0.0, 0.0), &[&x]),
        ("interpolation without taps", Op::Interpolate { axis: 0 }, &[&x, &integers(&[2, 0], &[]), &count(&[2, 0])]),
    ];
    for (name, op, operands) in cases {
        assert!(matches!(eval(op, operands), Err(EvaluateError::Infer(_))), "{name}");
    }
    let error = eval(add, &[&bias]).expect_err("one operand");
    assert_eq!(error, EvaluateError::Infer(InferError::Arity { op: "Binary", found: 1 }));
}
