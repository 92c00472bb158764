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
use super::{View, ViewMut};
use crate::error::RunError;
use crate::op::Op;
use dunlin_kernels::Isa;

/// Carries out an operator of this family; see [`super::run`].
pub(super) fn run(op: &Op, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>], isa: Isa) -> Result<(), RunError> {
    let [y] = outputs else { return Err(RunError::Plan) };
    match (*op, inputs) {
        (Op::Reshape { .. }, [x]) => copied(x, y),
        (Op::Concat { axis }, parts) => copy::concat(axis as usize, parts, y),
        (Op::Cast { .. }, [x]) => cast::run(x, y),
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
            1 => sized::<u8>(op, inputs, y, isa),
            2 => sized::<u16>(op, inputs, y, isa),
            _ => sized::<u32>(op, inputs, y, isa),
        },
    }
}

/// Operators for which an element is no more than its size.
fn sized<T: Pod>(op: &Op, inputs: &[View<'_>], y: &mut ViewMut<'_>, isa: Isa) -> Result<(), RunError> {
    match (*op, inputs) {
        (Op::Transpose { perm }, [x]) => copy::transpose::<T>(isa, &perm, x, y),
        (Op::Slice { starts, ends, steps }, [x]) => copy::slice::<T>([&starts, &ends, &steps], x, y),
        (Op::SliceLike { .. }, [x, _]) => copy::slice_like::<T>(x, y),
        (Op::Expand { .. }, [x]) => copy::expand::<T>(x, y),
        (Op::Tile { .. }, [x]) => pad::tile::<T>(x, y),
        (Op::Pad { before, mode, value, .. }, [x]) => pad::pad::<T>(&before, mode, value, x, y),
        (Op::Trilu { upper, k }, [x]) => copy::triangle::<T>(upper, k, x, y),
        (Op::GatherElements { axis }, [x, index]) => gather::each::<T>(axis as usize, x, index, y),
        (Op::OneHot { axis, depth }, [index, values]) => {
            one_hot::<T>(axis as usize, depth as usize, [index, values], y)
        }
        _ => Err(RunError::Plan),
    }
}

fn copied(x: &View<'_>, y: &mut ViewMut<'_>) -> Result<(), RunError> {
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
