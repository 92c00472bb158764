//! Reductions, and running sums.

use dunlin_kernels::Isa;
use dunlin_kernels::float::math;
use dunlin_kernels::float::reduce::{Fold, fold, fold_into, sum_exp, sum_exp_into};

use crate::error::RunError;
use crate::exec::walk::{Steps, Walk, around, elements, elements_mut, part, part_mut, row_major, scratch_of};
use crate::exec::{View, ViewMut};
use crate::op::ReduceKind;
use crate::op::infer::float::reduced;
use crate::tensor::{DType, Ints, MAX_RANK};

/// A reduction of one tensor to another.
pub(super) struct Reduction<'a, 'b> {
    pub kind: ReduceKind,
    pub axes: Ints,
    pub x: View<'a>,
    pub y: &'a mut ViewMut<'b>,
    pub isa: Isa,
}

impl Reduction<'_, '_> {
    pub(super) fn run(self, scratch: &mut [u8]) -> Result<(), RunError> {
        let walk = self.walk()?;
        let count = self.x.shape.count().checked_div(self.y.shape.count()).unwrap_or(0);
        match self.x.dtype {
            DType::F32 => {
                let (x, y) = (self.x.f32s()?, self.y.f32s()?);
                floats(self.kind, walk, count, x, y, scratch, self.isa)
            }
            DType::I32 => {
                let (x, y) = (self.x.i32s()?, self.y.i32s()?);
                integers(self.kind, walk, count, x, y);
                Ok(())
            }
            _ => {
                let any = self.kind == ReduceKind::Max;
                let step = |acc: u8, v| if any { acc | v } else { acc & v };
                each(walk, self.x.bytes, self.y.bytes, u8::from(!any), step);
                Ok(())
            }
        }
    }

    /// Over the operand's elements, with the place of the result that each belongs to.
    fn walk(&self) -> Result<Walk, RunError> {
        let shape = self.x.shape;
        let reduced = reduced(&shape, &self.axes).ok_or(RunError::Plan)?;
        let mut steps: Steps = [0; MAX_RANK];
        let mut step = 1;
        for axis in (0..shape.rank()).rev() {
            if !reduced[axis] {
                steps[axis] = step;
                step *= shape.dim(axis) as isize;
            }
        }
        Ok(Walk::new(&shape, &[&row_major(&shape), &steps], 0))
    }
}

/// Elements of scratch: the largest of each sum of exponentials.
pub(super) fn scratch_len(kind: ReduceKind, results: usize) -> usize {
    if kind == ReduceKind::LogSumExp { results * size_of::<f32>() } else { 0 }
}

fn floats(
    kind: ReduceKind,
    walk: Walk,
    count: usize,
    x: &[f32],
    y: &mut [f32],
    scratch: &mut [u8],
    isa: Isa,
) -> Result<(), RunError> {
    let how = match kind {
        ReduceKind::Sum | ReduceKind::Mean | ReduceKind::LogSum => Fold::Sum,
        ReduceKind::Max => Fold::Max,
        ReduceKind::Min => Fold::Min,
        ReduceKind::Prod => Fold::Prod,
        ReduceKind::L1 => Fold::SumAbs,
        ReduceKind::L2 | ReduceKind::SumSquare => Fold::SumSquare,
        ReduceKind::LogSumExp => {
            let top = scratch_of(scratch, y.len())?;
            folds(walk.clone(), Fold::Max, x, top, isa);
            // An infinite shift would make NaN of what is infinite as well.
            top.iter_mut().filter(|top| !top.is_finite()).for_each(|top| *top = 0.0);
            exponentials(walk, x, y, top, isa);
            y.iter_mut().zip(top).for_each(|(y, &mut top)| *y = math::ln(*y) + top);
            return Ok(());
        }
    };
    folds(walk, how, x, y, isa);
    match kind {
        ReduceKind::Mean => y.iter_mut().for_each(|y| *y /= count as f32),
        ReduceKind::L2 => y.iter_mut().for_each(|y| *y = math::sqrt(*y)),
        ReduceKind::LogSum => y.iter_mut().for_each(|y| *y = math::ln(*y)),
        _ => {}
    }
    Ok(())
}

