//! Updates in simulated time: what a device takes, tries, keeps and takes back.

mod common;

use common::repository::Repository;
use common::story::{canary, rolled_back, world};
use common::world::{DAY, Ended, HOUR, LATE, Network, SLOT_A, SLOT_B, START, World, model};
use dunlin_protocol::{patch, tuf};
use dunlin_sync::{Conditions, Event, Failure, Fault, Floor, Installed, Place, Reason, When};
use serde_json::{Value, json};

#[test]
fn a_release_is_found_fetched_tried_and_kept() {
    let mut world = world(&[(2, "", canary()), (3, "", canary())]);
    assert_eq!(world.answering(), 1);
    world.pass(DAY);
    let bytes = model(3, "").len() as u64;
    let events =
        [Event::Found { version: 3 }, Event::Downloaded { version: 3, bytes }, Event::Activated { version: 3 }];
    assert_eq!(world.take_events(), events);
    assert_eq!(world.active.first, Installed { place: SLOT_A, version: 3 });
    assert_eq!(world.active.shadow, Some(Installed { place: Place::Factory, version: 1 }));
    assert_eq!(world.client().serving().place, Place::Factory, "until it has shown itself");
    world.classify(19);
    assert_eq!(world.take_events(), []);
    world.classify(1);
    assert_eq!(world.take_events(), [Event::Kept { version: 3 }]);
    assert_eq!((world.active.first.place, world.active.shadow), (SLOT_A, None));
    world.start();
    assert_eq!((world.client().serving().place, world.answering()), (SLOT_A, 3));
    // The next one goes to the other slot, and without a canary it is kept once it was started.
    world.repository.add(4, &model(4, ""), json!({}));
    world.repository.publish(LATE);
    world.pass(2 * DAY);
    let bytes = model(4, "").len() as u64;
    let events = [
        Event::Found { version: 4 },
        Event::Downloaded { version: 4, bytes },
        Event::Activated { version: 4 },
        Event::Kept { version: 4 },
    ];
    assert_eq!(world.take_events(), events);
    assert_eq!((world.client().serving().place, world.answering()), (SLOT_B, 4));
}

#[test]
fn a_model_that_does_not_do_is_taken_back_and_never_fetched_again_by_this_runtime() {
    let cases = [
        ("load!", Reason::Load, 0),
        ("golden!", Reason::Golden, 0),
        ("slow!", Reason::Latency, 0),
        ("other!", Reason::Agreement, 5),
        ("unsure!", Reason::Fallback, 11),
        ("late!", Reason::Latency, 2),
    ];
    for (manner, reason, inputs) in cases {
        let mut world = world(&[(2, "", json!({})), (3, manner, canary())]);
        world.repository.withdraw(3);
        world.repository.publish(LATE);
        world.pass(DAY);
        assert_eq!(world.answering(), 2, "{manner}");
        world.repository.add(3, &model(3, manner), canary());
        world.repository.publish(LATE);
        world.take_events();
        world.pass(2 * DAY);
        world.classify(inputs);
        let last = world.take_events().pop_back();
        assert_eq!(last, Some(rolled_back(3, 2, reason)), "{manner}");
        assert_eq!((world.answering(), world.active.shadow), (2, None), "{manner}");
        world.pass(30 * DAY);
        world.start();
        world.pass(30 * DAY);
        assert_eq!((world.answering(), world.take_events().len()), (2, 0), "{manner}");
        // Another runtime may do what this one couldn't.
        world.config.build = "1.1".into();
        world.start();
        world.pass(2 * DAY);
        world.classify(inputs);
        assert_eq!(world.take_events().pop_back(), Some(rolled_back(3, 2, reason)), "{manner}");
        // The repaired one is another file.
        world.repository.add(4, &model(4, ""), canary());
        world.repository.publish(LATE);
        world.pass(2 * DAY);
        world.classify(20);
        assert_eq!(
            (world.answering(), world.take_events().pop_back()),
            (4, Some(Event::Kept { version: 4 })),
            "{manner}"
        );
    }
}

