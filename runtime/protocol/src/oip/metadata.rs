//! What a server says of itself and its models, and how it says that something is wrong.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Limits, OipError};

/// The extension by which a server says that it takes binary data.
pub const BINARY_EXTENSION: &str = "binary_tensor_data";

/// A server's metadata.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerMetadata {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it can do beside the protocol.
    #[serde(default)]
    pub extensions: Vec<String>,
}

impl ServerMetadata {
    /// Reads a body.
    ///
    /// # Errors
    /// The sender's: a body that is too long or isn't one.
    pub fn read(body: &[u8], limits: &Limits) -> Result<Self, OipError> {
        read(body, limits)
    }

    /// Whether the server takes and gives binary data.
    pub fn takes_binary(&self) -> bool {
        self.extensions.iter().any(|extension| extension == BINARY_EXTENSION)
    }
}

/// A model's metadata.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelMetadata {
    /// Its name.
    pub name: String,
    /// Its versions.
    #[serde(default)]
    pub versions: Option<Vec<String>>,
    /// What it is made with.
    pub platform: String,
    /// Its inputs; some servers leave them out.
    #[serde(default)]
    pub inputs: Option<Vec<TensorMetadata>>,
    /// Its outputs; some servers leave them out.
    #[serde(default)]
    pub outputs: Option<Vec<TensorMetadata>>,
}

impl ModelMetadata {
    /// Reads a body.
    ///
    /// # Errors
    /// The sender's: a body that is too long or isn't one.
    pub fn read(body: &[u8], limits: &Limits) -> Result<Self, OipError> {
        read(body, limits)
    }
}

/// An input or output of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorMetadata {
    /// Its name.
    pub name: String,
    /// The name of its data type, which needn't be one that is known here.
    pub datatype: String,
    /// Its dimensions, -1 for one that varies.
    pub shape: Vec<i64>,
}

/// The body of an answer that isn't a success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// What is wrong.
    pub error: String,
}

impl ErrorBody {
    /// From anything that says what is wrong.
    pub fn new(error: &impl ToString) -> Self {
        Self { error: error.to_string() }
    }

    /// Reads a body. Servers that are broken or aren't model servers answer with anything: that is no error of its own.
    pub fn read(body: &[u8], limits: &Limits) -> Option<Self> {
        read(body, limits).ok()
    }
}

fn read<T: DeserializeOwned>(body: &[u8], limits: &Limits) -> Result<T, OipError> {
    if body.len() > limits.bytes {
        return Err(OipError::TooLong { most: limits.bytes });
    }
    Ok(serde_json::from_slice(body)?)
}
