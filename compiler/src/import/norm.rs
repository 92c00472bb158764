//! Normalizations. What the engine lacks is made of reductions and arithmetic.

use dunlin_engine::op::{BinaryKind, Op as EngineOp, ReduceKind, UnaryKind};
use dunlin_engine::tensor::DType;

use super::context::Importer;
use super::node::OnnxNode;
use crate::error::Result;
use crate::ir::{Op, ValueId};

/// BatchNormalization of a trained model.
pub fn batch(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let trains = node.flag("training_mode", false)? || (node.opset < 14 && node.wants(1));
    if trains {
        return Err(node.unsupported("training mode; export the model for inference"));
    }
    let x = node.input(0)?;
    let dims = importer.dims(x);
    let channels = if dims.len() < 2 { 1 } else { dims[1] };
    let operands = (0..5).map(|i| node.input(i)).collect::<Result<Vec<_>>>()?;
    if operands[1..].iter().any(|&p| importer.dims(p) != [channels] || importer.dtype(p) != DType::F32) {
        return Err(node.invalid(format!("its parameters don't have one value for each of {channels} channels")));
    }
    let op = Op::BatchNorm { epsilon: node.float_or("epsilon", 1e-5)? };
    let info = importer.graph.info(x);
    Ok(importer.append(op, &operands, &[info]))
}

/// InstanceNormalization: over the spatial dimensions of each channel.
pub fn instance(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let x = node.input(0)?;
    let dims = importer.dims(x);
    if dims.len() < 3 {
        return Err(node.invalid("it takes at least three dimensions"));
    }
    let axes: Vec<usize> = (2..dims.len()).collect();
    let y = standardize(importer, x, &axes, node.float_or("epsilon", 1e-5)?)?;
    Ok(vec![scale_channels(importer, node, y, 1)?])
}

/// GroupNormalization: over groups of channels; before opset 21 scale and bias have one value a group.
pub fn group(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let x = node.input(0)?;
    let dims = importer.dims(x);
    let groups = node.int("num_groups")?.and_then(|g| usize::try_from(g).ok()).unwrap_or(0);
    if dims.len() < 2 || groups == 0 || !dims[1].is_multiple_of(groups) {
        return Err(node.invalid(format!("{dims:?} can't be divided into {groups} groups of channels")));
    }
    let grouped = importer.reshape(x, &[dims[0], groups, dims[1] / groups, dims[2..].iter().product()])?;
    let y = standardize(importer, grouped, &[2, 3], node.float_or("epsilon", 1e-5)?)?;
    if node.opset < 21 {
        let y = scale_channels(importer, node, y, 1)?;
        return Ok(vec![importer.reshape(y, &dims)?]);
    }
    let y = importer.reshape(y, &dims)?;
    Ok(vec![scale_channels(importer, node, y, 1)?])
}

/// `(x - mean) / sqrt(variance + epsilon)` over axes.
fn standardize(importer: &mut Importer<'_>, x: ValueId, axes: &[usize], epsilon: f32) -> Result<ValueId> {
    let mean = importer.reduce(ReduceKind::Mean, x, axes, true)?;
    let centred = importer.binary(BinaryKind::Sub, x, mean)?;
    let inverse = inverse_deviation(importer, centred, axes, epsilon)?;
    importer.binary(BinaryKind::Mul, centred, inverse)
}

/// `1 / sqrt(mean of x^2 + epsilon)` over axes.
fn inverse_deviation(importer: &mut Importer<'_>, x: ValueId, axes: &[usize], epsilon: f32) -> Result<ValueId> {
    let squares = importer.binary(BinaryKind::Mul, x, x)?;
    let variance = importer.reduce(ReduceKind::Mean, squares, axes, true)?;
    let raised = importer.with_scalar(BinaryKind::Add, variance, epsilon)?;
    let deviation = importer.unary(UnaryKind::Sqrt, raised)?;
    importer.unary(UnaryKind::Reciprocal, deviation)
}

/// `y * operand 1 + operand 2`, which have one value for each index of `axis`.
fn scale_channels(importer: &mut Importer<'_>, node: &OnnxNode<'_>, y: ValueId, axis: usize) -> Result<ValueId> {
    let mut dims = vec![1; importer.rank(y)];
    dims[axis] = importer.dims(y)[axis];
    let scale = importer.reshape(node.input(1)?, &dims)?;
    let bias = importer.reshape(node.input(2)?, &dims)?;
    let scaled = importer.binary(BinaryKind::Mul, y, scale)?;
    importer.binary(BinaryKind::Add, scaled, bias)
}

