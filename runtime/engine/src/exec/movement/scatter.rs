//! Elements put where index tensors say, in the order of the updates.

use bytemuck::Pod;
use dunlin_kernels::float::math;
use half::f16;

use super::gather::Tuples;
use crate::error::RunError;
use crate::exec::walk::{Walk, around, elements as typed, elements_mut, resolve, row_major};
use crate::exec::{View, ViewMut};
use crate::op::ScatterKind;
use crate::tensor::DType;

/// ONNX ScatterElements, on a copy of the data in `y`.
pub(super) fn elements(
    axis: usize,
    kind: ScatterKind,
    operands: [&View<'_>; 2],
    y: &mut ViewMut<'_>,
) -> Result<(), RunError> {
    by_type(kind, Place::Along(axis), operands, y)
}

/// ONNX ScatterND, on a copy of the data in `y`.
pub(super) fn nd(kind: ScatterKind, operands: [&View<'_>; 2], y: &mut ViewMut<'_>) -> Result<(), RunError> {
    by_type(kind, Place::Tuples, operands, y)
}

/// What an index says.
#[derive(Clone, Copy)]
enum Place {
    /// The place along an axis; the update's own place gives the rest.
    Along(usize),
    /// With its neighbours, where a slice lies.
    Tuples,
}

fn by_type(kind: ScatterKind, place: Place, operands: [&View<'_>; 2], y: &mut ViewMut<'_>) -> Result<(), RunError> {
    match y.dtype {
        DType::F32 => {
            let join = reals(kind);
            place.put(operands, y, &|old, new| join(f32::from_bits(old), f32::from_bits(new)).to_bits())
        }
        DType::F16 => {
            let join = reals(kind);
            place.put(operands, y, &|old, new| match kind {
                ScatterKind::Set => new,
                _ => f16::from_f32(join(f16::from_bits(old).to_f32(), f16::from_bits(new).to_f32())).to_bits(),
            })
        }
        DType::I32 => {
            let join = whole(kind);
            place.put(operands, y, &|old: u32, new| join(old as i32, new as i32) as u32)
        }
        DType::I8 => {
            let join = whole(kind);
            place.put(operands, y, &|old: u8, new| join((old as i8).into(), (new as i8).into()) as u8)
        }
        DType::U8 | DType::Bool => {
            let join = whole(kind);
            place.put(operands, y, &|old: u8, new| join(old.into(), new.into()) as u8)
        }
    }
}

fn reals(kind: ScatterKind) -> fn(f32, f32) -> f32 {
    match kind {
        ScatterKind::Set => |_, new| new,
        ScatterKind::Add => |old, new| old + new,
        ScatterKind::Mul => |old, new| old * new,
        ScatterKind::Max => math::max,
        ScatterKind::Min => math::min,
    }
}

fn whole(kind: ScatterKind) -> fn(i32, i32) -> i32 {
    match kind {
        ScatterKind::Set => |_, new| new,
        ScatterKind::Add => i32::wrapping_add,
        ScatterKind::Mul => i32::wrapping_mul,
        ScatterKind::Max => i32::max,
        ScatterKind::Min => i32::min,
    }
}

impl Place {
    fn put<T: Pod>(
        self,
        [index, updates]: [&View<'_>; 2],
        y: &mut ViewMut<'_>,
        join: &dyn Fn(T, T) -> T,
    ) -> Result<(), RunError> {
        let shape = y.shape;
        let (updates, y) = (typed::<T>(updates.bytes)?, elements_mut::<T>(y.bytes)?);
        match self {
            Self::Along(axis) => {
                let [_, len, stride] = around(&shape, axis)?;
                let mut steps = row_major(&shape);
                steps[axis] = 0;
                let walk = Walk::new(&index.shape, [&steps], [0]);
                let (row, [step]) = walk.row();
                for ([at], (picks, new)) in walk.zip(index.i32s()?.chunks(row.max(1)).zip(updates.chunks(row.max(1)))) {
                    for (i, (&pick, &new)) in picks.iter().zip(new).enumerate() {
                        let old = &mut y[at + i * step as usize + resolve(pick, len)? * stride];
                        *old = join(*old, new);
                    }
                }
            }
            Self::Tuples => {
                let tuples = Tuples::of(0, &shape, index)?;
                for (tuple, new) in updates.chunks_exact(tuples.inner.max(1)).enumerate() {
                    let at = tuples.offset(tuple)?;
                    for (old, &new) in y[at..].iter_mut().zip(new) {
                        *old = join(*old, new);
                    }
                }
            }
        }
        Ok(())
    }
}
