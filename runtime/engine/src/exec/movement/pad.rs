//! Results whose rows are made of several pieces of the operand: padding and repetition.

use super::repeat;
use crate::error::RunError;
use crate::exec::walk::{Indices, part, part_mut};
use crate::exec::{View, ViewMut};
use crate::op::PadMode;
use crate::tensor::{DType, Ints, Shape};

/// `before` elements precede each axis, as many as the result has room for follow.
pub(super) fn pad(before: &Ints, mode: PadMode, value: f32, x: &View<'_>, y: &mut ViewMut<'_>) -> Result<(), RunError> {
    let size = y.dtype.size();
    let value = &constant(y.dtype, value)[..size];
    let first = last(before);
    let from = |axis: usize, at: usize| source(mode, x.shape.dim(axis), at as i64 - i64::from(before[axis]));
    by_rows(x, y, &from, &|y, line| {
        let Some(line) = line else { return repeat(value, y) };
        let [len, columns] = [line.len() / size, y.len() / size];
        // What the row has of the line lies together.
        let start = first.clamp(0, columns as i64);
        let end = (first + len as i64).clamp(start, columns as i64) as usize;
        let (inside, start) = ((start - first) as usize * size, start as usize);
        y[start * size..end * size].copy_from_slice(part(line, inside, (end - start) * size));
        for at in (0..start).chain(end..columns) {
            let picked = source(mode, len, at as i64 - first).map_or(value, |at| part(line, at * size, size));
            part_mut(y, at * size, size).copy_from_slice(picked);
        }
    })
}

pub(super) fn tile(x: &View<'_>, y: &mut ViewMut<'_>) -> Result<(), RunError> {
    let from = |axis: usize, at: usize| Some(at % x.shape.dim(axis).max(1));
    by_rows(x, y, &from, &|y, line| {
        let line = line.unwrap_or_default();
        y.chunks_exact_mut(line.len().max(1)).for_each(|y| y.copy_from_slice(line));
    })
}

/// Fills a row of the result from one of the operand.
type Fill<'f> = &'f dyn Fn(&mut [u8], Option<&[u8]>);

/// Fills the bytes of each row of y from those of the row of x that `from` leads to, axis by axis; `None` is outside of x.
fn by_rows(
    x: &View<'_>,
    y: &mut ViewMut<'_>,
    from: &dyn Fn(usize, usize) -> Option<usize>,
    fill: Fill<'_>,
) -> Result<(), RunError> {
    let (shape, out, size) = (x.shape, y.shape, y.dtype.size());
    if out.count() == 0 {
        return Ok(());
    }
    let (strides, len) = (shape.strides(), shape.last() * size);
    let rows: Shape = out.leading(out.rank().saturating_sub(1));
    for (indices, y) in Indices::new(rows).zip(y.bytes.chunks_exact_mut(out.last() * size)) {
        let start =
            (0..rows.rank()).try_fold(0, |start, axis| Some(start + from(axis, indices[axis])? * strides[axis]));
        fill(y, start.and_then(|start| x.bytes.get(start * size..)?.get(..len)));
    }
    Ok(())
}

/// Padding before the last axis.
fn last(before: &Ints) -> i64 {
    before.last().map_or(0, |&before| before.into())
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
