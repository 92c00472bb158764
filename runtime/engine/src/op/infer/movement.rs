//! Rules of the operators that move elements without computing with them.

use super::{Dims, Info, Misfit, Operands, Outputs, TOO_LARGE, broadcast, one, parameter, sized, stranger};
use crate::op::{Op, PadMode};
use crate::tensor::{DType, Ints, MAX_RANK, Shape};

/// Every element type.
const ANY: &[DType] = DType::ALL;

/// Other orders, parts, repetitions and types.
pub(crate) fn layouts(op: &Op, operands: &[Info]) -> Result<Outputs, Misfit> {
    let operands = Operands::new(operands, arity(op))?;
    let result = match *op {
        Op::Transpose { perm } => transpose(operands, &perm),
        Op::Slice { starts, ends, steps } => slice(operands, &starts, &ends, &steps),
        Op::SliceLike { axis, like_axis } => slice_like(operands, axis, like_axis),
        Op::Pad { before, after, mode, .. } => pad(operands, &before, &after, mode),
        Op::Concat { axis } => concat(operands, axis),
        Op::Expand { dims } => expand(operands, &dims),
        Op::Tile { repeats } => tile(operands, &repeats),
        Op::Trilu { .. } => trilu(operands),
        Op::Cast { to } => operands.typed(0, ANY).map(|&shape| Info { dtype: to, shape }),
        _ => stranger(),
    };
    result.map(one)
}

/// What computed indices pick or place.
pub(crate) fn indexed(op: &Op, operands: &[Info]) -> Result<Outputs, Misfit> {
    let operands = Operands::new(operands, arity(op))?;
    let result = match *op {
        Op::Gather { axis } => gather(operands, axis),
        Op::GatherElements { axis } => gather_elements(operands, axis),
        Op::GatherNd { batch_dims } => gather_nd(operands, batch_dims as usize),
        Op::ScatterElements { axis, .. } => scatter_elements(operands, axis),
        Op::ScatterNd { .. } => scatter_nd(operands),
        Op::OneHot { axis, depth } => one_hot(operands, axis as usize, depth as usize),
        _ => stranger(),
    };
    result.map(one)
}

fn arity(op: &Op) -> core::ops::RangeInclusive<usize> {
    match op {
        Op::Concat { .. } => 1..=usize::MAX,
        Op::Gather { .. }
        | Op::GatherElements { .. }
        | Op::GatherNd { .. }
        | Op::OneHot { .. }
        | Op::SliceLike { .. } => 2..=2,
        Op::ScatterElements { .. } | Op::ScatterNd { .. } => 3..=3,
        _ => 1..=1,
    }
}

/// The first element and the number of elements that a slice takes of an axis of `len`; both ends are clamped to it, as
/// ONNX does. `None` for a step of 0.
pub(crate) fn slice_span(len: usize, start: i32, end: i32, step: i32) -> Option<(usize, usize)> {
    let len = i64::try_from(len).ok()?;
    let from_end = |place: i32| if place < 0 { i64::from(place) + len } else { i64::from(place) };
    let (start, count) = match step {
        0 => return None,
        1.. => {
            let start = from_end(start).clamp(0, len);
            (start, from_end(end).clamp(0, len) - start)
        }
        _ => {
            let start = from_end(start).clamp(-1, len - 1);
            let end = if end == i32::MIN { -1 } else { from_end(end).clamp(-1, len - 1) };
            (start, start - end)
        }
    };
    let count = count.max(0).unsigned_abs().div_ceil(u64::from(step.unsigned_abs()));
    Some((start.max(0) as usize, count as usize))
}

pub(crate) fn reshape(operands: Operands<'_>, dims: &Ints) -> Result<Info, Misfit> {
    let x = operands.typed(0, ANY)?;
    let mut target = [0_usize; MAX_RANK];
    let mut open = None;
    for (axis, &dim) in dims.iter().enumerate() {
        target[axis] = match dim {
            0 if axis < x.rank() => x.dim(axis),
            -1 if open.is_none() => {
                open = Some(axis);
                1
            }
            dim => usize::try_from(dim).map_err(|_| Misfit::Parameter("impossible target dimensions"))?,
        };
    }
    let target = &mut target[..dims.len()];
    if let Some(axis) = open {
        let rest = sized(target)?.count();
        target[axis] = x.count().checked_div(rest).unwrap_or(0);
    }
    let shape = sized(target)?;
    if shape.count() == x.count() { Ok(operands.alike(shape)) } else { Err(Misfit::Shape(0)) }
}

