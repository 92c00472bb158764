//! Arithmetic and element-wise functions.
//!
//! The engine computes in f32 and i32: bytes are widened and brought back into their range.

use dunlin_engine::op::{BinaryKind, Op, UnaryKind};
use dunlin_engine::tensor::DType;

use super::context::Importer;
use super::element::Element;
use super::node::OnnxNode;
use crate::error::Result;
use crate::ir::ValueId;

/// A function without parameters.
pub fn unary(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let op = node.proto.op_type.as_str();
    let kind = UNARY.iter().find(|(name, _)| *name == op).map(|&(_, kind)| kind);
    let kind = kind.ok_or_else(|| node.unsupported("Dunlin doesn't have it"))?;
    let x = node.input(0)?;
    if importer.dtype(x) == DType::F32 {
        return Ok(vec![importer.unary(kind, x)?]);
    }
    Ok(vec![integer(importer, node, kind, x)?])
}

const UNARY: &[(&str, UnaryKind)] = &[
    ("Abs", UnaryKind::Abs),
    ("Acos", UnaryKind::Acos),
    ("Acosh", UnaryKind::Acosh),
    ("Asin", UnaryKind::Asin),
    ("Asinh", UnaryKind::Asinh),
    ("Atan", UnaryKind::Atan),
    ("Atanh", UnaryKind::Atanh),
    ("Ceil", UnaryKind::Ceil),
    ("Cos", UnaryKind::Cos),
    ("Cosh", UnaryKind::Cosh),
    ("Erf", UnaryKind::Erf),
    ("Exp", UnaryKind::Exp),
    ("Floor", UnaryKind::Floor),
    ("HardSwish", UnaryKind::HardSwish),
    ("IsNaN", UnaryKind::IsNan),
    ("Log", UnaryKind::Log),
    ("Mish", UnaryKind::Mish),
    ("Neg", UnaryKind::Neg),
    ("Reciprocal", UnaryKind::Reciprocal),
    ("Round", UnaryKind::Round),
    ("Sigmoid", UnaryKind::Sigmoid),
    ("Sign", UnaryKind::Sign),
    ("Sin", UnaryKind::Sin),
    ("Sinh", UnaryKind::Sinh),
    ("Softplus", UnaryKind::Softplus),
    ("Softsign", UnaryKind::Softsign),
    ("Sqrt", UnaryKind::Sqrt),
    ("Tan", UnaryKind::Tan),
    ("Tanh", UnaryKind::Tanh),
];

/// Neg, Abs and Sign of integers, by what the engine has for two integers.
fn integer(importer: &mut Importer<'_>, node: &OnnxNode<'_>, kind: UnaryKind, x: ValueId) -> Result<ValueId> {
    let element = importer.element(x);
    let x = importer.widen(x)?;
    if importer.dtype(x) != DType::I32 {
        return Err(node.invalid("it takes numbers"));
    }
    let zero = importer.scalar_i32(0);
    let y = match kind {
        UnaryKind::Neg => importer.binary(BinaryKind::Sub, zero, x)?,
        UnaryKind::Abs => {
            let negative = importer.binary(BinaryKind::Sub, zero, x)?;
            importer.binary(BinaryKind::Max, x, negative)?
        }
        UnaryKind::Sign => {
            let (low, high) = (importer.scalar_i32(-1), importer.scalar_i32(1));
            let raised = importer.binary(BinaryKind::Max, x, low)?;
            importer.binary(BinaryKind::Min, raised, high)?
        }
        _ => return Err(node.invalid("it takes floats")),
    };
    importer.wrap(y, element)
}

/// A function of f32 with parameters.
pub fn parametric(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let (kind, alpha, beta) = match node.proto.op_type.as_str() {
        "Celu" => (UnaryKind::Celu, node.float_or("alpha", 1.0)?, 0.0),
        "Elu" => (UnaryKind::Elu, node.float_or("alpha", 1.0)?, 0.0),
        "HardSigmoid" => (UnaryKind::HardSigmoid, node.float_or("alpha", 0.2)?, node.float_or("beta", 0.5)?),
        "LeakyRelu" => (UnaryKind::LeakyRelu, node.float_or("alpha", 0.01)?, 0.0),
        "Selu" => (UnaryKind::Selu, node.float_or("alpha", SELU_ALPHA)?, node.float_or("gamma", SELU_GAMMA)?),
        "Shrink" => (UnaryKind::Shrink, node.float_or("lambd", 0.5)?, node.float_or("bias", 0.0)?),
        "Swish" => (UnaryKind::Swish, node.float_or("alpha", 1.0)?, 0.0),
        "ThresholdedRelu" => (UnaryKind::ThresholdedRelu, node.float_or("alpha", 1.0)?, 0.0),
        _ => return Err(node.unsupported("Dunlin doesn't have it")),
    };
    Ok(vec![importer.unary_with(kind, alpha, beta, node.input(0)?)?])
}

const SELU_ALPHA: f32 = 1.673_263_2;
const SELU_GAMMA: f32 = 1.050_701;

/// IsInf with its two switches.
pub fn is_inf(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let switch = |on: bool| f32::from(u8::from(on));
    let negative = switch(node.flag("detect_negative", true)?);
    let positive = switch(node.flag("detect_positive", true)?);
    Ok(vec![importer.unary_with(UnaryKind::IsInf, negative, positive, node.input(0)?)?])
}

/// Relu of any number.
pub fn relu(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let x = node.input(0)?;
    if importer.dtype(x) == DType::F32 {
        return Ok(vec![importer.unary_with(UnaryKind::Clip, 0.0, f32::INFINITY, x)?]);
    }
    let element = importer.element(x);
    let wide = importer.widen(x)?;
    let zero = importer.scalar_i32(0);
    let y = importer.binary(BinaryKind::Max, wide, zero)?;
    Ok(vec![importer.wrap(y, element)?])
}

