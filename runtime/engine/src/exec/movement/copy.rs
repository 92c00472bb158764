//! Copies of elements to other places.

use bytemuck::Pod;

use super::copied;
use crate::error::RunError;
use crate::exec::walk::{Steps, Walk, around, broadcast_steps, elements, elements_mut, part, part_mut, row_major};
use crate::exec::{View, ViewMut};
use crate::op::infer::movement::slice_span;
use crate::tensor::{Ints, MAX_RANK};
use dunlin_kernels::{Isa, interleave3, interleave4};

pub(super) fn transpose(isa: Isa, perm: &Ints, x: &View<'_>, y: &mut ViewMut<'_>) -> Result<(), RunError> {
    let strides = x.shape.strides();
    let mut steps: Steps = [0; MAX_RANK];
    for (step, &axis) in steps.iter_mut().zip(perm.iter()) {
        *step = strides[axis as usize] as isize;
    }
    if pixels(isa, &steps, x, y)? {
        return Ok(());
    }
    strided(&steps, 0, x, y)
}

/// Whether this was an image of three or four byte channels that became pixels, which has kernels of its own.
fn pixels(isa: Isa, steps: &Steps, x: &View<'_>, y: &mut ViewMut<'_>) -> Result<bool, RunError> {
    let mut walk = Walk::new(&y.shape, &[steps], 0);
    let (channels @ 3..=4, [step, ..]) = walk.row() else { return Ok(false) };
    if y.dtype.size() != 1 || y.bytes.is_empty() {
        return Ok(false);
    }
    let (Some((len, [1, ..])), Ok(step)) = (walk.planes(), usize::try_from(step)) else { return Ok(false) };
    for ([at, ..], pixels) in walk.zip(y.bytes.chunks_exact_mut(channels * len)) {
        let plane = |channel: usize| x.bytes.get(at + channel * step..).and_then(|rest| rest.get(..len));
        match [0, 1, 2, 3].map(|channel| if channel < channels { plane(channel) } else { None }) {
            [Some(a), Some(b), Some(c), Some(d)] => interleave4(isa, [a, b, c, d], pixels)?,
            [Some(a), Some(b), Some(c), None] if channels == 3 => interleave3(isa, [a, b, c], pixels)?,
            _ => return Err(RunError::Plan),
        }
    }
    Ok(true)
}

pub(super) fn expand(x: &View<'_>, y: &mut ViewMut<'_>) -> Result<(), RunError> {
    strided(&broadcast_steps(&x.shape, &y.shape), 0, x, y)
}

pub(super) fn slice([starts, ends, steps]: [&Ints; 3], x: &View<'_>, y: &mut ViewMut<'_>) -> Result<(), RunError> {
    let strides = x.shape.strides();
    let mut walked: Steps = [0; MAX_RANK];
    let mut start = 0;
    for axis in 0..x.shape.rank().min(steps.len()) {
        let span = slice_span(x.shape.dim(axis), starts[axis], ends[axis], steps[axis]);
        let (first, len) = span.ok_or(RunError::Plan)?;
        start += first * strides[axis];
        // Where one element is taken the step leads nowhere, and may be too large to multiply.
        walked[axis] = if len > 1 { strides[axis] as isize * steps[axis] as isize } else { 0 };
    }
    strided(&walked, start, x, y)
}

/// The first elements along an axis, as many as y has room for.
pub(super) fn slice_like(x: &View<'_>, y: &mut ViewMut<'_>) -> Result<(), RunError> {
    strided(&row_major(&x.shape), 0, x, y)
}

/// Fills y in order from the elements of x that `steps` lead to.
fn strided(steps: &Steps, start: usize, x: &View<'_>, y: &mut ViewMut<'_>) -> Result<(), RunError> {
    match y.dtype.size() {
        1 => strided_of::<u8>(steps, start, x, y),
        2 => strided_of::<u16>(steps, start, x, y),
        _ => strided_of::<u32>(steps, start, x, y),
    }
}