fn transpose(operands: Operands<'_>, perm: &Ints) -> Result<Info, Misfit> {
    let x = operands.ranked(0, ANY, perm.len())?;
    let mut seen = [false; MAX_RANK];
    let mut dims = Dims::default();
    for &axis in perm.iter() {
        let axis = usize::try_from(axis).ok().filter(|&axis| axis < x.rank() && !seen[axis]);
        let axis = axis.ok_or(Misfit::Parameter("perm is no permutation of the axes"))?;
        seen[axis] = true;
        dims.push(x.dim(axis));
    }
    Ok(operands.alike(dims.shape()?))
}

fn slice(operands: Operands<'_>, starts: &Ints, ends: &Ints, steps: &Ints) -> Result<Info, Misfit> {
    let x = operands.ranked(0, ANY, starts.len())?;
    if [ends.len(), steps.len()] != [x.rank(); 2] {
        return parameter("starts, ends and steps need one entry for each axis");
    }
    let mut dims = Dims::default();
    for axis in 0..x.rank() {
        let span = slice_span(x.dim(axis), starts[axis], ends[axis], steps[axis]);
        dims.push(span.ok_or(Misfit::Parameter("a step is 0"))?.1);
    }
    Ok(operands.alike(dims.shape()?))
}

fn pad(operands: Operands<'_>, before: &Ints, after: &Ints, mode: PadMode) -> Result<Info, Misfit> {
    let x = operands.ranked(0, ANY, before.len())?;
    if after.len() != x.rank() {
        return parameter("pads need one entry for each axis");
    }
    let mut dims = Dims::default();
    for axis in 0..x.rank() {
        let (len, before, after) = (x.dim(axis) as i64, i64::from(before[axis]), i64::from(after[axis]));
        // What is cut off by negative pads must be there; a mirrored or repeated axis must have something to repeat.
        let kept = len + before.min(0) + after.min(0);
        let grows = before > 0 || after > 0;
        let source = match mode {
            PadMode::Constant => true,
            PadMode::Edge | PadMode::Wrap | PadMode::Reflect => len > 0,
        };
        let fits = kept >= 0 && (source || !grows);
        dims.push(usize::try_from(len + before + after).ok().filter(|_| fits).ok_or(Misfit::Shape(0))?);
    }
    Ok(operands.alike(dims.shape()?))
}

fn concat(operands: Operands<'_>, axis: u32) -> Result<Info, Misfit> {
    let axis = operands.axis(0, axis)?;
    let first = operands.typed(0, ANY)?;
    let mut total = 0_usize;
    for operand in 0..operands.len() {
        let shape = operands.ranked(operand, &[operands.dtype(0)], first.rank())?;
        let same = (0..first.rank()).all(|other| other == axis || shape.dim(other) == first.dim(other));
        total = total.checked_add(shape.dim(axis)).filter(|_| same).ok_or(Misfit::Shape(operand))?;
    }
    let shape = first.with(axis, total).ok_or(TOO_LARGE)?;
    Ok(operands.alike(shape))
}

/// Dimensions put together from several shapes.
fn joined(parts: &[&[u32]]) -> Result<Shape, Misfit> {
    let mut dims = Dims::default();
    parts.iter().for_each(|part| dims.extend(part));
    dims.shape()
}

fn gather(operands: Operands<'_>, axis: u32) -> Result<Info, Misfit> {
    let x = operands.typed(0, ANY)?;
    let axis = operands.axis(0, axis)?;
    let indices = operands.typed(1, &[DType::I32])?;
    let shape = joined(&[&x.dims()[..axis], indices.dims(), &x.dims()[axis + 1..]])?;
    Ok(operands.alike(shape))
}

fn gather_elements(operands: Operands<'_>, axis: u32) -> Result<Info, Misfit> {
    let x = operands.typed(0, ANY)?;
    let axis = operands.axis(0, axis)?;
    let indices = operands.ranked(1, &[DType::I32], x.rank())?;
    let inside = (0..x.rank()).all(|other| other == axis || indices.dim(other) <= x.dim(other));
    if inside { Ok(operands.alike(*indices)) } else { Err(Misfit::Shape(1)) }
}

