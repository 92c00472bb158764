//! Comparisons, truth values, bits and conversions.

use dunlin_engine::op::{BinaryKind, Op, UnaryKind};
use dunlin_engine::tensor::DType;

use super::context::Importer;
use super::element::Element;
use super::math::wrapping;
use super::node::OnnxNode;
use crate::error::Result;
use crate::ir::ValueId;

/// And, Or and Xor of truth values.
pub fn logical(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let kind = match node.proto.op_type.as_str() {
        "And" => BinaryKind::And,
        "Or" => BinaryKind::Or,
        _ => BinaryKind::Xor,
    };
    Ok(vec![importer.binary(kind, node.input(0)?, node.input(1)?)?])
}

/// Not of truth values.
pub fn not(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    Ok(vec![importer.unary(UnaryKind::Not, node.input(0)?)?])
}

/// And, Or and Xor of bits.
pub fn bitwise(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let kind = match node.proto.op_type.as_str() {
        "BitwiseAnd" => BinaryKind::BitAnd,
        "BitwiseOr" => BinaryKind::BitOr,
        _ => BinaryKind::BitXor,
    };
    Ok(vec![wrapping(importer, kind, node.input(0)?, node.input(1)?)?])
}

/// All bits turned over.
pub fn bitwise_not(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let x = node.input(0)?;
    let element = importer.element(x);
    if element == Element::U64 {
        return Err(node.unsupported("of uint64, whose values it makes are beyond 32 bits"));
    }
    let x = importer.widen(x)?;
    let y = importer.unary(UnaryKind::BitNot, x)?;
    Ok(vec![importer.wrap(y, element)?])
}

/// Shifts of unsigned numbers.
pub fn bit_shift(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let kind = match node.text_or("direction", "")? {
        "LEFT" => BinaryKind::Shl,
        "RIGHT" => BinaryKind::Shr,
        other => return Err(node.invalid(format!("direction '{other}'"))),
    };
    Ok(vec![wrapping(importer, kind, node.input(0)?, node.input(1)?)?])
}

/// Comparisons; the result is bool.
pub fn compare(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let kind = match node.proto.op_type.as_str() {
        "Equal" => BinaryKind::Equal,
        "Greater" => BinaryKind::Greater,
        "GreaterOrEqual" => BinaryKind::GreaterOrEqual,
        "Less" => BinaryKind::Less,
        _ => BinaryKind::LessOrEqual,
    };
    let (a, b) = (importer.widen(node.input(0)?)?, importer.widen(node.input(1)?)?);
    Ok(vec![importer.binary(kind, a, b)?])
}

/// Where.
pub fn choose(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let y = importer.choose(node.input(0)?, node.input(1)?, node.input(2)?)?;
    let element = importer.element(node.input(1)?);
    Ok(vec![importer.set_element(y, element)])
}

/// Cast to the type of the attribute.
pub fn cast(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let number = node.int("to")?.ok_or_else(|| node.invalid("attribute 'to' is missing"))?;
    let number = i32::try_from(number).map_err(|_| node.invalid("attribute 'to' is out of range"))?;
    let to = Element::from_onnx(number).map_err(|name| node.unsupported(format!("conversion to {name}")))?;
    Ok(vec![convert(importer, node.input(0)?, to)?])
}

/// Cast to the type of the second operand.
pub fn cast_like(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let to = importer.element(node.input(1)?);
    Ok(vec![convert(importer, node.input(0)?, to)?])
}

/// Conversion to an ONNX type: float16 rounds, 16-bit integers wrap.
fn convert(importer: &mut Importer<'_>, x: ValueId, to: Element) -> Result<ValueId> {
    let from = importer.element(x);
    if from == to {
        return Ok(x);
    }
    let y = match to {
        Element::F16 => {
            let half = importer.cast(x, DType::F16)?;
            importer.cast(half, DType::F32)?
        }
        Element::U16 | Element::I16 => {
            let wide = importer.cast(x, DType::I32)?;
            importer.wrap(wide, to)?
        }
        _ if matches!(from, Element::U16 | Element::I16) && to.dtype() == DType::I32 => copy(importer, x)?,
        _ => importer.cast(x, to.dtype())?,
    };
    Ok(importer.set_element(y, to))
}

/// A value of its own, so that `x` keeps its ONNX type, by which its arithmetic wraps.
fn copy(importer: &mut Importer<'_>, x: ValueId) -> Result<ValueId> {
    let dims = importer.ints(&vec![0; importer.rank(x)])?;
    importer.engine(Op::Reshape { dims }, &[x])
}
