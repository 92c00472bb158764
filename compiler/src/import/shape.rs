//! Constants, shapes and their changes.

use dunlin_engine::op::{BinaryKind, Op};
use dunlin_engine::tensor::{DType, MAX_RANK};

use super::context::Importer;
use super::element::Element;
use super::node::OnnxNode;
use super::tensor;
use crate::error::Result;
use crate::ir::{Tensor, ValueId};

/// Constant in all its forms but text and sparse.
pub fn constant(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    if let Some(proto) = node.tensor("value")? {
        return Ok(vec![decoded(importer, node, proto)?]);
    }
    let floats = match (node.float("value_float")?, node.floats("value_floats")?) {
        (Some(value), _) => Some(Tensor::f32s(&[], &[value])),
        (None, Some(values)) => Some(Tensor::f32s(&[values.len()], values)),
        (None, None) => None,
    };
    if let Some(tensor) = floats {
        return Ok(vec![importer.constant(tensor)]);
    }
    let tensor = match (node.int("value_int")?, node.ints("value_ints")?) {
        (Some(value), _) => Tensor::i32s(&[], &[narrow(node, value)?]),
        (None, Some(values)) => {
            let values = values.iter().map(|&v| narrow(node, v)).collect::<Result<Vec<_>>>()?;
            Tensor::i32s(&[values.len()], &values)
        }
        (None, None) => return Err(node.unsupported("a value that isn't a dense tensor of numbers")),
    };
    let id = importer.constant(tensor);
    Ok(vec![importer.set_element(id, Element::I64)])
}

fn decoded(importer: &mut Importer<'_>, node: &OnnxNode<'_>, proto: &tract_onnx::pb::TensorProto) -> Result<ValueId> {
    let decoded = tensor::decode(proto, &node.name)?;
    let id = importer.constant(decoded.tensor);
    if decoded.saturated {
        importer.set_wide(id);
    }
    Ok(importer.set_element(id, decoded.element))
}

fn narrow(node: &OnnxNode<'_>, value: i64) -> Result<i32> {
    i32::try_from(value).map_err(|_| node.unsupported(format!("{value} is beyond 32 bits")))
}

/// ConstantOfShape.
pub fn constant_of_shape(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let dims = sizes(importer, node, 0)?;
    let value = match node.tensor("value")? {
        Some(proto) => decoded(importer, node, proto)?,
        None => importer.scalar(0.0),
    };
    let element = importer.element(value);
    let value = importer.reshape(value, &[])?;
    let y = importer.expand(value, &dims)?;
    Ok(vec![importer.set_element(y, element)])
}

/// A constant operand of non-negative sizes.
fn sizes(importer: &Importer<'_>, node: &OnnxNode<'_>, index: usize) -> Result<Vec<usize>> {
    let dims = importer.const_ints(node, index)?.ok_or_else(|| node.invalid("its sizes are missing"))?;
    let fit = |&d: &i64| usize::try_from(d).map_err(|_| node.invalid(format!("a size of {d}")));
    dims.iter().map(fit).collect()
}

/// EyeLike: ones on a diagonal of a matrix of the operand's shape.
pub fn eye_like(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let x = node.input(0)?;
    let &[rows, columns] = &importer.dims(x)[..] else { return Err(node.invalid("it takes a matrix")) };
    let element = match node.int("dtype")? {
        Some(number) => Element::from_onnx(number as i32).map_err(|name| node.unsupported(format!("type {name}")))?,
        None => importer.element(x),
    };
    let diagonal = node.int_or("k", 0)?;
    let on = |i: usize| (i / columns.max(1)) as i64 + diagonal == (i % columns.max(1)) as i64;
    let count = importer.shape(&[rows, columns])?.count();
    importer.reserve(count * size_of::<i32>())?;
    let ones: Vec<i32> = (0..count).map(|i| i32::from(on(i))).collect();
    let eye = importer.constant(Tensor::i32s(&[rows, columns], &ones));
    let eye = importer.cast(eye, element.dtype())?;
    Ok(vec![importer.set_element(eye, element)])
}

