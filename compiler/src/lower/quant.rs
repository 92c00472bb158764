//! QuantizeLinear and DequantizeLinear as the float arithmetic by which ONNX defines them, for graphs that are
//! evaluated before integer lowering.

use dunlin_engine::op::{BinaryKind, UnaryKind};
use dunlin_engine::tensor::DType;

use crate::build::Builder;
use crate::error::{CompileError, Result};
use crate::ir::{Node, ValueId};

/// `clamp(round(x / scale) + zero)`.
pub fn quantize(builder: &mut Builder<'_>, node: &Node, axis: usize, to: DType) -> Result<ValueId> {
    let x = node.inputs[0];
    let scale = along(builder, node.inputs[1], x, axis)?;
    let zero = along(builder, node.inputs[2], x, axis)?;
    let steps = builder.binary(BinaryKind::Div, x, scale)?;
    let steps = builder.unary(UnaryKind::Round, steps)?;
    let zero = builder.cast(zero, DType::F32)?;
    let moved = builder.binary(BinaryKind::Add, steps, zero)?;
    let (low, high) = if to == DType::I8 { (-128.0, 127.0) } else { (0.0, 255.0) };
    let bounded = builder.unary_with(UnaryKind::Clip, low, high, moved)?;
    builder.cast(bounded, to)
}

/// `(q - zero) * scale`.
pub fn dequantize(builder: &mut Builder<'_>, node: &Node, axis: usize) -> Result<ValueId> {
    let x = node.inputs[0];
    let scale = along(builder, node.inputs[1], x, axis)?;
    let zero = node.inputs.get(2).copied();
    let centred = centred(builder, x, zero, axis)?;
    let steps = builder.cast(centred, DType::F32)?;
    builder.binary(BinaryKind::Mul, steps, scale)
}

/// `q - zero` as i32.
pub fn centred(builder: &mut Builder<'_>, q: ValueId, zero: Option<ValueId>, axis: usize) -> Result<ValueId> {
    let steps = builder.cast(q, DType::I32)?;
    let Some(zero) = zero else { return Ok(steps) };
    let zero = along(builder, zero, q, axis)?;
    let zero = builder.cast(zero, DType::I32)?;
    builder.binary(BinaryKind::Sub, steps, zero)
}

/// A parameter that broadcasts to `x` along `axis`; one value stays a scalar.
fn along(builder: &mut Builder<'_>, parameter: ValueId, x: ValueId, axis: usize) -> Result<ValueId> {
    let count = builder.dims(parameter).iter().product();
    if count == 1 {
        return builder.reshape(parameter, &[]);
    }
    let mut dims = vec![1; builder.rank(x)];
    let node = builder.node.clone();
    let no_axis =
        || CompileError::Graph { what: format!("node '{node}' quantizes along axis {axis}, which its tensor lacks") };
    *dims.get_mut(axis).ok_or_else(no_axis)? = count;
    builder.reshape(parameter, &dims)
}
