//! Constants: their elements as numbers, and tensors made of numbers.

use bytemuck::NoUninit;
use dunlin_engine::tensor::{DType, Shape};

use crate::ir::Tensor;

/// The elements of an integer constant, `None` for a float one.
pub fn ints(tensor: &Tensor) -> Option<Vec<i32>> {
    tensor.to_i32s()
}

/// The elements of an f32 constant.
pub fn floats(tensor: &Tensor) -> Option<Vec<f32>> {
    tensor.as_f32s().map(<[f32]>::to_vec)
}

/// A tensor of bytes.
pub fn u8s(shape: Shape, values: &[u8]) -> Tensor {
    tensor(DType::U8, shape, values)
}

/// A tensor of signed bytes.
pub fn i8s(shape: Shape, values: &[i8]) -> Tensor {
    tensor(DType::I8, shape, values)
}

/// A tensor of 32-bit integers.
pub fn i32s(shape: Shape, values: &[i32]) -> Tensor {
    tensor(DType::I32, shape, values)
}

/// A tensor of floats.
pub fn f32s(shape: Shape, values: &[f32]) -> Tensor {
    tensor(DType::F32, shape, values)
}

fn tensor<T: NoUninit>(dtype: DType, shape: Shape, values: &[T]) -> Tensor {
    Tensor::new(dtype, shape, values).expect("the rules give one value for each place of the shape")
}

/// The shape of a vector.
pub fn vector(len: usize) -> Shape {
    shape(&[len])
}

/// A shape of dimensions that some tensor in memory has.
pub fn shape(dims: &[usize]) -> Shape {
    Shape::new(dims).expect("no more elements than a tensor that exists")
}
