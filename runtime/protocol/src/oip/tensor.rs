//! Tensors: a name, a shape, and as many elements as the shape says.

use alloc::string::String;
use alloc::vec::Vec;

use super::error::TensorFault;
use super::{Limits, Parameters};

/// The type of a tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DataType {
    /// True or false.
    Bool,
    /// Unsigned, 8 bits.
    Uint8,
    /// Unsigned, 16 bits.
    Uint16,
    /// Unsigned, 32 bits.
    Uint32,
    /// Unsigned, 64 bits.
    Uint64,
    /// Signed, 8 bits.
    Int8,
    /// Signed, 16 bits.
    Int16,
    /// Signed, 32 bits.
    Int32,
    /// Signed, 64 bits.
    Int64,
    /// IEEE 754 binary16, in binary data only.
    Fp16,
    /// IEEE 754 binary32.
    Fp32,
    /// IEEE 754 binary64.
    Fp64,
    /// Strings of bytes.
    Bytes,
}

impl DataType {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Bool,
        Self::Uint8,
        Self::Uint16,
        Self::Uint32,
        Self::Uint64,
        Self::Int8,
        Self::Int16,
        Self::Int32,
        Self::Int64,
        Self::Fp16,
        Self::Fp32,
        Self::Fp64,
        Self::Bytes,
    ];

    /// The protocol's name of it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bool => "BOOL",
            Self::Uint8 => "UINT8",
            Self::Uint16 => "UINT16",
            Self::Uint32 => "UINT32",
            Self::Uint64 => "UINT64",
            Self::Int8 => "INT8",
            Self::Int16 => "INT16",
            Self::Int32 => "INT32",
            Self::Int64 => "INT64",
            Self::Fp16 => "FP16",
            Self::Fp32 => "FP32",
            Self::Fp64 => "FP64",
            Self::Bytes => "BYTES",
        }
    }

    /// By the protocol's name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Bytes of an element; none where elements differ.
    pub const fn size(self) -> Option<usize> {
        match self {
            Self::Bool | Self::Uint8 | Self::Int8 => Some(1),
            Self::Uint16 | Self::Int16 | Self::Fp16 => Some(2),
            Self::Uint32 | Self::Int32 | Self::Fp32 => Some(4),
            Self::Uint64 | Self::Int64 | Self::Fp64 => Some(8),
            Self::Bytes => None,
        }
    }
}

/// A tensor's elements, the last dimension running fastest.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // Each is the data type of the same name.
pub enum Data {
    Bool(Vec<bool>),
    Uint8(Vec<u8>),
    Uint16(Vec<u16>),
    Uint32(Vec<u32>),
    Uint64(Vec<u64>),
    Int8(Vec<i8>),
    Int16(Vec<i16>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    /// The numbers' bits.
    Fp16(Vec<u16>),
    Fp32(Vec<f32>),
    Fp64(Vec<f64>),
    Bytes(Vec<Vec<u8>>),
}

/// Does the same with the elements, whatever their type.
macro_rules! each {
    ($data:expr, $elements:ident => $what:expr) => {
        match $data {
            Data::Bool($elements) => $what,
            Data::Uint8($elements) => $what,
            Data::Uint16($elements) => $what,
            Data::Uint32($elements) => $what,
            Data::Uint64($elements) => $what,
            Data::Int8($elements) => $what,
            Data::Int16($elements) => $what,
            Data::Int32($elements) => $what,
            Data::Int64($elements) => $what,
            Data::Fp16($elements) => $what,
            Data::Fp32($elements) => $what,
            Data::Fp64($elements) => $what,
            Data::Bytes($elements) => $what,
        }
    };
}

impl Data {
    /// The elements' type.
    pub const fn datatype(&self) -> DataType {
        match self {
            Self::Bool(_) => DataType::Bool,
            Self::Uint8(_) => DataType::Uint8,
            Self::Uint16(_) => DataType::Uint16,
            Self::Uint32(_) => DataType::Uint32,
            Self::Uint64(_) => DataType::Uint64,
            Self::Int8(_) => DataType::Int8,
            Self::Int16(_) => DataType::Int16,
            Self::Int32(_) => DataType::Int32,
            Self::Int64(_) => DataType::Int64,
            Self::Fp16(_) => DataType::Fp16,
            Self::Fp32(_) => DataType::Fp32,
            Self::Fp64(_) => DataType::Fp64,
            Self::Bytes(_) => DataType::Bytes,
        }
    }

    /// How many elements.
    pub fn len(&self) -> usize {
        each!(self, elements => elements.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A tensor. Its data have as many elements as its shape says.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    name: String,
    shape: Vec<usize>,
    data: Data,
    /// What a server or client says of it beside; `binary_data_size` never stands here.
    pub parameters: Parameters,
}

impl Tensor {
    /// From its parts, without parameters.
    ///
    /// # Errors
    /// A name that is empty or too long, a shape with more dimensions than any limit takes, or data of another length.
    pub fn new(name: impl Into<String>, shape: impl Into<Vec<usize>>, data: Data) -> Result<Self, TensorFault> {
        let (name, shape) = (name.into(), shape.into());
        check_name(&name)?;
        let expected = elements(&shape, usize::MAX)?;
        if expected != data.len() {
            return Err(TensorFault::Shape { expected, found: data.len() });
        }
        Ok(Self { name, shape, data, parameters: Parameters::new() })
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The dimensions.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements.
    pub const fn data(&self) -> &Data {
        &self.data
    }

    /// The elements alone.
    pub fn into_data(self) -> Data {
        self.data
    }
}

/// How many elements a shape has.
///
/// # Errors
/// More dimensions or elements than are taken.
pub(super) fn elements(shape: &[usize], most: usize) -> Result<usize, TensorFault> {
    if shape.len() > Limits::RANK {
        return Err(TensorFault::Rank { most: Limits::RANK });
    }
    let product = shape.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim));
    product.filter(|&product| product <= most).ok_or(TensorFault::Elements { most })
}

pub(super) fn check_name(name: &str) -> Result<(), TensorFault> {
    if (1..=Limits::NAME).contains(&name.len()) { Ok(()) } else { Err(TensorFault::Name) }
}
