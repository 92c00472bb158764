//! Results whose rows are made of several pieces of the operand: padding and repetition.

use super::repeat;
use crate::error::RunError;
use crate::exec::walk::{Indices, part, part_mut};
use crate::exec::{View, ViewMut};
use crate::op::PadMode;
use crate::tensor::{DType, Ints, Shape};

/// `before` elements precede each axis, as many as the result has room for follow.
pub(super) fn pad(before: &Ints, mode: PadMode, value: f32, x: &View<'_>, y: &mut ViewMut<'_>) -> Result<(), RunError> {
    let (shape, size) = (x.shape, y.dtype.size());
    let value = &constant(y.dtype, value)[..size];
    let innermost = shape.rank().saturating_sub(1);
    // Axes that a constant doesn't pad are part of the elements of the last one that it does.
    let axis = match mode {
        PadMode::Constant => {
            let padded = |&axis: &usize| before[axis] != 0 || shape.dim(axis) != y.shape.dim(axis);
            (0..shape.rank()).rfind(padded).unwrap_or(0)
        }
        _ => innermost,
    };
    let unit = shape.span((axis + 1).min(shape.rank()), shape.rank()) * size;
    let first = before.get(axis).map_or(0, |&before| i64::from(before));
    let from = |axis: usize, at: usize| source(mode, shape.dim(axis), at as i64 - i64::from(before[axis]));
    by_rows(x, y, axis, &from, &|y, line| {
        let Some(line) = line else { return repeat(value, y) };
        let [len, columns] = [line.len() / unit, y.len() / unit];
        // What the row has of the line lies together.
        let start = first.clamp(0, columns as i64);
        let end = (first + len as i64).clamp(start, columns as i64) as usize;
        let (inside, start) = ((start - first) as usize * unit, start as usize);
        y[start * unit..end * unit].copy_from_slice(part(line, inside, (end - start) * unit));
        if mode == PadMode::Constant {
            repeat(value, &mut y[..start * unit]);
            return repeat(value, &mut y[end * unit..]);
        }
        for at in (0..start).chain(end..columns) {
            let picked = source(mode, len, at as i64 - first).map_or(value, |at| part(line, at * unit, unit));
            part_mut(y, at * unit, unit).copy_from_slice(picked);
        }
    })
}

pub(super) fn tile(x: &View<'_>, y: &mut ViewMut<'_>) -> Result<(), RunError> {
    let from = |axis: usize, at: usize| Some(at % x.shape.dim(axis).max(1));
    by_rows(x, y, x.shape.rank().saturating_sub(1), &from, &|y, line| {
        let line = line.unwrap_or_default();
        y.chunks_exact_mut(line.len().max(1)).for_each(|y| y.copy_from_slice(line));
    })
}

/// Fills a row of the result from one of the operand.
type Fill<'f> = &'f dyn Fn(&mut [u8], Option<&[u8]>);

/// Fills the bytes of each row of y, which is what lies together from `axis` on, from those of the row of x that `from` leads to, axis by
/// axis; `None` is outside of x.
fn by_rows(
    x: &View<'_>,
    y: &mut ViewMut<'_>,
    axis: usize,
    from: &dyn Fn(usize, usize) -> Option<usize>,
    fill: Fill<'_>,
) -> Result<(), RunError> {
    let (shape, out, size) = (x.shape, y.shape, y.dtype.size());
    if out.count() == 0 {
        return Ok(());
    }
    let row = |shape: &Shape| shape.span(axis, shape.rank()) * size;
    let (strides, len) = (shape.strides(), row(&shape));
    let rows = out.leading(axis);
    for (indices, y) in Indices::new(rows).zip(y.bytes.chunks_exact_mut(row(&out))) {
        let start =
            (0..rows.rank()).try_fold(0, |start, axis| Some(start + from(axis, indices[axis])? * strides[axis]));
        fill(y, start.and_then(|start| x.bytes.get(start * size..)?.get(..len)));
    }
    Ok(())
}

/// The operand's index under an index that may lie outside of its `len`; `None` where the constant goes.
fn source(mode: PadMode, len: usize, at: i64) -> Option<usize> {
    let end = len as i64;
    if (0..end).contains(&at) {
        return Some(at as usize);
    }
    let inside = match mode {
        PadMode::Constant => return None,
        PadMode::Edge => at.clamp(0, end - 1),
        PadMode::Wrap => at.rem_euclid(end),
        // Back and forth between the edges, neither of which is repeated.
        PadMode::Reflect if end == 1 => 0,
        PadMode::Reflect => {
            let at = at.rem_euclid(2 * (end - 1));
            at.min(2 * (end - 1) - at)
        }
    };
    Some(inside as usize)
}

/// A number as an element, which is the first bytes.
fn constant(dtype: DType, value: f32) -> [u8; 4] {
    match dtype {
        DType::F32 => value.to_le_bytes(),
        DType::F16 => u32::from(half::f16::from_f32(value).to_bits()).to_le_bytes(),
        DType::I32 => (value as i32).to_le_bytes(),
        DType::U8 => [value as u8; 4],
        DType::I8 => [value as i8 as u8; 4],
        DType::Bool => [u8::from(value != 0.0); 4],
    }
}
