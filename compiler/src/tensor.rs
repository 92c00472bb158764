//! Making and reading constants.

use bytemuck::{AnyBitPattern, NoUninit};
use dunlin_engine::exec::View;
use dunlin_engine::op::infer::Info;
use dunlin_engine::tensor::{DType, Shape};
use dunlin_kernels::AlignedBytes;

use crate::ir::Tensor;

impl Tensor {
    /// Elements in row-major order, converted to bytes as they are.
    ///
    /// `None` when there aren't `shape.count()` elements of `dtype`'s size.
    pub fn new<T: NoUninit>(dtype: DType, shape: Shape, elements: &[T]) -> Option<Self> {
        let bytes: &[u8] = bytemuck::cast_slice(elements);
        (bytes.len() == shape.count() * dtype.size()).then(|| Self {
            dtype,
            shape,
            bytes: AlignedBytes::from_slice(bytes),
        })
    }

    /// All bytes zero.
    pub fn zeroed(info: Info) -> Self {
        Self {
            dtype: info.dtype,
            shape: info.shape,
            bytes: AlignedBytes::zeroed(info.shape.count() * info.dtype.size()),
        }
    }

    /// A vector of f32, or a scalar when `dims` is empty; panics unless `dims` multiply to the length.
    pub fn f32s(dims: &[usize], elements: &[f32]) -> Self {
        Self::of(DType::F32, dims, elements)
    }

    /// As [`Tensor::f32s`], of i32.
    pub fn i32s(dims: &[usize], elements: &[i32]) -> Self {
        Self::of(DType::I32, dims, elements)
    }

    /// As [`Tensor::f32s`], of u8.
    pub fn u8s(dims: &[usize], elements: &[u8]) -> Self {
        Self::of(DType::U8, dims, elements)
    }

    /// As [`Tensor::f32s`], of i8.
    pub fn i8s(dims: &[usize], elements: &[i8]) -> Self {
        Self::of(DType::I8, dims, elements)
    }

    /// As [`Tensor::f32s`], of bool.
    pub fn bools(dims: &[usize], elements: &[bool]) -> Self {
        Self::of(DType::Bool, dims, elements)
    }

    fn of<T: NoUninit>(dtype: DType, dims: &[usize], elements: &[T]) -> Self {
        let shape = Shape::new(dims).expect("the caller made the elements, so their number fits");
        Self::new(dtype, shape, elements).expect("the caller gives one element for each place")
    }

    /// Element type and shape.
    pub fn info(&self) -> Info {
        Info { dtype: self.dtype, shape: self.shape }
    }

    /// The tensor as an operand of the engine.
    pub fn view(&self) -> View<'_> {
        View { dtype: self.dtype, shape: self.shape, quant: None, bytes: &self.bytes }
    }

    /// The elements when they are f32.
    pub fn as_f32s(&self) -> Option<&[f32]> {
        self.elements(DType::F32)
    }

    /// The elements when they are i32.
    pub fn as_i32s(&self) -> Option<&[i32]> {
        self.elements(DType::I32)
    }

    /// The elements when they are u8.
    pub fn as_u8s(&self) -> Option<&[u8]> {
        self.elements(DType::U8)
    }

    /// The elements when they are i8.
    pub fn as_i8s(&self) -> Option<&[i8]> {
        self.elements(DType::I8)
    }

    /// The elements' bits when they are f16.
    pub fn as_f16_bits(&self) -> Option<&[u16]> {
        self.elements(DType::F16)
    }

    fn elements<T: AnyBitPattern>(&self, dtype: DType) -> Option<&[T]> {
        (self.dtype == dtype).then(|| bytemuck::cast_slice(&self.bytes))
    }

    /// The one value of a tensor with one f32 element.
    pub fn scalar(&self) -> Option<f32> {
        match self.as_f32s()? {
            &[value] => Some(value),
            _ => None,
        }
    }

    /// Integer elements of any type, as i32.
    pub fn to_i32s(&self) -> Option<Vec<i32>> {
        match self.dtype {
            DType::I32 => self.as_i32s().map(<[i32]>::to_vec),
            DType::U8 | DType::Bool => Some(self.bytes.iter().map(|&b| i32::from(b)).collect()),
            DType::I8 => Some(self.bytes.iter().map(|&b| i32::from(b as i8)).collect()),
            DType::F32 | DType::F16 => None,
        }
    }
}

/// A shape from dimensions that are already known to fit, for tests and for shapes made from other shapes.
///
/// `None` beyond the engine's limits.
pub fn shape(dims: &[usize]) -> Option<Shape> {
    Shape::new(dims)
}

/// Dimensions as the indices that Rust uses.
pub fn dims(shape: &Shape) -> Vec<usize> {
    shape.dims().iter().map(|&d| d as usize).collect()
}
