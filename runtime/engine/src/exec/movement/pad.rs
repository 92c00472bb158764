//! Results whose rows are made of several pieces of the operand: padding and repetition.

use bytemuck::Pod;

use crate::error::RunError;
use crate::exec::walk::{Indices, elements, elements_mut};
use crate::exec::{View, ViewMut};
use crate::op::PadMode;
use crate::tensor::{DType, Ints, Shape};

/// `before` elements precede each axis, as many as the result has room for follow.
pub(super) fn pad<T: Pod>(
    before: &Ints,
    mode: PadMode,
    value: f32,
    x: &View<'_>,
    y: &mut ViewMut<'_>,
) -> Result<(), RunError> {
    let value: T = constant(y.dtype, value);
    let from = |axis: usize, at: usize| source(mode, x.shape.dim(axis), at as i64 - i64::from(before[axis]));
    by_rows(x, y, from, |y, line: Option<&[T]>| {
        // Most rows are whole: only other axes are padded.
        match line {
            None => return y.fill(value),
            Some(line) if line.len() == y.len() && last(before) == 0 => return y.copy_from_slice(line),
            Some(_) => {}
        }
        for (at, slot) in y.iter_mut().enumerate() {
            let picked = line.and_then(|line: &[T]| line.get(source(mode, line.len(), at as i64 - last(before))?));
            *slot = *picked.unwrap_or(&value);
        }
    })
}

pub(super) fn tile<T: Pod>(x: &View<'_>, y: &mut ViewMut<'_>) -> Result<(), RunError> {
    let from = |axis: usize, at: usize| Some(at % x.shape.dim(axis).max(1));
    by_rows(x, y, from, |y, line: Option<&[T]>| {
        let line = line.unwrap_or_default();
        y.chunks_exact_mut(line.len().max(1)).for_each(|y| y.copy_from_slice(line));
    })
}

/// Fills each row of y from the row of x that `from` leads to, axis by axis; `None` is outside of x.
fn by_rows<T: Pod>(
    x: &View<'_>,
    y: &mut ViewMut<'_>,
    from: impl Fn(usize, usize) -> Option<usize>,
    fill: impl Fn(&mut [T], Option<&[T]>),
) -> Result<(), RunError> {
    let (shape, out) = (x.shape, y.shape);
    let (x, y) = (elements::<T>(x.bytes)?, elements_mut::<T>(y.bytes)?);
    if out.count() == 0 {
        return Ok(());
    }
    let strides = shape.strides();
    let rows: Shape = out.leading(out.rank().saturating_sub(1));
    for (indices, y) in Indices::new(rows).zip(y.chunks_exact_mut(out.last())) {
        let start =
            (0..rows.rank()).try_fold(0, |start, axis| Some(start + from(axis, indices[axis])? * strides[axis]));
        fill(y, start.and_then(|start| x.get(start..start + shape.last())));
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

/// A number as an element: `T` has the type's size.
fn constant<T: Pod>(dtype: DType, value: f32) -> T {
    let word = match dtype {
        DType::F32 => value.to_le_bytes(),
        DType::F16 => u32::from(half::f16::from_f32(value).to_bits()).to_le_bytes(),
        DType::I32 => (value as i32).to_le_bytes(),
        DType::U8 => [value as u8; 4],
        DType::I8 => [value as i8 as u8; 4],
        DType::Bool => [u8::from(value != 0.0); 4],
    };
    bytemuck::pod_read_unaligned(&word[..size_of::<T>()])
}
