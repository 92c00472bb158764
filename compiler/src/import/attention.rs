//! Attention (opset 23 and 24) and RotaryEmbedding, made of products, softmax and masks.

use dunlin_engine::op::{BinaryKind, Op, ReduceKind, UnaryKind};
use dunlin_engine::tensor::DType;

use super::context::Importer;
use super::node::OnnxNode;
use crate::error::Result;
use crate::ir::{Tensor, ValueId};

/// Operand numbers.
const MASK: usize = 3;
const PAST_KEY: usize = 4;
const PAST_VALUE: usize = 5;
const VALID_KEYS: usize = 6;

/// Attention: `softmax(q k' * scale + bias) v` for each head. Results: y, present key and value, and the scores at
/// the stage that `qk_matmul_output_mode` names.
pub fn attention(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    check_window(node)?;
    let flat = importer.rank(node.input(0)?) == 3;
    let q = heads(importer, node, 0, "q_num_heads")?;
    let k = heads(importer, node, 1, "kv_num_heads")?;
    let v = heads(importer, node, 2, "kv_num_heads")?;
    let key = with_past(importer, node, PAST_KEY, k)?;
    let value = with_past(importer, node, PAST_VALUE, v)?;
    let query_heads = importer.dims(q)[1];
    let (k, v) = (repeat_heads(importer, node, key, query_heads)?, repeat_heads(importer, node, value, query_heads)?);
    let bias = bias(importer, node, q, k)?;
    let raw = scores(importer, node, q, k)?;
    let capped = soft_cap(importer, raw, node.float_or("softcap", 0.0)?)?;
    let biased = match bias {
        Some(bias) => importer.binary(BinaryKind::Add, capped, bias)?,
        None => capped,
    };
    let weights = guarded_softmax(importer, biased, bias)?;
    let y = importer.matmul(weights, v)?;
    let y = if flat { join_heads(importer, y)? } else { y };
    let shown = match node.int_or("qk_matmul_output_mode", 0)? {
        0 => raw,
        1 => capped,
        2 => biased,
        3 => weights,
        mode => return Err(node.invalid(format!("qk_matmul_output_mode {mode}"))),
    };
    Ok(vec![y, key, value, shown])
}

fn check_window(node: &OnnxNode<'_>) -> Result<()> {
    for name in ["left_window_size", "right_window_size"] {
        if node.int_or(name, -1)? != -1 {
            return Err(node.unsupported(format!("attribute '{name}'")));
        }
    }
    Ok(())
}

/// An operand as `[batch, heads, sequence, size]`.
fn heads(importer: &mut Importer<'_>, node: &OnnxNode<'_>, index: usize, count: &str) -> Result<ValueId> {
    let x = node.input(index)?;
    match importer.dims(x)[..] {
        [_, _, _, _] => Ok(x),
        [batch, sequence, hidden] => {
            let heads = node.int(count)?.and_then(|h| usize::try_from(h).ok()).filter(|&h| h > 0);
            let heads = heads.filter(|&h| hidden.is_multiple_of(h));
            let heads = heads.ok_or_else(|| node.invalid(format!("{hidden} values can't be split by '{count}'")))?;
            let split = importer.reshape(x, &[batch, sequence, heads, hidden / heads])?;
            importer.transpose(split, &[0, 2, 1, 3])
        }
        _ => Err(node.invalid(format!("operand {index} must have three or four dimensions"))),
    }
}

fn join_heads(importer: &mut Importer<'_>, y: ValueId) -> Result<ValueId> {
    let rows = importer.transpose(y, &[0, 2, 1, 3])?;
    let dims = importer.dims(rows);
    importer.reshape(rows, &[dims[0], dims[1], dims[2] * dims[3]])
}

fn with_past(importer: &mut Importer<'_>, node: &OnnxNode<'_>, index: usize, x: ValueId) -> Result<ValueId> {
    match node.optional(index) {
        Some(past) => importer.concat(&[past, x], 2),
        None => Ok(x),
    }
}

/// Each head of the keys or values as often as queries share it.
fn repeat_heads(importer: &mut Importer<'_>, node: &OnnxNode<'_>, x: ValueId, heads: usize) -> Result<ValueId> {
    let [batch, own, sequence, size] = <[usize; 4]>::try_from(importer.dims(x))
        .map_err(|_| node.invalid("keys and values must have four dimensions"))?;
    if own == heads {
        return Ok(x);
    }
    if own == 0 || !heads.is_multiple_of(own) {
        return Err(node.invalid(format!("{heads} query heads can't share {own} heads")));
    }
    let single = importer.reshape(x, &[batch, own, 1, sequence, size])?;
    let repeated = importer.expand(single, &[batch, own, heads / own, sequence, size])?;
    importer.reshape(repeated, &[batch, heads, sequence, size])
}

