//! Publishers and what they do, as most tests want them.

use dunlin_sync::{Event, Reason};
use serde_json::{Value, json};

use super::repository::Repository;
use super::world::{LATE, World, model};

pub fn canary() -> Value {
    json!({"canary": {"inputs": 20, "agreement": 800, "fallback": 500, "latency_ms": 200}})
}

/// A device whose repository has version 1, which its app ships, and others.
pub fn world(releases: &[(u32, &str, Value)]) -> World {
    let mut repository = Repository::new(LATE);
    repository.add(1, &model(1, ""), json!({}));
    for (version, manner, more) in releases {
        repository.add(*version, &model(*version, manner), more.clone());
    }
    repository.publish(LATE);
    World::new(repository)
}

pub fn rolled_back(version: u32, to: u32, reason: Reason) -> Event {
    Event::RolledBack { version, to, reason }
}
