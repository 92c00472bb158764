//! Quantized operators. All forms become DequantizeLinear, a float operator, QuantizeLinear: int8 lowering sees one pattern.

use dunlin_engine::op::infer::Info;
use dunlin_engine::op::{BinaryKind, Op as EngineOp, ReduceKind, UnaryKind};
use dunlin_engine::tensor::DType;

use super::context::Importer;
use super::element::Element;
use super::node::OnnxNode;
use super::{conv, math, matmul, pool, reduce};
use crate::error::Result;
use crate::ir::{Op, Tensor, ValueId};

/// The zero point that stands for one left out.
pub fn zero_point(importer: &mut Importer<'_>, dtype: DType) -> ValueId {
    let zero = Info { dtype, shape: Default::default() };
    importer.constant(Tensor::zeroed(zero))
}

/// QuantizeLinear to 8 bits as an operator of the graph, to 16 bits or by blocks as arithmetic.
pub fn quantize_linear(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let x = importer.cast(node.input(0)?, DType::F32)?;
    let to = match (node.optional(2), node.int_or("output_dtype", 0)?) {
        (Some(zero), _) => importer.element(zero),
        (None, 0) => Element::U8,
        (None, number) => Element::from_onnx(number as i32).map_err(|name| node.unsupported(format!("type {name}")))?,
    };
    let zero = match node.optional(2) {
        Some(zero) => zero,
        None => zero_point(importer, to.dtype()),
    };
    let axis = parameter_axis(importer, node, x, node.input(1)?)?;
    if let (Some(axis), DType::U8 | DType::I8) = (axis, to.dtype()) {
        return Ok(vec![quantize(importer, x, [node.input(1)?, zero], axis)?]);
    }
    let (scale, zero) = (spread(importer, node, x, node.input(1)?)?, spread(importer, node, x, zero)?);
    let steps = importer.binary(BinaryKind::Div, x, scale)?;
    let steps = importer.unary(UnaryKind::Round, steps)?;
    let zero = importer.cast(zero, DType::F32)?;
    let moved = importer.binary(BinaryKind::Add, steps, zero)?;
    let (low, high) = range(node, to)?;
    let bounded = importer.unary_with(UnaryKind::Clip, low, high, moved)?;
    let y = importer.cast(bounded, to.dtype())?;
    Ok(vec![importer.set_element(y, to)])
}

fn range(node: &OnnxNode<'_>, element: Element) -> Result<(f32, f32)> {
    match element {
        Element::U8 => Ok((0.0, 255.0)),
        Element::I8 => Ok((-128.0, 127.0)),
        Element::U16 => Ok((0.0, 65535.0)),
        Element::I16 => Ok((-32768.0, 32767.0)),
        other => Err(node.unsupported(format!("quantization to {other:?}"))),
    }
}

/// DequantizeLinear as an operator of the graph, by blocks as arithmetic.
pub fn dequantize_linear(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let x = node.input(0)?;
    if let Some(axis) = parameter_axis(importer, node, x, node.input(1)?)? {
        return Ok(vec![dequantize(importer, x, node.input(1)?, node.optional(2), axis)?]);
    }
    let scale = spread(importer, node, x, node.input(1)?)?;
    let mut steps = importer.cast(x, DType::I32)?;
    if let Some(zero) = node.optional(2) {
        let zero = spread(importer, node, x, zero)?;
        let zero = importer.cast(zero, DType::I32)?;
        steps = importer.binary(BinaryKind::Sub, steps, zero)?;
    }
    let steps = importer.cast(steps, DType::F32)?;
    Ok(vec![importer.binary(BinaryKind::Mul, steps, scale)?])
}

/// The axis that a scale has values for; 0 for a scalar; `None` when it has blocks.
fn parameter_axis(importer: &Importer<'_>, node: &OnnxNode<'_>, x: ValueId, scale: ValueId) -> Result<Option<usize>> {
    let (dims, count) = (importer.dims(x), importer.graph.value(scale).shape.count());
    if importer.rank(scale) == dims.len() && importer.rank(scale) > 1 {
        return Ok(None);
    }
    if importer.rank(scale) == 0 || (importer.rank(scale) == 1 && count == 1) {
        return Ok(Some(0));
    }
    let axis = importer.axis(node, node.int_or("axis", 1)?, dims.len())?;
    match importer.rank(scale) == 1 && dims[axis] == count {
        true => Ok(Some(axis)),
        false => Err(node.invalid(format!("{count} scales for a dimension of {}", dims[axis]))),
    }
}