#[test]
fn a_model_that_ends_the_program_twice_when_it_starts_is_tried_once_more_a_week_later() {
    let mut world = world(&[(2, "crash!", canary())]);
    assert_eq!(world.run_until(START.after(DAY)), Err(Ended::Crash));
    world.start();
    assert_eq!(world.perform_all(), Err(Ended::Crash), "once may be chance");
    world.start();
    assert_eq!(world.perform_all(), Ok(()), "not once more at once");
    assert_eq!(world.answering(), 1);
    world.pass(6 * DAY);
    assert_eq!(world.take_events().pop_back(), Some(rolled_back(2, 1, Reason::Crash)));
    let end = world.now.after(3 * DAY);
    assert_eq!(world.run_until(end), Err(Ended::Crash), "once more");
    world.start();
    assert_eq!(world.perform_all(), Err(Ended::Crash));
    world.start();
    world.take_events();
    world.pass(40 * DAY);
    assert_eq!(world.take_events(), [rolled_back(2, 1, Reason::Crash)], "and then no more");
    world.config.build = "1.1".into();
    world.start();
    let end = world.now.after(3 * DAY);
    assert_eq!(world.run_until(end), Err(Ended::Crash), "but with another runtime");
}

#[test]
fn a_canary_goes_on_after_the_program_ended_and_a_model_that_ends_it_each_time_is_found_out() {
    let mut world = world(&[(2, "", canary())]);
    world.pass(DAY);
    for _ in 0..10 {
        world.classify(1);
        world.start();
        assert_eq!(world.answering(), 1, "until it was started");
        world.pass(0);
        assert_eq!(world.answering(), 2);
    }
    world.classify(10);
    let events = world.take_events();
    assert_eq!(events.iter().filter(|event| **event == Event::Activated { version: 2 }).count(), 1);
    assert_eq!(events.back(), Some(&Event::Kept { version: 2 }));

    let mut world = self::world(&[(2, "dies!", canary())]);
    world.pass(DAY);
    let mut crashes = 0;
    while world.answering() == 2 {
        assert_eq!(world.classify_one(), Err(Ended::Crash));
        crashes += 1;
        world.start();
        world.pass(0);
    }
    assert_eq!((crashes, world.answering()), (4, 1));
    assert_eq!(world.take_events().pop_back(), Some(rolled_back(2, 1, Reason::Crash)));
}

#[test]
fn a_program_that_ends_as_it_wants_blames_no_model() {
    // While the model is started, again and again.
    let mut world = world(&[(2, "", canary())]);
    world.closes = 9;
    world.pass(DAY);
    assert_eq!((world.closes, world.answering()), (0, 2));
    // While it is on trial, without an input in between.
    for _ in 0..9 {
        world.leave();
        world.start();
        world.pass(0);
        assert_eq!(world.answering(), 2);
    }
    // A program that goes on after all, and then ends for another reason, is forgiven that once.
    world.leave();
    for _ in 0..4 {
        world.start();
        world.pass(0);
    }
    assert_eq!(world.answering(), 2);
    // Ends that nobody wanted are counted as ever.
    world.start();
    world.pass(0);
    assert_eq!(world.answering(), 1);
    let mut events = world.take_events();
    assert_eq!(events.pop_back(), Some(rolled_back(2, 1, Reason::Crash)));
    assert_eq!(events.iter().filter(|event| **event == Event::Activated { version: 2 }).count(), 1);
}

#[test]
fn nothing_is_written_when_a_program_ends_without_a_model_on_trial() {
    let mut world = world(&[(2, "", json!({}))]);
    world.pass(DAY);
    assert_eq!(world.answering(), 2);
    let commits = world.commits;
    world.leave();
    assert_eq!(world.commits, commits);
}

