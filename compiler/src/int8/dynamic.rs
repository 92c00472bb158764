//! ONNX's integer products, and the float arithmetic that dynamic quantization puts around them.
//!
//! `DynamicQuantizeLinear -> MatMulInteger -> Cast -> Mul(a_scale * w_scale) -> Add(bias)` is one `QGemm` whose
//! epilogue returns to float. A product that no such form surrounds stays an exact i32 sum.

use dunlin_engine::op::infer::Info;
use dunlin_engine::op::{BinaryKind, Epilogue, Op as EngineOp};
use dunlin_engine::tensor::{DType, Ints};

use super::literal::{self, vector};
use super::products::FULL;
use super::sums::{Stored, store};
use super::walk::Walk;
use super::weights::{self, Bias};
use crate::ir::{Node, Op, ValueId};

/// Constant weights of a product, `[n][k]`.
struct Matrix {
    n: usize,
    k: usize,
    stored: Stored,
    /// Sum of each row of the stored weights.
    sums: Vec<i32>,
}

/// Lowers `Mul(Cast(MatMulInteger), scales)` or an `Add` of a bias to that; false when `node` is neither.
pub(super) fn scaled_product(walk: &mut Walk<'_>, node: &Node) -> bool {
    lower_scaled(walk, node).is_some()
}

fn lower_scaled(walk: &mut Walk<'_>, node: &Node) -> Option<()> {
    let Op::Engine(EngineOp::Binary { kind }) = node.op else { return None };
    let (scaled, bias) = match kind {
        BinaryKind::Mul => (Scaled::find(walk, node)?, None),
        BinaryKind::Add => either(node, |product, bias| {
            let scaled = Scaled::find(walk, walk.maker(product)?)?;
            Some((scaled, Some(real_bias(walk, bias)?)))
        })?,
        _ => return None,
    };
    let product = walk.maker(scaled.product)?.clone();
    let matrix = matrix(walk, &product)?;
    if !matrix.stored.zero.is_empty() {
        return None;
    }
    let scale = spread(&scaled.w_scale, matrix.n)?;
    let bias = spread(&bias.unwrap_or_else(|| vec![0.0]), matrix.n)?;
    let (x, a_zero) = rows(walk, &product)?;
    let a_scale = as_vector(walk, scaled.a_scale)?;
    let n = matrix.n;
    let mut inputs = vec![x, weights_of(walk, node, &matrix), a_scale, a_zero];
    inputs.push(walk.constant(format!("{}/wsum", node.name), literal::i32s(vector(n), &matrix.sums)));
    inputs.push(walk.constant(format!("{}/scale", node.name), literal::f32s(vector(n), &scale)));
    inputs.push(walk.constant(format!("{}/bias", node.name), literal::f32s(vector(n), &bias)));
    let op = EngineOp::QGemm { n: n as u32, epilogue: Epilogue::Dynamic, clamp: FULL };
    walk.emit_into(&product.name, Op::Engine(op), inputs, node.outputs[0]);
    Some(())
}

/// A `MatMulInteger` result times the scales of both operands.
struct Scaled {
    product: ValueId,
    a_scale: ValueId,
    w_scale: Vec<f32>,
}

impl Scaled {
    /// Matches `cast * (a_scale * w)`, `(cast * a_scale) * w` and `cast * a_scale`, with operands in any order.
    fn find(walk: &Walk<'_>, node: &Node) -> Option<Self> {
        is_mul(node).then_some(())?;
        either(node, |cast, scales| {
            let product = cast_product(walk, cast)?;
            let (a_scale, w_scale) = split_scales(walk, scales)?;
            Some(Self { product, a_scale, w_scale })
        })
        .or_else(|| {
            either(node, |inner, w_scale| {
                let inner = Self::find(walk, walk.maker(inner)?)?;
                let w_scale = literal::floats(walk.graph.constant(w_scale)?)?;
                (inner.w_scale == [1.0]).then_some(Self { w_scale, ..inner })
            })
        })
    }
}

/// The run-time scale and the constant ones of their product.
fn split_scales(walk: &Walk<'_>, scales: ValueId) -> Option<(ValueId, Vec<f32>)> {
    let single = |value: ValueId| walk.graph.value(value).shape.count() == 1;
    if let Some(node) = walk.maker(scales).filter(|node| is_mul(node)) {
        let split = either(node, |a, w| {
            let w = literal::floats(walk.graph.constant(w)?)?;
            (single(a) && walk.graph.constant(a).is_none()).then_some((a, w))
        });
        if split.is_some() {
            return split;
        }
    }
    single(scales).then(|| (scales, vec![1.0]))
}

fn is_mul(node: &Node) -> bool {
    matches!(node.op, Op::Engine(EngineOp::Binary { kind: BinaryKind::Mul }))
}

