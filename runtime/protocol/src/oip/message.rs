//! Messages as bytes: JSON, and behind it the data of tensors that aren't in it.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::error::{OipError, TensorFault};
use super::parameters::{self, Parameter, Parameters};
use super::tensor::{self, Data, DataType, Tensor};
use super::{Limits, binary, json};

/// The header that says how long the JSON is where binary data follow it.
pub const HEADER_LENGTH: &str = "inference-header-content-length";

/// How data are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// In JSON, which every server reads.
    #[default]
    Json,
    /// Behind the JSON, for an end that has said that it takes that.
    Binary,
}

/// A message to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The body.
    pub body: Vec<u8>,
    /// How long the JSON is, for the header [`HEADER_LENGTH`], where binary data follow it.
    pub header_length: Option<usize>,
}

/// The JSON and what follows it.
///
/// # Errors
/// A message that is too long, or a header that doesn't fit.
pub(super) fn split<'a>(
    body: &'a [u8],
    header_length: Option<&str>,
    limits: &Limits,
) -> Result<(&'a [u8], &'a [u8]), OipError> {
    if body.len() > limits.bytes {
        return Err(OipError::TooLong { most: limits.bytes });
    }
    let Some(header) = header_length else { return Ok((body, &[])) };
    let digits = !header.is_empty() && header.bytes().all(|byte| byte.is_ascii_digit());
    let len = header.parse().ok().filter(|_| digits);
    len.and_then(|len| body.split_at_checked(len)).ok_or(OipError::HeaderLength)
}

/// A tensor as it stands in JSON.
#[derive(Deserialize)]
pub(super) struct RawTensor<'a> {
    #[serde(borrow)]
    name: alloc::borrow::Cow<'a, str>,
    shape: Vec<u64>,
    #[serde(borrow)]
    datatype: alloc::borrow::Cow<'a, str>,
    #[serde(default)]
    parameters: parameters::Read,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

/// Makes tensors of what stands in JSON and of the bytes behind it.
pub(super) fn tensors(raw: Vec<RawTensor<'_>>, mut rest: &[u8], limits: &Limits) -> Result<Vec<Tensor>, OipError> {
    if raw.len() > limits.tensors {
        return Err(OipError::Tensors { most: limits.tensors });
    }
    let mut tensors: Vec<Tensor> = Vec::new();
    for (index, raw) in raw.into_iter().enumerate() {
        let (tensor, left) = read(raw, rest, limits, index)?;
        if tensors.iter().any(|other| other.name() == tensor.name()) {
            return Err(OipError::Twice);
        }
        tensors.push(tensor);
        rest = left;
    }
    if rest.is_empty() { Ok(tensors) } else { Err(OipError::Leftover) }
}

const BINARY_SIZE: &str = "binary_data_size";

fn read<'b>(raw: RawTensor<'_>, rest: &'b [u8], limits: &Limits, index: usize) -> Result<(Tensor, &'b [u8]), OipError> {
    let mut parameters = raw.parameters.checked()?;
    let at = |fault| OipError::Tensor { index, fault };
    let datatype = DataType::from_name(&raw.datatype).ok_or(at(TensorFault::DataType))?;
    let most = limits.elements_of(datatype);
    let dims = raw.shape.iter().map(|&dim| usize::try_from(dim).ok());
    let shape: Option<Vec<usize>> = dims.collect();
    let shape = shape.ok_or(at(TensorFault::Elements { most }))?;
    let expected = tensor::elements(&shape, most).map_err(at)?;
    let (data, rest) = match (parameters.remove(BINARY_SIZE), raw.data) {
        (None, None) => return Err(at(TensorFault::NoData)),
        (Some(_), Some(_)) => return Err(at(TensorFault::TwiceData)),
        (None, Some(data)) => (json::read(data, datatype, &shape, expected).map_err(at)?, rest),
        (Some(size), None) => {
            let size = if let Parameter::Integer(size) = size { usize::try_from(size).ok() } else { None };
            let parts = size.and_then(|size| rest.split_at_checked(size));
            let (bytes, rest) = parts.ok_or(at(TensorFault::BinarySize))?;
            (binary::read(bytes, datatype, expected).map_err(at)?, rest)
        }
    };
    let mut tensor = Tensor::new(raw.name, shape, data).map_err(at)?;
    tensor.parameters = parameters;
    Ok((tensor, rest))
}

/// A tensor as it is written.
#[derive(Serialize)]
pub(super) struct WrittenTensor<'a> {
    name: &'a str,
    shape: &'a [usize],
    datatype: &'static str,
    #[serde(skip_serializing_if = "Parameters::is_empty")]
    parameters: Parameters,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<alloc::boxed::Box<RawValue>>,
}

/// Tensors as they are written, with the bytes that follow the JSON.
///
/// # Errors
/// Data that have no such form.
pub(super) fn written(tensors: &[Tensor], form: Form) -> Result<(Vec<WrittenTensor<'_>>, Vec<u8>), OipError> {
    let mut bytes = Vec::new();
    let mut written = Vec::with_capacity(tensors.len());
    for (index, tensor) in tensors.iter().enumerate() {
        let at = |fault| OipError::Tensor { index, fault };
        let mut parameters = tensor.parameters.clone();
        let data = match form {
            Form::Json => Some(in_json(tensor.data()).map_err(at)?),
            Form::Binary => {
                let before = bytes.len();
                binary::write(tensor.data(), &mut bytes).map_err(at)?;
                let size = i64::try_from(bytes.len() - before).map_err(|_| at(TensorFault::BinarySize))?;
                parameters.insert(BINARY_SIZE.into(), Parameter::Integer(size));
                None
            }
        };
        let (name, shape, datatype) = (tensor.name(), tensor.shape(), tensor.data().datatype().name());
        written.push(WrittenTensor { name, shape, datatype, parameters, data });
    }
    Ok((written, bytes))
}

fn in_json(data: &Data) -> Result<alloc::boxed::Box<RawValue>, TensorFault> {
    let mut list = String::new();
    json::write(data, &mut list)?;
    Ok(RawValue::from_string(list).expect("a list of JSON's own forms"))
}

/// Puts a message together.
pub(super) fn join(head: &impl Serialize, bytes: &[u8], form: Form) -> Result<Message, OipError> {
    let mut body = serde_json::to_vec(head)?;
    let header_length = (form == Form::Binary).then_some(body.len());
    body.extend_from_slice(bytes);
    Ok(Message { body, header_length })
}

/// An id within limits.
pub(super) fn checked_id(id: Option<String>) -> Result<Option<String>, OipError> {
    match id {
        Some(id) if id.len() > Limits::ID => Err(OipError::Id { longest: Limits::ID }),
        id => Ok(id),
    }
}
