//! What a look for updates costs that finds nothing new: requests, bytes, time on this CPU.

#[path = "../../sync/tests/common/mod.rs"]
mod common;

use std::time::Instant;

use common::repository::Repository;
use common::world::{LATE, MINUTE, World, model};
use serde_json::json;

fn main() {
    let mut repository = Repository::new(LATE);
    for version in 1..=20 {
        let canary = json!({"inputs": 50, "agreement": 800, "fallback": 500, "latency_ms": 200});
        repository.add(version, &model(version, ""), json!({"canary": canary}));
    }
    repository.publish(LATE);
    let mut world = World::new(repository);
    let first = look(&mut world);
    assert_eq!(world.answering(), 20);
    let mut looks: Vec<_> = (0..LOOKS).map(|_| look(&mut world)).collect();
    looks.sort_unstable();
    println!("the first look, with a model of {} bytes: {} requests, {} bytes", model(20, "").len(), first.1, first.2);
    let (time, requests, bytes) = looks[LOOKS / 2];
    println!("nothing new: {requests} requests, {bytes} bytes, {time:?} (median of {LOOKS})");
    println!("stored: {} bytes of metadata, {} of state", stored(&world, "tuf/"), stored(&world, "state"));
}

/// Time, requests and bytes of a look; afterwards the app classifies, so that a trial ends.
fn look(world: &mut World) -> (std::time::Duration, usize, u64) {
    let (requests, bytes, now) = (world.requests.len(), world.received, world.now);
    let begin = Instant::now();
    world.client().handle_check(now);
    world.pass(0);
    let time = begin.elapsed();
    world.classify(50);
    world.pass(MINUTE);
    (time, world.requests.len() - requests, world.received - bytes)
}

fn stored(world: &World, prefix: &str) -> usize {
    world.store.iter().filter(|(key, _)| key.starts_with(prefix)).map(|(_, value)| value.len()).sum()
}

const LOOKS: usize = 101;
