//! Operators that move elements of any type, and those that convert them.

mod cast;
mod copy;
mod gather;
mod pad;
mod scatter;
#[cfg(test)]
mod tests;

use bytemuck::Pod;

use super::walk::{around, elements, elements_mut};
use super::{Kernel, Lines, View, ViewMut};
use crate::error::RunError;
use crate::op::Op;
use dunlin_kernels::Isa;

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
        _ => match y.dtype.size() {
            1 => laid_out::<u8>(op, inputs, y, isa),
            2 => laid_out::<u16>(op, inputs, y, isa),
            _ => laid_out::<u32>(op, inputs, y, isa),
        },
    }
}

/// Operators for which an element is no more than its size.
fn laid_out<T: Pod>(op: &Op, inputs: &[View<'_>], y: &mut ViewMut<'_>, isa: Isa) -> Result<(), RunError> {
    match (*op, inputs) {
        (Op::Transpose { perm }, [x]) => copy::transpose::<T>(isa, &perm, x, y),
        (Op::Slice { starts, ends, steps }, [x]) => copy::slice::<T>([&starts, &ends, &steps], x, y),
        (Op::SliceLike { .. }, [x, _]) => copy::slice_like::<T>(x, y),
        (Op::Expand { .. }, [x]) => copy::expand::<T>(x, y),
        (Op::Tile { .. }, [x]) => pad::tile::<T>(x, y),
        (Op::Pad { before, mode, value, .. }, [x]) => pad::pad::<T>(&before, mode, value, x, y),
        (Op::Trilu { upper, k }, [x]) => copy::triangle::<T>(upper, k, x, y),
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
        _ => match y.dtype.size() {
            1 => indexed::<u8>(op, inputs, y),
            2 => indexed::<u16>(op, inputs, y),
            _ => indexed::<u32>(op, inputs, y),
        },
    }
}

/// As [`laid_out`].
fn indexed<T: Pod>(op: &Op, inputs: &[View<'_>], y: &mut ViewMut<'_>) -> Result<(), RunError> {
    match (*op, inputs) {
        (Op::GatherElements { axis }, [x, index]) => gather::each::<T>(axis as usize, x, index, y),
        (Op::OneHot { axis, depth }, [index, values]) => {
            one_hot::<T>(axis as usize, depth as usize, [index, values], y)
        }
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
fn one_hot<T: Pod>(
    axis: usize,
    depth: usize,
    [index, values]: [&View<'_>; 2],
    y: &mut ViewMut<'_>,
) -> Result<(), RunError> {
    let &[off, on] = elements::<T>(values.bytes)? else { return Err(RunError::Plan) };
    let [_, _, inner] = around(&y.shape, axis)?;
    let y = elements_mut::<T>(y.bytes)?;
    y.fill(off);
    for (at, &index) in index.i32s()?.iter().enumerate() {
        if let Ok(hot) = super::walk::resolve(index, depth) {
            y[(at / inner * depth + hot) * inner + at % inner] = on;
        }
    }
    Ok(())
}
