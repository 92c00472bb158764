//! Conversion between element types.

use bytemuck::Pod;
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
    match x.dtype {
        DType::F32 => convert(x, y, |v: f32| v, |v| v as i32),
        DType::F16 => convert(x, y, |v: u16| f16::from_bits(v).to_f32(), |v| f16::from_bits(v).to_f32() as i32),
        DType::I32 => convert(x, y, |v: i32| v as f32, |v| v),
        DType::U8 => convert(x, y, |v: u8| v.into(), |v| v.into()),
        DType::I8 => convert(x, y, |v: i8| v.into(), |v| v.into()),
        DType::Bool => convert(x, y, |v: u8| u8::from(v != 0).into(), |v| u8::from(v != 0).into()),
    }
}

/// Converts elements by what they are as f32 (exactly, but for large i32) and as i32.
fn convert<T: Pod>(
    x: &View<'_>,
    y: &mut ViewMut<'_>,
    real: impl Fn(T) -> f32,
    integer: impl Fn(T) -> i32,
) -> Result<(), RunError> {
    match y.dtype {
        DType::F32 => each(x, y, real),
        DType::F16 => each(x, y, |v| f16::from_f32(real(v)).to_bits()),
        DType::I32 => each(x, y, integer),
        DType::U8 => each(x, y, |v| integer(v) as u8),
        DType::I8 => each(x, y, |v| integer(v) as i8),
        DType::Bool => each(x, y, |v| u8::from(real(v) != 0.0)),
    }
}

fn each<T: Pod, R: Pod>(x: &View<'_>, y: &mut ViewMut<'_>, f: impl Fn(T) -> R) -> Result<(), RunError> {
    let (x, y) = (elements::<T>(x.bytes)?, elements_mut::<R>(y.bytes)?);
    x.iter().zip(y).for_each(|(&x, y)| *y = f(x));
    Ok(())
}
