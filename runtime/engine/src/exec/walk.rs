//! Loops over the elements of tensors whose axes have arbitrary strides.

use crate::error::RunError;
use crate::tensor::{MAX_RANK, Shape};

/// Elements from one index of an axis to the next, for each axis; 0 repeats the same element.
pub(crate) type Steps = [isize; MAX_RANK];

/// The most operands that a [`Walk`] goes over.
const OPERANDS: usize = 3;

/// The elements of a shape in row-major order, seen as rows along its last axis, with an offset into each of up to three operands.
///
/// Axes that all operands cross without a jump are joined, so that rows are as long as they can be. Iterating
/// gives the operands' offsets at the start of each row.
#[derive(Clone, Debug)]
pub(crate) struct Walk {
    rank: usize,
    dims: [usize; MAX_RANK],
    steps: [[isize; OPERANDS]; MAX_RANK],
    /// Axes that belong to what is iterated over, rather than to each item.
    outer: usize,
    at: [usize; MAX_RANK],
    offsets: [isize; OPERANDS],
    left: usize,
}

impl Walk {
    /// A walk over `shape`, from the offset `start` in the first operand; operands that aren't there stay at 0.
    pub(crate) fn new(shape: &Shape, steps: &[&Steps], start: usize) -> Self {
        let mut walk = Self {
            rank: 0,
            dims: [1; MAX_RANK],
            steps: [[0; OPERANDS]; MAX_RANK],
            outer: 0,
            at: [0; MAX_RANK],
            offsets: [start as isize, 0, 0],
            left: 0,
        };
        for axis in 0..shape.rank() {
            let mut outer = [0; OPERANDS];
            outer.iter_mut().zip(steps).for_each(|(outer, steps)| *outer = steps[axis]);
            walk.push(shape.dim(axis), outer);
        }
        walk.rank = walk.rank.max(1);
        walk.outer = walk.rank - 1;
        walk.left = if shape.count() == 0 { 0 } else { walk.dims[..walk.outer].iter().product() };
        walk
    }

    /// Elements of a row, and each operand's step from one to the next.
    pub(crate) fn row(&self) -> (usize, [isize; OPERANDS]) {
        (self.dims[self.rank - 1], self.steps[self.rank - 1])
    }

    /// Turns to planes, of the last two axes, when there are two: gives the rows of a plane and the steps between them.
    pub(crate) fn planes(&mut self) -> Option<(usize, [isize; OPERANDS])> {
        let rows = self.rank.checked_sub(2)?;
        self.outer = rows;
        self.left /= self.dims[rows];
        Some((self.dims[rows], self.steps[rows]))
    }

    fn push(&mut self, dim: usize, steps: [isize; OPERANDS]) {
        if dim == 1 {
            return;
        }
        if let Some(last) = self.rank.checked_sub(1) {
            let joins = self.steps[last].iter().zip(&steps).all(|(&outer, &inner)| outer == inner * dim as isize);
            if joins {
                self.dims[last] *= dim;
                self.steps[last] = steps;
                return;
            }
        }
        self.dims[self.rank] = dim;
        self.steps[self.rank] = steps;
        self.rank += 1;
    }

    fn advance(&mut self) {
        for axis in (0..self.outer).rev() {
            self.at[axis] += 1;
            self.add(axis, 1);
            if self.at[axis] < self.dims[axis] {
                return;
            }
            self.at[axis] = 0;
            self.add(axis, -(self.dims[axis] as isize));
        }
    }

    fn add(&mut self, axis: usize, times: isize) {
        for (offset, step) in self.offsets.iter_mut().zip(self.steps[axis]) {
            *offset += step * times;
        }
    }
}

impl Iterator for Walk {
    type Item = [usize; OPERANDS];

    fn next(&mut self) -> Option<[usize; OPERANDS]> {
        self.left = self.left.checked_sub(1)?;
        let offsets = self.offsets.map(|offset| offset as usize);
        self.advance();
        Some(offsets)
    }
}

/// The steps of a tensor as it lies.
pub(crate) fn row_major(shape: &Shape) -> Steps {
    shape.strides().map(|stride| stride as isize)
}

/// The steps of a tensor along the axes of a shape that it is broadcast to.
pub(crate) fn broadcast_steps(shape: &Shape, to: &Shape) -> Steps {
    let strides = shape.strides();
    let mut steps = [0; MAX_RANK];
    let added = to.rank().saturating_sub(shape.rank());
    for axis in 0..shape.rank().min(to.rank()) {
        if shape.dim(axis) != 1 {
            steps[added + axis] = strides[axis] as isize;
        }
    }
    steps
}

/// Dimensions before an axis, of the axis, and after it, each multiplied together.
pub(crate) fn around(shape: &Shape, axis: usize) -> Result<[usize; 3], RunError> {
    if axis < shape.rank() {
        Ok([shape.span(0, axis), shape.dim(axis), shape.span(axis + 1, shape.rank())])
    } else {
        Err(RunError::Plan)
    }
}

/// The indices of all elements of some dimensions, the last fastest.
#[derive(Clone, Debug)]
pub(crate) struct Indices {
    at: [usize; MAX_RANK],
    dims: Shape,
    left: usize,
}

