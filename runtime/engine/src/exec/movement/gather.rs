//! Elements picked by index tensors.

use crate::error::RunError;
use crate::exec::walk::{Walk, around, part, resolve, row_major};
use crate::exec::{View, ViewMut};
use crate::tensor::Shape;

/// ONNX Gather.
pub(super) fn slices(axis: usize, x: &View<'_>, index: &View<'_>, y: &mut ViewMut<'_>) -> Result<(), RunError> {
    let [outer, len, inner] = around(&x.shape, axis)?;
    let width = inner * x.dtype.size();
    let picks = index.i32s()?;
    if width == 0 {
        return Ok(());
    }
    let mut results = y.bytes.chunks_exact_mut(width);
    for block in (0..outer).map(|o| o * len * width) {
        for (&pick, y) in picks.iter().zip(&mut results) {
            let from = block + resolve(pick, len)? * width;
            y.copy_from_slice(part(x.bytes, from, width));
        }
    }
    Ok(())
}

/// ONNX GatherElements.
pub(super) fn each(axis: usize, x: &View<'_>, index: &View<'_>, y: &mut ViewMut<'_>) -> Result<(), RunError> {
    let [_, len, stride] = around(&x.shape, axis)?;
    let mut steps = row_major(&x.shape);
    steps[axis] = 0;
    let walk = Walk::new(&index.shape, &[&steps], 0);
    let (row, [step, ..]) = walk.row();
    let (size, mut results) = (y.dtype.size(), y.bytes.chunks_exact_mut(y.dtype.size()));
    for ([at, ..], picks) in walk.zip(index.i32s()?.chunks(row.max(1))) {
        for ((i, &pick), y) in picks.iter().enumerate().zip(&mut results) {
            let from = at + i * step as usize + resolve(pick, len)? * stride;
            y.copy_from_slice(part(x.bytes, from * size, size));
        }
    }
    Ok(())
}

/// ONNX GatherND.
pub(super) fn nd(batch: usize, x: &View<'_>, index: &View<'_>, y: &mut ViewMut<'_>) -> Result<(), RunError> {
    let tuples = Tuples::of(batch, &x.shape, index)?;
    let width = tuples.inner * x.dtype.size();
    if width == 0 {
        return Ok(());
    }
    for (tuple, y) in y.bytes.chunks_exact_mut(width).enumerate() {
        let from = tuples.offset(tuple)? * x.dtype.size();
        y.copy_from_slice(part(x.bytes, from, width));
    }
    Ok(())
}

/// Index tuples, each of which picks a slice of a tensor.
pub(super) struct Tuples<'a> {
    shape: Shape,
    index: &'a [i32],
    batch: usize,
    depth: usize,
    /// Tuples per batch item.
    each: usize,
    /// Elements of a slice.
    pub(super) inner: usize,
}

impl<'a> Tuples<'a> {
    /// Tuples that follow `batch` axes which the tensor and the indices share.
    pub(super) fn of(batch: usize, shape: &Shape, index: &View<'a>) -> Result<Self, RunError> {
        let (depth, rank) = (index.shape.last(), index.shape.rank());
        if rank <= batch || batch + depth > shape.rank() {
            return Err(RunError::Plan);
        }
        let each = index.shape.span(batch, rank - 1);
        let inner = shape.span(batch + depth, shape.rank());
        Ok(Self { shape: *shape, index: index.i32s()?, batch, depth, each, inner })
    }

    /// Where the slice of a tuple starts, in elements.
    pub(super) fn offset(&self, tuple: usize) -> Result<usize, RunError> {
        let item = tuple.checked_div(self.each).unwrap_or(0);
        let mut offset = item;
        let start = tuple * self.depth;
        for (axis, &index) in self.index[start..start + self.depth].iter().enumerate() {
            let dim = self.shape.dim(self.batch + axis);
            offset = offset * dim + resolve(index, dim)?;
        }
        Ok(offset * self.inner)
    }
}
