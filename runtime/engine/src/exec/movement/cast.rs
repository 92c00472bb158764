//! Conversion between element types.

use half::f16;

use crate::error::RunError;
use crate::exec::walk::{elements, elements_mut};
use crate::exec::{View, ViewMut};
use crate::tensor::DType;

/// Converts as ONNX Cast: floats to integers towards zero, to narrow integers by their low bits, to bool by not
/// being 0; beyond the range of i32 to its nearest end, NaN to 0.
pub(super) fn run(x: &View<'_>, y: &mut ViewMut<'_>) -> Result<(), RunError> {
    if x.dtype == y.dtype {
        y.bytes.copy_from_slice(x.bytes);
        return Ok(());
    }
    let (from, to) = (x.dtype, y.dtype);
    let results = y.bytes.chunks_mut(BLOCK * to.size());
    for (x, y) in x.bytes.chunks(BLOCK * from.size()).zip(results) {
        // Floats and bools are made of what an element is as f32 (exactly, but for large i32), integers of what it is as i32.
        match to {
            DType::F32 | DType::F16 | DType::Bool => write_reals(to, &reals(from, x)?, y)?,
            DType::I32 | DType::U8 | DType::I8 => write_integers(to, &integers(from, x)?, y)?,
        }
    }
    Ok(())
}

/// Elements that are converted together.
const BLOCK: usize = 64;

/// The elements of a block as f32.
fn reals(dtype: DType, x: &[u8]) -> Result<[f32; BLOCK], RunError> {
    let mut reals = [0.0; BLOCK];
    match dtype {
        DType::F32 => each(elements(x)?, &mut reals, |v: f32| v),
        DType::F16 => each(elements(x)?, &mut reals, |v| f16::from_bits(v).to_f32()),
        DType::I32 | DType::U8 | DType::I8 | DType::Bool => each(&integers(dtype, x)?, &mut reals, |v| v as f32),
    }
    Ok(reals)
}

/// The elements of a block as i32.
fn integers(dtype: DType, x: &[u8]) -> Result<[i32; BLOCK], RunError> {
    let mut integers = [0; BLOCK];
    match dtype {
        DType::F32 | DType::F16 => each(&reals(dtype, x)?, &mut integers, |v| v as i32),
        DType::I32 => each(elements(x)?, &mut integers, |v: i32| v),
        DType::U8 => each(x, &mut integers, i32::from),
        DType::I8 => each(elements(x)?, &mut integers, |v: i8| v.into()),
        DType::Bool => each(x, &mut integers, |v| i32::from(v != 0)),
    }
    Ok(integers)
}

fn write_reals(dtype: DType, reals: &[f32], y: &mut [u8]) -> Result<(), RunError> {
    match dtype {
        DType::F32 => each(reals, elements_mut(y)?, |v| v),
        DType::F16 => each(reals, elements_mut(y)?, |v| f16::from_f32(v).to_bits()),
        _ => each(reals, y, |v| u8::from(v != 0.0)),
    }
    Ok(())
}

fn write_integers(dtype: DType, integers: &[i32], y: &mut [u8]) -> Result<(), RunError> {
    match dtype {
        DType::I32 => each(integers, elements_mut(y)?, |v| v),
        // The low bits, whatever their sign.
        _ => each(integers, y, |v| v as u8),
    }
    Ok(())
}

/// Up to the shorter of the two.
fn each<T: Copy, R>(x: &[T], y: &mut [R], f: impl Fn(T) -> R) {
    x.iter().zip(y).for_each(|(&x, y)| *y = f(x));
}