/// Range of constants.
pub fn range(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let first = node.input(0)?;
    let element = importer.element(first);
    let y = match importer.dtype(first) {
        DType::F32 => {
            let [start, limit, delta] = operands(node, |i| importer.const_floats(node, i))?.map(f64::from);
            let count = range_len(node, start, limit, delta)?;
            importer.reserve(count * size_of::<f32>())?;
            let values: Vec<f32> = (0..count).map(|i| (start + i as f64 * delta) as f32).collect();
            importer.constant(Tensor::f32s(&[count], &values))
        }
        _ => {
            let [start, limit, delta] = operands(node, |i| importer.const_ints(node, i))?;
            let count = range_len(node, start as f64, limit as f64, delta as f64)?;
            importer.reserve(count * size_of::<i32>())?;
            let values: Vec<i32> = (0..count as i64).map(|i| (start + i * delta) as i32).collect();
            importer.constant(Tensor::i32s(&[count], &values))
        }
    };
    Ok(vec![importer.set_element(y, element)])
}

fn operands<T: Copy>(node: &OnnxNode<'_>, read: impl Fn(usize) -> Result<Option<Vec<T>>>) -> Result<[T; 3]> {
    let one = |index: usize| match read(index)?.as_deref() {
        Some(&[value]) => Ok(value),
        _ => Err(node.invalid("start, limit and delta must each be one number")),
    };
    Ok([one(0)?, one(1)?, one(2)?])
}

fn range_len(node: &OnnxNode<'_>, start: f64, limit: f64, delta: f64) -> Result<usize> {
    let count = ((limit - start) / delta).ceil().max(0.0);
    match count.is_finite() && count <= MAX_RANGE {
        true => Ok(count as usize),
        false => Err(node.invalid(format!("from {start} to {limit} by {delta}"))),
    }
}

const MAX_RANGE: f64 = (1 << 24) as f64;

/// Shape, or a part of it.
pub fn shape(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let dims = importer.signed_dims(node.input(0)?);
    let rank = dims.len() as i64;
    let place = |at: i64| (if at < 0 { at + rank } else { at }).clamp(0, rank) as usize;
    let (start, end) = (place(node.int_or("start", 0)?), place(node.int_or("end", rank)?));
    let part: Vec<i32> = dims.get(start..end).unwrap_or(&[]).iter().map(|&d| d as i32).collect();
    let y = importer.constant(Tensor::i32s(&[part.len()], &part));
    Ok(vec![importer.set_element(y, Element::I64)])
}

/// Size.
pub fn size(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let count = importer.graph.value(node.input(0)?).shape.count();
    let y = importer.scalar_i32(count as i32);
    Ok(vec![importer.set_element(y, Element::I64)])
}

/// Identity.
pub fn identity(_: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    Ok(vec![node.input(0)?])
}

/// Dropout of a trained model: the operand, and a mask of all true.
pub fn dropout(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    if let Some(training) = node.optional(2) {
        let off = importer.graph.constant(training).is_some_and(|t| t.bytes.iter().all(|&b| b == 0));
        if !off {
            return Err(node.unsupported("training mode; export the model for inference"));
        }
    }
    let x = node.input(0)?;
    if !node.wants(1) {
        return Ok(vec![x]);
    }
    let yes = importer.constant(Tensor::bools(&[], &[true]));
    let dims = importer.dims(x);
    let mask = importer.expand(yes, &dims)?;
    Ok(vec![x, mask])
}

/// Reshape to constant dimensions.
pub fn reshape(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let x = node.input(0)?;
    let target =
        importer.ints_or_attribute(node, 1, "shape")?.ok_or_else(|| node.invalid("its dimensions are missing"))?;
    let allow_zero = node.flag("allowzero", false)?;
    let from = importer.dims(x);
    let mut to = Vec::with_capacity(target.len());
    let mut open = None;
    for (place, &dim) in target.iter().enumerate() {
        to.push(match dim {
            0 if !allow_zero => *from.get(place).ok_or_else(|| node.invalid("0 beyond the operand's dimensions"))?,
            -1 if open.is_none() => {
                open = Some(place);
                1
            }
            _ => usize::try_from(dim).map_err(|_| node.invalid(format!("a dimension of {dim}")))?,
        });
    }
    if let Some(place) = open {
        let (total, known) = (from.iter().product::<usize>(), importer.shape(&to)?.count());
        to[place] = total.checked_div(known).unwrap_or(0);
    }
    Ok(vec![importer.reshape(x, &to)?])
}

