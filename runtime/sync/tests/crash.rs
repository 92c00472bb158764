//! The program ends before and after each effect of a long story: it always answers, and the story ends as it would have.

mod common;

use common::repository::Repository;
use common::world::{DAY, Ended, LATE, World, model};
use dunlin_protocol::patch;
use dunlin_sync::{Event, Reason};
use serde_json::{Value, json};

fn canary() -> Value {
    json!({"canary": {"inputs": 4, "agreement": 800, "fallback": 500, "latency_ms": 200}})
}

/// One thing that happens at a time, so that a device has seen each.
type Scene = fn(&mut Repository);

/// Version 2 as a patch and on trial, 3 which isn't right, 4 without a trial, 4 withdrawn, 5 for good.
const SCENES: [Scene; 6] = [
    |_| (),
    |repository| {
        let patch = patch::diff(&model(1, ""), &model(2, ""));
        let from = common::repository::sha256(&model(1, ""));
        let sha256 = repository.put("m/1-2.patch", &patch);
        let patches = json!([{"from": from, "path": "m/1-2.patch", "length": patch.len(), "sha256": sha256}]);
        let mut more = canary();
        more["patches"] = patches;
        repository.add(2, &model(2, ""), more);
    },
    |repository| repository.add(3, &model(3, "other!"), canary()),
    |repository| repository.add(4, &model(4, ""), json!({})),
    |repository| repository.withdraw(4),
    |repository| repository.add(5, &model(5, ""), canary()),
];

/// Plays the story; gives the version that answers after each scene.
fn play(world: &mut World) -> Vec<u32> {
    let mut answering = Vec::new();
    for scene in SCENES {
        scene(&mut world.repository);
        world.repository.publish(LATE);
        for _ in 0..4 {
            world.pass(DAY);
            world.classify(6);
        }
        world.pass(0);
        answering.push(world.answering());
    }
    answering
}

fn new_world() -> World {
    let mut repository = Repository::new(LATE);
    repository.add(1, &model(1, ""), json!({}));
    repository.publish(LATE);
    World::new(repository)
}

#[test]
fn ended_before_or_after_any_effect_the_story_ends_as_it_would_have() {
    let mut whole = new_world();
    let expected = play(&mut whole);
    assert_eq!(expected, [1, 2, 2, 4, 2, 5]);
    let effects = whole.performed;
    for fuel in 0..effects {
        for after in [false, true] {
            let mut world = new_world();
            world.fuel = Some((fuel, after));
            let answering = play(&mut world);
            assert_eq!(world.fuel, None, "it did end");
            assert_eq!(answering, expected, "{fuel} {after}");
            assert!(!world.events.iter().any(blamed), "{fuel} {after}");
        }
    }
    println!("{effects} effects, {} ends", 2 * effects);
}

fn blamed(event: &Event) -> bool {
    matches!(event, Event::RolledBack { reason: Reason::Crash, .. })
}

#[test]
fn ended_twice_it_still_answers() {
    let mut whole = new_world();
    play(&mut whole);
    let (mut pairs, mut crashes) = (0, 0);
    for (first, second) in (0..whole.performed).step_by(7).flat_map(|first| [1, 2, 5, 20].map(|next| (first, next))) {
        let mut world = new_world();
        world.fuel = Some((first, first % 2 == 0));
        let mut again = Some((second, second % 2 == 0));
        for scene in SCENES {
            scene(&mut world.repository);
            world.repository.publish(LATE);
            for _ in 0..4 {
                let end = world.now.after(DAY);
                while let Err(ended) = world.run_until(end) {
                    assert_eq!(ended, Ended::Fuel);
                    world.start();
                    world.fuel = again.take().map(|(fuel, after)| (world.performed + fuel, after));
                }
                world.classify(6);
            }
        }
        world.pass(20 * DAY);
        world.classify(6);
        world.pass(0);
        assert_eq!(world.answering(), 5, "{first} {second}");
        (pairs, crashes) = (pairs + 1, crashes + usize::from(world.events.iter().any(blamed)));
    }
    // Only where a model was being started both times, which nobody can tell from a model that ended the program.
    println!("{crashes} of {pairs} blamed on a model");
    assert!(crashes * 10 < pairs, "{crashes} of {pairs}");
}
