//! Resize and Upsample.
//!
//! Interpolation is separable: each axis is a table of source indices and weights that is computed here, nearest
//! neighbours are a Gather.

use dunlin_engine::op::Op;
use dunlin_engine::tensor::DType;

use super::context::Importer;
use super::node::OnnxNode;
use crate::error::Result;
use crate::ir::{Tensor, ValueId};

/// How an output position maps to a source position; the names are ONNX's.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Coordinates {
    HalfPixel,
    HalfPixelSymmetric,
    PytorchHalfPixel,
    AlignCorners,
    Asymmetric,
    CropAndResize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Nearest {
    RoundPreferFloor,
    RoundPreferCeil,
    Floor,
    Ceil,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    Nearest(Nearest),
    Linear,
    Cubic { a: f64 },
}

/// What all axes share.
#[derive(Clone, Copy, Debug)]
struct Method {
    mode: Mode,
    coordinates: Coordinates,
    antialias: bool,
    exclude_outside: bool,
    extrapolation: f32,
}

/// What is done to one axis.
#[derive(Clone, Copy, Debug)]
struct Axis {
    input: usize,
    output: usize,
    scale: f64,
    /// Start and end of the region that is resized, as parts of the whole.
    roi: [f64; 2],
}

/// Resize, from opset 10.
pub fn resize(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let x = node.input(0)?;
    if node.opset < 11 {
        return old(importer, node, x, 1);
    }
    let axes = axes(importer, node, x)?;
    let method = method(node)?;
    Ok(vec![apply(importer, node, x, &axes, method)?])
}

/// Upsample, before opset 10.
pub fn upsample(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    old(importer, node, node.input(0)?, 1)
}

/// What Resize was in opset 10: scales only, positions taken from the top left.
fn old(importer: &mut Importer<'_>, node: &OnnxNode<'_>, x: ValueId, operand: usize) -> Result<Vec<ValueId>> {
    let scales = match importer.const_floats(node, operand)? {
        Some(scales) => scales,
        None => node.floats("scales")?.ok_or_else(|| node.invalid("its scales are missing"))?.to_vec(),
    };
    let mode = match node.text_or("mode", "nearest")? {
        "nearest" => Mode::Nearest(Nearest::Floor),
        "linear" | "bilinear" => Mode::Linear,
        other => return Err(node.unsupported(format!("mode '{other}'"))),
    };
    let coordinates = Coordinates::Asymmetric;
    let method = Method { mode, coordinates, antialias: false, exclude_outside: false, extrapolation: 0.0 };
    let dims = importer.dims(x);
    let axes = scaled(node, &dims, &scales, &(0..dims.len()).collect::<Vec<_>>(), None)?;
    Ok(vec![apply(importer, node, x, &axes, method)?])
}

fn method(node: &OnnxNode<'_>) -> Result<Method> {
    let coordinates = match node.text_or("coordinate_transformation_mode", "half_pixel")? {
        "half_pixel" => Coordinates::HalfPixel,
        "half_pixel_symmetric" => Coordinates::HalfPixelSymmetric,
        "pytorch_half_pixel" => Coordinates::PytorchHalfPixel,
        "align_corners" => Coordinates::AlignCorners,
        "asymmetric" => Coordinates::Asymmetric,
        "tf_crop_and_resize" => Coordinates::CropAndResize,
        other => return Err(node.unsupported(format!("coordinates '{other}'"))),
    };
    let nearest = match node.text_or("nearest_mode", "round_prefer_floor")? {
        "round_prefer_floor" => Nearest::RoundPreferFloor,
        "round_prefer_ceil" => Nearest::RoundPreferCeil,
        "floor" => Nearest::Floor,
        "ceil" => Nearest::Ceil,
        other => return Err(node.unsupported(format!("nearest_mode '{other}'"))),
    };
    let mode = match node.text_or("mode", "nearest")? {
        "nearest" => Mode::Nearest(nearest),
        "linear" => Mode::Linear,
        "cubic" => Mode::Cubic { a: f64::from(node.float_or("cubic_coeff_a", -0.75)?) },
        other => return Err(node.unsupported(format!("mode '{other}'"))),
    };
    Ok(Method {
        mode,
        coordinates,
        antialias: node.flag("antialias", false)?,
        exclude_outside: node.flag("exclude_outside", false)?,
        extrapolation: node.float_or("extrapolation_value", 0.0)?,
    })
}