fn strided_of<T: Pod>(steps: &Steps, start: usize, x: &View<'_>, y: &mut ViewMut<'_>) -> Result<(), RunError> {
    let (x, shape) = (elements::<T>(x.bytes)?, y.shape);
    let y = elements_mut::<T>(y.bytes)?;
    if y.is_empty() {
        return Ok(());
    }
    let mut walk = Walk::new(&shape, &[steps], start);
    let (len, [step, ..]) = walk.row();
    if let (Some((rows, [1, ..])), true) = (walk.clone().planes(), step > 1) {
        walk.planes();
        for ([at, ..], plane) in walk.zip(y.chunks_exact_mut(rows * len)) {
            turn(x, at, step, plane, len);
        }
        return Ok(());
    }
    for ([at, ..], row) in walk.zip(y.chunks_exact_mut(len)) {
        match step {
            1 => row.copy_from_slice(part(x, at, len)),
            _ => gather(x, at, step, row),
        }
    }
    Ok(())
}

/// Every so many elements.
fn gather<T: Pod>(x: &[T], at: usize, step: isize, row: &mut [T]) {
    for (i, slot) in row.iter_mut().enumerate() {
        *slot = x[at.wrapping_add_signed(i as isize * step)];
    }
}

/// Rows and columns that are transposed together, so that what is read stays in the cache until it is used up.
const BLOCK: usize = 16;

/// Transposes a plane: `plane[row][column] = x[at + row + column * step]`, rows of `columns`.
fn turn<T: Pod>(x: &[T], at: usize, step: isize, plane: &mut [T], columns: usize) {
    // Pixels of bytes have kernels of their own.
    if columns == 3 && size_of::<T>() == 4 {
        return interleave::<T, 3>(x, at, step, plane);
    }
    for (block, rows) in plane.chunks_mut(BLOCK * columns).enumerate() {
        for first in (0..columns).step_by(BLOCK) {
            for (row, line) in rows.chunks_exact_mut(columns).enumerate() {
                let from = (at + block * BLOCK + row).wrapping_add_signed(first as isize * step);
                let end = columns.min(first + BLOCK);
                gather(x, from, step, &mut line[first..end]);
            }
        }
    }
}

/// [`turn`] for rows of C columns: pictures from planes to pixels.
fn interleave<T: Pod, const C: usize>(x: &[T], at: usize, step: isize, plane: &mut [T]) {
    let (pixels, _) = plane.as_chunks_mut::<C>();
    let planes: [&[T]; C] =
        core::array::from_fn(|column| part(x, at.wrapping_add_signed(column as isize * step), pixels.len()));
    for (i, pixel) in pixels.iter_mut().enumerate() {
        *pixel = planes.map(|plane| plane[i]);
    }
}

pub(super) fn concat(axis: usize, parts: &[View<'_>], y: &mut ViewMut<'_>) -> Result<(), RunError> {
    let [outer, len, inner] = around(&y.shape, axis)?;
    let row = len * inner * y.dtype.size();
    let mut offset = 0;
    for part in parts {
        let [_, len, inner] = around(&part.shape, axis)?;
        let width = len * inner * y.dtype.size();
        if width == 0 {
            continue;
        }
        for (from, to) in part.bytes.chunks_exact(width).zip((0..outer).map(|o| o * row + offset)) {
            part_mut(y.bytes, to, width).copy_from_slice(from);
        }
        offset += width;
    }
    Ok(())
}

pub(super) fn triangle(upper: bool, k: i32, x: &View<'_>, y: &mut ViewMut<'_>) -> Result<(), RunError> {
    let rank = x.shape.rank();
    let rows = rank.checked_sub(2).map(|axis| x.shape.dim(axis)).ok_or(RunError::Plan)?;
    let (columns, size) = (x.shape.last(), x.dtype.size());
    copied(x, y)?;
    for (index, row) in y.bytes.chunks_exact_mut((columns * size).max(1)).enumerate() {
        // The diagonal's column in this row; the upper triangle begins there, the lower ends there.
        let diagonal = (index % rows) as i64 + i64::from(k);
        let edge = (if upper { diagonal } else { diagonal + 1 }).clamp(0, columns as i64) as usize * size;
        if upper { row[..edge].fill(0) } else { row[edge..].fill(0) }
    }
    Ok(())
}