/// `q k'`, both scaled by the root of the scale so that neither overflows.
fn scores(importer: &mut Importer<'_>, node: &OnnxNode<'_>, q: ValueId, k: ValueId) -> Result<ValueId> {
    let size = importer.dims(q)[3] as f32;
    let scale = node.float("scale")?.unwrap_or(1.0 / size.sqrt()).sqrt();
    let q = importer.with_scalar(BinaryKind::Mul, q, scale)?;
    let k = importer.with_scalar(BinaryKind::Mul, k, scale)?;
    let op = Op::MatMul { trans_b: true, lo: f32::NEG_INFINITY, hi: f32::INFINITY };
    importer.engine(op, &[q, k])
}

fn soft_cap(importer: &mut Importer<'_>, x: ValueId, cap: f32) -> Result<ValueId> {
    if cap <= 0.0 {
        return Ok(x);
    }
    let scaled = importer.with_scalar(BinaryKind::Div, x, cap)?;
    let bounded = importer.unary(UnaryKind::Tanh, scaled)?;
    importer.with_scalar(BinaryKind::Mul, bounded, cap)
}

/// The sum of all masks, which are 0 or minus infinity, and of an additive mask; `None` without any.
fn bias(importer: &mut Importer<'_>, node: &OnnxNode<'_>, q: ValueId, k: ValueId) -> Result<Option<ValueId>> {
    let (queries, keys) = (importer.dims(q)[2], importer.dims(k)[2]);
    let mut parts = Vec::new();
    if let Some(mask) = node.optional(MASK) {
        parts.push(padded_mask(importer, node, mask, keys)?);
    }
    if node.flag("is_causal", false)? {
        let allowed = causal(importer, node, queries, keys)?;
        parts.push(additive(importer, allowed)?);
    }
    if let Some(valid) = node.optional(VALID_KEYS) {
        let batch = importer.dims(valid).iter().product();
        let valid = importer.reshape(valid, &[batch, 1, 1, 1])?;
        importer.reserve(keys * size_of::<i32>())?;
        let places: Vec<i32> = (0..keys as i32).collect();
        let places = importer.constant(Tensor::i32s(&[keys], &places));
        let allowed = importer.binary(BinaryKind::Less, places, valid)?;
        parts.push(additive(importer, allowed)?);
    }
    let mut parts = parts.into_iter();
    let Some(mut sum) = parts.next() else { return Ok(None) };
    for part in parts {
        sum = importer.binary(BinaryKind::Add, sum, part)?;
    }
    Ok(Some(sum))
}

/// The given mask as an additive one; keys beyond it are masked.
fn padded_mask(importer: &mut Importer<'_>, node: &OnnxNode<'_>, mask: ValueId, keys: usize) -> Result<ValueId> {
    let mask = match importer.dtype(mask) {
        DType::Bool => additive(importer, mask)?,
        DType::F32 => mask,
        _ => return Err(node.invalid("its mask must hold floats or truth values")),
    };
    let dims = importer.dims(mask);
    let last = *dims.last().ok_or_else(|| node.invalid("its mask is a scalar"))?;
    if last == 1 || last >= keys {
        return Ok(mask);
    }
    let (before, mut after) = (vec![0; dims.len()], vec![0; dims.len()]);
    after[dims.len() - 1] = (keys - last) as i32;
    importer.pad(mask, &before, &after, f32::NEG_INFINITY)
}

/// 0 where a mask allows, minus infinity elsewhere.
fn additive(importer: &mut Importer<'_>, allowed: ValueId) -> Result<ValueId> {
    let (zero, masked) = (importer.scalar(0.0), importer.scalar(f32::NEG_INFINITY));
    importer.choose(allowed, zero, masked)
}

/// Query i may see key j when `j <= i + offset`; the offset is the number of keys before the first query.
fn causal(importer: &mut Importer<'_>, node: &OnnxNode<'_>, queries: usize, keys: usize) -> Result<ValueId> {
    let count = importer.shape(&[queries, keys])?.count();
    importer.reserve(count * size_of::<i32>())?;
    let lead: Vec<i32> = (0..count).map(|at| (at % keys) as i32 - (at / keys) as i32).collect();
    let lead = importer.constant(Tensor::i32s(&[queries, keys], &lead));
    let offset = match (node.optional(PAST_KEY), node.optional(VALID_KEYS)) {
        (None, Some(valid)) => {
            let batch = importer.dims(valid).iter().product();
            let valid = importer.reshape(valid, &[batch, 1, 1, 1])?;
            let queries = importer.scalar_i32(queries as i32);
            importer.binary(BinaryKind::Sub, valid, queries)?
        }
        (Some(past), _) => {
            let length = importer.dims(past).get(2).copied().unwrap_or(0);
            importer.scalar_i32(length as i32)
        }
        (None, None) => importer.scalar_i32(0),
    };
    importer.binary(BinaryKind::LessOrEqual, lead, offset)
}