#[test]
fn a_release_that_its_publisher_took_back_is_left() {
    // On trial, kept, kept with the one before listed still, and with a lower one that has to be fetched.
    let mut world = world(&[(2, "", canary())]);
    world.pass(DAY);
    world.repository.withdraw(2);
    world.repository.publish(LATE);
    world.pass(2 * DAY);
    assert_eq!(world.take_events().pop_back(), Some(rolled_back(2, 1, Reason::Withdrawn)));
    assert_eq!(world.answering(), 1);

    let mut world = self::world(&[(2, "", json!({}))]);
    world.pass(DAY);
    world.repository.add(3, &model(3, ""), json!({}));
    world.repository.publish(LATE);
    world.pass(2 * DAY);
    assert_eq!(world.answering(), 3);
    world.repository.withdraw(3);
    world.repository.publish(LATE);
    world.take_events();
    let fetched = world.requests.len();
    world.pass(2 * DAY);
    assert_eq!(world.take_events(), [rolled_back(3, 2, Reason::Withdrawn)]);
    assert!(!world.requests[fetched..].iter().any(|path| path.starts_with("targets/")), "it was still there");
    assert_eq!(world.answering(), 2);
    world.repository.withdraw(2);
    world.repository.add(4, &model(4, ""), json!({}));
    world.repository.publish(LATE);
    world.pass(2 * DAY);
    assert_eq!(world.take_events().pop_front(), Some(rolled_back(2, 1, Reason::Withdrawn)));
    assert_eq!(world.answering(), 4, "and another is listed");
    // One that is listed again is taken again: nothing was wrong with it on this device.
    world.repository.withdraw(4);
    world.repository.add(3, &model(3, ""), json!({}));
    world.repository.publish(LATE);
    world.pass(2 * DAY);
    assert_eq!(world.answering(), 3);
}

#[test]
fn a_rollout_goes_to_its_share_to_its_cohorts_and_to_engines_that_are_new_enough() {
    let rollout = |permille: u32, more: Value| {
        let mut rollout = json!({"salt": "00112233445566778899aabbccddeeff", "permille": permille});
        if let (Value::Object(rollout), Value::Object(more)) = (&mut rollout, more) {
            rollout.extend(more);
        }
        json!({"rollout": rollout})
    };
    let cases = [
        (rollout(1000, json!({})), 3),
        (rollout(0, json!({})), 2),
        (rollout(1000, json!({"held": true})), 2),
        (rollout(1000, json!({"cohorts": ["de", "fr"]})), 3),
        (rollout(1000, json!({"cohorts": ["fr"]})), 2),
        (json!({"runtime": 2}), 2),
        (json!({"model": "other"}), 2),
        (json!({"dunlin": 2}), 2),
        (json!({"version": 9}), 2),
    ];
    for (more, version) in cases {
        let mut world = world(&[(2, "", json!({})), (3, "", more.clone())]);
        world.pass(2 * DAY);
        assert_eq!(world.answering(), version, "{more}");
        // Who has it keeps it, when it is held or goes to nobody else.
        if version == 3 {
            world.repository.add(3, &model(3, ""), rollout(0, json!({"held": true})));
            world.repository.publish(LATE);
            world.pass(2 * DAY);
            assert_eq!(world.answering(), 3);
        }
    }
}

