//! Elements put where index tensors say, in the order of the updates.

use dunlin_kernels::float::math;
use half::f16;

use super::gather::Tuples;
use crate::error::RunError;
use crate::exec::walk::{Walk, around, part_mut, resolve, row_major};
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
    Place::Along(axis).put(kind, operands, y)
}

/// ONNX ScatterND, on a copy of the data in `y`.
pub(super) fn nd(kind: ScatterKind, operands: [&View<'_>; 2], y: &mut ViewMut<'_>) -> Result<(), RunError> {
    Place::Tuples.put(kind, operands, y)
}

/// What an index says.
#[derive(Clone, Copy)]
enum Place {
    /// The place along an axis; the update's own place gives the rest.
    Along(usize),
    /// With its neighbours, where a slice lies.
    Tuples,
}

/// What becomes of an element and its update, both in the low bits.
fn joined(dtype: DType, kind: ScatterKind, old: u32, new: u32) -> u32 {
    match (dtype, kind) {
        (_, ScatterKind::Set) => new,
        (DType::F32, _) => real(kind, f32::from_bits(old), f32::from_bits(new)).to_bits(),
        (DType::F16, _) => {
            let half = |bits: u32| f16::from_bits(bits as u16).to_f32();
            f16::from_f32(real(kind, half(old), half(new))).to_bits().into()
        }
        (DType::I8, _) => whole(kind, (old as i8).into(), (new as i8).into()) as u32,
        (DType::I32 | DType::U8 | DType::Bool, _) => whole(kind, old as i32, new as i32) as u32,
    }
}

fn real(kind: ScatterKind, old: f32, new: f32) -> f32 {
    match kind {
        ScatterKind::Set => new,
        ScatterKind::Add => old + new,
        ScatterKind::Mul => old * new,
        ScatterKind::Max => math::max(old, new),
        ScatterKind::Min => math::min(old, new),
    }
}

fn whole(kind: ScatterKind, old: i32, new: i32) -> i32 {
    match kind {
        ScatterKind::Set => new,
        ScatterKind::Add => old.wrapping_add(new),
        ScatterKind::Mul => old.wrapping_mul(new),
        ScatterKind::Max => old.max(new),
        ScatterKind::Min => old.min(new),
    }
}

impl Place {
    fn put(self, kind: ScatterKind, [index, updates]: [&View<'_>; 2], y: &mut ViewMut<'_>) -> Result<(), RunError> {
        let (shape, dtype, size) = (y.shape, y.dtype, y.dtype.size());
        let mut updates = updates.bytes.chunks_exact(size);
        let mut put = |at: usize, new: &[u8]| {
            let old = part_mut(y.bytes, at * size, size);
            old.copy_from_slice(&joined(dtype, kind, word(old), word(new)).to_le_bytes()[..size]);
        };
        match self {
            Self::Along(axis) => {
                let [_, len, stride] = around(&shape, axis)?;
                let mut steps = row_major(&shape);
                steps[axis] = 0;
                let walk = Walk::new(&index.shape, &[&steps], 0);
                let (row, [step, ..]) = walk.row();
                for ([at, ..], picks) in walk.zip(index.i32s()?.chunks(row.max(1))) {
                    for ((i, &pick), new) in picks.iter().enumerate().zip(&mut updates) {
                        put(at + i * step as usize + resolve(pick, len)? * stride, new);
                    }
                }
            }
            Self::Tuples => {
                let tuples = Tuples::of(0, &shape, index)?;
                for tuple in 0..updates.len() / tuples.inner.max(1) {
                    let at = tuples.offset(tuple)?;
                    updates.by_ref().take(tuples.inner).enumerate().for_each(|(i, new)| put(at + i, new));
                }
            }
        }
        Ok(())
    }
}

/// An element's bytes as the low ones of a word.
fn word(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |word, &byte| word << 8 | u32::from(byte))
}