fn gather_nd(operands: Operands<'_>, batch: usize) -> Result<Info, Misfit> {
    let x = operands.typed(0, ANY)?;
    let indices = operands.typed(1, &[DType::I32])?;
    if indices.rank() == 0
        || batch >= indices.rank()
        || batch > x.rank()
        || x.dims()[..batch] != indices.dims()[..batch]
    {
        return Err(Misfit::Shape(1));
    }
    let depth = indices.last();
    if depth == 0 || batch + depth > x.rank() {
        return Err(Misfit::Shape(1));
    }
    let lead = &indices.dims()[..indices.rank() - 1];
    Ok(operands.alike(joined(&[lead, &x.dims()[batch + depth..]])?))
}

fn scatter_elements(operands: Operands<'_>, axis: u32) -> Result<Info, Misfit> {
    let x = operands.typed(0, ANY)?;
    let axis = operands.axis(0, axis)?;
    let indices = operands.ranked(1, &[DType::I32], x.rank())?;
    let updates = operands.typed(2, &[operands.dtype(0)])?;
    let inside = (0..x.rank()).all(|other| other == axis || indices.dim(other) <= x.dim(other));
    if !inside || indices != updates {
        return Err(Misfit::Shape(1));
    }
    Ok(operands.alike(*x))
}

fn scatter_nd(operands: Operands<'_>) -> Result<Info, Misfit> {
    let x = operands.typed(0, ANY)?;
    let indices = operands.typed(1, &[DType::I32])?;
    let updates = operands.typed(2, &[operands.dtype(0)])?;
    let depth = indices.last();
    if indices.rank() == 0 || depth == 0 || depth > x.rank() {
        return Err(Misfit::Shape(1));
    }
    let expected = joined(&[&indices.dims()[..indices.rank() - 1], &x.dims()[depth..]])?;
    if *updates == expected { Ok(operands.alike(*x)) } else { Err(Misfit::Shape(2)) }
}

fn expand(operands: Operands<'_>, target: &Ints) -> Result<Info, Misfit> {
    let x = operands.typed(0, ANY)?;
    let mut dims = Dims::default();
    for &dim in target.iter() {
        dims.push(usize::try_from(dim).map_err(|_| Misfit::Parameter("impossible target dimensions"))?);
    }
    broadcast(x, &dims.shape()?).map(|shape| operands.alike(shape)).ok_or(Misfit::Shape(0))
}

fn tile(operands: Operands<'_>, repeats: &Ints) -> Result<Info, Misfit> {
    let x = operands.ranked(0, ANY, repeats.len())?;
    let mut dims = Dims::default();
    for (axis, &times) in repeats.iter().enumerate() {
        let dim = usize::try_from(times).ok().and_then(|times| x.dim(axis).checked_mul(times));
        dims.push(dim.ok_or(Misfit::Parameter("impossible repeats"))?);
    }
    Ok(operands.alike(dims.shape()?))
}

fn one_hot(operands: Operands<'_>, axis: usize, depth: usize) -> Result<Info, Misfit> {
    let indices = operands.typed(0, &[DType::I32])?;
    let values = operands.typed(1, ANY)?;
    if values.count() != 2 {
        return Err(Misfit::Shape(1));
    }
    if axis > indices.rank() {
        return parameter("no such axis");
    }
    let depth = u32::try_from(depth).map_err(|_| TOO_LARGE)?;
    let shape = joined(&[&indices.dims()[..axis], &[depth], &indices.dims()[axis..]])?;
    Ok(Info { dtype: operands.dtype(1), shape })
}

fn trilu(operands: Operands<'_>) -> Result<Info, Misfit> {
    let x = operands.typed(0, ANY)?;
    if x.rank() < 2 { Err(Misfit::Shape(0)) } else { Ok(operands.alike(*x)) }
}

fn slice_like(operands: Operands<'_>, axis: u32, like_axis: u32) -> Result<Info, Misfit> {
    let x = operands.typed(0, ANY)?;
    let axis = operands.axis(0, axis)?;
    let len = operands.shape(1).dim(operands.axis(1, like_axis)?);
    let shape = x.with(axis, len).filter(|_| len <= x.dim(axis)).ok_or(Misfit::Shape(1))?;
    Ok(operands.alike(shape))
}
