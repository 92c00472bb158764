//! Tensors for tests.

use alloc::vec::Vec;

use dunlin_kernels::AlignedBytes;

use super::{EvaluateError, OwnedTensor, View, evaluate, halves_tests};
use crate::op::Op;
use crate::tensor::{DType, Ints, Shape};

pub(crate) fn shape(dims: &[usize]) -> Shape {
    Shape::new(dims).expect("a small shape")
}

pub(crate) fn ints(values: &[i32]) -> Ints {
    Ints::new(values).expect("few values")
}

pub(crate) fn bytes(dtype: DType, dims: &[usize], values: &[u8]) -> OwnedTensor {
    let shape = shape(dims);
    assert_eq!(values.len(), shape.count() * dtype.size(), "elements of {shape}");
    OwnedTensor { dtype, shape, quant: None, bytes: AlignedBytes::from_slice(values) }
}

pub(crate) fn reals(dims: &[usize], values: &[f32]) -> OwnedTensor {
    bytes(DType::F32, dims, bytemuck::cast_slice(values))
}

pub(crate) fn integers(dims: &[usize], values: &[i32]) -> OwnedTensor {
    bytes(DType::I32, dims, bytemuck::cast_slice(values))
}

pub(crate) fn bools(dims: &[usize], values: &[bool]) -> OwnedTensor {
    bytes(DType::Bool, dims, &values.iter().map(|&v| u8::from(v)).collect::<Vec<_>>())
}

/// 0, 1, 2 and so on.
pub(crate) fn count(dims: &[usize]) -> OwnedTensor {
    let values: Vec<f32> = (0..shape(dims).count()).map(|i| i as f32).collect();
    reals(dims, &values)
}

pub(crate) fn eval(op: Op, operands: &[&OwnedTensor]) -> Result<Vec<OwnedTensor>, EvaluateError> {
    let views: Vec<View<'_>> = operands.iter().map(|operand| operand.view()).collect();
    let results = evaluate(&op, &views, &[])?;
    halves_tests::halves_are_the_whole(&op, &views, &results);
    Ok(results)
}

/// The first result.
#[track_caller]
pub(crate) fn first(op: Op, operands: &[&OwnedTensor]) -> OwnedTensor {
    eval(op, operands).expect("operands fit").remove(0)
}

/// Checks that an operator's first result equals a tensor.
#[track_caller]
pub(crate) fn gives(name: &str, op: Op, operands: &[&OwnedTensor], expected: &OwnedTensor) {
    let found = first(op, operands);
    assert_eq!((found.dtype, found.shape), (expected.dtype, expected.shape), "{name}");
    if found.dtype == DType::F32 {
        assert_eq!(found.view().f32s(), expected.view().f32s(), "{name}");
    } else if found.dtype == DType::I32 {
        assert_eq!(found.view().i32s(), expected.view().i32s(), "{name}");
    } else {
        assert_eq!(found.bytes[..], expected.bytes[..], "{name}");
    }
}

/// Checks that an operator's first result is close to some numbers.
#[track_caller]
pub(crate) fn nears(name: &str, op: Op, operands: &[&OwnedTensor], expected: &[f32]) {
    let found = first(op, operands);
    let found = found.view().f32s().expect("f32");
    assert_eq!(found.len(), expected.len(), "{name}");
    for (&found, &expected) in found.iter().zip(expected) {
        let close = (found - expected).abs() <= 2e-6 * expected.abs().max(1.0) || (found.is_nan() && expected.is_nan());
        assert!(close || found == expected, "{name}: {found}, not {expected}");
    }
}
