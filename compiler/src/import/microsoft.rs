//! Float operators of ONNX Runtime's own domain, com.microsoft.

use dunlin_engine::op::{BinaryKind, UnaryKind};

use super::context::Importer;
use super::node::OnnxNode;
use super::{conv, norm, shape};
use crate::error::Result;
use crate::ir::ValueId;

/// Gelu and BiasGelu.
pub fn gelu(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let x = biased(importer, node)?;
    Ok(vec![importer.unary(UnaryKind::Gelu, x)?])
}

/// FastGelu: by tanh.
pub fn fast_gelu(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let x = biased(importer, node)?;
    Ok(vec![importer.unary(UnaryKind::GeluTanh, x)?])
}

fn biased(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<ValueId> {
    match node.optional(1) {
        Some(bias) => importer.binary(BinaryKind::Add, node.input(0)?, bias),
        None => node.input(0),
    }
}

/// QuickGelu: `x * sigmoid(alpha * x)`.
pub fn quick_gelu(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let alpha = node.float_or("alpha", 1.702)?;
    Ok(vec![importer.unary_with(UnaryKind::Swish, alpha, 0.0, node.input(0)?)?])
}

/// FusedConv: a convolution, maybe a sum, an activation.
pub fn fused_conv(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let mut y = conv::convolve(importer, node, node.input(0)?, node.input(1)?, node.optional(2))?;
    if let Some(other) = node.optional(3) {
        y = importer.binary(BinaryKind::Add, y, other)?;
    }
    let parameters = node.floats("activation_params")?.unwrap_or(&[]);
    let at = |index: usize, default: f32| parameters.get(index).copied().unwrap_or(default);
    let (kind, alpha, beta) = match node.text_or("activation", "")? {
        "" => return Ok(vec![y]),
        "Relu" => (UnaryKind::Clip, 0.0, f32::INFINITY),
        "Clip" => (UnaryKind::Clip, at(0, f32::NEG_INFINITY), at(1, f32::INFINITY)),
        "Sigmoid" => (UnaryKind::Sigmoid, 0.0, 0.0),
        "Tanh" => (UnaryKind::Tanh, 0.0, 0.0),
        "LeakyRelu" => (UnaryKind::LeakyRelu, at(0, 0.01), 0.0),
        "HardSigmoid" => (UnaryKind::HardSigmoid, at(0, 0.2), at(1, 0.5)),
        other => return Err(node.unsupported(format!("activation '{other}'"))),
    };
    Ok(vec![importer.unary_with(kind, alpha, beta, y)?])
}

/// FusedMatMul: `alpha * A' * B'`.
pub fn fused_matmul(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    if node.flag("transBatchA", false)? || node.flag("transBatchB", false)? {
        return Err(node.unsupported("transposed batches"));
    }
    let mut operands = [node.input(0)?, node.input(1)?];
    for (x, name) in operands.iter_mut().zip(["transA", "transB"]) {
        let rank = importer.rank(*x);
        if node.flag(name, false)? && rank >= 2 {
            let mut perm: Vec<usize> = (0..rank).collect();
            perm.swap(rank - 2, rank - 1);
            *x = importer.transpose(*x, &perm)?;
        }
    }
    let y = super::matmul::product(importer, node, operands[0], operands[1])?;
    Ok(vec![shape::scaled(importer, y, node.float_or("alpha", 1.0)?)?])
}

/// SkipLayerNormalization and its variant without mean. Results: y, two that only training reads, the sum.
pub fn skip_layer_norm(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let rms = node.proto.op_type.contains("Simplified");
    if node.wants(1) || node.wants(2) {
        return Err(node.unsupported("its results mean and inverse deviation"));
    }
    let mut sum = importer.binary(BinaryKind::Add, node.input(0)?, node.input(1)?)?;
    let (beta, bias) = if rms { (None, node.optional(3)) } else { (node.optional(3), node.optional(4)) };
    if let Some(bias) = bias {
        sum = importer.binary(BinaryKind::Add, sum, bias)?;
    }
    let axis = importer.rank(sum).saturating_sub(1);
    let epsilon = node.float_or("epsilon", 1e-12)?;
    let y = norm::layer_norm(importer, sum, [Some(node.input(2)?), beta], axis, epsilon, rms)?;
    Ok(vec![y, y, y, sum])
}

/// SimplifiedLayerNormalization: no mean is subtracted.
pub fn simplified_layer_norm(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    norm::rms(importer, node)
}
