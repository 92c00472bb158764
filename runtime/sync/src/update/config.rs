//! What an app says about updates.

use alloc::string::String;
use alloc::vec::Vec;

use super::look::version;

/// What an app wants of updates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The model's name, as its publisher gave it.
    pub model: String,
    /// The version of the model that the app ships. None below it is ever taken.
    pub factory: u32,
    /// The repository's address, without a slash at its end: `https://models.example.org/repository`.
    pub repository: String,
    /// The root of trust that the app ships: the bytes of a `root.json`.
    pub root: Vec<u8>,
    /// Versions of metadata below which nothing is believed, for a store that was emptied.
    pub floor: Floor,
    /// The cohorts that the device is in, such as a language.
    pub cohorts: Vec<String>,
    /// The newest version of artifacts that the engine reads.
    pub runtime: u32,
    /// The runtime's own version. A model that failed is tried again with another.
    pub build: String,
    /// Milliseconds between two looks for updates, on average.
    pub interval: u64,
    /// When models are fetched.
    pub when: When,
}

/// Least versions of metadata.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Floor {
    /// Of `timestamp.json`.
    pub timestamp: u64,
    /// Of `snapshot.json`.
    pub snapshot: u64,
    /// Of `targets.json`.
    pub targets: u64,
}

impl Floor {
    /// Whether a file that passed all other checks is new enough.
    pub(crate) fn allows(&self, name: &str, file: &[u8]) -> bool {
        let least = match name {
            "timestamp.json" => self.timestamp,
            "snapshot.json" => self.snapshot,
            "targets.json" => self.targets,
            _ => return true,
        };
        version(file).is_some_and(|version| version >= least)
    }
}

/// When models are fetched. Metadata, a few kilobytes, is always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct When {
    /// Also over a connection that costs.
    pub metered: bool,
    /// Only while the device is charging.
    pub charging: bool,
    /// The most bytes a day, metadata included. What is longer than that is never fetched.
    pub bytes_per_day: u64,
}

impl Default for When {
    fn default() -> Self {
        Self { metered: false, charging: false, bytes_per_day: 256 << 20 }
    }
}

impl When {
    pub(crate) const fn permits(&self, conditions: Conditions) -> bool {
        (self.metered || !conditions.metered) && (!self.charging || conditions.charging)
    }
}

/// What only the host knows of the device at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conditions {
    /// Whether the connection costs.
    pub metered: bool,
    /// Whether the device is charging.
    pub charging: bool,
}

impl Default for Conditions {
    /// Of a device that doesn't say: an unmetered connection, and power.
    fn default() -> Self {
        Self { metered: false, charging: true }
    }
}