/// One entry a dimension of x.
fn axes(importer: &Importer<'_>, node: &OnnxNode<'_>, x: ValueId) -> Result<Vec<Axis>> {
    let dims = importer.dims(x);
    let named = match node.ints("axes")? {
        Some(axes) => axes.iter().map(|&a| importer.axis(node, a, dims.len())).collect::<Result<Vec<_>>>()?,
        None => (0..dims.len()).collect(),
    };
    let full = |values: Option<Vec<f32>>| values.filter(|v| !v.is_empty());
    let roi = full(importer.const_floats(node, 1)?);
    if let Some(scales) = full(importer.const_floats(node, 2)?) {
        return scaled(node, &dims, &scales, &named, roi.as_deref());
    }
    let sizes = importer.const_ints(node, 3)?.ok_or_else(|| node.invalid("it has neither scales nor sizes"))?;
    sized(node, &dims, &sizes, &named, roi.as_deref())
}

fn scaled(
    node: &OnnxNode<'_>,
    dims: &[usize],
    scales: &[f32],
    axes: &[usize],
    roi: Option<&[f32]>,
) -> Result<Vec<Axis>> {
    if scales.len() != axes.len() || scales.iter().any(|s| !s.is_finite() || *s <= 0.0) {
        return Err(node.invalid(format!("scales {scales:?} for {} axes", axes.len())));
    }
    let mut all = unchanged(dims);
    for (&axis, &scale) in axes.iter().zip(scales) {
        let scale = f64::from(scale);
        all[axis].output = output(node, scale * dims[axis] as f64)?;
        all[axis].scale = scale;
    }
    with_roi(node, all, axes, roi)
}

fn sized(node: &OnnxNode<'_>, dims: &[usize], sizes: &[i64], axes: &[usize], roi: Option<&[f32]>) -> Result<Vec<Axis>> {
    if sizes.len() != axes.len() || sizes.iter().any(|&s| s <= 0) || axes.iter().any(|&a| dims[a] == 0) {
        return Err(node.invalid(format!("sizes {sizes:?} for {} axes", axes.len())));
    }
    let ratios = axes.iter().zip(sizes).map(|(&axis, &size)| size as f64 / dims[axis] as f64);
    let shared = match node.text_or("keep_aspect_ratio_policy", "stretch")? {
        "stretch" => None,
        "not_larger" => Some(ratios.clone().fold(f64::INFINITY, f64::min)),
        "not_smaller" => Some(ratios.clone().fold(0.0, f64::max)),
        other => return Err(node.unsupported(format!("keep_aspect_ratio_policy '{other}'"))),
    };
    let mut all = unchanged(dims);
    for ((&axis, &size), ratio) in axes.iter().zip(sizes).zip(ratios) {
        all[axis].scale = shared.unwrap_or(ratio);
        all[axis].output = match shared {
            None => output(node, size as f64)?,
            Some(scale) => output(node, scale * dims[axis] as f64 + 0.5)?,
        };
    }
    with_roi(node, all, axes, roi)
}

fn unchanged(dims: &[usize]) -> Vec<Axis> {
    dims.iter().map(|&d| Axis { input: d, output: d, scale: 1.0, roi: [0.0, 1.0] }).collect()
}

/// The whole part of a length; the engine's limit on sizes keeps it small.
fn output(node: &OnnxNode<'_>, length: f64) -> Result<usize> {
    match length < MAX_LENGTH {
        true => Ok(length as usize),
        false => Err(node.invalid(format!("a length of {length}"))),
    }
}

const MAX_LENGTH: f64 = (1 << 24) as f64;

