//! Convolutions, and the window geometry that they share with pools.

use dunlin_engine::op::infer::Info;
use dunlin_engine::op::{Op as EngineOp, PoolKind, Window};
use dunlin_engine::tensor::{DType, Shape};

use super::context::Importer;
use super::node::OnnxNode;
use crate::error::{CompileError, Result};
use crate::ir::{Op, ValueId};

/// Conv of one or two spatial dimensions.
pub fn conv(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let (x, w) = (node.input(0)?, node.input(1)?);
    Ok(vec![convolve(importer, node, x, w, node.optional(2))?])
}

/// The float convolution that the node's attributes describe.
pub fn convolve(
    importer: &mut Importer<'_>,
    node: &OnnxNode<'_>,
    x: ValueId,
    w: ValueId,
    bias: Option<ValueId>,
) -> Result<ValueId> {
    let (x, w, flat) = planar(importer, node, x, w)?;
    let (window, groups) = geometry(importer, node, x, w)?;
    let shape = out_shape(importer, node, x, importer.dims(w)[0], window)?;
    if let Some(bias) = bias
        && importer.dims(bias) != [importer.dims(w)[0]]
    {
        return Err(node.invalid("the bias doesn't have one value per output channel"));
    }
    let operands: Vec<ValueId> = [Some(x), Some(w), bias].into_iter().flatten().collect();
    if operands.iter().any(|&o| importer.dtype(o) != DType::F32) {
        return Err(node.invalid("it takes floats"));
    }
    let y = importer.append(Op::Conv { window, groups }, &operands, &[Info { dtype: DType::F32, shape }])[0];
    if flat { flatten(importer, y) } else { Ok(y) }
}

/// ConvInteger.
pub fn conv_integer(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let (x, w, flat) = planar(importer, node, node.input(0)?, node.input(1)?)?;
    let (window, groups) = geometry(importer, node, x, w)?;
    let shape = out_shape(importer, node, x, importer.dims(w)[0], window)?;
    let mut operands = vec![x, w];
    for (index, of) in [(2, x), (3, w)] {
        match node.optional(index) {
            Some(zero) => operands.push(zero),
            None if index == 2 && node.optional(3).is_none() => break,
            None => operands.push(super::quant::zero_point(importer, importer.dtype(of))),
        }
    }
    let info = Info { dtype: DType::I32, shape };
    let y = importer.append(Op::ConvInteger { window, groups }, &operands, &[info])[0];
    Ok(vec![if flat { flatten(importer, y)? } else { y }])
}

/// One-dimensional operands with a height of 1, and whether they got it.
fn planar(
    importer: &mut Importer<'_>,
    node: &OnnxNode<'_>,
    x: ValueId,
    w: ValueId,
) -> Result<(ValueId, ValueId, bool)> {
    let (dims, weights) = (importer.dims(x), importer.dims(w));
    match (&dims[..], &weights[..]) {
        _ if dims.len() != weights.len() => Err(node.invalid("input and weights differ in their number of dimensions")),
        (&[n, c, l], &[o, i, k]) => {
            let x = importer.reshape(x, &[n, c, 1, l])?;
            let w = raise_weights(importer, w, [o, i, 1, k])?;
            Ok((x, w, true))
        }
        ([_, _, _, _], _) => Ok((x, w, false)),
        _ => {
            let spatial = dims.len().saturating_sub(2);
            Err(node.unsupported(format!("{spatial} spatial dimensions; Dunlin has one and two")))
        }
    }
}

/// The weights with a height of 1: under a DequantizeLinear too, so that int8 lowering still sees the constant.
fn raise_weights(importer: &mut Importer<'_>, w: ValueId, dims: [usize; 4]) -> Result<ValueId> {
    let maker = importer.graph.nodes.iter().rfind(|node| node.outputs.contains(&w)).cloned();
    let Some(node) = maker.filter(|_| importer.graph.constant(w).is_none()) else {
        return importer.reshape(w, &dims);
    };
    match (node.op, importer.graph.constant(node.inputs[0]).is_some()) {
        (Op::DequantizeLinear { axis: 0 }, true) => {
            let q = importer.reshape(node.inputs[0], &dims)?;
            let operands = [&[q], &node.inputs[1..]].concat();
            let info = Info { dtype: DType::F32, shape: importer.shape(&dims)? };
            Ok(importer.append(Op::DequantizeLinear { axis: 0 }, &operands, &[info])[0])
        }
        _ => importer.reshape(w, &dims),
    }
}

fn flatten(importer: &mut Importer<'_>, y: ValueId) -> Result<ValueId> {
    let dims = importer.dims(y);
    importer.reshape(y, &[dims[0], dims[1], dims[3]])
}

