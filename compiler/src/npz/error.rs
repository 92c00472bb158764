//! What can be wrong with an archive of arrays. Whoever made the file is at fault.

use std::{fmt, io};

use zip::result::ZipError;

/// An archive or an array that can't be read or written.
#[derive(Debug)]
#[non_exhaustive]
pub enum NpzError {
    /// The file can't be read or written.
    Io(io::Error),
    /// The file is no ZIP archive, or a damaged one.
    Archive {
        /// What the ZIP reader says.
        what: String,
    },
    /// An array's header isn't one of the `.npy` format.
    Header {
        /// The array.
        name: String,
    },
    /// An array's elements are of a type that isn't read here.
    Type {
        /// The array.
        name: String,
        /// NumPy's name of the type.
        found: String,
    },
    /// An array has more or fewer bytes than its header says, or more than are read.
    Length {
        /// The array.
        name: String,
    },
}

impl fmt::Display for NpzError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Archive { what } => write!(f, "not a readable .npz archive ({what}); write it with numpy.savez"),
            Self::Header { name } => {
                write!(f, "the array '{name}' isn't in NumPy's .npy format; write it with numpy.savez")
            }
            Self::Type { name, found } => {
                write!(
                    f,
                    "the array '{name}' has elements of type {found}; convert it to float32, uint8 or int64 first"
                )
            }
            Self::Length { name } => {
                write!(f, "the array '{name}' is cut off or larger than its header says; write it again")
            }
        }
    }
}

impl std::error::Error for NpzError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<ZipError> for NpzError {
    fn from(error: ZipError) -> Self {
        match error {
            ZipError::Io(error) => Self::Io(error),
            other => Self::Archive { what: other.to_string() },
        }
    }
}
