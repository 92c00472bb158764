//! What is wrong with a message of the Open Inference Protocol. No error repeats what a sender wrote.

use core::fmt;

/// Why a message can't be read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OipError {
    /// The sender's: the message is longer than this end takes.
    TooLong {
        /// The most bytes.
        most: usize,
    },
    /// The sender's: not JSON, or not the fields that such a message has.
    Json {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// The sender's: `inference-header-content-length` is no number, or beyond the message.
    HeaderLength,
    /// The sender's: more inputs or outputs than this end takes.
    Tensors {
        /// The most tensors.
        most: usize,
    },
    /// The sender's: two tensors have one name.
    Twice,
    /// The sender's: more parameters than this end takes, or longer ones.
    Parameters {
        /// The most parameters.
        most: usize,
        /// The most bytes of a name or of a value.
        longest: usize,
    },
    /// The sender's: an `id` that is longer than this end takes.
    Id {
        /// The most bytes.
        longest: usize,
    },
    /// The sender's: bytes follow the last tensor.
    Leftover,
    /// One tensor is at fault.
    Tensor {
        /// Which one, from 0.
        index: usize,
        /// What is wrong with it.
        fault: TensorFault,
    },
}

/// What is wrong with a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TensorFault {
    /// The name is empty or too long.
    Name,
    /// The data type isn't one of the protocol's.
    DataType,
    /// More dimensions than are taken.
    Rank {
        /// The most dimensions.
        most: usize,
    },
    /// More elements than are taken.
    Elements {
        /// The most elements.
        most: usize,
    },
    /// The data have another number of elements than the shape says.
    Shape {
        /// How many the shape says.
        expected: usize,
        /// How many were found; when there are too many, counting ends at the first one.
        found: usize,
    },
    /// Nested data aren't nested as the shape says.
    Nesting,
    /// An element isn't of the data type, or out of its range.
    Element {
        /// Which one, from 0.
        at: usize,
    },
    /// FP16 has no form in JSON: send FP32, or binary data to a server that takes them.
    Fp16,
    /// A number that is no number, or infinite, has no form in JSON.
    NoNumber {
        /// Which element, from 0.
        at: usize,
    },
    /// Bytes that aren't UTF-8 have no form in JSON.
    Text {
        /// Which element, from 0.
        at: usize,
    },
    /// There are no data.
    NoData,
    /// There are data in JSON and binary ones.
    TwiceData,
    /// `binary_data_size` doesn't fit the shape, or goes beyond the message.
    BinarySize,
}

impl fmt::Display for OipError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::TooLong { most } => write!(f, "the message is longer than {most} bytes"),
            Self::Json { line, column } => {
                write!(f, "the message is no JSON of the expected form, at line {line}, column {column}")
            }
            Self::HeaderLength => f.write_str(
                "the header inference-header-content-length is no number, or greater than the message is long",
            ),
            Self::Tensors { most } => write!(f, "the message has more than {most} tensors"),
            Self::Twice => f.write_str("two tensors have the same name"),
            Self::Parameters { most, longest } => {
                write!(f, "there are more than {most} parameters, or one is longer than {longest} bytes")
            }
            Self::Id { longest } => write!(f, "the id is longer than {longest} bytes"),
            Self::Leftover => f.write_str("bytes follow the last tensor's"),
            Self::Tensor { index, fault } => write!(f, "tensor {index}: {fault}"),
        }
    }
}

impl fmt::Display for TensorFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Name => f.write_str("its name is empty or too long"),
            Self::DataType => f.write_str(
                "its datatype is none of BOOL, UINT8, UINT16, UINT32, UINT64, INT8, INT16, INT32, INT64, FP16, FP32, FP64, BYTES",
            ),
            Self::Rank { most } => write!(f, "its shape has more than {most} dimensions"),
            Self::Elements { most } => write!(f, "its shape has more than {most} elements"),
            Self::Shape { expected, found } => {
                write!(f, "its shape has {expected} elements, its data have {found} or more")
            }
            Self::Nesting => f.write_str("its data are nested in another way than its shape says"),
            Self::Element { at } => write!(f, "element {at} isn't of its datatype, or out of range"),
            Self::Fp16 => f.write_str("FP16 has no form in JSON: send FP32, or binary data where the server takes them"),
            Self::NoNumber { at } => write!(f, "element {at} is no finite number, which has no form in JSON"),
            Self::Text { at } => write!(f, "element {at} isn't UTF-8, which has no form in JSON"),
            Self::NoData => f.write_str("it has no data"),
            Self::TwiceData => f.write_str("it has data in JSON and a binary_data_size"),
            Self::BinarySize => f.write_str("its binary_data_size doesn't fit its shape or the message"),
        }
    }
}

impl core::error::Error for OipError {}
impl core::error::Error for TensorFault {}

impl From<serde_json::Error> for OipError {
    fn from(error: serde_json::Error) -> Self {
        Self::Json { line: error.line(), column: error.column() }
    }
}