/// The `MatMulInteger` result that a value is the float of.
fn cast_product(walk: &Walk<'_>, value: ValueId) -> Option<ValueId> {
    let cast = walk.maker(value)?;
    matches!(cast.op, Op::Engine(EngineOp::Cast { to: DType::F32 })).then_some(())?;
    let product = walk.maker(cast.inputs[0])?;
    matches!(product.op, Op::MatMulInteger).then_some(cast.inputs[0])
}

/// Tries both orders of a node's two operands.
fn either<T>(node: &Node, mut rule: impl FnMut(ValueId, ValueId) -> Option<T>) -> Option<T> {
    let &[a, b] = &node.inputs[..] else { return None };
    rule(a, b).or_else(|| rule(b, a))
}

/// A float bias along the last axis.
fn real_bias(walk: &Walk<'_>, value: ValueId) -> Option<Vec<f32>> {
    let tensor = walk.graph.constant(value)?;
    (tensor.shape.last() == tensor.shape.count()).then(|| literal::floats(tensor))?
}

fn spread(values: &[f32], n: usize) -> Option<Vec<f32>> {
    match values.len() {
        1 => Some(vec![values[0]; n]),
        len => (len == n).then(|| values.to_vec()),
    }
}

/// `MatMulInteger` on its own: an exact i32 result. Zero points per row or per column that are known at run time only
/// are left to [`crate::lower`].
pub(super) fn matmul_integer(walk: &mut Walk<'_>, node: &Node) {
    if raw_gemm(walk, node).or_else(|| raw_matmul(walk, node)).is_none() {
        walk.keep(node);
    }
}

/// The weights of a product if they are a constant matrix with one zero point or one per column.
fn matrix(walk: &Walk<'_>, node: &Node) -> Option<Matrix> {
    let tensor = walk.graph.constant(node.inputs[1]).filter(|tensor| tensor.shape.rank() == 2)?;
    let (k, n) = (tensor.shape.dim(0), tensor.shape.dim(1));
    let zero = match node.inputs.get(3) {
        Some(&zero) => literal::ints(walk.graph.constant(zero)?)?,
        None => vec![0],
    };
    let zero = if zero.len() == 1 { vec![zero[0]; n] } else { zero };
    (zero.len() == n).then_some(())?;
    let values = literal::ints(tensor)?;
    let rows: Vec<i32> = (0..n).flat_map(|column| values.iter().skip(column).step_by(n).copied()).collect();
    let stored = store(&rows, &zero, tensor.dtype);
    let sum = |row: &[i8]| row.iter().map(|&w| i32::from(w)).sum();
    let sums = stored.weights.chunks(k.max(1)).map(sum).collect();
    Some(Matrix { n, k, stored, sums })
}

fn weights_of(walk: &mut Walk<'_>, node: &Node, matrix: &Matrix) -> ValueId {
    let shape = literal::shape(&[matrix.n, matrix.k]);
    walk.constant(format!("{}/weights", node.name), literal::i8s(shape, &matrix.stored.weights))
}

/// The first operand of a product as u8, with its zero point u8\[1\].
fn rows(walk: &mut Walk<'_>, node: &Node) -> Option<(ValueId, ValueId)> {
    operand(walk, node, 0, 2)
}

fn operand(walk: &mut Walk<'_>, node: &Node, place: usize, zero: usize) -> Option<(ValueId, ValueId)> {
    let dtype = walk.graph.value(node.inputs[place]).dtype;
    let x = walk.u8_twin(node.inputs[place])?;
    let zero = match node.inputs.get(zero) {
        Some(&zero) => {
            let zero = walk.u8_twin(zero)?;
            as_vector(walk, zero)?
        }
        None => {
            let zero = if dtype == DType::I8 { 128 } else { 0 };
            walk.constant(format!("{}/zero{place}", node.name), literal::u8s(vector(1), &[zero]))
        }
    };
    Some((x, zero))
}

/// A tensor of one element as a vector of one.
fn as_vector(walk: &mut Walk<'_>, value: ValueId) -> Option<ValueId> {
    let Info { dtype, shape } = walk.graph.info(value);
    if shape == vector(1) {
        return Some(value);
    }
    (shape.count() == 1).then_some(())?;
    let name = format!("{}/vector", walk.graph.value(value).name);
    if let Some(tensor) = walk.graph.constant(value).cloned() {
        return Some(walk.constant(name, crate::ir::Tensor { shape: vector(1), ..tensor }));
    }
    let op = Op::Engine(EngineOp::Reshape { dims: Ints::new(&[1])? });
    Some(walk.emit(&name, op, vec![value], Info { dtype, shape: vector(1) }, None))
}

