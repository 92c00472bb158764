//! Tensors of the wire to tensors of the model, and back.

use dunlin_protocol::oip::{Data, DataType, Tensor as Wire};
use tract_onnx::prelude::*;

/// The wire's name of an element type; none for one that it lacks.
pub(super) fn datatype(kind: DatumType) -> Option<DataType> {
    Some(match kind.unquantized() {
        DatumType::Bool => DataType::Bool,
        DatumType::U8 => DataType::Uint8,
        DatumType::U16 => DataType::Uint16,
        DatumType::U32 => DataType::Uint32,
        DatumType::U64 => DataType::Uint64,
        DatumType::I8 => DataType::Int8,
        DatumType::I16 => DataType::Int16,
        DatumType::I32 => DataType::Int32,
        DatumType::I64 => DataType::Int64,
        DatumType::F32 => DataType::Fp32,
        DatumType::F64 => DataType::Fp64,
        _ => return None,
    })
}

/// For the model; none for element types that it can't have.
pub(super) fn from_wire(tensor: &Wire) -> Option<Tensor> {
    let shape = tensor.shape();
    let made = match tensor.data() {
        Data::Bool(data) => Tensor::from_shape(shape, data),
        Data::Uint8(data) => Tensor::from_shape(shape, data),
        Data::Uint16(data) => Tensor::from_shape(shape, data),
        Data::Uint32(data) => Tensor::from_shape(shape, data),
        Data::Uint64(data) => Tensor::from_shape(shape, data),
        Data::Int8(data) => Tensor::from_shape(shape, data),
        Data::Int16(data) => Tensor::from_shape(shape, data),
        Data::Int32(data) => Tensor::from_shape(shape, data),
        Data::Int64(data) => Tensor::from_shape(shape, data),
        Data::Fp32(data) => Tensor::from_shape(shape, data),
        Data::Fp64(data) => Tensor::from_shape(shape, data),
        Data::Fp16(_) | Data::Bytes(_) => return None,
    };
    made.ok()
}

/// For the wire; none for element types that it can't have.
pub(super) fn to_wire(name: &str, tensor: &Tensor) -> Option<Wire> {
    fn elements<T: Datum + Copy>(tensor: &Tensor) -> Option<Vec<T>> {
        Some(tensor.to_plain_array_view::<T>().ok()?.iter().copied().collect())
    }
    let data = match tensor.datum_type().unquantized() {
        DatumType::Bool => Data::Bool(elements(tensor)?),
        DatumType::U8 => Data::Uint8(elements(tensor)?),
        DatumType::U16 => Data::Uint16(elements(tensor)?),
        DatumType::U32 => Data::Uint32(elements(tensor)?),
        DatumType::U64 => Data::Uint64(elements(tensor)?),
        DatumType::I8 => Data::Int8(elements(tensor)?),
        DatumType::I16 => Data::Int16(elements(tensor)?),
        DatumType::I32 => Data::Int32(elements(tensor)?),
        DatumType::I64 => Data::Int64(elements(tensor)?),
        DatumType::F32 => Data::Fp32(elements(tensor)?),
        DatumType::F64 => Data::Fp64(elements(tensor)?),
        _ => return None,
    };
    Wire::new(name, tensor.shape().to_vec(), data).ok()
}
