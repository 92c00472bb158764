//! Operators that move elements of any type, and those that convert them.

mod cast;
mod copy;
mod gather;
mod pad;
mod scatter;
#[cfg(test)]
mod tests;

use super::walk::{around, part_mut};
use super::{Kernel, Lines, View, ViewMut};
use crate::error::RunError;
use crate::op::Op;

/// Carries out what gives elements another order, leaves some out, repeats or converts them.
pub(crate) fn lay_out(
    kernel: &Kernel,
    op: &Op,
    _: Lines,
    inputs: &[View<'_>],
    outputs: &mut [ViewMut<'_>],
    _: &mut [u8],
) -> Result<(), RunError> {
    let ([y], isa) = (outputs, kernel.isa()?) else { return Err(RunError::Plan) };
    match (*op, inputs) {
        (Op::Concat { axis }, parts) => copy::concat(axis as usize, parts, y),
        (Op::Cast { .. }, [x]) => cast::run(x, y),
        (Op::Transpose { perm }, [x]) => copy::transpose(isa, &perm, x, y),
        (Op::Slice { starts, ends, steps }, [x]) => copy::slice([&starts, &ends, &steps], x, y),
        (Op::SliceLike { .. }, [x, _]) => copy::slice_like(x, y),
        (Op::Expand { .. }, [x]) => copy::expand(x, y),
        (Op::Tile { .. }, [x]) => pad::tile(x, y),
        (Op::Pad { before, mode, value, .. }, [x]) => pad::pad(&before, mode, value, x, y),
        (Op::Trilu { upper, k }, [x]) => copy::triangle(upper, k, x, y),
        _ => Err(RunError::Plan),
    }
}

/// Carries out what picks or places elements by computed indices.
pub(crate) fn index(
    _: &Kernel,
    op: &Op,
    _: Lines,
    inputs: &[View<'_>],
    outputs: &mut [ViewMut<'_>],
    _: &mut [u8],
) -> Result<(), RunError> {
    let [y] = outputs else { return Err(RunError::Plan) };
    match (*op, inputs) {
        (Op::Gather { axis }, [x, index]) => gather::slices(axis as usize, x, index, y),
        (Op::GatherNd { batch_dims }, [x, index]) => gather::nd(batch_dims as usize, x, index, y),
        (Op::ScatterElements { axis, kind }, [data, index, updates]) => {
            copied(data, y)?;
            scatter::elements(axis as usize, kind, [index, updates], y)
        }
        (Op::ScatterNd { kind }, [data, index, updates]) => {
            copied(data, y)?;
            scatter::nd(kind, [index, updates], y)
        }
        (Op::GatherElements { axis }, [x, index]) => gather::each(axis as usize, x, index, y),
        (Op::OneHot { axis, depth }, [index, values]) => one_hot(axis as usize, depth as usize, [index, values], y),
        _ => Err(RunError::Plan),
    }
}

/// The same bytes.
pub(super) fn copied(x: &View<'_>, y: &mut ViewMut<'_>) -> Result<(), RunError> {
    if x.bytes.len() != y.bytes.len() {
        return Err(RunError::Plan);
    }
    y.bytes.copy_from_slice(x.bytes);
    Ok(())
}

/// Indices outside of `-depth..depth` are off everywhere.
fn one_hot(axis: usize, depth: usize, [index, values]: [&View<'_>; 2], y: &mut ViewMut<'_>) -> Result<(), RunError> {
    let size = y.dtype.size();
    let (off, on) = values.bytes.split_at_checked(size).ok_or(RunError::Plan)?;
    let [_, _, inner] = around(&y.shape, axis)?;
    repeat(off, y.bytes);
    for (at, &index) in index.i32s()?.iter().enumerate() {
        if let Ok(hot) = super::walk::resolve(index, depth) {
            let to = (at / inner * depth + hot) * inner + at % inner;
            part_mut(y.bytes, to * size, size).copy_from_slice(on);
        }
    }
    Ok(())
}

/// Fills y with copies of an element.
fn repeat(element: &[u8], y: &mut [u8]) {
    match element {
        [first, rest @ ..] if rest.iter().all(|byte| byte == first) => y.fill(*first),
        _ => y.chunks_exact_mut(element.len().max(1)).for_each(|y| y.copy_from_slice(element)),
    }
}
