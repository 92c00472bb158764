//! What time it is: the system's, or what a test or a simulation says.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millis(pub u64);

impl Millis {
    /// The day in UTC, in days since the epoch.
    pub const fn day(self) -> u32 {
        (self.0 / 86_400_000) as u32
    }

    /// As SQLite stores it.
    pub const fn stored(self) -> i64 {
        self.0 as i64
    }

    /// That many milliseconds earlier; the epoch at the earliest.
    pub const fn before(self, milliseconds: u64) -> Self {
        Self(self.0.saturating_sub(milliseconds))
    }
}

/// Milliseconds of a day.
pub const DAY: u64 = 86_400_000;

/// Where the time comes from.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Millis + Send + Sync>);

impl Clock {
    /// From a function.
    pub fn new(now: impl Fn() -> Millis + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// Now.
    pub fn now(&self) -> Millis {
        (self.0)()
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new(system)
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

/// The system's time.
pub fn system() -> Millis {
    Millis(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as u64))
}