impl Indices {
    /// The indices of the elements of `dims`.
    pub(crate) fn new(dims: Shape) -> Self {
        Self { at: [0; MAX_RANK], dims, left: dims.count() }
    }
}

impl Iterator for Indices {
    /// One index per axis; those beyond the rank are 0.
    type Item = [usize; MAX_RANK];

    fn next(&mut self) -> Option<[usize; MAX_RANK]> {
        self.left = self.left.checked_sub(1)?;
        let here = self.at;
        for axis in (0..self.dims.rank()).rev() {
            self.at[axis] += 1;
            if self.at[axis] < self.dims.dim(axis) {
                break;
            }
            self.at[axis] = 0;
        }
        Some(here)
    }
}

/// An index counted from the end when it is negative.
pub(crate) fn resolve(index: i32, len: usize) -> Result<usize, RunError> {
    let at = if index < 0 { i64::from(index) + len as i64 } else { i64::from(index) };
    usize::try_from(at).ok().filter(|&at| at < len).ok_or(RunError::Index { index, len })
}

/// `len` elements from `start` on. One place for all such checks, because each that stands by itself is code and data of its own.
pub(crate) fn part<T>(elements: &[T], start: usize, len: usize) -> &[T] {
    &elements[start..][..len]
}

/// [`part`] to write.
pub(crate) fn part_mut<T>(elements: &mut [T], start: usize, len: usize) -> &mut [T] {
    &mut elements[start..][..len]
}

/// Bytes as elements.
pub(crate) fn elements<T: bytemuck::AnyBitPattern>(bytes: &[u8]) -> Result<&[T], RunError> {
    bytemuck::try_cast_slice(bytes).map_err(|_| RunError::Plan)
}

/// Bytes as elements to write.
pub(crate) fn elements_mut<T: bytemuck::Pod>(bytes: &mut [u8]) -> Result<&mut [T], RunError> {
    bytemuck::try_cast_slice_mut(bytes).map_err(|_| RunError::Plan)
}

/// The first `len` elements of scratch memory.
pub(crate) fn scratch_of<T: bytemuck::Pod>(scratch: &mut [u8], len: usize) -> Result<&mut [T], RunError> {
    elements_mut(scratch.get_mut(..len * size_of::<T>()).ok_or(RunError::Plan)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn shape(dims: &[usize]) -> Shape {
        Shape::new(dims).expect("a small shape")
    }

    #[test]
    fn joins_axes_without_a_jump() {
        let x = shape(&[2, 3, 4]);
        let walk = Walk::new(&x, &[&row_major(&x)], 0);
        assert_eq!(walk.row(), (24, [1, 0, 0]));
        assert_eq!(walk.collect::<Vec<_>>(), [[0; 3]]);
    }

    #[test]
    fn visits_a_transpose_in_output_order() {
        // x is 2x3; its transpose has steps 1 and 3.
        let walk = Walk::new(&shape(&[3, 2]), &[&[1, 3, 0, 0, 0, 0, 0, 0]], 0);
        assert_eq!(walk.row(), (2, [3, 0, 0]));
        assert_eq!(walk.collect::<Vec<_>>(), [[0, 0, 0], [1, 0, 0], [2, 0, 0]]);
    }

    #[test]
    fn broadcast_operands_stand_still() {
        let y = shape(&[2, 3]);
        let steps = [broadcast_steps(&shape(&[3]), &y), broadcast_steps(&shape(&[2, 1]), &y)];
        let walk = Walk::new(&y, &[&steps[0], &steps[1]], 0);
        assert_eq!(walk.row(), (3, [1, 0, 0]));
        assert_eq!(walk.collect::<Vec<_>>(), [[0, 0, 0], [0, 1, 0]]);
    }

    #[test]
    fn steps_may_be_negative() {
        let walk = Walk::new(&shape(&[2, 2]), &[&[-3, 1, 0, 0, 0, 0, 0, 0]], 3);
        assert_eq!(walk.collect::<Vec<_>>(), [[3, 0, 0], [0, 0, 0]]);
    }

    #[test]
    fn empty_shapes_have_no_rows_and_scalars_one() {
        assert_eq!(Walk::new(&shape(&[2, 0]), &[&[0; MAX_RANK]], 0).count(), 0);
        assert_eq!(Walk::new(&shape(&[]), &[&[0; MAX_RANK]], 0).count(), 1);
    }

    #[test]
    fn indices_count_like_an_odometer() {
        let indices: Vec<_> = Indices::new(shape(&[2, 2])).map(|at| [at[0], at[1]]).collect();
        assert_eq!(indices, [[0, 0], [0, 1], [1, 0], [1, 1]]);
        assert_eq!(Indices::new(shape(&[])).count(), 1);
    }

    #[test]
    fn negative_indices_count_from_the_end() {
        assert_eq!(resolve(-1, 3), Ok(2));
        assert_eq!(resolve(3, 3), Err(RunError::Index { index: 3, len: 3 }));
        assert_eq!(resolve(-4, 3), Err(RunError::Index { index: -4, len: 3 }));
    }
}