/// LayerNormalization with its optional mean and inverse deviation.
pub fn layer(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let x = node.input(0)?;
    let axis = importer.axis(node, node.int_or("axis", -1)?, importer.rank(x))?;
    let epsilon = node.float_or("epsilon", 1e-5)?;
    let y = layer_norm(importer, x, [Some(node.input(1)?), node.optional(2)], axis, epsilon, false)?;
    if !node.wants(1) && !node.wants(2) {
        return Ok(vec![y]);
    }
    let axes: Vec<usize> = (axis..importer.rank(x)).collect();
    let mean = importer.reduce(ReduceKind::Mean, x, &axes, true)?;
    let centred = importer.binary(BinaryKind::Sub, x, mean)?;
    let inverse = inverse_deviation(importer, centred, &axes, epsilon)?;
    Ok(vec![y, mean, inverse])
}

/// RMSNormalization.
pub fn rms(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let x = node.input(0)?;
    let axis = importer.axis(node, node.int_or("axis", -1)?, importer.rank(x))?;
    let epsilon = node.float_or("epsilon", 1e-5)?;
    Ok(vec![layer_norm(importer, x, [Some(node.input(1)?), None], axis, epsilon, true)?])
}

/// The engine's layer normalization, its parameters brought to the shape of the axes from `axis` on.
pub fn layer_norm(
    importer: &mut Importer<'_>,
    x: ValueId,
    [scale, bias]: [Option<ValueId>; 2],
    axis: usize,
    epsilon: f32,
    rms: bool,
) -> Result<ValueId> {
    let inner = importer.dims(x)[axis..].to_vec();
    let mut operands = vec![x];
    for parameter in [scale, bias].into_iter().flatten() {
        operands.push(importer.expand(parameter, &inner)?);
    }
    importer.engine(EngineOp::LayerNorm { axis: axis as u32, epsilon, rms }, &operands)
}

/// LpNormalization; a vector of zeros stays one.
pub fn lp(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let x = node.input(0)?;
    let axis = importer.axis(node, node.int_or("axis", -1)?, importer.rank(x))?;
    let kind = match node.int_or("p", 2)? {
        1 => ReduceKind::L1,
        2 => ReduceKind::L2,
        p => return Err(node.invalid(format!("p = {p}"))),
    };
    let norm = importer.reduce(kind, x, &[axis], true)?;
    let (zero, one) = (importer.scalar(0.0), importer.scalar(1.0));
    let vanishes = importer.binary(BinaryKind::Equal, norm, zero)?;
    let divisor = importer.choose(vanishes, one, norm)?;
    Ok(vec![importer.binary(BinaryKind::Div, x, divisor)?])
}

/// MeanVarianceNormalization.
pub fn mean_variance(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let x = node.input(0)?;
    let axes = importer.axes(node, node.ints("axes")?.unwrap_or(&[0, 2, 3]), importer.rank(x))?;
    let mean = importer.reduce(ReduceKind::Mean, x, &axes, true)?;
    let centred = importer.binary(BinaryKind::Sub, x, mean)?;
    let squares = importer.binary(BinaryKind::Mul, centred, centred)?;
    let variance = importer.reduce(ReduceKind::Mean, squares, &axes, true)?;
    let deviation = importer.unary(UnaryKind::Sqrt, variance)?;
    let divisor = importer.with_scalar(BinaryKind::Add, deviation, 1e-9)?;
    Ok(vec![importer.binary(BinaryKind::Div, centred, divisor)?])
}

/// LRN over the channels of an image.
pub fn lrn(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let x = node.input(0)?;
    if importer.rank(x) != 4 {
        return Err(node.unsupported("tensors of other than four dimensions"));
    }
    let size = node.int("size")?.and_then(|s| u32::try_from(s).ok()).filter(|&s| s > 0);
    let op = Op::Lrn {
        size: size.ok_or_else(|| node.invalid("attribute 'size' must be positive"))?,
        alpha: node.float_or("alpha", 1e-4)?,
        beta: node.float_or("beta", 0.75)?,
        bias: node.float_or("bias", 1.0)?,
    };
    let info = importer.graph.info(x);
    Ok(importer.append(op, &[x], &[info]))
}
