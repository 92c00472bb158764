//! Open Inference Protocol, version 2, over HTTP: what a client asks of a model server, and what that answers.
//!
//! Servers that speak it differ, and none is believed: every message is bounded before it is parsed, and a tensor exists only with as
//! many elements as its shape says. Data in JSON may be flat or nested. Binary data are read and written as Triton's extension
//! `binary_tensor_data` has them; a client sends them only to a server whose metadata list it. Fields that aren't known are skipped.

mod binary;
mod error;
mod found;
mod json;
mod message;
mod metadata;
mod parameters;
mod paths;
mod question;
mod request;
mod response;
mod tensor;

pub use error::{OipError, TensorFault};
pub use found::{AUDIT, Found};
pub use message::{Form, HEADER_LENGTH, Message};
pub use metadata::{BINARY_EXTENSION, ErrorBody, ModelMetadata, ServerMetadata, TensorMetadata};
pub use parameters::{Parameter, Parameters};
pub use paths::{infer_path, model_path, model_ready_path, server_path};
pub use question::{Answer, AnswerFault, Consent, Input, Question, QuestionFault};
pub use request::{InferRequest, RequestedOutput};
pub use response::InferResponse;
pub use tensor::{Data, DataType, Tensor};

/// How much of a message is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the whole message.
    pub bytes: usize,
    /// Inputs or outputs.
    pub tensors: usize,
    /// Elements of a tensor.
    pub elements: usize,
    /// Elements of a tensor of BYTES, each of which costs more.
    pub strings: usize,
}

impl Limits {
    /// What a device takes of a server: room for the probabilities of some thousands of classes.
    pub const DEVICE: Self = Self { bytes: 256 << 10, tensors: 16, elements: 1 << 16, strings: 1 << 12 };
    /// What a server takes of a device: room for a picture of three megapixels in binary.
    pub const SERVER: Self = Self { bytes: 16 << 20, tensors: 16, elements: 12 << 20, strings: 1 << 12 };

    /// The most dimensions of a tensor.
    pub const RANK: usize = 8;
    /// The most bytes of a tensor's name.
    pub const NAME: usize = 256;
    /// The most bytes of an id.
    pub const ID: usize = 128;
    /// The most parameters of a message or tensor.
    pub const PARAMETERS: usize = 64;
    /// The most bytes of a parameter's name, or of its text.
    pub const PARAMETER: usize = 1024;

    const fn elements_of(&self, datatype: DataType) -> usize {
        match datatype {
            DataType::Bytes => self.strings,
            _ => self.elements,
        }
    }
}