fn with_roi(node: &OnnxNode<'_>, mut all: Vec<Axis>, axes: &[usize], roi: Option<&[f32]>) -> Result<Vec<Axis>> {
    let Some(roi) = roi else { return Ok(all) };
    if roi.len() != 2 * axes.len() {
        return Err(node.invalid("roi doesn't have two values for each axis"));
    }
    for (index, &axis) in axes.iter().enumerate() {
        all[axis].roi = [f64::from(roi[index]), f64::from(roi[index + axes.len()])];
    }
    Ok(all)
}

fn apply(
    importer: &mut Importer<'_>,
    node: &OnnxNode<'_>,
    x: ValueId,
    axes: &[Axis],
    method: Method,
) -> Result<ValueId> {
    if axes.iter().any(|a| a.input == 0 || a.output == 0) {
        return Err(node.unsupported("an empty result"));
    }
    let mut y = x;
    for (index, axis) in axes.iter().enumerate() {
        let crops = method.coordinates == Coordinates::CropAndResize && axis.roi != [0.0, 1.0];
        if (axis.scale - 1.0).abs() < 1e-9 && axis.input == axis.output && !crops {
            continue;
        }
        y = match method.mode {
            Mode::Nearest(nearest) => gather(importer, y, index, axis, method, nearest)?,
            _ if importer.dtype(y) != DType::F32 => return Err(node.unsupported("interpolation of integers")),
            _ => interpolate(importer, y, index, axis, method)?,
        };
        y = extrapolate(importer, y, index, axis, method)?;
    }
    Ok(y)
}

fn gather(
    importer: &mut Importer<'_>,
    x: ValueId,
    index: usize,
    axis: &Axis,
    method: Method,
    nearest: Nearest,
) -> Result<ValueId> {
    importer.reserve(axis.output * size_of::<i32>())?;
    let sources: Vec<i32> =
        (0..axis.output).map(|i| nearest_to(source(axis, method, i), nearest, axis.input)).collect();
    let sources = importer.constant(Tensor::i32s(&[axis.output], &sources));
    importer.engine(Op::Gather { axis: index as u32 }, &[x, sources])
}

fn nearest_to(x: f64, mode: Nearest, input: usize) -> i32 {
    let (floor, part) = (x.floor(), x - x.floor());
    let up = part != 0.0
        && match mode {
            Nearest::RoundPreferFloor => part > 0.5,
            Nearest::RoundPreferCeil => part >= 0.5,
            Nearest::Floor => false,
            Nearest::Ceil => true,
        };
    (floor + f64::from(u8::from(up))).clamp(0.0, input as f64 - 1.0) as i32
}

fn interpolate(importer: &mut Importer<'_>, x: ValueId, index: usize, axis: &Axis, method: Method) -> Result<ValueId> {
    let bytes = (tap_range(method, axis.scale).1 as usize).saturating_mul(axis.output).saturating_mul(16);
    importer.reserve(bytes)?;
    let rows: Vec<(Vec<i32>, Vec<f32>)> = (0..axis.output).map(|i| taps(axis, method, i)).collect();
    let count = rows[0].0.len();
    let indices: Vec<i32> = rows.iter().flat_map(|(indices, _)| indices.iter().copied()).collect();
    let weights: Vec<f32> = rows.iter().flat_map(|(_, weights)| weights.iter().copied()).collect();
    let indices = importer.constant(Tensor::i32s(&[axis.output, count], &indices));
    let weights = importer.constant(Tensor::f32s(&[axis.output, count], &weights));
    importer.engine(Op::Interpolate { axis: index as u32 }, &[x, indices, weights])
}

/// Positions beyond the source get the extrapolation value (only when cropping).
fn extrapolate(importer: &mut Importer<'_>, y: ValueId, index: usize, axis: &Axis, method: Method) -> Result<ValueId> {
    if method.coordinates != Coordinates::CropAndResize || importer.dtype(y) != DType::F32 {
        return Ok(y);
    }
    let last = axis.input as f64 - 1.0;
    let outside: Vec<bool> = (0..axis.output).map(|i| !(0.0..=last).contains(&source(axis, method, i))).collect();
    if !outside.contains(&true) {
        return Ok(y);
    }
    let mut dims = vec![1; importer.rank(y)];
    dims[index] = axis.output;
    let outside = importer.constant(Tensor::bools(&dims, &outside));
    let value = importer.scalar(method.extrapolation);
    importer.choose(outside, value, y)
}