fn raw_gemm(walk: &mut Walk<'_>, node: &Node) -> Option<()> {
    let matrix = matrix(walk, node)?;
    let (x, a_zero) = rows(walk, node)?;
    let shape = walk.graph.value(node.outputs[0]).shape;
    let sums = walk.constant(format!("{}/wsum", node.name), literal::i32s(vector(matrix.n), &matrix.sums));
    let weights = weights_of(walk, node, &matrix);
    let op = |n: usize| Op::Engine(EngineOp::QGemm { n: n as u32, epilogue: Epilogue::Raw, clamp: FULL });
    let inputs = vec![x, weights, a_zero, sums];
    if matrix.stored.zero.is_empty() {
        walk.emit_into(&node.name, op(matrix.n), inputs, node.outputs[0]);
        return Some(());
    }
    // sum (a - za)(w' - z') = sum (a - za) w' - z' sum (a - za); the last sum is a product with a row of ones.
    let info = Info { dtype: DType::I32, shape };
    let product = walk.emit(&node.name, op(matrix.n), inputs, info, None);
    let ones =
        walk.constant(format!("{}/ones", node.name), literal::i8s(literal::shape(&[1, matrix.k]), &vec![1; matrix.k]));
    let count = walk.constant(format!("{}/count", node.name), literal::i32s(vector(1), &[matrix.k as i32]));
    let row = Info { dtype: DType::I32, shape: shape.with(shape.rank().checked_sub(1)?, 1)? };
    let row_sum = walk.emit(&format!("{}/sum", node.name), op(1), vec![x, ones, a_zero, count], row, None);
    let zero = walk.constant(format!("{}/w_zero", node.name), literal::i32s(vector(matrix.n), &matrix.stored.zero));
    let binary = |kind| Op::Engine(EngineOp::Binary { kind });
    let shift = walk.emit(&format!("{}/shift", node.name), binary(BinaryKind::Mul), vec![row_sum, zero], info, None);
    walk.emit_into(&node.name, binary(BinaryKind::Sub), vec![product, shift], node.outputs[0]);
    Some(())
}

fn raw_matmul(walk: &mut Walk<'_>, node: &Node) -> Option<()> {
    let single = |place: usize| node.inputs.get(place).is_none_or(|&z| walk.graph.value(z).shape.count() == 1);
    (single(2) && single(3)).then_some(())?;
    let (a, a_zero) = operand(walk, node, 0, 2)?;
    let (b, b_zero) = operand(walk, node, 1, 3)?;
    let op = EngineOp::QMatMul { raw: true, clamp: FULL };
    walk.emit_into(&node.name, Op::Engine(op), vec![a, b, a_zero, b_zero], node.outputs[0]);
    Some(())
}

/// A product of a quantized tensor with quantized weights, for those who read its result in float; false when
/// `node` is no such product. Where it is quantized again the walk back from there finds the better form.
pub(super) fn dequantized_product(walk: &mut Walk<'_>, node: &Node) -> bool {
    lower_dequantized(walk, node).is_some()
}

fn lower_dequantized(walk: &mut Walk<'_>, node: &Node) -> Option<()> {
    let Op::Engine(EngineOp::MatMul { trans_b, lo, hi }) = node.op else { return None };
    (lo == f32::NEG_INFINITY && hi == f32::INFINITY).then_some(())?;
    let (x, quant) = walk.view(node.inputs[0])?;
    let constant = weights::constant(walk, node.inputs[1]).filter(|constant| constant.shape.rank() == 2)?;
    let axis = usize::from(!trans_b);
    let (scale, zero) = constant.along(axis)?;
    let (n, k) = (constant.shape.dim(axis), constant.shape.dim(1 - axis));
    let stored = store(&constant.channels(axis), &zero, constant.dtype);
    stored.zero.is_empty().then_some(())?;
    let bias = match node.inputs.get(2) {
        Some(&bias) => real(weights::bias(walk, bias, n).ok()?),
        None => vec![0.0; n],
    };
    let sums: Vec<i32> = stored.weights.chunks(k.max(1)).map(|row| row.iter().map(|&w| i32::from(w)).sum()).collect();
    let name = &node.name;
    let inputs = vec![
        x,
        walk.constant(format!("{name}/weights"), literal::i8s(literal::shape(&[n, k]), &stored.weights)),
        walk.constant(format!("{name}/a_scale"), literal::f32s(vector(1), &[quant.scale])),
        walk.constant(format!("{name}/a_zero"), literal::u8s(vector(1), &[quant.zero as u8])),
        walk.constant(format!("{name}/wsum"), literal::i32s(vector(n), &sums)),
        walk.constant(format!("{name}/scale"), literal::f32s(vector(n), &scale)),
        walk.constant(format!("{name}/bias"), literal::f32s(vector(n), &bias)),
    ];
    let op = EngineOp::QGemm { n: n as u32, epilogue: Epilogue::Dynamic, clamp: FULL };
    walk.emit_into(name, Op::Engine(op), inputs, node.outputs[0]);
    Some(())
}

fn real(bias: Bias) -> Vec<f32> {
    match bias {
        Bias::Real(real) => real,
        Bias::Quantized { quanta, scale } => quanta.iter().zip(scale).map(|(&q, s)| q as f32 * s).collect(),
    }
}
