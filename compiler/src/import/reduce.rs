//! Reductions, arg-reductions, softmax.

use dunlin_engine::op::{Op, ReduceKind};
use dunlin_engine::tensor::DType;

use super::context::Importer;
use super::element::Element;
use super::node::OnnxNode;
use crate::error::Result;
use crate::ir::{Tensor, ValueId};

/// The Reduce family; axes are an attribute before opset 18 (13 for ReduceSum).
pub fn reduce(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let x = node.input(0)?;
    let keep = node.flag("keepdims", true)?;
    let axes = importer.ints_or_attribute(node, 1, "axes")?.unwrap_or_default();
    if axes.is_empty() && node.flag("noop_with_empty_axes", false)? {
        return Ok(vec![without_axes(importer, node, x)?]);
    }
    let rank = importer.rank(x);
    let axes = match axes.is_empty() {
        true => (0..rank).collect(),
        false => importer.axes(node, &axes, rank)?,
    };
    let (dtype, element) = (importer.dtype(x), importer.element(x));
    let wide = if dtype == DType::Bool { importer.cast(x, DType::I32)? } else { importer.widen(x)? };
    let y = match axes.is_empty() {
        // A scalar has nothing to reduce, and the engine reads no axes as all.
        true => wide,
        false => importer.reduce(kind(node)?, wide, &axes, keep)?,
    };
    let y = if dtype == DType::Bool { importer.cast(y, DType::Bool)? } else { importer.wrap(y, element)? };
    Ok(vec![y])
}

fn kind(node: &OnnxNode<'_>) -> Result<ReduceKind> {
    Ok(match node.proto.op_type.as_str() {
        "ReduceSum" => ReduceKind::Sum,
        "ReduceMean" => ReduceKind::Mean,
        "ReduceMax" => ReduceKind::Max,
        "ReduceMin" => ReduceKind::Min,
        "ReduceProd" => ReduceKind::Prod,
        "ReduceL1" => ReduceKind::L1,
        "ReduceL2" => ReduceKind::L2,
        "ReduceLogSum" => ReduceKind::LogSum,
        "ReduceLogSumExp" => ReduceKind::LogSumExp,
        "ReduceSumSquare" => ReduceKind::SumSquare,
        _ => return Err(node.unsupported("Dunlin doesn't have it")),
    })
}

/// No axes, and the model says that this means none: only what the reduction does to single values is left.
fn without_axes(importer: &mut Importer<'_>, node: &OnnxNode<'_>, x: ValueId) -> Result<ValueId> {
    match kind(node)? {
        ReduceKind::Sum | ReduceKind::Mean | ReduceKind::Max | ReduceKind::Min | ReduceKind::Prod => Ok(x),
        kind => {
            let dims = importer.dims(x);
            let longer: Vec<usize> = dims.iter().copied().chain([1]).collect();
            let rows = importer.reshape(x, &longer)?;
            importer.reduce(kind, rows, &[dims.len()], false)
        }
    }
}

/// ArgMax and ArgMin.
pub fn arg(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let x = importer.widen(node.input(0)?)?;
    let axis = importer.axis(node, node.int_or("axis", 0)?, importer.rank(x))? as u32;
    let max = node.proto.op_type == "ArgMax";
    let (keep, last) = (node.flag("keepdims", true)?, node.flag("select_last_index", false)?);
    let y = importer.engine(Op::ArgReduce { max, axis, keep, last }, &[x])?;
    Ok(vec![importer.set_element(y, Element::I64)])
}

/// TopK with a constant k.
pub fn top_k(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let x = node.input(0)?;
    let k = match node.int("k")? {
        Some(k) => k,
        None => importer.const_int(node, 1)?.ok_or_else(|| node.invalid("k is missing"))?,
    };
    let k = u32::try_from(k).map_err(|_| node.invalid(format!("k is {k}")))?;
    let axis = importer.axis(node, node.int_or("axis", -1)?, importer.rank(x))? as u32;
    let element = importer.element(x);
    let wide = importer.widen(x)?;
    let results = importer.engine_all(Op::TopK { axis, k, largest: node.flag("largest", true)? }, &[wide])?;
    let values = importer.wrap(results[0], element)?;
    Ok(vec![values, importer.set_element(results[1], Element::I64)])
}

/// Softmax and LogSoftmax; before opset 13 all axes from `axis` on count as one.
pub fn softmax(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let x = node.input(0)?;
    let log = node.proto.op_type == "LogSoftmax";
    let (rows, axis) = coerced(importer, node, x)?;
    let y = importer.engine(Op::Softmax { axis: axis as u32, log }, &[rows])?;
    let dims = importer.dims(x);
    Ok(vec![importer.reshape(y, &dims)?])
}

/// Hardmax: 1 at the first of the largest, else 0.
pub fn hardmax(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let x = node.input(0)?;
    let (rows, axis) = coerced(importer, node, x)?;
    let depth = importer.dims(rows)[axis] as u32;
    let axis = axis as u32;
    let best = importer.engine(Op::ArgReduce { max: true, axis, keep: false, last: false }, &[rows])?;
    let values = importer.constant(Tensor::f32s(&[2], &[0.0, 1.0]));
    let y = importer.engine(Op::OneHot { axis, depth }, &[best, values])?;
    let dims = importer.dims(x);
    Ok(vec![importer.reshape(y, &dims)?])
}

/// The tensor and axis that a softmax works on: since opset 13 as given, before with two dimensions.
fn coerced(importer: &mut Importer<'_>, node: &OnnxNode<'_>, x: ValueId) -> Result<(ValueId, usize)> {
    let dims = importer.dims(x);
    if node.opset >= 13 {
        return Ok((x, importer.axis(node, node.int_or("axis", -1)?, dims.len())?));
    }
    let axis = importer.axis(node, node.int_or("axis", 1)?, dims.len() + 1)?;
    if axis + 1 == dims.len() {
        return Ok((x, axis));
    }
    let (outer, inner) = (dims[..axis].iter().product(), dims[axis..].iter().product());
    Ok((importer.reshape(x, &[outer, inner])?, 1))
}
