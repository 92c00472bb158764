//! What can be wrong with a repository, its keys, or what is asked of them.

use std::fmt;

use dunlin_protocol::release::ReleaseError;
use dunlin_protocol::tuf::{PublishError, Role};

/// What is wrong with a repository, or with what is asked of it.
#[derive(Debug)]
pub enum RepositoryFault {
    /// There is none.
    None,
    /// Another process changes it.
    Busy,
    /// It isn't sound, or a key is missing.
    Publish(PublishError),
    /// A key's file is there already.
    KeyIsThere,
    /// A file isn't a key.
    NoKey,
    /// A key wasn't found where a new one is to follow it.
    NoKeyOf(Role),
    /// It has no release of this model.
    Model(String),
    /// It has no release of this version to go back to, before the newest.
    Version(u32),
    /// There is only one release.
    OnlyRelease,
    /// The newest release goes to more devices already.
    Lower {
        /// Thousandths of devices.
        now: u16,
    },
    /// The newest release is this very file.
    Same(u32),
    /// What is asked for makes no sound release.
    Release(ReleaseError),
    /// The system has no random numbers.
    Random(getrandom::Error),
}

impl fmt::Display for RepositoryFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("there is no repository here; 'dunlin publish' makes one"),
            Self::Busy => f.write_str("another process is changing this repository; try again when it is done"),
            Self::Publish(source @ PublishError::OtherKey(_)) => {
                write!(f, "{source}; give the folder with its keys, or finish with 'dunlin keys rotate'")
            }
            Self::Publish(source @ PublishError::NoKey(_)) => {
                write!(f, "{source}; 'dunlin keys init' makes keys for a new repository")
            }
            Self::Publish(source) => source.fmt(f),
            Self::KeyIsThere => {
                f.write_str("there is a key already, and keys are never overwritten; take another folder")
            }
            Self::NoKey => f.write_str("no ed25519 key as PKCS #8 in PEM, without a password"),
            Self::NoKeyOf(role) => write!(f, "the key of the role '{}' isn't there", role.name()),
            Self::Model(name) => write!(f, "there is no release of '{name}'; 'dunlin status' shows what there is"),
            Self::Version(version) => {
                write!(f, "version {version} isn't listed before the newest one; 'dunlin status' shows what there is")
            }
            Self::OnlyRelease => {
                f.write_str("there is no earlier release to go back to; 'dunlin hold' keeps it from further devices")
            }
            Self::Lower { now } => write!(
                f,
                "the newest release goes to {}.{} % of devices already; 'dunlin hold' stops it and 'dunlin rollback' takes it back",
                now / 10,
                now % 10
            ),
            Self::Same(version) => {
                write!(f, "this very file is published as version {version}; 'dunlin promote' gives it to more devices")
            }
            Self::Release(source) => source.fmt(f),
            Self::Random(source) => write!(f, "the system gives no random numbers: {source}"),
        }
    }
}
