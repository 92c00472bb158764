//! Errors as languages get them: a stable code, and a sentence for whoever reads a log.

use std::any::Any;
use std::fmt;
use std::io;

use dunlin_engine::ModelError;
use dunlin_engine::artifact::ArtifactError;
use dunlin_engine::classifier::ClassifyError;
use dunlin_engine::error::{Code, RunError};
use dunlin_engine::task::PixelsError;

/// The codes of `dunlin_engine::error::Code`, which says what each means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum ErrorCode {
    /// The file is no artifact, was cut off or changed, or contradicts itself: fetch it again.
    Artifact,
    /// The artifact is for another version of Dunlin, or needs operators that this build leaves out.
    Version,
    /// The model needs more memory or arithmetic than it may have, or than the device has left.
    Memory,
    /// What was given as a picture is none.
    Picture,
    /// The model takes another kind, shape, length or range of input.
    Input,
    /// The classifier or client was disposed of before.
    Disposed,
    /// A file can't be read.
    Fetch,
    /// A defect of Dunlin.
    Internal,
}

impl From<Code> for ErrorCode {
    fn from(code: Code) -> Self {
        match code {
            Code::Artifact => Self::Artifact,
            Code::Version => Self::Version,
            Code::Memory => Self::Memory,
            Code::Picture => Self::Picture,
            Code::Input => Self::Input,
            Code::Disposed => Self::Disposed,
            Code::Fetch => Self::Fetch,
            // The engine may get codes that this crate doesn't know yet; a test names them.
            _ => Self::Internal,
        }
    }
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Error)]
pub enum BridgeError {
    /// The only variant: languages make their own error types of it.
    Failed {
        /// What kind of failure it is.
        code: ErrorCode,
        /// What happened, in English, without anything of a user's input.
        reason: String,
    },
}

impl BridgeError {
    /// The code.
    pub fn code(&self) -> ErrorCode {
        let Self::Failed { code, .. } = self;
        *code
    }

    pub(crate) fn new(code: Code, reason: impl fmt::Display) -> Self {
        Self::Failed { code: code.into(), reason: reason.to_string() }
    }

    pub(crate) fn disposed() -> Self {
        Self::new(Code::Disposed, "it was disposed of before")
    }

    /// A call ended in a panic before, and left a classifier in who knows what state.
    pub(crate) fn poisoned() -> Self {
        Self::new(Code::Internal, "an earlier call met a defect of Dunlin; load the model again")
    }

    /// What a panic says.
    pub(crate) fn panic(payload: &(dyn Any + Send)) -> Self {
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no more is known");
        Self::new(Code::Internal, format_args!("please report this as a defect of Dunlin: {text}"))
    }
}

impl fmt::Display for BridgeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Failed { reason, .. } = self;
        f.write_str(reason)
    }
}

impl std::error::Error for BridgeError {}

impl From<ModelError> for BridgeError {
    fn from(error: ModelError) -> Self {
        Self::new(error.code(), error)
    }
}

impl From<ArtifactError> for BridgeError {
    fn from(error: ArtifactError) -> Self {
        Self::new(error.code(), error)
    }
}

impl From<ClassifyError> for BridgeError {
    fn from(error: ClassifyError) -> Self {
        Self::new(error.code(), error)
    }
}

impl From<RunError> for BridgeError {
    fn from(error: RunError) -> Self {
        Self::new(error.code(), error)
    }
}

impl From<PixelsError> for BridgeError {
    fn from(error: PixelsError) -> Self {
        Self::new(error.code(), error)
    }
}

impl From<io::Error> for BridgeError {
    fn from(error: io::Error) -> Self {
        let code = if error.kind() == io::ErrorKind::OutOfMemory { Code::Memory } else { Code::Fetch };
        Self::new(code, format_args!("the model's file can't be read: {error}"))
    }
}

#[cfg(feature = "client")]
impl From<dunlin_native::OpenError> for BridgeError {
    fn from(error: dunlin_native::OpenError) -> Self {
        use dunlin_native::OpenError;
        let code = match &error {
            OpenError::Factory(fault) => fault.code(),
            // What a device has left: threads, in practice.
            OpenError::System(_) => Code::Memory,
            _ => Code::Fetch,
        };
        Self::new(code, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_every_code_of_the_engine() {
        for code in Code::ALL {
            assert_eq!(format!("{:?}", ErrorCode::from(code)).to_lowercase(), code.name());
        }
    }
}
