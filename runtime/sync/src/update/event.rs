//! What the update machine asks of its host beyond requests and commits, and what it tells an app.

use core::fmt;

use dunlin_protocol::tuf;

use super::state::{Place, Reason, Slot};
use crate::effect::{Failure, StoreFailure};

/// Asks for a model to be loaded and for its golden inputs, while the model before answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trial {
    /// Where the model is.
    pub slot: Slot,
    /// Its version.
    pub version: u32,
    /// The most milliseconds that a golden input may take, if that is bounded.
    pub latency_ms: Option<u32>,
}

/// A model that the device has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Installed {
    /// Where it is.
    pub place: Place,
    /// Its version.
    pub version: u32,
}

/// Which model answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Activation {
    /// The model that answers.
    pub first: Installed,
    /// The model to ask beside it, of whose answers nothing is shown: each pair of answers is an
    /// [`Observation`](super::Observation).
    pub shadow: Option<Installed>,
    /// Why the model that answered is taken back, if it is.
    pub left: Option<Reason>,
}

/// What an app is told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// There is a release for this device; it is fetched when the conditions allow it.
    Found {
        /// Its version.
        version: u32,
    },
    /// It is in the store, sound and complete.
    Downloaded {
        /// Its version.
        version: u32,
        /// How many bytes were fetched for it.
        bytes: u64,
    },
    /// It answers, on trial if its publisher wants that.
    Activated {
        /// Its version.
        version: u32,
    },
    /// It has shown itself, and stays.
    Kept {
        /// Its version.
        version: u32,
    },
    /// It was taken back.
    RolledBack {
        /// Its version.
        version: u32,
        /// The version that answers instead.
        to: u32,
        /// Why.
        reason: Reason,
    },
    /// What was last seen of the repository counts no longer, and nothing newer could be had: the model answers on, but nobody knows
    /// whether it is still the one that should.
    Stale,
    /// A look for updates failed; there will be another.
    Failed(Fault),
}

/// Why a look for updates failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// No answer.
    Network(Failure),
    /// A status other than 200.
    Status(u16),
    /// The repository's metadata can't be trusted.
    Metadata(tuf::Error),
    /// A file isn't what its metadata says.
    Content,
    /// The release is longer than all that may be fetched in a day.
    Allowance,
    /// The store didn't take it.
    Store(StoreFailure),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(Failure::Connect) => f.write_str("the repository can't be reached"),
            Self::Network(Failure::Broken) => f.write_str("the connection to the repository broke"),
            Self::Network(Failure::Timeout) => f.write_str("the repository didn't answer in time"),
            Self::Network(Failure::TooLong) => f.write_str("the repository sent more than it should"),
            Self::Status(status) => write!(f, "the repository answered with status {status}"),
            Self::Metadata(error) => write!(f, "the repository can't be trusted: {error}"),
            Self::Content => f.write_str("a file of the repository isn't what its metadata says"),
            Self::Allowance => f.write_str("the release is longer than what may be fetched in a day"),
            Self::Store(StoreFailure::Full) => f.write_str("there is no room to keep the release"),
            Self::Store(StoreFailure::Broken) => f.write_str("the store can't be written"),
        }
    }
}

impl core::error::Error for Fault {}