fn geometry(importer: &Importer<'_>, node: &OnnxNode<'_>, x: ValueId, w: ValueId) -> Result<(Window, u32)> {
    let (x, w) = (importer.dims(x), importer.dims(w));
    let groups = node.int_or("group", 1)?;
    let groups =
        u32::try_from(groups).ok().filter(|&g| g > 0).ok_or_else(|| node.invalid(format!("{groups} groups")))?;
    if w[1] * groups as usize != x[1] || !w[0].is_multiple_of(groups as usize) {
        return Err(node.invalid(format!("weights {w:?} don't fit {} channels in {groups} groups", x[1])));
    }
    let kernel = [w[2] as i64, w[3] as i64];
    let spatial = if is_flat(node)? { &kernel[1..] } else { &kernel[..] };
    if node.ints("kernel_shape")?.is_some_and(|k| k != spatial && k != kernel) {
        return Err(node.invalid("kernel_shape differs from the weights' shape"));
    }
    Ok((window(node, kernel, [x[2], x[3]])?, groups))
}

/// Whether the attributes are those of one spatial dimension.
fn is_flat(node: &OnnxNode<'_>) -> Result<bool> {
    for name in ["kernel_shape", "strides", "dilations"] {
        if let Some(values) = node.ints(name)? {
            return Ok(values.len() == 1);
        }
    }
    Ok(node.ints("pads")?.is_some_and(|p| p.len() == 2))
}

/// The window that `strides`, `dilations`, `pads`, `auto_pad` and `ceil_mode` describe; attributes of one spatial
/// dimension stand for the second of two.
pub fn window(node: &OnnxNode<'_>, kernel: [i64; 2], input: [usize; 2]) -> Result<Window> {
    let kernel = pair(node, "kernel", &kernel, 1)?;
    let stride = pair(node, "strides", node.ints("strides")?.unwrap_or(&[]), 1)?;
    let dilation = pair(node, "dilations", node.ints("dilations")?.unwrap_or(&[]), 1)?;
    let pads = match node.text_or("auto_pad", "NOTSET")? {
        "NOTSET" | "" => explicit_pads(node)?,
        "VALID" => [0; 4],
        "SAME_UPPER" => same_pads(kernel, stride, dilation, input, false),
        "SAME_LOWER" => same_pads(kernel, stride, dilation, input, true),
        other => return Err(node.invalid(format!("auto_pad '{other}'"))),
    };
    Ok(Window { kernel, stride, dilation, pads, ceil: node.flag("ceil_mode", false)? })
}

/// Two positive numbers from none, one (of the second dimension) or two.
fn pair(node: &OnnxNode<'_>, name: &str, values: &[i64], default: i64) -> Result<[u32; 2]> {
    let [a, b] = match *values {
        [] => [default; 2],
        [b] => [default, b],
        [a, b] => [a, b],
        _ => return Err(node.invalid(format!("{name} has {} values", values.len()))),
    };
    let fit = |v: i64| u32::try_from(v).ok().filter(|v| (1..=1 << 20).contains(v));
    match (fit(a), fit(b)) {
        (Some(a), Some(b)) => Ok([a, b]),
        _ => Err(node.invalid(format!("{name} {values:?} out of range"))),
    }
}

fn explicit_pads(node: &OnnxNode<'_>) -> Result<[u32; 4]> {
    let pads = match *node.ints("pads")?.unwrap_or(&[]) {
        [] => [0; 4],
        [left, right] => [0, left, 0, right],
        [top, left, bottom, right] => [top, left, bottom, right],
        _ => return Err(node.invalid("pads must have two values for each spatial dimension")),
    };
    let mut fitted = [0; 4];
    for (slot, pad) in fitted.iter_mut().zip(pads) {
        let fit = u32::try_from(pad).ok().filter(|&p| p <= 1 << 20);
        *slot = fit.ok_or_else(|| node.unsupported(format!("padding of {pad}")))?;
    }
    Ok(fitted)
}

/// Padding that makes the output `ceil(input / stride)` long; `lower`: the odd one goes before.
fn same_pads(kernel: [u32; 2], stride: [u32; 2], dilation: [u32; 2], input: [usize; 2], lower: bool) -> [u32; 4] {
    let mut pads = [0; 4];
    for axis in 0..2 {
        let output = (input[axis] as u64).div_ceil(stride[axis].into());
        let reach = output.saturating_sub(1) * u64::from(stride[axis])
            + u64::from(dilation[axis]) * u64::from(kernel[axis] - 1)
            + 1;
        let total = reach.saturating_sub(input[axis] as u64) as u32;
        let before = if lower { total.div_ceil(2) } else { total / 2 };
        (pads[axis], pads[axis + 2]) = (before, total - before);
    }
    pads
}

/// Shape of what a window over `[n,c,h,w]` makes with `channels` channels, by the engine's rule for pools.
pub fn out_shape(
    importer: &Importer<'_>,
    node: &OnnxNode<'_>,
    x: ValueId,
    channels: usize,
    window: Window,
) -> Result<Shape> {
    let dims = importer.dims(x);
    let info = Info { dtype: DType::F32, shape: importer.shape(&[dims[0], dims[2], dims[3], channels])? };
    let pool = EngineOp::Pool { kind: PoolKind::Max, window, p: 0.0 };
    let made = pool.infer(&[info]).map_err(|source| CompileError::Operands { node: node.name.clone(), source })?;
    let made = made[0].ok_or_else(|| node.invalid("its window makes nothing"))?.shape;
    importer.shape(&[made.dim(0), channels, made.dim(1), made.dim(2)])
}