#[test]
fn a_patch_is_taken_where_there_is_one_and_the_whole_where_it_does_not_do() {
    let good = patch::diff(&model(1, ""), &model(2, ""));
    let from = common::repository::sha256(&model(1, ""));
    let other = common::repository::sha256(&model(9, ""));
    let wrong = patch::diff(&model(1, ""), &model(3, ""));
    let cases = [
        ("good", &from, good.clone(), true, 1),
        ("gone", &from, good.clone(), false, 2),
        ("gives another file", &from, wrong, true, 2),
        ("no patch", &from, b"nonsense".to_vec(), true, 2),
        ("from another file", &other, good, true, 1),
    ];
    for (name, from, patch, is_there, fetched) in cases {
        let mut repository = Repository::new(LATE);
        let before = repository.clone();
        let sha256 = repository.put("m/1-2.patch", &patch);
        let patches =
            json!({"patches": [{"from": from, "path": "m/1-2.patch", "length": patch.len(), "sha256": sha256}]});
        if !is_there {
            repository = before;
        }
        repository.add(2, &model(2, ""), patches);
        repository.publish(LATE);
        let mut world = World::new(repository);
        world.pass(DAY);
        assert_eq!(world.answering(), 2, "{name}");
        let targets: Vec<_> = world.requests.iter().filter(|path| path.starts_with("targets/")).collect();
        assert_eq!(targets.len(), fetched, "{name}: {targets:?}");
        let whole = targets.iter().any(|path| path.ends_with("2.dunlin"));
        assert_eq!(whole, name != "good", "{name}");
        let length = world.take_events().into_iter().find_map(|event| match event {
            Event::Downloaded { bytes, .. } => Some(bytes),
            _ => None,
        });
        let expected = if name == "good" {
            patch.len()
        } else {
            model(2, "").len() + if fetched == 2 && is_there { patch.len() } else { 0 }
        };
        assert_eq!(length, Some(expected as u64), "{name}");
    }
}

#[test]
fn a_slot_is_what_a_patch_starts_from_once_it_answers() {
    let mut world = world(&[(2, "", json!({}))]);
    world.pass(DAY);
    let patch = patch::diff(&model(2, ""), &model(3, ""));
    let sha256 = world.repository.put("m/2-3.patch", &patch);
    let from = common::repository::sha256(&model(2, ""));
    world.repository.add(
        3,
        &model(3, ""),
        json!({"patches": [{"from": from, "path": "m/2-3.patch", "length": patch.len(), "sha256": sha256}]}),
    );
    world.repository.publish(LATE);
    world.pass(2 * DAY);
    assert_eq!(world.answering(), 3);
    assert!(!world.requests.iter().any(|path| path.ends_with(".3.dunlin")));
}

#[test]
fn a_file_that_is_not_what_was_signed_is_never_kept() {
    let mut world = world(&[(2, "", json!({}))]);
    let path = world.repository.files.keys().find(|path| path.ends_with(".2.dunlin")).expect("a file").clone();
    let mut bad = model(2, "");
    bad[100] ^= 1;
    let good = world.repository.files.insert(path.clone(), bad).expect("a file");
    world.pass(DAY);
    assert!(world.take_events().contains(&Event::Failed(Fault::Content)));
    let longer = [good.as_slice(), b"x"].concat();
    world.repository.files.insert(path.clone(), longer);
    world.pass(DAY);
    assert!(world.take_events().contains(&Event::Failed(Fault::Network(Failure::TooLong))));
    assert_eq!((world.answering(), world.store.contains_key("slot/a")), (1, false));
    world.repository.files.insert(path, good);
    world.pass(2 * DAY);
    assert_eq!(world.answering(), 2);
}

#[test]
fn nothing_is_fetched_but_when_the_conditions_allow_it() {
    let metered = Conditions { metered: true, charging: true };
    let on_battery = Conditions { metered: false, charging: false };
    let strict = When { charging: true, ..When::default() };
    let anyway = When { metered: true, ..When::default() };
    let cases = [
        (When::default(), metered, false),
        (When::default(), on_battery, true),
        (strict, on_battery, false),
        (strict, metered, false),
        (anyway, metered, true),
    ];
    for (when, conditions, fetches) in cases {
        let mut world = world(&[(2, "", json!({}))]);
        world.config.when = when;
        world.conditions = conditions;
        world.start();
        world.pass(DAY);
        assert_eq!(world.answering() == 2, fetches, "{when:?} {conditions:?}");
        assert!(world.take_events().contains(&Event::Found { version: 2 }));
        // Also of a program that ended since: it needn't wait for the next look.
        world.start();
        world.pass(0);
        world.conditions = Conditions::default();
        let (now, conditions) = (world.now, world.conditions);
        world.client().handle_conditions(now, conditions);
        world.pass(0);
        assert_eq!(world.answering(), 2, "{when:?} {conditions:?}");
    }
}

