//! Quantized weights and biases, found behind the operators that ONNX wraps them in.

use dunlin_engine::op::Op as EngineOp;
use dunlin_engine::tensor::{DType, Shape};

use super::literal;
use super::note::Reason;
use super::walk::Walk;
use crate::ir::{Node, Op, Tensor, ValueId};

/// An integer constant with its quantization: `real = scale * (q - zero)`.
#[derive(Clone, Debug)]
pub struct Constant {
    /// Dimensions.
    pub shape: Shape,
    /// Row-major.
    pub quanta: Vec<i32>,
    /// Element type of the file.
    pub dtype: DType,
    /// One, or one per index of `axis`.
    pub scale: Vec<f32>,
    /// As many as scales.
    pub zero: Vec<i32>,
    /// The axis along which scales run, when there are several.
    pub axis: usize,
}

impl Constant {
    /// One scale and zero point per index of `axis`; `None` when they run along another one.
    pub fn along(&self, axis: usize) -> Option<(Vec<f32>, Vec<i32>)> {
        let count = self.shape.dim(axis);
        match self.scale.len() {
            1 => Some((vec![self.scale[0]; count], vec![self.zero[0]; count])),
            len if self.axis == axis && len == count => Some((self.scale.clone(), self.zero.clone())),
            _ => None,
        }
    }

    /// The elements with `axis` in front: one slice of `count / dim(axis)` elements per index.
    pub fn channels(&self, axis: usize) -> Vec<i32> {
        let (outer, count) = (self.shape.span(0, axis), self.shape.dim(axis));
        let inner = self.shape.span(axis + 1, self.shape.rank());
        let at = |channel, o, i| self.quanta[(o * count + channel) * inner + i];
        let places = (0..outer).flat_map(|o| (0..inner).map(move |i| (o, i)));
        (0..count).flat_map(|channel| places.clone().map(move |(o, i)| at(channel, o, i))).collect()
    }
}

/// The quantized constant behind a float value: dequantized, and perhaps reshaped or transposed since.
pub(super) fn constant(walk: &Walk<'_>, value: ValueId) -> Option<Constant> {
    let node = walk.maker(value)?;
    match node.op {
        Op::DequantizeLinear { axis } => dequantized(walk, node, axis as usize),
        Op::Engine(EngineOp::Reshape { .. }) => {
            reshaped(constant(walk, node.inputs[0])?, walk.graph.value(value).shape)
        }
        Op::Engine(EngineOp::Transpose { perm }) => transposed(constant(walk, node.inputs[0])?, &perm),
        _ => None,
    }
}

fn dequantized(walk: &Walk<'_>, node: &Node, axis: usize) -> Option<Constant> {
    let tensor = stored(walk, node.inputs[0])?;
    let scale = literal::floats(walk.graph.constant(*node.inputs.get(1)?)?)?;
    let mut zero = match node.inputs.get(2) {
        Some(&zero) => literal::ints(walk.graph.constant(zero)?)?,
        None => vec![0],
    };
    if zero.len() == 1 {
        zero = vec![zero[0]; scale.len()];
    }
    let fits =
        zero.len() == scale.len() && (scale.len() == 1 || tensor.shape.dims().get(axis) == Some(&(scale.len() as u32)));
    fits.then_some(())?;
    let (shape, dtype, quanta) = (tensor.shape, tensor.dtype, literal::ints(&tensor)?);
    Some(Constant { shape, quanta, dtype, scale, zero, axis })
}

/// The integer constant that a `DequantizeLinear` reads: stored, or quantized from a stored float one.
fn stored(walk: &Walk<'_>, value: ValueId) -> Option<Tensor> {
    if let Some(tensor) = walk.graph.constant(value) {
        return Some(tensor.clone());
    }
    let node = walk.maker(value)?;
    let Op::QuantizeLinear { axis, to } = node.op else { return None };
    let tensor = walk.graph.constant(node.inputs[0])?;
    let floats = literal::floats(tensor)?;
    let scale = literal::floats(walk.graph.constant(*node.inputs.get(1)?)?)?;
    let zero = literal::ints(walk.graph.constant(*node.inputs.get(2)?)?)?;
    let channel = channel_of(tensor.shape, axis as usize, scale.len())?;
    let quantize = |(index, &value): (usize, &f32)| {
        let c = channel(index);
        let zero = *zero.get(c).or(zero.first()).unwrap_or(&0);
        (value / scale[c]).round_ties_even() as i32 + zero
    };
    let quanta: Vec<i32> = floats.iter().enumerate().map(quantize).collect();
    match to {
        DType::U8 => {
            Some(literal::u8s(tensor.shape, &quanta.iter().map(|&q| q.clamp(0, 255) as u8).collect::<Vec<_>>()))
        }
        DType::I8 => {
            Some(literal::i8s(tensor.shape, &quanta.iter().map(|&q| q.clamp(-128, 127) as i8).collect::<Vec<_>>()))
        }
        _ => None,
    }
}

