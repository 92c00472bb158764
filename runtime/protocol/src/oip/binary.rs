//! A tensor's data behind the JSON, as the extension `binary_tensor_data` has them: little-endian, strings behind their length in 32 bits.

use alloc::vec::Vec;

use super::error::TensorFault;
use super::tensor::{Data, DataType};

/// Reads all bytes of one tensor whose shape has `expected` elements.
pub(super) fn read(bytes: &[u8], datatype: DataType, expected: usize) -> Result<Data, TensorFault> {
    if datatype.size().is_some_and(|size| expected.checked_mul(size) != Some(bytes.len())) {
        return Err(TensorFault::BinarySize);
    }
    Ok(match datatype {
        DataType::Bool => Data::Bool(booleans(bytes)?),
        DataType::Uint8 => Data::Uint8(bytes.to_vec()),
        DataType::Uint16 => Data::Uint16(numbers(bytes, u16::from_le_bytes)),
        DataType::Uint32 => Data::Uint32(numbers(bytes, u32::from_le_bytes)),
        DataType::Uint64 => Data::Uint64(numbers(bytes, u64::from_le_bytes)),
        DataType::Int8 => Data::Int8(numbers(bytes, i8::from_le_bytes)),
        DataType::Int16 => Data::Int16(numbers(bytes, i16::from_le_bytes)),
        DataType::Int32 => Data::Int32(numbers(bytes, i32::from_le_bytes)),
        DataType::Int64 => Data::Int64(numbers(bytes, i64::from_le_bytes)),
        DataType::Fp16 => Data::Fp16(numbers(bytes, u16::from_le_bytes)),
        DataType::Fp32 => Data::Fp32(numbers(bytes, f32::from_le_bytes)),
        DataType::Fp64 => Data::Fp64(numbers(bytes, f64::from_le_bytes)),
        DataType::Bytes => Data::Bytes(strings(bytes, expected)?),
    })
}

/// Writes all bytes of a tensor behind what is there.
///
/// # Errors
/// [`TensorFault::BinarySize`] for a string whose length 32 bits don't hold.
pub(super) fn write(data: &Data, out: &mut Vec<u8>) -> Result<(), TensorFault> {
    match data {
        Data::Bool(elements) => out.extend(elements.iter().map(|&element| u8::from(element))),
        Data::Uint8(elements) => out.extend_from_slice(elements),
        Data::Uint16(elements) | Data::Fp16(elements) => out.extend(elements.iter().flat_map(|e| e.to_le_bytes())),
        Data::Uint32(elements) => out.extend(elements.iter().flat_map(|e| e.to_le_bytes())),
        Data::Uint64(elements) => out.extend(elements.iter().flat_map(|e| e.to_le_bytes())),
        Data::Int8(elements) => out.extend(elements.iter().flat_map(|e| e.to_le_bytes())),
        Data::Int16(elements) => out.extend(elements.iter().flat_map(|e| e.to_le_bytes())),
        Data::Int32(elements) => out.extend(elements.iter().flat_map(|e| e.to_le_bytes())),
        Data::Int64(elements) => out.extend(elements.iter().flat_map(|e| e.to_le_bytes())),
        Data::Fp32(elements) => out.extend(elements.iter().flat_map(|e| e.to_le_bytes())),
        Data::Fp64(elements) => out.extend(elements.iter().flat_map(|e| e.to_le_bytes())),
        Data::Bytes(elements) => {
            for element in elements {
                let len = u32::try_from(element.len()).map_err(|_| TensorFault::BinarySize)?;
                out.extend_from_slice(&len.to_le_bytes());
                out.extend_from_slice(element);
            }
        }
    }
    Ok(())
}

fn numbers<const N: usize, T>(bytes: &[u8], number: fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks().0.iter().map(|&chunk| number(chunk)).collect()
}

fn booleans(bytes: &[u8]) -> Result<Vec<bool>, TensorFault> {
    let boolean = |(at, &byte): (usize, &u8)| match byte {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(TensorFault::Element { at }),
    };
    bytes.iter().enumerate().map(boolean).collect()
}

fn strings(mut bytes: &[u8], expected: usize) -> Result<Vec<Vec<u8>>, TensorFault> {
    let mut strings = Vec::new();
    for at in 0..expected {
        let (len, rest) = bytes.split_first_chunk().ok_or(TensorFault::Shape { expected, found: at })?;
        let (string, rest) =
            rest.split_at_checked(u32::from_le_bytes(*len) as usize).ok_or(TensorFault::Element { at })?;
        strings.push(string.to_vec());
        bytes = rest;
    }
    if bytes.is_empty() { Ok(strings) } else { Err(TensorFault::Shape { expected, found: expected + 1 }) }
}