#[test]
fn a_day_has_so_many_bytes() {
    let mut world = world(&[(2, "", json!({}))]);
    world.config.when.bytes_per_day = 6000;
    world.start();
    // Two looks of a day that was begun: what they fetched counts.
    world.pass(DAY / 2);
    world.repository.add(3, &model(3, ""), json!({}));
    world.repository.publish(LATE);
    let (now, day) = (world.now, world.now.day());
    world.client().handle_check(now);
    world.pass(0);
    assert_eq!((world.answering(), world.now.day()), (2, day));
    assert_eq!(world.take_events().pop_back(), Some(Event::Found { version: 3 }));
    world.pass(DAY / 2 + HOUR);
    assert_eq!(world.answering(), 3, "on the next day");
    world.repository.add(4, &[model(4, ""), vec![0; 6000]].concat(), json!({}));
    world.repository.publish(LATE);
    world.pass(2 * DAY);
    assert!(world.take_events().contains(&Event::Failed(Fault::Allowance)));
    assert_eq!(world.answering(), 3);
}

#[test]
fn what_is_out_of_date_is_said_to_be_stale_and_answers_on() {
    let soon = START.0 / 1000 + 3 * 86_400;
    let mut world = world(&[(2, "", json!({}))]);
    world.repository.publish(soon);
    world.pass(2 * DAY);
    let now = world.now;
    assert!(!world.client().is_stale(now));
    world.take_events();
    world.network = Network::Fails(Failure::Connect);
    world.pass(5 * DAY);
    let now = world.now;
    assert!(world.client().is_stale(now));
    let events = world.take_events();
    assert_eq!(events.iter().filter(|event| **event == Event::Stale).count(), 1);
    assert!(events.contains(&Event::Failed(Fault::Network(Failure::Connect))));
    assert_eq!(world.answering(), 2);
    // The server is back, but what it has is old: a freeze.
    world.network = Network::Up;
    world.pass(2 * DAY);
    let expired = tuf::Error { of: "timestamp".into(), fault: tuf::Fault::Expired };
    assert!(world.take_events().contains(&Event::Failed(Fault::Metadata(expired))));
    world.start();
    world.pass(0);
    assert_eq!((world.answering(), world.take_events().contains(&Event::Stale)), (2, true), "also after a restart");
    world.repository.publish(LATE);
    world.pass(2 * DAY);
    let now = world.now;
    assert!(!world.client().is_stale(now));
}

#[test]
fn metadata_below_the_floor_is_not_believed() {
    for (floor, good) in [
        (Floor { timestamp: 2, snapshot: 2, targets: 2 }, true),
        (Floor { timestamp: 3, ..Floor::default() }, false),
        (Floor { snapshot: 3, ..Floor::default() }, false),
        (Floor { targets: 3, ..Floor::default() }, false),
    ] {
        let mut world = world(&[(2, "", json!({}))]);
        world.config.floor = floor;
        world.start();
        world.pass(DAY);
        assert_eq!(world.answering() == 2, good, "{floor:?}");
        let rollback = |event: &Event| matches!(event, Event::Failed(Fault::Metadata(error)) if error.fault == tuf::Fault::Rollback);
        assert_eq!(world.take_events().iter().any(rollback), !good, "{floor:?}");
    }
}

#[test]
fn an_app_that_ships_a_newer_model_answers_with_that() {
    for (factory, shipped) in [(2, false), (3, true), (4, true)] {
        let mut world = world(&[(3, "", json!({}))]);
        world.pass(DAY);
        assert_eq!(world.answering(), 3);
        world.factory = model(factory, "");
        world.config.factory = factory;
        world.start();
        world.pass(3 * DAY);
        assert_eq!(world.active.first.place == Place::Factory, shipped, "{factory}");
        assert_eq!(world.answering(), factory.max(3));
    }
}
