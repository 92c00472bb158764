//! What an app says about updates.

use alloc::string::String;
use alloc::vec::Vec;

use dunlin_sync::{Config, Floor, When};

/// The configuration. `numbers` are the version of the model that the app ships, the least versions of timestamp, snapshot and targets, the
/// newest version of artifacts, milliseconds between two looks, and the most bytes a day; nothing where there are more or fewer.
pub fn config(
    (model, repository, root): (String, String, Vec<u8>),
    cohorts: Vec<String>,
    numbers: &[f64],
    (metered, charging): (bool, bool),
) -> Option<Config> {
    let &[factory, timestamp, snapshot, targets, runtime, interval, bytes_per_day] = numbers else { return None };
    Some(Config {
        model,
        factory: factory as u32,
        repository,
        root,
        floor: Floor { timestamp: timestamp as u64, snapshot: snapshot as u64, targets: targets as u64 },
        cohorts,
        runtime: runtime as u32,
        build: env!("CARGO_PKG_VERSION").into(),
        interval: interval as u64,
        when: When { metered, charging, bytes_per_day: bytes_per_day as u64 },
    })
}
