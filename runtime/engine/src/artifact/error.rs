//! What can be wrong with a file.

use super::VERSION;
use crate::error::Code;

/// A file that is no sound artifact. Whoever made or carried the file is at fault: fetch it again, or compile the
/// model again with this version of Dunlin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArtifactError {
    /// The file doesn't begin as an artifact does.
    Magic,
    /// The file's format is of another version.
    Version {
        /// What the file says.
        found: u32,
    },
    /// The file ends before its header or table does.
    Truncated {
        /// Bytes that it should have, at least.
        needed: usize,
        /// Bytes that it has.
        found: usize,
    },
    /// The file is longer or shorter than its header says.
    Length {
        /// What the header says.
        declared: u64,
        /// Bytes that it has.
        found: usize,
    },
    /// The bytes don't lie at a multiple of 64 in memory (the caller's fault).
    Alignment,
    /// The section table contradicts itself or the file.
    Table {
        /// What is there and mustn't be.
        why: &'static str,
    },
    /// A section that this version doesn't know and may not skip.
    UnknownSection {
        /// Its number.
        kind: u32,
    },
    /// A section that has to be there isn't.
    Missing {
        /// Its name.
        section: &'static str,
    },
    /// Bytes have changed since the file was written.
    Digest {
        /// Where.
        section: &'static str,
    },
    /// A section's contents are no such section.
    Section {
        /// Its name.
        section: &'static str,
    },
}

impl ArtifactError {
    /// Its stable code.
    pub const fn code(&self) -> Code {
        match self {
            Self::Version { .. } | Self::UnknownSection { .. } => Code::Version,
            Self::Alignment => Code::Internal,
            _ => Code::Artifact,
        }
    }
}

impl core::fmt::Display for ArtifactError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Magic => f.write_str("not a Dunlin artifact"),
            Self::Version { found } => {
                write!(
                    f,
                    "artifact format {found} can't be read by this version, which reads {VERSION}; compile the model again"
                )
            }
            Self::Truncated { needed, found } => {
                write!(f, "artifact is cut off: {found} bytes where at least {needed} belong")
            }
            Self::Length { declared, found } => {
                write!(f, "artifact has {found} bytes where its header says {declared}; fetch it again")
            }
            Self::Alignment => {
                f.write_str("artifact must lie at a 64-byte boundary in memory; map the file or use AlignedBytes")
            }
            Self::Table { why } => write!(f, "artifact's section table has {why}"),
            Self::UnknownSection { kind } => {
                write!(f, "artifact has a section of unknown kind {kind}; it needs a newer version of Dunlin")
            }
            Self::Missing { section } => write!(f, "artifact has no {section} section"),
            Self::Digest { section } => {
                write!(f, "artifact's {section} has changed since it was written (digest differs); fetch it again")
            }
            Self::Section { section } => write!(f, "artifact's {section} section is malformed"),
        }
    }
}

impl core::error::Error for ArtifactError {}
