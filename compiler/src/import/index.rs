//! Picking and placing by index.

use dunlin_engine::op::{Op, ScatterKind};
use dunlin_engine::tensor::DType;

use super::context::Importer;
use super::node::OnnxNode;
use crate::error::Result;
use crate::ir::ValueId;

fn axis(importer: &Importer<'_>, node: &OnnxNode<'_>) -> Result<u32> {
    let rank = importer.rank(node.input(0)?);
    Ok(importer.axis(node, node.int_or("axis", 0)?, rank)? as u32)
}

/// Gather.
pub fn gather(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let axis = axis(importer, node)?;
    Ok(vec![importer.engine(Op::Gather { axis }, &[node.input(0)?, node.input(1)?])?])
}

/// GatherElements.
pub fn gather_elements(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let axis = axis(importer, node)?;
    Ok(vec![importer.engine(Op::GatherElements { axis }, &[node.input(0)?, node.input(1)?])?])
}

/// GatherND.
pub fn gather_nd(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let batch_dims = node.int_or("batch_dims", 0)?;
    let batch_dims = u32::try_from(batch_dims).map_err(|_| node.invalid(format!("batch_dims {batch_dims}")))?;
    Ok(vec![importer.engine(Op::GatherNd { batch_dims }, &[node.input(0)?, node.input(1)?])?])
}

/// ScatterElements, and Scatter as it was called before.
pub fn scatter_elements(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let op = Op::ScatterElements { axis: axis(importer, node)?, kind: scatter_kind(node)? };
    Ok(vec![importer.engine(op, &[node.input(0)?, node.input(1)?, node.input(2)?])?])
}

/// ScatterND.
pub fn scatter_nd(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let op = Op::ScatterNd { kind: scatter_kind(node)? };
    Ok(vec![importer.engine(op, &[node.input(0)?, node.input(1)?, node.input(2)?])?])
}

fn scatter_kind(node: &OnnxNode<'_>) -> Result<ScatterKind> {
    Ok(match node.text_or("reduction", "none")? {
        "none" => ScatterKind::Set,
        "add" => ScatterKind::Add,
        "mul" => ScatterKind::Mul,
        "max" => ScatterKind::Max,
        "min" => ScatterKind::Min,
        other => return Err(node.invalid(format!("reduction '{other}'"))),
    })
}

/// OneHot with a constant depth.
pub fn one_hot(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let indices = importer.cast(node.input(0)?, DType::I32)?;
    let depth_id = node.input(1)?;
    let tensor = importer.graph.constant(depth_id);
    let tensor = tensor.ok_or_else(|| node.unsupported("a depth that is only known at run time"))?;
    let number = tensor.scalar().map(|v| v as i64).or_else(|| tensor.to_i32s()?.first().map(|&v| v.into()));
    let depth = number.and_then(|d| u32::try_from(d).ok()).ok_or_else(|| node.invalid("its depth"))?;
    let rank = importer.rank(indices) + 1;
    let axis = importer.axis(node, node.int_or("axis", -1)?, rank)? as u32;
    let y = importer.engine(Op::OneHot { axis, depth }, &[indices, node.input(2)?])?;
    let element = importer.element(node.input(2)?);
    Ok(vec![importer.set_element(y, element)])
}

/// Trilu with a constant diagonal.
pub fn trilu(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let k = importer.const_int(node, 1)?.unwrap_or(0).clamp(i32::MIN.into(), i32::MAX.into()) as i32;
    let upper = node.flag("upper", true)?;
    Ok(vec![importer.engine(Op::Trilu { upper, k }, &[node.input(0)?])?])
}
