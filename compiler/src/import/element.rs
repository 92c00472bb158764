//! ONNX element types and how the engine holds them.

use dunlin_engine::tensor::DType;
use tract_onnx::pb::tensor_proto::DataType;

/// An ONNX element type that Dunlin reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Element {
    /// float32
    F32,
    /// float64, held as f32
    F64,
    /// float16, computed in f32 and rounded at the model's borders
    F16,
    /// bfloat16, held as f32
    Bf16,
    /// uint8
    U8,
    /// int8
    I8,
    /// uint16, held as i32
    U16,
    /// int16, held as i32
    I16,
    /// int32
    I32,
    /// uint32, held as the i32 with the same bits
    U32,
    /// int64, held as i32
    I64,
    /// uint64, held as i32
    U64,
    /// bool
    Bool,
}

impl Element {
    /// The type with this number in the protobuf; `Err` has the name to show for one that Dunlin doesn't read.
    pub fn from_onnx(number: i32) -> Result<Self, String> {
        let name = |n: DataType| n.as_str_name().to_ascii_lowercase();
        match DataType::try_from(number) {
            Ok(DataType::Float) => Ok(Self::F32),
            Ok(DataType::Double) => Ok(Self::F64),
            Ok(DataType::Float16) => Ok(Self::F16),
            Ok(DataType::Bfloat16) => Ok(Self::Bf16),
            Ok(DataType::Uint8) => Ok(Self::U8),
            Ok(DataType::Int8) => Ok(Self::I8),
            Ok(DataType::Uint16) => Ok(Self::U16),
            Ok(DataType::Int16) => Ok(Self::I16),
            Ok(DataType::Int32) => Ok(Self::I32),
            Ok(DataType::Uint32) => Ok(Self::U32),
            Ok(DataType::Int64) => Ok(Self::I64),
            Ok(DataType::Uint64) => Ok(Self::U64),
            Ok(DataType::Bool) => Ok(Self::Bool),
            Ok(other) => Err(name(other)),
            Err(_) => Err(format!("number {number}")),
        }
    }

    /// What values of this type are inside the graph.
    pub const fn dtype(self) -> DType {
        match self {
            Self::F32 | Self::F64 | Self::F16 | Self::Bf16 => DType::F32,
            Self::U8 => DType::U8,
            Self::I8 => DType::I8,
            Self::U16 | Self::I16 | Self::I32 | Self::U32 | Self::I64 | Self::U64 => DType::I32,
            Self::Bool => DType::Bool,
        }
    }

    /// What the model's inputs and outputs of this type are.
    pub const fn border(self) -> DType {
        match self {
            Self::F16 => DType::F16,
            other => other.dtype(),
        }
    }

    /// Bytes of one element in ONNX's raw data.
    pub const fn onnx_size(self) -> usize {
        match self {
            Self::F64 | Self::I64 | Self::U64 => 8,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F16 | Self::Bf16 | Self::U16 | Self::I16 => 2,
            Self::U8 | Self::I8 | Self::Bool => 1,
        }
    }

    /// The natural ONNX type of an engine type.
    pub const fn of(dtype: DType) -> Self {
        match dtype {
            DType::F32 => Self::F32,
            DType::F16 => Self::F16,
            DType::U8 => Self::U8,
            DType::I8 => Self::I8,
            DType::I32 => Self::I64,
            DType::Bool => Self::Bool,
        }
    }
}