/// Flatten to a matrix.
pub fn flatten(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let x = node.input(0)?;
    let dims = importer.dims(x);
    let axis = importer.axis(node, node.int_or("axis", 1)?, dims.len() + usize::from(node.int_or("axis", 1)? >= 0))?;
    let (outer, inner) = (dims[..axis].iter().product(), dims[axis..].iter().product());
    Ok(vec![importer.reshape(x, &[outer, inner])?])
}

/// Squeeze; without axes all dimensions of 1 go.
pub fn squeeze(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let x = node.input(0)?;
    let dims = importer.dims(x);
    let axes = match importer.ints_or_attribute(node, 1, "axes")? {
        Some(axes) => importer.axes(node, &axes, dims.len())?,
        None => (0..dims.len()).filter(|&i| dims[i] == 1).collect(),
    };
    if let Some(&axis) = axes.iter().find(|&&a| dims[a] != 1) {
        return Err(node.invalid(format!("dimension {axis} is {} and can't go", dims[axis])));
    }
    let left: Vec<usize> = (0..dims.len()).filter(|i| !axes.contains(i)).map(|i| dims[i]).collect();
    Ok(vec![importer.reshape(x, &left)?])
}

/// Unsqueeze.
pub fn unsqueeze(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let x = node.input(0)?;
    let axes = importer.ints_or_attribute(node, 1, "axes")?.ok_or_else(|| node.invalid("its axes are missing"))?;
    let rank = importer.rank(x) + axes.len();
    if rank > MAX_RANK {
        return Err(node.unsupported(format!("{rank} dimensions; Dunlin has up to {MAX_RANK}")));
    }
    let axes = importer.axes(node, &axes, rank)?;
    let mut old = importer.dims(x).into_iter();
    let dims: Vec<usize> = (0..rank).map(|i| if axes.contains(&i) { 1 } else { old.next().unwrap_or(1) }).collect();
    Ok(vec![importer.reshape(x, &dims)?])
}

/// Transpose; without a permutation the axes are reversed.
pub fn transpose(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let x = node.input(0)?;
    let rank = importer.rank(x);
    let perm = match node.ints("perm")? {
        Some(perm) => perm.iter().map(|&p| importer.axis(node, p, rank)).collect::<Result<Vec<_>>>()?,
        None => (0..rank).rev().collect(),
    };
    let mut sorted = perm.clone();
    sorted.sort_unstable();
    if !sorted.into_iter().eq(0..rank) {
        return Err(node.invalid(format!("{perm:?} is no permutation of {rank} axes")));
    }
    Ok(vec![importer.transpose(x, &perm)?])
}

/// Expand: both shapes broadcast.
pub fn expand(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let x = node.input(0)?;
    let target = sizes(importer, node, 1)?;
    let from = importer.dims(x);
    let rank = target.len().max(from.len());
    let at = |dims: &[usize], i: usize| if i + dims.len() < rank { 1 } else { dims[i + dims.len() - rank] };
    let to: Vec<usize> = (0..rank).map(|i| if at(&target, i) == 1 { at(&from, i) } else { at(&target, i) }).collect();
    Ok(vec![importer.expand(x, &to)?])
}

/// Tile by constant repeats.
pub fn tile(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let x = node.input(0)?;
    let repeats = sizes(importer, node, 1)?;
    if repeats.len() != importer.rank(x) {
        return Err(node.invalid("it needs one repeat for each dimension"));
    }
    let repeats: Vec<i32> = repeats.into_iter().map(|r| r.min(i32::MAX as usize) as i32).collect();
    let repeats = importer.ints(&repeats)?;
    Ok(vec![importer.engine(Op::Tile { repeats }, &[x])?])
}

/// Concat.
pub fn concat(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let parts = node.variadic()?;
    let axis = node.int("axis")?.ok_or_else(|| node.invalid("attribute 'axis' is missing"))?;
    let axis = importer.axis(node, axis, importer.rank(parts[0]))?;
    Ok(vec![importer.concat(&parts, axis)?])
}

/// A product of `x` with a scalar, `x` itself for 1.
pub fn scaled(importer: &mut Importer<'_>, x: ValueId, factor: f32) -> Result<ValueId> {
    if factor == 1.0 { Ok(x) } else { importer.with_scalar(BinaryKind::Mul, x, factor) }
}
