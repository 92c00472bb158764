//! A disk that stops at every write, fsync and rename of an update, a rollback and a withdrawal: afterwards the device answers with a model
//! that is whole, and goes on.

mod common;

use std::sync::OnceLock;

use common::device::{DAY, Device, Hands, LATE, START, config, model};
use common::disk::{Disks, REACHES, SURVIVALS, Stop};
use common::repository::Repository;
use dunlin_native::Store;
use dunlin_protocol::patch;
use dunlin_sync::{Event, Reason, Time};
use serde_json::{Value, json};

fn canary() -> Value {
    json!({"canary": {"inputs": 3, "agreement": 800, "fallback": 500, "latency_ms": 200}})
}

/// What a publisher does, one day after the other.
const SCENES: [fn(&mut Repository); 5] = [
    |repository| {
        static PATCH: OnceLock<Vec<u8>> = OnceLock::new();
        let patch = PATCH.get_or_init(|| patch::diff(&model(1, ""), &model(2, "")));
        let from = common::repository::sha256(&model(1, ""));
        let sha256 = repository.put("m/1-2.patch", patch);
        let mut more = canary();
        more["patches"] = json!([{"from": from, "path": "m/1-2.patch", "length": patch.len(), "sha256": sha256}]);
        repository.add(2, &model(2, ""), more);
    },
    |repository| repository.add(3, &model(3, "other!"), canary()),
    |repository| repository.add(4, &model(4, ""), json!({})),
    |repository| repository.withdraw(4),
    |repository| repository.add(5, &model(5, ""), json!({})),
];

fn new_repository() -> Repository {
    let mut repository = Repository::new(LATE);
    repository.add(1, &model(1, ""), json!({}));
    repository.publish(LATE);
    repository
}

/// Plays on from a scene until the disk stops; says how far it came.
fn play(disk: &Disks, from: usize, now: Time, repository: Repository) -> (usize, Time, Hands) {
    let hands = Hands::new(repository);
    let config = config(&hands.repository);
    let Ok(store) = Store::over(disk.clone()) else { return (from, now, hands) };
    let mut device = Device::start(store, config, hands, now).expect("values that can be read");
    for (index, scene) in SCENES.iter().enumerate().skip(from) {
        scene(&mut device.hands.repository);
        device.hands.repository.publish(LATE);
        for _ in 0..2 {
            device.pass(DAY);
            device.classify(4);
            // Whatever the disk does, the device answers.
            device.answering();
            if disk.is_stopped() {
                return (index, device.now, device.hands);
            }
        }
    }
    (SCENES.len(), device.now, device.hands)
}

fn final_version(disk: &Disks, from: usize, now: Time, repository: Repository) -> u32 {
    let (scenes, now, hands) = play(disk, from, now, repository);
    assert_eq!(scenes, SCENES.len());
    let version = hands.active.expect("an answer").first.version;
    if version == 5 {
        return version;
    }
    // Stopped while a model was started: once more a week later.
    let blamed = |event: &Event| matches!(event, Event::RolledBack { reason: Reason::Crash, .. });
    assert!(hands.events.iter().any(blamed), "{version}: {:#?}", hands.log);
    let (_, _, hands) = play(disk, SCENES.len() - 1, now.after(8 * DAY), hands.repository);
    hands.active.expect("an answer").first.version
}

#[test]
fn stopped_at_any_operation_the_device_answers_and_goes_on() {
    let whole = Disks::default();
    assert_eq!(final_version(&whole, 0, START, new_repository()), 5);
    let operations = whole.operations();
    let mut stops = 0;
    for after in 0..operations {
        for (reach, survives) in REACHES.into_iter().flat_map(|reach| SURVIVALS.map(|survives| (reach, survives))) {
            let disk = Disks::default();
            disk.stop(Some(Stop { after, reach, for_good: true }));
            let (scene, now, hands) = play(&disk, 0, START, new_repository());
            assert!(disk.is_stopped(), "{after}");
            disk.restart(survives);
            assert_eq!(
                final_version(&disk, scene, now, hands.repository),
                5,
                "{after} {reach:?} {survives:?} in scene {scene}"
            );
            stops += 1;
        }
    }
    println!("{operations} operations, {stops} stops");
    assert!(operations > 90, "{operations}");
}
