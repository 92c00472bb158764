//! What an app says about updates, as JSON.

use alloc::string::String;
use alloc::vec::Vec;

use dunlin_sync::{Config, Floor, When};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Options {
    model: String,
    factory: u32,
    repository: String,
    timestamp: u64,
    snapshot: u64,
    targets: u64,
    cohorts: Vec<String>,
    runtime: u32,
    interval: u64,
    metered: bool,
    charging: bool,
    bytes_per_day: u64,
}

/// The configuration, with the root of trust.
pub fn parse(json: &str, root: Vec<u8>) -> Result<Config, serde_json::Error> {
    let options: Options = serde_json::from_str(json)?;
    Ok(Config {
        model: options.model,
        factory: options.factory,
        repository: options.repository,
        root,
        floor: Floor { timestamp: options.timestamp, snapshot: options.snapshot, targets: options.targets },
        cohorts: options.cohorts,
        runtime: options.runtime,
        build: env!("CARGO_PKG_VERSION").into(),
        interval: options.interval,
        when: When { metered: options.metered, charging: options.charging, bytes_per_day: options.bytes_per_day },
    })
}
