//! From the graph's operators to the engine's.
//!
//! [`lower`] replaces every operator that the engine lacks and keeps the ids of their results, so that what is
//! known of a value (its range, say) stays true. Images become NHWC around each operator; [`layout`] then removes the
//! transposes in between.

pub mod half;
pub mod layout;
mod permute;

mod image;
mod integer;
mod quant;

use dunlin_engine::op::{BinaryKind, UnaryKind};

use crate::build::Builder;
use crate::error::Result;
use crate::ir::{Graph, Node, Op};

/// Replaces every operator that isn't the engine's.
///
/// # Errors
/// When an integer product is too deep for the float arithmetic that stands for it.
pub fn lower(graph: &mut Graph) -> Result<()> {
    let nodes = std::mem::take(&mut graph.nodes);
    let mut builder = Builder::rewriting(graph);
    for node in nodes {
        builder.node.clone_from(&node.name);
        replace(&mut builder, node)?;
    }
    Ok(())
}

fn replace(builder: &mut Builder<'_>, node: Node) -> Result<()> {
    let made = match node.op {
        Op::Engine(_) => {
            builder.graph.nodes.push(node);
            return Ok(());
        }
        Op::Conv { window, groups } => image::conv(builder, &node, window, groups)?,
        Op::Pool { kind, window, p } => image::pool(builder, &node, kind, window, p)?,
        Op::Lrn { size, alpha, beta, bias } => image::lrn(builder, &node, [alpha, beta, bias], size)?,
        Op::BatchNorm { epsilon } => batch_norm(builder, &node, epsilon)?,
        Op::QuantizeLinear { axis, to } => quant::quantize(builder, &node, axis as usize, to)?,
        Op::DequantizeLinear { axis } => quant::dequantize(builder, &node, axis as usize)?,
        Op::MatMulInteger => integer::matmul(builder, &node)?,
        Op::ConvInteger { window, groups } => integer::conv(builder, &node, window, groups)?,
    };
    builder.finish(made, node.outputs[0])
}

/// `x * scale / sqrt(variance + epsilon) + (bias - mean * ...)`.
pub(crate) fn batch_norm(builder: &mut Builder<'_>, node: &Node, epsilon: f32) -> Result<crate::ir::ValueId> {
    let &[x, scale, bias, mean, variance] = &node.inputs[..] else { unreachable!("import gives five operands") };
    let raised = builder.with_scalar(BinaryKind::Add, variance, epsilon)?;
    let deviation = builder.unary(UnaryKind::Sqrt, raised)?;
    let factor = builder.binary(BinaryKind::Div, scale, deviation)?;
    let moved = builder.binary(BinaryKind::Mul, mean, factor)?;
    let offset = builder.binary(BinaryKind::Sub, bias, moved)?;
    let mut dims = vec![1; builder.rank(x).max(1)];
    if builder.rank(x) > 1 {
        dims[1] = builder.dims(x)[1];
    }
    let (factor, offset) = (builder.reshape(factor, &dims)?, builder.reshape(offset, &dims)?);
    let scaled = builder.binary(BinaryKind::Mul, x, factor)?;
    builder.binary(BinaryKind::Add, scaled, offset)
}
