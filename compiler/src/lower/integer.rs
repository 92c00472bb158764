//! MatMulInteger and ConvInteger that integer lowering didn't take up.
//!
//! The sums are computed in f32 and are exact all the same: the second operand is split into sixteens and a rest, so
//! that a product stays below 2^12 and a sum of up to [`MAX_DEPTH`] products below 2^24.

use dunlin_engine::op::{BinaryKind, Window};
use dunlin_engine::tensor::DType;

use super::image::convolve;
use super::quant::centred;
use crate::build::Builder;
use crate::error::{CompileError, Result};
use crate::ir::{Node, ValueId};

/// Products in a sum: each is at most 255 * 16 in magnitude.
const MAX_DEPTH: usize = (1 << 24) / (255 * 16);

/// A product of matrices.
pub fn matmul(builder: &mut Builder<'_>, node: &Node) -> Result<ValueId> {
    let depth = builder.dims(node.inputs[0]).last().copied().unwrap_or(1);
    let columns = builder.rank(node.inputs[1]) - 1;
    let rows = builder.rank(node.inputs[0]).saturating_sub(2);
    let [a, b] = operands(builder, node, depth, [rows, columns])?;
    split_sum(builder, b, |builder, part| builder.matmul(a, part))
}

/// A convolution.
pub fn conv(builder: &mut Builder<'_>, node: &Node, window: Window, groups: u32) -> Result<ValueId> {
    let depth = builder.dims(node.inputs[1])[1..].iter().product();
    let [x, w] = operands(builder, node, depth, [1, 0])?;
    split_sum(builder, w, |builder, part| convolve(builder, &[x, part], window, groups))
}

/// The first operand as f32, the second as i32, both without their zero points.
fn operands(builder: &mut Builder<'_>, node: &Node, depth: usize, axes: [usize; 2]) -> Result<[ValueId; 2]> {
    if depth > MAX_DEPTH {
        return Err(CompileError::Unsupported {
            op: "MatMulInteger or ConvInteger".to_string(),
            node: node.name.clone(),
            why: format!("sums of {depth} products of operands that aren't constant; the limit is {MAX_DEPTH}"),
        });
    }
    let a = centred(builder, node.inputs[0], node.inputs.get(2).copied(), axes[0])?;
    let b = centred(builder, node.inputs[1], node.inputs.get(3).copied(), axes[1])?;
    Ok([builder.cast(a, DType::F32)?, b])
}

/// `16 * f(b / 16) + f(b mod 16)`.
fn split_sum(
    builder: &mut Builder<'_>,
    b: ValueId,
    f: impl Fn(&mut Builder<'_>, ValueId) -> Result<ValueId>,
) -> Result<ValueId> {
    let sixteen = builder.scalar_i32(16);
    let high = builder.binary(BinaryKind::Div, b, sixteen)?;
    let covered = builder.binary(BinaryKind::Mul, high, sixteen)?;
    let low = builder.binary(BinaryKind::Sub, b, covered)?;
    let mut sums = [high, low];
    for part in &mut sums {
        let float = builder.cast(*part, DType::F32)?;
        let sum = f(builder, float)?;
        *part = builder.cast(sum, DType::I32)?;
    }
    let high = builder.binary(BinaryKind::Mul, sums[0], sixteen)?;
    builder.binary(BinaryKind::Add, high, sums[1])
}