/// Gelu, exact or by tanh.
pub fn gelu(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let kind = match node.text_or("approximate", "none")? {
        "none" => UnaryKind::Gelu,
        "tanh" => UnaryKind::GeluTanh,
        other => return Err(node.unsupported(format!("approximation '{other}'"))),
    };
    Ok(vec![importer.unary(kind, node.input(0)?)?])
}

/// Clip by attributes (before opset 11) or operands.
pub fn clip(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let x = node.input(0)?;
    let constant = |at: usize| match node.optional(at) {
        None => Some(None),
        Some(bound) => importer.graph.constant(bound).and_then(|t| t.scalar()).map(Some),
    };
    let (low, high) = match (node.opset < 11, constant(1), constant(2)) {
        (true, ..) => (node.float("min")?, node.float("max")?),
        (false, Some(low), Some(high)) if importer.dtype(x) == DType::F32 => (low, high),
        _ => return Ok(vec![clip_by(importer, node, x)?]),
    };
    let high = high.unwrap_or(f32::INFINITY);
    // ONNX takes the upper bound last: it wins over a lower bound beyond it.
    let low = low.unwrap_or(f32::NEG_INFINITY).min(high);
    Ok(vec![importer.unary_with(UnaryKind::Clip, low, high, x)?])
}

/// Clip of integers, or by bounds known at run time only.
fn clip_by(importer: &mut Importer<'_>, node: &OnnxNode<'_>, x: ValueId) -> Result<ValueId> {
    let element = importer.element(x);
    let mut y = importer.widen(x)?;
    for (index, kind) in [(1, BinaryKind::Max), (2, BinaryKind::Min)] {
        if let Some(bound) = node.optional(index) {
            let bound = importer.widen(bound)?;
            y = importer.binary(kind, y, bound)?;
        }
    }
    importer.wrap(y, element)
}

/// PRelu; the slope broadcasts to x.
pub fn prelu(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    Ok(vec![importer.binary(BinaryKind::PRelu, node.input(0)?, node.input(1)?)?])
}

/// Add, Sub, Mul and Div.
pub fn arithmetic(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let kind = match node.proto.op_type.as_str() {
        "Add" => BinaryKind::Add,
        "Sub" => BinaryKind::Sub,
        "Mul" => BinaryKind::Mul,
        _ => BinaryKind::Div,
    };
    Ok(vec![wrapping(importer, kind, node.input(0)?, node.input(1)?)?])
}

/// A function of two numbers of one type, modulo the size of that type.
pub fn wrapping(importer: &mut Importer<'_>, kind: BinaryKind, a: ValueId, b: ValueId) -> Result<ValueId> {
    let element = importer.element(a);
    let (a, b) = (importer.widen(a)?, importer.widen(b)?);
    let y = importer.binary(kind, a, b)?;
    importer.wrap(y, element)
}

/// Mod; `fmod` says whose sign the result has.
pub fn modulo(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let kind = if node.flag("fmod", false)? { BinaryKind::Fmod } else { BinaryKind::Mod };
    Ok(vec![wrapping(importer, kind, node.input(0)?, node.input(1)?)?])
}

/// Pow: the result has the base's type.
pub fn pow(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let (base, exponent) = (node.input(0)?, node.input(1)?);
    let element = importer.element(base);
    let (base, exponent) = (importer.widen(base)?, importer.widen(exponent)?);
    if importer.dtype(base) == importer.dtype(exponent) {
        let y = importer.binary(BinaryKind::Pow, base, exponent)?;
        return Ok(vec![importer.wrap(y, element)?]);
    }
    let (a, b) = (importer.cast(base, DType::F32)?, importer.cast(exponent, DType::F32)?);
    let y = importer.binary(BinaryKind::Pow, a, b)?;
    let dtype = importer.dtype(base);
    let y = importer.cast(y, dtype)?;
    Ok(vec![importer.wrap(y, element)?])
}

/// Sum, Max, Min and Mean of any number of operands.
pub fn variadic(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let operands = node.variadic()?;
    let kind = match node.proto.op_type.as_str() {
        "Max" => BinaryKind::Max,
        "Min" => BinaryKind::Min,
        _ => BinaryKind::Add,
    };
    let element = importer.element(operands[0]);
    let mut y = importer.widen(operands[0])?;
    for &operand in &operands[1..] {
        let operand = importer.widen(operand)?;
        y = importer.binary(kind, y, operand)?;
    }
    if node.proto.op_type == "Mean" {
        y = importer.with_scalar(BinaryKind::Mul, y, 1.0 / operands.len() as f32)?;
    }
    Ok(vec![wrap_unless_float(importer, y, element)?])
}

fn wrap_unless_float(importer: &mut Importer<'_>, y: ValueId, element: Element) -> Result<ValueId> {
    match importer.dtype(y) {
        DType::I32 => importer.wrap(y, element),
        _ => Ok(y),
    }
}

/// CumSum along a constant axis.
pub fn cum_sum(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let x = node.input(0)?;
    let axis = importer.const_int(node, 1)?.ok_or_else(|| node.invalid("the axis is missing"))?;
    let axis = importer.axis(node, axis, importer.rank(x))? as u32;
    let (exclusive, reverse) = (node.flag("exclusive", false)?, node.flag("reverse", false)?);
    Ok(vec![importer.engine(Op::CumSum { axis, exclusive, reverse }, &[x])?])
}