fn folds(walk: Walk, how: Fold, x: &[f32], y: &mut [f32], isa: Isa) {
    y.fill(how.identity());
    let (len, [_, step, _]) = walk.row();
    for [from, to, _] in walk {
        let row = part(x, from, len);
        if step == 0 {
            y[to] = how.join(y[to], fold(isa, row, how));
        } else {
            fold_into(isa, part_mut(y, to, len), row, how);
        }
    }
}

fn exponentials(walk: Walk, x: &[f32], y: &mut [f32], top: &[f32], isa: Isa) {
    y.fill(0.0);
    let (len, [_, step, _]) = walk.row();
    for [from, to, _] in walk {
        let row = part(x, from, len);
        if step == 0 {
            y[to] += sum_exp(isa, row, top[to]);
        } else {
            sum_exp_into(isa, part_mut(y, to, len), row, part(top, to, len));
        }
    }
}

fn integers(kind: ReduceKind, walk: Walk, count: usize, x: &[i32], y: &mut [i32]) {
    let (identity, step): (i32, fn(i32, i32) -> i32) = match kind {
        ReduceKind::Max => (i32::MIN, i32::max),
        ReduceKind::Min => (i32::MAX, i32::min),
        ReduceKind::Prod => (1, i32::wrapping_mul),
        ReduceKind::L1 => (0, |acc, v| acc.wrapping_add(v.wrapping_abs())),
        ReduceKind::SumSquare => (0, |acc, v| acc.wrapping_add(v.wrapping_mul(v))),
        _ => (0, i32::wrapping_add),
    };
    each(walk, x, y, identity, step);
    if kind == ReduceKind::Mean {
        y.iter_mut().for_each(|y| *y = y.checked_div(count as i32).unwrap_or(0));
    }
}

fn each<T: Copy>(walk: Walk, x: &[T], y: &mut [T], identity: T, step: impl Fn(T, T) -> T) {
    y.fill(identity);
    let (len, [_, stride, _]) = walk.row();
    for [from, to, _] in walk {
        let row = part(x, from, len);
        if stride == 0 {
            y[to] = row.iter().fold(y[to], |acc, &v| step(acc, v));
        } else {
            part_mut(y, to, len).iter_mut().zip(row).for_each(|(y, &v)| *y = step(*y, v));
        }
    }
}

/// Running sums along `axis`.
pub(super) fn cumulate(
    axis: usize,
    exclusive: bool,
    reverse: bool,
    x: &View<'_>,
    y: &mut ViewMut<'_>,
) -> Result<(), RunError> {
    let along = Along { around: around(&x.shape, axis)?, exclusive, reverse };
    let add: fn(u32, u32) -> u32 = match x.dtype {
        DType::F32 => |a, b| (f32::from_bits(a) + f32::from_bits(b)).to_bits(),
        _ => u32::wrapping_add,
    };
    along.sums(elements(x.bytes)?, elements_mut(y.bytes)?, add);
    Ok(())
}

struct Along {
    around: [usize; 3],
    exclusive: bool,
    reverse: bool,
}

impl Along {
    /// Sums of words; those of no elements are 0, as a float and as an integer.
    fn sums(&self, x: &[u32], y: &mut [u32], add: fn(u32, u32) -> u32) {
        let [outer, len, inner] = self.around;
        for base in (0..outer).map(|o| o * len * inner) {
            for step in 0..len {
                let at = |step: usize| base + if self.reverse { len - 1 - step } else { step } * inner;
                for i in 0..inner {
                    let before = if step == 0 { 0 } else { y[at(step - 1) + i] };
                    y[at(step) + i] = match (self.exclusive, step) {
                        (true, 0) => 0,
                        (true, _) => add(before, x[at(step - 1) + i]),
                        (false, 0) => x[at(0) + i],
                        (false, _) => add(before, x[at(step) + i]),
                    };
                }
            }
        }
    }
}
