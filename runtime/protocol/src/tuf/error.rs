//! Why metadata isn't trusted.

use alloc::string::String;
use core::fmt::{self, Write};

/// Metadata or a target that isn't trusted, and why.
///
/// What was trusted before still is; an update that failed may be tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The role, such as `timestamp`, or the target's path.
    pub of: String,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with metadata or a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// It isn't JSON. Server or network.
    Json,
    /// An object has a name twice. Publisher or attacker.
    DuplicateName,
    /// A number has a fraction or is beyond 64 bits. Publisher or attacker.
    Number,
    /// Values lie too deep in each other. Publisher or attacker.
    TooDeep,
    /// More of something than the limits allow. Publisher or attacker.
    TooMany(&'static str),
    /// A field is missing or has another form. Publisher or attacker.
    Field(&'static str),
    /// Fewer keys signed than must have. Attacker, or keys that were rotated without the old ones' consent.
    Signatures {
        /// How many of the role's keys signed.
        valid: u32,
        /// How many must have.
        threshold: u32,
    },
    /// It has another version than what refers to it says. Publisher or attacker.
    Version {
        /// Its version.
        found: u64,
        /// What refers to it.
        expected: u64,
    },
    /// It is older than what was trusted before: a rollback attack, or a server that was restored from a backup.
    Rollback,
    /// Its time is over: a freeze attack, a publisher who doesn't sign any more, or a wrong clock.
    Expired,
    /// Its length or digest isn't what was signed. Server, network or attacker.
    Digest,
    /// No digest that this library knows. Publisher.
    NoDigest,
    /// It is longer than it may be: endless data.
    TooLong,
    /// The server has no such file.
    Missing,
    /// The server couldn't be asked. Network or server.
    Unanswered,
    /// A delegated role that the snapshot doesn't list. Publisher or attacker.
    NotInSnapshot,
    /// A target's path that can't be asked of a server: a part is empty, `.` or `..`. Caller.
    Path,
    /// There is no trusted root to begin with. Caller.
    NoRoot,
    /// An answer to nothing that was asked, or a search before the refresh is done. Caller.
    Order,
}

impl Fault {
    pub(super) fn of(self, of: impl Into<String>) -> Error {
        Error { of: of.into(), fault: self }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names of delegated roles come from a server: nothing in them moves a terminal's cursor.
        for c in self.of.chars() {
            f.write_char(if c.is_control() { '?' } else { c })?;
        }
        f.write_str(": ")?;
        self.fault.fmt(f)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json => f.write_str("not JSON"),
            Self::DuplicateName => f.write_str("an object has a name twice"),
            Self::Number => f.write_str("a number isn't whole or is too large"),
            Self::TooDeep => f.write_str("values lie too deep in each other"),
            Self::TooMany(what) => write!(f, "more {what} than the limits allow"),
            Self::Field(name) => write!(f, "'{name}' is missing or has another form"),
            Self::Signatures { valid, threshold } => {
                write!(f, "{valid} of its role's keys signed it, {threshold} must have")
            }
            Self::Version { found, expected } => write!(f, "version {found} where {expected} was announced"),
            Self::Rollback => f.write_str("older than what was trusted before"),
            Self::Expired => f.write_str("its time is over: the publisher must sign anew, or the clock is wrong"),
            Self::Digest => f.write_str("its length or digest isn't what was signed"),
            Self::NoDigest => f.write_str("no digest of a kind that is known here"),
            Self::TooLong => f.write_str("longer than it may be"),
            Self::Missing => f.write_str("the server has no such file"),
            Self::Unanswered => f.write_str("the server can't be reached or doesn't answer"),
            Self::NotInSnapshot => f.write_str("the snapshot doesn't list it"),
            Self::Path => f.write_str("a path with parts that are empty, '.' or '..'"),
            Self::NoRoot => f.write_str("there is no trusted root to begin with"),
            Self::Order => f.write_str("called out of order"),
        }
    }
}

impl core::error::Error for Error {}
impl core::error::Error for Fault {}
