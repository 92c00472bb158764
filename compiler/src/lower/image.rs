//! Operators on images: the engine has them in NHWC.

use dunlin_engine::op::{Op as EngineOp, PoolKind, Window};

use crate::build::Builder;
use crate::error::Result;
use crate::ir::{Node, Tensor, ValueId};

/// From NCHW to NHWC.
pub const TO_NHWC: [usize; 4] = [0, 2, 3, 1];

/// From NHWC to NCHW.
pub const TO_NCHW: [usize; 4] = [0, 3, 1, 2];

/// Weights from `[oc,c,kh,kw]` to `[kh,kw,c,oc]`.
const WEIGHTS: [usize; 4] = [2, 3, 1, 0];

/// A convolution.
pub fn conv(builder: &mut Builder<'_>, node: &Node, window: Window, groups: u32) -> Result<ValueId> {
    convolve(builder, &node.inputs, window, groups)
}

/// The engine's convolution of NCHW operands: x, weights, maybe bias.
pub fn convolve(builder: &mut Builder<'_>, operands: &[ValueId], window: Window, groups: u32) -> Result<ValueId> {
    let x = builder.transpose(operands[0], &TO_NHWC)?;
    let weights = builder.transpose(operands[1], &WEIGHTS)?;
    let channels = builder.dims(operands[1])[0];
    let bias = match operands.get(2) {
        Some(&bias) => bias,
        None => builder.constant(Tensor::f32s(&[channels], &vec![0.0; channels])),
    };
    let op = EngineOp::Conv { window, groups, lo: f32::NEG_INFINITY, hi: f32::INFINITY };
    let y = builder.engine(op, &[x, weights, bias])?;
    builder.transpose(y, &TO_NCHW)
}

/// A pool.
pub fn pool(builder: &mut Builder<'_>, node: &Node, kind: PoolKind, window: Window, p: f32) -> Result<ValueId> {
    nhwc(builder, node, EngineOp::Pool { kind, window, p })
}

/// A local response normalization.
pub fn lrn(builder: &mut Builder<'_>, node: &Node, [alpha, beta, bias]: [f32; 3], size: u32) -> Result<ValueId> {
    nhwc(builder, node, EngineOp::Lrn { size, alpha, beta, bias })
}

fn nhwc(builder: &mut Builder<'_>, node: &Node, op: EngineOp) -> Result<ValueId> {
    let x = builder.transpose(node.inputs[0], &TO_NHWC)?;
    let y = builder.engine(op, &[x])?;
    builder.transpose(y, &TO_NCHW)
}