/// Where output element `i` lies in the source.
fn source(axis: &Axis, method: Method, i: usize) -> f64 {
    let (i, input) = (i as f64, axis.input as f64);
    let output = axis.scale * input;
    match method.coordinates {
        Coordinates::HalfPixel => (i + 0.5) / axis.scale - 0.5,
        Coordinates::HalfPixelSymmetric => {
            let offset = input / 2.0 * (1.0 - axis.output as f64 / output);
            offset + (i + 0.5) / axis.scale - 0.5
        }
        Coordinates::PytorchHalfPixel if output == 1.0 => -0.5,
        Coordinates::PytorchHalfPixel => (i + 0.5) / axis.scale - 0.5,
        Coordinates::AlignCorners if output == 1.0 => 0.0,
        Coordinates::AlignCorners => i * (input - 1.0) / (output - 1.0),
        Coordinates::Asymmetric => i / axis.scale,
        Coordinates::CropAndResize => {
            let [start, end] = axis.roi;
            let span = (end - start) * (input - 1.0);
            let within = if output == 1.0 { span / 2.0 } else { i * span / (output - 1.0) };
            within + start * (input - 1.0)
        }
    }
}

/// Source indices and weights of output element `i`.
fn taps(axis: &Axis, method: Method, i: usize) -> (Vec<i32>, Vec<f32>) {
    let x = source(axis, method, i);
    let part = if x == x.floor() { 1.0 } else { x - x.floor() };
    let mut weights = weights(method, part, axis.scale);
    let count = weights.len() as f64;
    // The nearest neighbours; of two at the same distance the one before.
    let first = (x - count / 2.0).floor() + 1.0;
    let first = if (x - count / 2.0).fract() == 0.0 { first - 1.0 } else { first };
    let places: Vec<f64> = (0..weights.len()).map(|k| first + k as f64).collect();
    if method.exclude_outside {
        for (weight, &place) in weights.iter_mut().zip(&places) {
            if !(0.0..axis.input as f64).contains(&place) {
                *weight = 0.0;
            }
        }
        let sum: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|w| *w /= if sum == 0.0 { 1.0 } else { sum });
    }
    let last = axis.input as f64 - 1.0;
    (places.iter().map(|p| p.clamp(0.0, last) as i32).collect(), weights.iter().map(|&w| w as f32).collect())
}

/// The first neighbour that counts, relative to the one before a position, and the number of all; antialiasing widens
/// them when shrinking.
fn tap_range(method: Method, scale: f64) -> (i64, i64) {
    let reach = if matches!(method.mode, Mode::Cubic { .. }) { 2.0 } else { 1.0 };
    let start = (-reach / shrink(method, scale)).floor() as i64 + 1;
    (start, start.saturating_mul(-2).saturating_add(2))
}

/// By how much antialiasing stretches the kernel.
fn shrink(method: Method, scale: f64) -> f64 {
    if method.antialias { scale.min(1.0) } else { 1.0 }
}

/// Weights of the neighbours of a position `part` beyond the one before it.
fn weights(method: Method, part: f64, scale: f64) -> Vec<f64> {
    let (start, count) = tap_range(method, scale);
    let shrink = shrink(method, scale);
    let kernel = |x: f64| match method.mode {
        Mode::Cubic { a } => cubic(x.abs(), a),
        _ => (1.0 - x.abs()).clamp(0.0, 1.0),
    };
    let mut weights: Vec<f64> = (start..start + count).map(|i| kernel(shrink * (i as f64 - part))).collect();
    if method.antialias {
        let sum: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|w| *w /= sum);
    }
    weights
}

fn cubic(x: f64, a: f64) -> f64 {
    match x {
        x if x <= 1.0 => ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0,
        x if x < 2.0 => ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a,
        _ => 0.0,
    }
}