/// Softmax over the keys; a query that may see none gets zeros.
fn guarded_softmax(importer: &mut Importer<'_>, x: ValueId, bias: Option<ValueId>) -> Result<ValueId> {
    let axis = importer.rank(x) as u32 - 1;
    let y = importer.engine(Op::Softmax { axis, log: false }, &[x])?;
    let Some(bias) = bias else { return Ok(y) };
    let keys = importer.rank(bias) - 1;
    let best = importer.reduce(ReduceKind::Max, bias, &[keys], true)?;
    let masked = importer.scalar(f32::NEG_INFINITY);
    let blind = importer.binary(BinaryKind::Equal, best, masked)?;
    if importer.graph.constant(blind).is_some_and(|t| t.bytes.iter().all(|&b| b == 0)) {
        return Ok(y);
    }
    let zero = importer.scalar(0.0);
    importer.choose(blind, zero, y)
}

/// RotaryEmbedding: pairs of values turned by an angle that depends on the position.
pub fn rotary(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let input = node.input(0)?;
    let dims = importer.dims(input);
    let x = match dims[..] {
        [_, _, _, _] => importer.transpose(input, &[0, 2, 1, 3])?,
        [batch, sequence, hidden] => {
            let heads = node.int("num_heads")?.and_then(|h| usize::try_from(h).ok()).unwrap_or(0);
            if heads == 0 || !hidden.is_multiple_of(heads) {
                return Err(node.invalid(format!("{hidden} values can't be split into {heads} heads")));
            }
            importer.reshape(input, &[batch, sequence, heads, hidden / heads])?
        }
        _ => return Err(node.invalid("it takes three or four dimensions")),
    };
    let size = importer.dims(x)[3];
    let turned = match node.int_or("rotary_embedding_dim", 0)? {
        0 => size,
        dim => usize::try_from(dim).ok().filter(|&d| d <= size).ok_or_else(|| node.invalid("rotary_embedding_dim"))?,
    };
    let first = importer.slice(x, 3, 0, turned)?;
    let mut parts = vec![turn(importer, node, first, turned)?];
    if turned < size {
        parts.push(importer.slice(x, 3, turned, size)?);
    }
    let y = importer.concat(&parts, 3)?;
    match dims.len() {
        4 => Ok(vec![importer.transpose(y, &[0, 2, 1, 3])?]),
        _ => Ok(vec![importer.reshape(y, &dims)?]),
    }
}

/// The rotation of `[batch, sequence, heads, size]`.
fn turn(importer: &mut Importer<'_>, node: &OnnxNode<'_>, x: ValueId, size: usize) -> Result<ValueId> {
    let interleaved = node.flag("interleaved", false)?;
    let half = size / 2;
    let (a, b) = match interleaved {
        true => (importer.slice_step(x, 3, [0, i32::MAX, 2])?, importer.slice_step(x, 3, [1, i32::MAX, 2])?),
        false => (importer.slice(x, 3, 0, half)?, importer.slice(x, 3, half, size)?),
    };
    let (cos, sin) = (cache(importer, node, 1)?, cache(importer, node, 2)?);
    let product = |importer: &mut Importer<'_>, x, y| importer.binary(BinaryKind::Mul, x, y);
    let (ac, bs) = (product(importer, cos, a)?, product(importer, sin, b)?);
    let (as_, bc) = (product(importer, sin, a)?, product(importer, cos, b)?);
    let real = importer.binary(BinaryKind::Sub, ac, bs)?;
    let imaginary = importer.binary(BinaryKind::Add, as_, bc)?;
    if !interleaved {
        return importer.concat(&[real, imaginary], 3);
    }
    let dims = importer.dims(x);
    let column = [dims[0], dims[1], dims[2], half, 1];
    let (real, imaginary) = (importer.reshape(real, &column)?, importer.reshape(imaginary, &column)?);
    let pairs = importer.concat(&[real, imaginary], 4)?;
    importer.reshape(pairs, &dims)
}

/// Cosines or sines as `[batch, sequence, 1, size / 2]`.
fn cache(importer: &mut Importer<'_>, node: &OnnxNode<'_>, index: usize) -> Result<ValueId> {
    let table = node.input(index)?;
    let rows = match node.optional(3) {
        Some(positions) => importer.engine(Op::Gather { axis: 0 }, &[table, positions])?,
        None => table,
    };
    match importer.dims(rows)[..] {
        [batch, sequence, half] => importer.reshape(rows, &[batch, sequence, 1, half]),
        _ => Err(node.invalid(format!("operand {index} must give three dimensions"))),
    }
}
