//! What a server answers.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::message::{self, RawTensor, WrittenTensor};
use super::parameters::{self, Parameters};
use super::{Form, Limits, Message, OipError, Tensor};

/// An answer of a model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InferResponse {
    /// The model that answered.
    pub model_name: String,
    /// Its version.
    pub model_version: Option<String>,
    /// The question's id.
    pub id: Option<String>,
    /// What else is to be known.
    pub parameters: Parameters,
    /// The answer.
    pub outputs: Vec<Tensor>,
}

#[derive(Deserialize)]
struct Raw<'a> {
    // Some servers leave it out, and a client knows whom it asked.
    #[serde(default)]
    model_name: Option<String>,
    #[serde(default)]
    model_version: Option<String>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    parameters: parameters::Read,
    #[serde(borrow)]
    outputs: Vec<RawTensor<'a>>,
}

#[derive(Serialize)]
struct Written<'a> {
    model_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    model_version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Parameters::is_empty")]
    parameters: &'a Parameters,
    outputs: Vec<WrittenTensor<'a>>,
}

impl InferResponse {
    /// Reads a body; `header_length` is the value of the header [`HEADER_LENGTH`](super::HEADER_LENGTH), where there is one.
    ///
    /// # Errors
    /// The sender's: see [`OipError`].
    pub fn read(body: &[u8], header_length: Option<&str>, limits: &Limits) -> Result<Self, OipError> {
        let (head, rest) = message::split(body, header_length, limits)?;
        let raw: Raw<'_> = serde_json::from_slice(head)?;
        Ok(Self {
            model_name: raw.model_name.unwrap_or_default(),
            model_version: raw.model_version,
            id: message::checked_id(raw.id)?,
            parameters: raw.parameters.checked()?,
            outputs: message::tensors(raw.outputs, rest, limits)?,
        })
    }

    /// Writes it.
    ///
    /// # Errors
    /// The caller's: data that have no such form.
    pub fn write(&self, form: Form) -> Result<Message, OipError> {
        let (outputs, bytes) = message::written(&self.outputs, form)?;
        let Self { model_name, model_version, id, parameters, .. } = self;
        let (model_version, id) = (model_version.as_deref(), id.as_deref());
        message::join(&Written { model_name, model_version, id, parameters, outputs }, &bytes, form)
    }

    /// An output, by its name.
    pub fn output(&self, name: &str) -> Option<&Tensor> {
        self.outputs.iter().find(|tensor| tensor.name() == name)
    }
}
