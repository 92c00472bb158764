//! Products of matrices.

use dunlin_engine::op::infer::Info;
use dunlin_engine::op::{BinaryKind, Op as EngineOp};
use dunlin_engine::tensor::DType;

use super::context::Importer;
use super::node::OnnxNode;
use crate::error::Result;
use crate::ir::{Op, ValueId};

/// MatMul with NumPy's rules for vectors.
pub fn matmul(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    Ok(vec![product(importer, node, node.input(0)?, node.input(1)?)?])
}

/// A product with NumPy's rules: a vector counts as one row on the left, as one column on the right.
pub fn product(importer: &mut Importer<'_>, node: &OnnxNode<'_>, a: ValueId, b: ValueId) -> Result<ValueId> {
    let (row, column) = (importer.rank(a) == 1, importer.rank(b) == 1);
    let (a, b) = matrices(importer, node, a, b)?;
    let y = importer.matmul(a, b)?;
    vector_result(importer, y, row, column)
}

fn matrices(importer: &mut Importer<'_>, node: &OnnxNode<'_>, a: ValueId, b: ValueId) -> Result<(ValueId, ValueId)> {
    let (da, db) = (importer.dims(a), importer.dims(b));
    if da.is_empty() || db.is_empty() {
        return Err(node.invalid("it takes no scalars"));
    }
    let a = if da.len() == 1 { importer.reshape(a, &[1, da[0]])? } else { a };
    let b = if db.len() == 1 { importer.reshape(b, &[db[0], 1])? } else { b };
    Ok((a, b))
}

fn vector_result(importer: &mut Importer<'_>, y: ValueId, row: bool, column: bool) -> Result<ValueId> {
    let mut dims = importer.dims(y);
    if column {
        dims.pop();
    }
    if row {
        dims.remove(dims.len() - if column { 1 } else { 2 });
    }
    importer.reshape(y, &dims)
}

/// MatMulInteger.
pub fn matmul_integer(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let (row, column) = (importer.rank(node.input(0)?) == 1, importer.rank(node.input(1)?) == 1);
    let (a, b) = matrices(importer, node, node.input(0)?, node.input(1)?)?;
    let mut operands = vec![a, b];
    for (index, of) in [(2, a), (3, b)] {
        match node.optional(index) {
            Some(zero) => operands.push(zero),
            None if index == 2 && node.optional(3).is_none() => break,
            None => operands.push(super::quant::zero_point(importer, importer.dtype(of))),
        }
    }
    let info = matmul_info(importer, node, a, b)?;
    let y = importer.append(Op::MatMulInteger, &operands, &[info])[0];
    Ok(vec![vector_result(importer, y, row, column)?])
}

/// Shape of a product of bytes, by the engine's rule for floats.
fn matmul_info(importer: &Importer<'_>, node: &OnnxNode<'_>, a: ValueId, b: ValueId) -> Result<Info> {
    let float = |x: ValueId| Info { dtype: DType::F32, ..importer.graph.info(x) };
    let op = EngineOp::MatMul { trans_b: false, lo: f32::NEG_INFINITY, hi: f32::INFINITY };
    let made = op.infer(&[float(a), float(b)]).ok().and_then(|outputs| outputs[0]);
    let made = made.ok_or_else(|| node.invalid("its operands' shapes don't fit each other"))?;
    Ok(Info { dtype: DType::I32, ..made })
}

/// Gemm: `alpha * A' * B' + beta * C`.
pub fn gemm(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let operands = [node.input(0)?, node.input(1)?];
    Ok(vec![affine(importer, node, operands, node.optional(2))?])
}

/// What Gemm's attributes make of its operands.
pub fn affine(
    importer: &mut Importer<'_>,
    node: &OnnxNode<'_>,
    [a, b]: [ValueId; 2],
    c: Option<ValueId>,
) -> Result<ValueId> {
    if [a, b].iter().any(|&x| importer.rank(x) != 2 || importer.dtype(x) != DType::F32) {
        return Err(node.unsupported("operands that aren't matrices of floats"));
    }
    let a = if node.flag("transA", false)? { importer.transpose(a, &[1, 0])? } else { a };
    let mut trans_b = node.flag("transB", false)?;
    let mut b = b;
    if trans_b && importer.graph.constant(b).is_some() {
        b = importer.transpose(b, &[1, 0])?;
        trans_b = false;
    }
    let alpha = node.float_or("alpha", 1.0)?;
    let scaled_late = alpha != 1.0 && importer.graph.constant(b).is_none();
    if alpha != 1.0 && !scaled_late {
        b = importer.with_scalar(BinaryKind::Mul, b, alpha)?;
    }
    let product = EngineOp::MatMul { trans_b, lo: f32::NEG_INFINITY, hi: f32::INFINITY };
    let beta = node.float_or("beta", 1.0)?;
    let Some(c) = c.filter(|_| beta != 0.0) else {
        let y = importer.engine(product, &[a, b])?;
        return if scaled_late { importer.with_scalar(BinaryKind::Mul, y, alpha) } else { Ok(y) };
    };
    let c = if beta == 1.0 { c } else { importer.with_scalar(BinaryKind::Mul, c, beta)? };
    let columns = importer.dims(b)[usize::from(!trans_b)];
    if !scaled_late && let Some(bias) = as_bias(importer, c, columns)? {
        return importer.engine(product, &[a, b, bias]);
    }
    let y = importer.engine(product, &[a, b])?;
    let y = if scaled_late { importer.with_scalar(BinaryKind::Mul, y, alpha)? } else { y };
    importer.binary(BinaryKind::Add, y, c)
}

/// `c` as one value a column, when it is that.
fn as_bias(importer: &mut Importer<'_>, c: ValueId, columns: usize) -> Result<Option<ValueId>> {
    match importer.dims(c)[..] {
        [n] if n == columns => Ok(Some(c)),
        [1, n] if n == columns => Ok(Some(importer.reshape(c, &[columns])?)),
        _ => Ok(None),
    }
}
