//! Pools over windows and over whole images.

use dunlin_engine::op::infer::Info;
use dunlin_engine::op::{PoolKind, ReduceKind};
use dunlin_engine::tensor::DType;

use super::context::Importer;
use super::conv::{out_shape, window};
use super::node::OnnxNode;
use crate::error::Result;
use crate::ir::{Op, ValueId};

/// AveragePool, MaxPool and LpPool of one or two spatial dimensions.
pub fn pool(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    if node.wants(1) {
        return Err(node.unsupported("its Indices result, which only unpooling reads"));
    }
    let x = node.input(0)?;
    Ok(vec![pooled(importer, node, x)?])
}

/// The pool that the node's attributes describe, of any number type.
pub fn pooled(importer: &mut Importer<'_>, node: &OnnxNode<'_>, x: ValueId) -> Result<ValueId> {
    let dtype = importer.dtype(x);
    let dims = importer.dims(x);
    let planar = match dims[..] {
        [n, c, l] => importer.reshape(x, &[n, c, 1, l])?,
        [_, _, _, _] => x,
        _ => {
            let spatial = dims.len().saturating_sub(2);
            return Err(node.unsupported(format!("{spatial} spatial dimensions; Dunlin has one and two")));
        }
    };
    let planar = importer.cast(planar, DType::F32)?;
    let y = planar_pool(importer, node, planar)?;
    let y = importer.cast(y, dtype)?;
    match dims.len() {
        3 => {
            let made = importer.dims(y);
            importer.reshape(y, &[made[0], made[1], made[3]])
        }
        _ => Ok(y),
    }
}

fn planar_pool(importer: &mut Importer<'_>, node: &OnnxNode<'_>, x: ValueId) -> Result<ValueId> {
    let dims = importer.dims(x);
    let kernel = match *node.ints("kernel_shape")?.unwrap_or(&[]) {
        [k] => [1, k],
        [h, w] => [h, w],
        _ => return Err(node.invalid("kernel_shape must have one value for each spatial dimension")),
    };
    let window = window(node, kernel, [dims[2], dims[3]])?;
    let (kind, p) = match node.proto.op_type.as_str() {
        "MaxPool" => (PoolKind::Max, 0.0),
        "LpPool" => (PoolKind::Lp, node.int_or("p", 2)? as f32),
        _ if node.flag("count_include_pad", false)? => (PoolKind::AvgIncludePad, 0.0),
        _ => (PoolKind::Avg, 0.0),
    };
    let shape = out_shape(importer, node, x, dims[1], window)?;
    Ok(importer.append(Op::Pool { kind, window, p }, &[x], &[Info { dtype: DType::F32, shape }])[0])
}

/// GlobalAveragePool, GlobalMaxPool and GlobalLpPool over all spatial dimensions.
pub fn global(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let x = node.input(0)?;
    let kind = match (node.proto.op_type.as_str(), node.int_or("p", 2)?) {
        ("GlobalMaxPool", _) => ReduceKind::Max,
        ("GlobalLpPool", 1) => ReduceKind::L1,
        ("GlobalLpPool", 2) => ReduceKind::L2,
        ("GlobalLpPool", p) => return Err(node.unsupported(format!("p = {p}"))),
        _ => ReduceKind::Mean,
    };
    Ok(vec![over_space(importer, node, kind, x)?])
}

/// A reduction over all axes but the first two, which stay with length 1.
pub fn over_space(importer: &mut Importer<'_>, node: &OnnxNode<'_>, kind: ReduceKind, x: ValueId) -> Result<ValueId> {
    let axes: Vec<usize> = (2..importer.rank(x)).collect();
    if axes.is_empty() {
        return Err(node.invalid("it has no spatial dimensions"));
    }
    importer.reduce(kind, x, &axes, true)
}
