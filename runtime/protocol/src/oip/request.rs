//! What a client asks.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::message::{self, RawTensor, WrittenTensor};
use super::parameters::{self, Parameter, Parameters};
use super::{Form, Limits, Message, OipError, Tensor};

/// A question to a model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InferRequest {
    /// By which the answer is known again.
    pub id: Option<String>,
    /// What else is to be known.
    pub parameters: Parameters,
    /// What is asked about.
    pub inputs: Vec<Tensor>,
    /// Which outputs are wanted; all where none is named.
    pub outputs: Vec<RequestedOutput>,
}

/// An output that is wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestedOutput {
    /// Its name.
    pub name: String,
    /// What else is to be known.
    pub parameters: Parameters,
}

#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    parameters: parameters::Read,
    #[serde(borrow)]
    inputs: Vec<RawTensor<'a>>,
    #[serde(default)]
    outputs: Option<Vec<RawOutput>>,
}

#[derive(Deserialize)]
struct RawOutput {
    name: String,
    #[serde(default)]
    parameters: parameters::Read,
}

#[derive(Serialize)]
struct Written<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Parameters::is_empty")]
    parameters: &'a Parameters,
    inputs: Vec<WrittenTensor<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    outputs: Vec<WrittenOutput<'a>>,
}

#[derive(Serialize)]
struct WrittenOutput<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Parameters::is_empty")]
    parameters: &'a Parameters,
}

impl InferRequest {
    /// Reads a body; `header_length` is the value of the header [`HEADER_LENGTH`](super::HEADER_LENGTH), where there is one.
    ///
    /// # Errors
    /// The sender's: see [`OipError`].
    pub fn read(body: &[u8], header_length: Option<&str>, limits: &Limits) -> Result<Self, OipError> {
        let (head, rest) = message::split(body, header_length, limits)?;
        let raw: Raw<'_> = serde_json::from_slice(head)?;
        let outputs = raw.outputs.unwrap_or_default();
        if outputs.len() > limits.tensors {
            return Err(OipError::Tensors { most: limits.tensors });
        }
        let output =
            |output: RawOutput| Ok(RequestedOutput { name: output.name, parameters: output.parameters.checked()? });
        Ok(Self {
            id: message::checked_id(raw.id)?,
            parameters: raw.parameters.checked()?,
            inputs: message::tensors(raw.inputs, rest, limits)?,
            outputs: outputs.into_iter().map(output).collect::<Result<_, OipError>>()?,
        })
    }

    /// Writes it.
    ///
    /// # Errors
    /// The caller's: data that have no such form.
    pub fn write(&self, form: Form) -> Result<Message, OipError> {
        let (inputs, bytes) = message::written(&self.inputs, form)?;
        let written =
            self.outputs.iter().map(|RequestedOutput { name, parameters }| WrittenOutput { name, parameters });
        let outputs = written.collect();
        message::join(&Written { id: self.id.as_deref(), parameters: &self.parameters, inputs, outputs }, &bytes, form)
    }

    /// An input, by its name.
    pub fn input(&self, name: &str) -> Option<&Tensor> {
        self.inputs.iter().find(|tensor| tensor.name() == name)
    }

    /// Whether the client wants any output in binary data. A server that can't give all of them so gives none.
    pub fn wants_binary(&self) -> bool {
        let says = |parameters: &Parameters, name| parameters.get(name) == Some(&Parameter::Bool(true));
        says(&self.parameters, "binary_data_output")
            || self.outputs.iter().any(|output| says(&output.parameters, "binary_data"))
    }
}