/// A parameter brought to the shape of `x`: each block of `block_size` along `axis` shares one value.
fn spread(importer: &mut Importer<'_>, node: &OnnxNode<'_>, x: ValueId, parameter: ValueId) -> Result<ValueId> {
    let (dims, own) = (importer.dims(x), importer.dims(parameter));
    if own.is_empty() || own == [1] {
        return importer.reshape(parameter, &[]);
    }
    let axis = importer.axis(node, node.int_or("axis", 1)?, dims.len())?;
    if own.len() == 1 {
        let mut column = vec![1; dims.len()];
        column[axis] = own[0];
        return importer.reshape(parameter, &column);
    }
    let block = node.int_or("block_size", 0)? as usize;
    let blocks = own.get(axis).copied().unwrap_or(0);
    if own.len() != dims.len() || block == 0 || blocks != dims[axis].div_ceil(block) {
        return Err(node.invalid(format!("parameters of shape {own:?} for {dims:?}")));
    }
    let (outer, inner) = (own[..axis].to_vec(), own[axis + 1..].to_vec());
    let single = importer.reshape(parameter, &[&outer[..], &[blocks, 1], &inner].concat())?;
    let repeated = importer.expand(single, &[&outer[..], &[blocks, block], &inner].concat())?;
    let joined = importer.reshape(repeated, &[&outer[..], &[blocks * block], &inner].concat())?;
    importer.slice(joined, axis, 0, dims[axis])
}

/// QuantizeLinear with a scalar scale, or one for each index of `axis`.
fn quantize(importer: &mut Importer<'_>, x: ValueId, [scale, zero]: [ValueId; 2], axis: usize) -> Result<ValueId> {
    let to = importer.dtype(zero);
    let (scale, zero) = (scalar(importer, scale)?, scalar(importer, zero)?);
    let info = Info { dtype: to, shape: importer.graph.value(x).shape };
    Ok(importer.append(Op::QuantizeLinear { axis: axis as u32, to }, &[x, scale, zero], &[info])[0])
}

/// DequantizeLinear with a scalar scale, or one for each index of `axis`.
fn dequantize(
    importer: &mut Importer<'_>,
    x: ValueId,
    scale: ValueId,
    zero: Option<ValueId>,
    axis: usize,
) -> Result<ValueId> {
    let mut operands = vec![x, scalar(importer, scale)?];
    if let Some(zero) = zero {
        operands.push(scalar(importer, zero)?);
    }
    let info = Info { dtype: DType::F32, shape: importer.graph.value(x).shape };
    Ok(importer.append(Op::DequantizeLinear { axis: axis as u32 }, &operands, &[info])[0])
}

/// One value as a scalar.
fn scalar(importer: &mut Importer<'_>, x: ValueId) -> Result<ValueId> {
    match importer.graph.value(x).shape.count() {
        1 => importer.reshape(x, &[]),
        _ => Ok(x),
    }
}

/// DynamicQuantizeLinear.
pub fn dynamic_quantize(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let mut results = importer.engine_all(EngineOp::DynamicQuantize {}, &[node.input(0)?])?;
    for parameter in &mut results[1..] {
        *parameter = importer.reshape(*parameter, &[])?;
    }
    Ok(results)
}

/// Dequantizes the operand at `at`, whose scale and zero point follow.
fn operand(importer: &mut Importer<'_>, node: &OnnxNode<'_>, at: usize, axis: usize) -> Result<ValueId> {
    dequantize(importer, node.input(at)?, node.input(at + 1)?, node.optional(at + 2), axis)
}

/// Quantizes a result by the scale and zero point at `at`.
fn result(
    importer: &mut Importer<'_>,
    node: &OnnxNode<'_>,
    y: ValueId,
    at: usize,
    like: ValueId,
) -> Result<Vec<ValueId>> {
    let zero = match node.optional(at + 1) {
        Some(zero) => zero,
        None => zero_point(importer, importer.dtype(like)),
    };
    Ok(vec![quantize(importer, y, [node.input(at)?, zero], 0)?])
}

/// A bias of i32 in steps of the product of two scales.
fn bias(importer: &mut Importer<'_>, bias: ValueId, a: ValueId, b: ValueId) -> Result<ValueId> {
    let scale = importer.binary(BinaryKind::Mul, a, b)?;
    dequantize(importer, bias, scale, None, 0)
}

/// QLinearConv.
pub fn qlinear_conv(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let (x, w) = (operand(importer, node, 0, 0)?, operand(importer, node, 3, 0)?);
    let bias = match node.optional(8) {
        Some(q) => Some(bias(importer, q, node.input(1)?, node.input(4)?)?),
        None => None,
    };
    let y = conv::convolve(importer, node, x, w, bias)?;
    result(importer, node, y, 6, node.input(0)?)
}