/// Maps an element's index to that of its scale; `None` when the scales don't fit the axis.
fn channel_of(shape: Shape, axis: usize, scales: usize) -> Option<impl Fn(usize) -> usize> {
    let single = scales == 1;
    if !single && shape.dims().get(axis) != Some(&(scales as u32)) {
        return None;
    }
    let inner = if single { 1 } else { shape.span(axis + 1, shape.rank()) };
    Some(move |index: usize| if single { 0 } else { index / inner % scales })
}

fn reshaped(mut constant: Constant, shape: Shape) -> Option<Constant> {
    if constant.scale.len() > 1 {
        let (before, count) = (constant.shape.span(0, constant.axis), constant.shape.dim(constant.axis));
        constant.axis = (0..shape.rank()).find(|&axis| shape.span(0, axis) == before && shape.dim(axis) == count)?;
    }
    constant.shape = shape;
    Some(constant)
}

fn transposed(constant: Constant, perm: &[i32]) -> Option<Constant> {
    let (shape, strides) = (constant.shape, constant.shape.strides());
    let perm: Vec<usize> = perm.iter().map(|&axis| axis as usize).collect();
    let dims: Vec<usize> = perm.iter().map(|&axis| shape.dim(axis)).collect();
    let target = Shape::new(&dims)?;
    let steps = target.strides();
    let quanta = (0..target.count()).map(|index| {
        let place = (0..dims.len()).map(|axis| index / steps[axis] % dims[axis] * strides[perm[axis]]).sum::<usize>();
        constant.quanta[place]
    });
    let quanta = quanta.collect();
    let axis = perm.iter().position(|&axis| axis == constant.axis).unwrap_or(0);
    Some(Constant { shape: target, quanta, axis, ..constant })
}

/// A bias in numbers: one per output channel.
pub(super) enum Bias {
    /// Quanta of the given scales.
    Quantized {
        /// Zero points subtracted.
        quanta: Vec<i64>,
        /// As many as quanta.
        scale: Vec<f32>,
    },
    /// Real numbers.
    Real(Vec<f32>),
}

/// The bias of `n` channels behind a float value: a vector, or a tensor whose other dimensions are 1.
pub(super) fn bias(walk: &Walk<'_>, value: ValueId, n: usize) -> Result<Bias, Reason> {
    if let Some(tensor) = walk.graph.constant(value) {
        let real = literal::floats(tensor).ok_or(Reason::DynamicBias)?;
        return Ok(Bias::Real(spread(real, tensor.shape, n).ok_or(Reason::Shape)?));
    }
    let constant = constant(walk, value).ok_or(Reason::DynamicBias)?;
    let channel = channel_of(constant.shape, constant.axis, constant.scale.len()).ok_or(Reason::WeightAxis)?;
    let zero = |(index, &q): (usize, &i32)| i64::from(q) - i64::from(constant.zero[channel(index)]);
    let quanta = constant.quanta.iter().enumerate().map(zero).collect();
    let scale = (0..constant.quanta.len()).map(|index| constant.scale[channel(index)]).collect();
    Ok(Bias::Quantized {
        quanta: spread(quanta, constant.shape, n).ok_or(Reason::Shape)?,
        scale: spread(scale, constant.shape, n).ok_or(Reason::Shape)?,
    })
}

/// One value per channel, from a tensor that broadcasts along the last axis.
fn spread<T: Copy>(values: Vec<T>, shape: Shape, n: usize) -> Option<Vec<T>> {
    match values.len() {
        1 => Some(vec![values[0]; n]),
        len if len == n && shape.last() == n => Some(values),
        _ => None,
    }
}
