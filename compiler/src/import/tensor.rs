//! Decoding TensorProto. A declared size that the data doesn't have is an error before anything is allocated.

use half::{bf16, f16};
use tract_onnx::pb::TensorProto;
use tract_onnx::pb::tensor_proto::DataLocation;

use super::element::Element;
use crate::error::{CompileError, Result};
use crate::ir::Tensor;
use dunlin_engine::tensor::Shape;

/// A constant as the graph holds it.
#[derive(Clone, Debug)]
pub struct Decoded {
    /// The elements, 64-bit integers saturated to 32 bits.
    pub tensor: Tensor,
    /// The type in the file.
    pub element: Element,
    /// Whether some integer was saturated.
    pub saturated: bool,
}

/// Decodes a tensor, named `name` in messages.
///
/// # Errors
/// For an element type that Dunlin doesn't read, external data, and data that doesn't match the dimensions.
pub fn decode(proto: &TensorProto, name: &str) -> Result<Decoded> {
    let element =
        Element::from_onnx(proto.data_type).map_err(|found| CompileError::Type { tensor: name.to_string(), found })?;
    let fail = |what: String| CompileError::Initializer { tensor: name.to_string(), what };
    if proto.data_location == Some(DataLocation::External as i32) || !proto.external_data.is_empty() {
        return Err(fail("its data lies in another file: save the model with all data in one file".to_string()));
    }
    if proto.segment.is_some() {
        return Err(fail("it is split into segments".to_string()));
    }
    let shape =
        shape_of(&proto.dims).ok_or_else(|| fail(format!("its dimensions {:?} are out of range", proto.dims)))?;
    let held = if proto.raw_data.is_empty() { typed_len(proto, element) } else { raw_len(proto, element) };
    if held != Some(shape.count()) {
        return Err(fail(format!("it declares {} elements and has {}", shape.count(), held.unwrap_or(0))));
    }
    let (tensor, saturated) = elements(proto, element, shape);
    let tensor = tensor.ok_or_else(|| fail("its values don't fit its element type".to_string()))?;
    Ok(Decoded { tensor, element, saturated })
}

fn shape_of(dims: &[i64]) -> Option<Shape> {
    let dims: Vec<usize> = dims.iter().map(|&d| usize::try_from(d).ok()).collect::<Option<_>>()?;
    Shape::new(&dims)
}

fn raw_len(proto: &TensorProto, element: Element) -> Option<usize> {
    let size = element.onnx_size();
    proto.raw_data.len().is_multiple_of(size).then(|| proto.raw_data.len() / size)
}

fn typed_len(proto: &TensorProto, element: Element) -> Option<usize> {
    Some(match element {
        Element::F32 => proto.float_data.len(),
        Element::F64 => proto.double_data.len(),
        Element::I64 => proto.int64_data.len(),
        Element::U32 | Element::U64 => proto.uint64_data.len(),
        _ => proto.int32_data.len(),
    })
}

fn elements(proto: &TensorProto, element: Element, shape: Shape) -> (Option<Tensor>, bool) {
    match element {
        Element::F32 | Element::F64 | Element::F16 | Element::Bf16 => {
            (Tensor::new(element.dtype(), shape, &floats(proto, element)), false)
        }
        Element::U8 | Element::I8 | Element::Bool => {
            (Tensor::new(element.dtype(), shape, &bytes(proto, element)), false)
        }
        _ => {
            let wide = integers(proto, element);
            let narrow: Vec<i32> = wide.iter().map(|&v| narrow(v, element)).collect();
            let saturated = wide.iter().zip(&narrow).any(|(&w, &n)| w != i128::from(n));
            (Tensor::new(element.dtype(), shape, &narrow), saturated)
        }
    }
}

fn narrow(value: i128, element: Element) -> i32 {
    match element {
        // Held by its bits, so that arithmetic modulo 2^32 is right.
        Element::U32 => value as u32 as i32,
        _ => value.clamp(i128::from(i32::MIN), i128::from(i32::MAX)) as i32,
    }
}

fn floats(proto: &TensorProto, element: Element) -> Vec<f32> {
    let raw = &proto.raw_data;
    let pairs = || raw.as_chunks::<2>().0.iter().map(|&c| u16::from_le_bytes(c));
    let halves = || proto.int32_data.iter().map(|&v| v as u16);
    match (element, raw.is_empty()) {
        (Element::F32, true) => proto.float_data.clone(),
        (Element::F32, false) => raw.as_chunks::<4>().0.iter().map(|&c| f32::from_le_bytes(c)).collect(),
        (Element::F64, true) => proto.double_data.iter().map(|&v| v as f32).collect(),
        (Element::F64, false) => raw.as_chunks::<8>().0.iter().map(|&c| f64::from_le_bytes(c) as f32).collect(),
        (Element::F16, true) => halves().map(|b| f16::from_bits(b).to_f32()).collect(),
        (Element::F16, false) => pairs().map(|b| f16::from_bits(b).to_f32()).collect(),
        (_, true) => halves().map(|b| bf16::from_bits(b).to_f32()).collect(),
        (_, false) => pairs().map(|b| bf16::from_bits(b).to_f32()).collect(),
    }
}

fn bytes(proto: &TensorProto, element: Element) -> Vec<u8> {
    let plain: Vec<u8> = match proto.raw_data.is_empty() {
        true => proto.int32_data.iter().map(|&v| v as u8).collect(),
        false => proto.raw_data.clone(),
    };
    match element {
        Element::Bool => plain.into_iter().map(|b| u8::from(b != 0)).collect(),
        _ => plain,
    }
}

fn integers(proto: &TensorProto, element: Element) -> Vec<i128> {
    let raw = &proto.raw_data;
    let two = || raw.as_chunks::<2>().0.iter();
    let four = || raw.as_chunks::<4>().0.iter();
    let eight = || raw.as_chunks::<8>().0.iter();
    match (element, raw.is_empty()) {
        (Element::I64, true) => proto.int64_data.iter().map(|&v| v.into()).collect(),
        (Element::U32 | Element::U64, true) => proto.uint64_data.iter().map(|&v| v.into()).collect(),
        (_, true) => proto.int32_data.iter().map(|&v| v.into()).collect(),
        (Element::U16, false) => two().map(|&c| u16::from_le_bytes(c).into()).collect(),
        (Element::I16, false) => two().map(|&c| i16::from_le_bytes(c).into()).collect(),
        (Element::U32, false) => four().map(|&c| u32::from_le_bytes(c).into()).collect(),
        (Element::I64, false) => eight().map(|&c| i64::from_le_bytes(c).into()).collect(),
        (Element::U64, false) => eight().map(|&c| u64::from_le_bytes(c).into()).collect(),
        (_, false) => four().map(|&c| i32::from_le_bytes(c).into()).collect(),
    }
}