/// QLinearMatMul; several scales are those of a's rows and b's columns.
pub fn qlinear_matmul(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let rank = |at: usize| Ok::<_, crate::error::CompileError>(importer.rank(node.input(at)?));
    let (rows, columns) = (rank(0)?.saturating_sub(2), rank(3)?.saturating_sub(1));
    let (a, b) = (operand(importer, node, 0, rows)?, operand(importer, node, 3, columns)?);
    let y = matmul::product(importer, node, a, b)?;
    result(importer, node, y, 6, node.input(0)?)
}

/// QGemm; without a scale of the result it is float.
pub fn qgemm(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let columns = usize::from(!node.flag("transB", false)?);
    let (a, b) = (operand(importer, node, 0, 0)?, operand(importer, node, 3, columns)?);
    let c = match node.optional(6) {
        Some(q) => {
            let alpha = node.float_or("alpha", 1.0)?;
            let scale = node.input(1)?;
            let scale = if alpha == 1.0 { scale } else { importer.with_scalar(BinaryKind::Mul, scale, alpha)? };
            Some(bias(importer, q, scale, node.input(4)?)?)
        }
        None => None,
    };
    let y = matmul::affine(importer, node, [a, b], c)?;
    match node.optional(7) {
        Some(_) => result(importer, node, y, 7, node.input(0)?),
        None => Ok(vec![y]),
    }
}

/// QLinearAdd and QLinearMul.
pub fn qlinear_binary(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let kind = if node.proto.op_type == "QLinearAdd" { BinaryKind::Add } else { BinaryKind::Mul };
    let (a, b) = (operand(importer, node, 0, 0)?, operand(importer, node, 3, 0)?);
    let y = math::wrapping(importer, kind, a, b)?;
    result(importer, node, y, 6, node.input(0)?)
}

/// QLinearGlobalAveragePool; an attribute says where the channels are.
pub fn qlinear_global_pool(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let x = operand(importer, node, 0, 0)?;
    let y = match node.flag("channels_last", false)? {
        false => pool::over_space(importer, node, ReduceKind::Mean, x)?,
        true => {
            let axes: Vec<usize> = (1..importer.rank(x).saturating_sub(1)).collect();
            if axes.is_empty() {
                return Err(node.invalid("it has no spatial dimensions"));
            }
            importer.reduce(ReduceKind::Mean, x, &axes, true)?
        }
    };
    result(importer, node, y, 3, node.input(0)?)
}

/// QLinearAveragePool with channels first.
pub fn qlinear_pool(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    channels_first(node)?;
    let x = operand(importer, node, 0, 0)?;
    let y = pool::pooled(importer, node, x)?;
    result(importer, node, y, 3, node.input(0)?)
}

fn channels_first(node: &OnnxNode<'_>) -> Result<()> {
    match node.flag("channels_last", false)? {
        true => Err(node.unsupported("channels_last; export with channels first")),
        false => Ok(()),
    }
}

/// QLinearConcat: the result's scale and zero point, then each part with its own.
pub fn qlinear_concat(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let parts =
        (2..node.inputs.len()).step_by(3).map(|at| operand(importer, node, at, 0)).collect::<Result<Vec<_>>>()?;
    let first = node.input(2)?;
    let axis = importer.axis(node, node.int_or("axis", 0)?, importer.rank(first))?;
    let y = importer.concat(&parts, axis)?;
    result(importer, node, y, 0, first)
}

/// QLinearSoftmax; an attribute says by which opset's rules.
pub fn qlinear_softmax(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let x = operand(importer, node, 0, 0)?;
    let opset = node.int("opset")?.ok_or_else(|| node.invalid("attribute 'opset' is missing"))?;
    let inner = OnnxNode { proto: node.proto, name: node.name.clone(), inputs: vec![Some(x)], opset };
    let y = reduce::softmax(importer, &inner)?[0];
    result(importer, node, y, 3, node.input(0)?)
}

/// QLinearSigmoid and QLinearLeakyRelu.
pub fn qlinear_unary(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let x = operand(importer, node, 0, 0)?;
    let y = match node.proto.op_type.as_str() {
        "QLinearSigmoid" => importer.unary(UnaryKind::Sigmoid, x)?,
        _ => importer.unary_with(UnaryKind::LeakyRelu, node.float_or("alpha", 0.01)?, 0.0, x)?,
    };
    result(importer, node, y, 3, node.input(0)?)
}
