//! The attacks that the specification names (1.5.2).

use dunlin_protocol::tuf::{Answer, Fault, Limits, Role, Step, Updater, Value};

use crate::world::{DAY, Files, World, at, fault, fields, key, versions};

#[test]
fn a_device_gets_what_was_published_and_asks_for_no_more_than_it_must() {
    let mut world = World::new();
    let mut device = world.device();
    let updater = world.refresh(&mut device).expect("sound");
    assert_eq!(world.target(&updater, "model/1.dunlin"), Ok(b"one".to_vec()));
    assert_eq!(updater.expires(), world.now + 30 * DAY);
    assert_eq!(world.asked, ["2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"]);
    assert_eq!(device["targets.json"], world.served["1.targets.json"]);

    world.asked.clear();
    world.refresh(&mut device).expect("nothing new");
    assert_eq!(world.asked, ["2.root.json", "timestamp.json"]);

    world.add("model/2.dunlin", b"two");
    world.publish();
    let updater = world.refresh(&mut device).expect("sound");
    assert_eq!(world.target(&updater, "model/2.dunlin"), Ok(b"two".to_vec()));
    assert_eq!(versions(&device), [1, 2, 2, 2]);
}

#[test]
fn arbitrary_files_are_not_installed() {
    let mut world = World::new();
    let mut device = world.device();
    let updater = world.refresh(&mut device).expect("sound");
    let path = world.served.keys().find(|name| name.starts_with("model/")).expect("a target").clone();
    for bytes in [&b"two"[..], b"onee", b"on", b""] {
        world.served.insert(path.clone(), bytes.to_vec());
        assert_eq!(world.target(&updater, "model/1.dunlin"), Err(Fault::Digest));
    }
    // Metadata of the attacker's own, whose digests fit each other.
    for (name, role) in
        [("timestamp.json", "timestamp"), ("2.snapshot.json", "snapshot"), ("2.targets.json", "targets")]
    {
        let mut world = World::new();
        world.add("model/1.dunlin", b"evil");
        world.publish();
        let device = world.device();
        world.forge_with_all_keys(name, |_| {});
        world.forge(name, &[&key(99)], |_| {});
        let (error, _) = world.attack(&device);
        assert_eq!(error, fault(role, Fault::Signatures { valid: 0, threshold: 1 }));
    }
}

#[test]
fn no_role_is_rolled_back() {
    let mut world = World::new();
    let mut device = world.device();
    let old = world.served.clone();
    world.add("model/2.dunlin", b"two");
    world.publish();
    world.refresh(&mut device).expect("sound");
    let newest = world.served.clone();

    // The old timestamp as it was.
    world.served.insert("timestamp.json".into(), old["timestamp.json"].clone());
    assert_eq!(world.attack(&device), (fault("timestamp", Fault::Rollback), vec![]));

    // A newer timestamp, of the old snapshot. The attacker has the timestamp's key.
    world.served = newest.clone();
    let [_, targets, snapshot, timestamp] = Role::ALL.map(|role| world.keys.of(role).expect("a key").clone());
    world.served.insert("timestamp.json".into(), old["timestamp.json"].clone());
    world.forge("timestamp.json", &[&timestamp], |signed| *at(signed, &["version"]) = Value::Integer(3));
    assert_eq!(world.attack(&device), (fault("timestamp", Fault::Rollback), vec![]));

    // A newer snapshot, of the old targets. The attacker has both keys.
    let newer = |world: &mut World, change: &dyn Fn(&mut Value)| {
        world.served = newest.clone();
        world.served.insert("3.snapshot.json".into(), newest["2.snapshot.json"].clone());
        world.forge("3.snapshot.json", &[&snapshot], |signed| {
            *at(signed, &["version"]) = Value::Integer(3);
            change(signed);
        });
        world.forge("timestamp.json", &[&timestamp], |signed| {
            *at(signed, &["version"]) = Value::Integer(3);
            let info = at(signed, &["meta", "snapshot.json"]);
            fields(info).retain(|name, _| name == "version");
            *at(info, &["version"]) = Value::Integer(3);
        });
    };
    newer(&mut world, &|signed| *at(signed, &["meta", "targets.json", "version"]) = Value::Integer(1));
    assert_eq!(world.attack(&device), (fault("snapshot", Fault::Rollback), vec!["timestamp.json".to_string()]));

    // Targets whose version isn't what the snapshot says. The attacker has all three.
    newer(&mut world, &|signed| {
        let info = at(signed, &["meta", "targets.json"]);
        fields(info).retain(|name, _| name == "version");
        *at(info, &["version"]) = Value::Integer(3);
    });
    world.served.insert("3.targets.json".into(), old["1.targets.json"].clone());
    world.forge("3.targets.json", &[&targets], |_| {});
    let expected = vec!["snapshot.json".to_string(), "timestamp.json".to_string()];
    assert_eq!(world.attack(&device), (fault("targets", Fault::Version { found: 1, expected: 3 }), expected));

    // An old root under a new name.
    world.served = newest;
    world.served.insert("2.root.json".into(), old["1.root.json"].clone());
    assert_eq!(world.attack(&device), (fault("root", Fault::Version { found: 1, expected: 2 }), vec![]));
}

#[test]
fn a_timestamp_of_the_same_version_changes_nothing() {
    let mut world = World::new();
    let mut device = world.device();
    world.refresh(&mut device).expect("sound");
    let before = device.clone();
    // The same version with another content, as a publisher of two minds or a thief would sign it.
    world.forge_with_all_keys("timestamp.json", |signed| {
        *at(signed, &["meta", "snapshot.json", "version"]) = Value::Integer(100);
    });
    world.asked.clear();
    world.refresh(&mut device).expect("nothing new");
    assert_eq!((device, world.asked), (before, vec!["2.root.json".to_string(), "timestamp.json".to_string()]));
}

#[test]
fn a_role_does_not_vanish_from_the_snapshot() {
    let mut world = World::new();
    let mut device = world.device();
    world.forge_with_all_keys("1.snapshot.json", |signed| {
        *at(signed, &["meta", "other.json"]) = Value::Object([("version".into(), Value::Integer(4))].into());
    });
    world.refresh(&mut device).expect("sound");
    world.repository.renew(Role::Snapshot);
    world.publish();
    assert_eq!(world.attack(&device).0, fault("snapshot", Fault::Rollback));
}

#[test]
fn a_frozen_repository_is_noticed_when_its_time_is_over() {
    let mut world = World::new();
    let mut device = world.device();
    world.refresh(&mut device).expect("sound");
    let just_before = world.now + 30 * DAY - 1;
    world.refresh_at(&mut device.clone(), just_before).expect("still fresh");
    assert_eq!(world.refresh_at(&mut device, just_before + 1).err(), Some(fault("timestamp", Fault::Expired)));

    for (name, role) in [
        ("1.root.json", "root"),
        ("timestamp.json", "timestamp"),
        ("1.snapshot.json", "snapshot"),
        ("1.targets.json", "targets"),
    ] {
        let mut world = World::new();
        world.forge_with_all_keys(name, |signed| {
            *at(signed, &["expires"]) = Value::Text("2027-01-15T08:00:00Z".into());
        });
        assert_eq!(world.now, 1_800_000_000, "2027-01-15T08:00:00Z");
        let device = world.device();
        let (error, changed) = world.attack(&device);
        assert_eq!(error, fault(role, Fault::Expired));
        assert!(!changed.contains(&format!("{role}.json")), "{role} was kept");
    }
}

#[test]
fn an_expired_root_gives_way_to_a_newer_one() {
    let mut world = World::new();
    let mut device = world.device();
    world.refresh(&mut device).expect("sound");
    world.now += 400 * DAY;
    assert_eq!(world.attack(&device), (fault("root", Fault::Expired), vec![]));
    Role::ALL.into_iter().for_each(|role| world.repository.renew(role));
    world.publish();
    world.refresh(&mut device).expect("signed anew");
    assert_eq!(versions(&device), [2, 2, 2, 2]);
}

#[test]
fn new_keys_end_a_fast_forward_attack() {
    // Which role's version the attacker has put forward, with which keys, and which keys the publisher then makes anew.
    let cases: [(&str, &[Role]); 3] = [
        ("timestamp.json", &[Role::Timestamp]),
        ("1.snapshot.json", &[Role::Snapshot, Role::Timestamp]),
        ("1.targets.json", &[Role::Targets, Role::Snapshot, Role::Timestamp]),
    ];
    const FAR: i64 = i64::MAX;
    for (name, rotated) in cases {
        let mut world = World::new();
        let mut device = world.device();
        let honest = world.served.clone();
        world.forge_with_all_keys(name, |signed| *at(signed, &["version"]) = Value::Integer(FAR));
        let bytes = world.served[name].clone();
        let far = name.replacen("1.", &format!("{FAR}."), 1);
        world.served.insert(far, bytes);
        let [_, _, snapshot, timestamp] = Role::ALL.map(|role| world.keys.of(role).expect("a key").clone());
        if name == "1.targets.json" {
            world.forge("1.snapshot.json", &[&snapshot], |signed| {
                *at(signed, &["meta", "targets.json", "version"]) = Value::Integer(FAR);
            });
        }
        if name == "1.snapshot.json" {
            world.forge("timestamp.json", &[&timestamp], |signed| {
                *at(signed, &["meta", "snapshot.json", "version"]) = Value::Integer(FAR);
            });
        }
        world.refresh(&mut device).expect("the attacker has the keys");
        assert!(versions(&device).contains(&FAR), "{name}");

        // The honest repository again, still of low versions: refused as long as the keys are the same.
        world.served = honest;
        if name != "1.targets.json" {
            world.publish();
            assert_eq!(world.attack(&device).0.fault, Fault::Rollback, "{name}");
        }
        for (number, &role) in (50..).zip(rotated) {
            world.repository.rotate(role, &mut world.keys, key(number)).expect("the root's key");
        }
        world.publish();
        world.refresh(&mut device).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!versions(&device).contains(&FAR), "{name}");
    }
}

#[test]
fn files_of_different_publications_are_not_mixed() {
    let mut world = World::new();
    let old = world.served.clone();
    world.add("model/1.dunlin", b"another");
    world.publish();
    let device = world.device();
    let newest = world.served.clone();
    for (new, old_name, role) in
        [("2.snapshot.json", "1.snapshot.json", "snapshot"), ("2.targets.json", "1.targets.json", "targets")]
    {
        world.served = newest.clone();
        world.served.insert(new.into(), old[old_name].clone());
        assert_eq!(world.attack(&device).0, fault(role, Fault::Digest));
        // Of the announced length, and of no announced digest: the version gives it away.
        world.forge_with_all_keys("2.targets.json", |_| {});
        let (error, _) = world.attack(&device);
        assert_eq!(error, fault(role, Fault::Version { found: 1, expected: 2 }));
    }
}

#[test]
fn endless_data_is_not_read() {
    let names = ["2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"];
    let limits = Limits::default();
    for (name, limit) in names.iter().zip([limits.root, limits.timestamp, limits.snapshot, limits.targets]) {
        let mut world = World::new();
        let device = world.device();
        let announced = world.served.get(*name).map_or(limit, |bytes| bytes.len() as u64);
        let mut updater = Updater::new(device.clone(), world.now, limits).expect("a root");
        let asked = loop {
            match updater.step().expect("sound until then") {
                Step::Fetch(fetch) if fetch.path == *name => break fetch.max_bytes,
                Step::Fetch(fetch) => match world.served.get(&fetch.path) {
                    Some(bytes) => updater.handle(Answer::Bytes(bytes)),
                    None => updater.handle(Answer::Missing),
                },
                Step::Commit(_) => {}
                Step::Done => panic!("{name} wasn't asked for"),
            }
        };
        let most = if name.starts_with("1.") { announced } else { limit };
        assert_eq!(asked, most, "{name}");
        // A host that reads on nevertheless.
        updater.handle(Answer::Bytes(&vec![b' '; asked as usize + 1]));
        assert_eq!(updater.step().map_err(|error| error.fault), Err(Fault::TooLong), "{name}");
        world.served.insert((*name).into(), vec![b' '; asked as usize + 1]);
        assert_eq!(world.attack(&device).0.fault, Fault::TooLong, "{name}");
    }
}

#[test]
fn a_crash_between_any_two_steps_is_harmless() {
    let mut world = World::new();
    let mut device = world.device();
    world.refresh(&mut device).expect("sound");
    world.add("model/2.dunlin", b"two");
    world.repository.rotate(Role::Timestamp, &mut world.keys, key(60)).expect("the root's key");
    world.repository.rotate(Role::Root, &mut world.keys, key(61)).expect("the root's key");
    world.publish();
    let mut end = device.clone();
    world.refresh(&mut end).expect("sound");
    for stop in 0..20 {
        let mut stopped: Files = device.clone();
        let mut updater = Updater::new(stopped.clone(), world.now, Limits::default()).expect("a root");
        for _ in 0..stop {
            match updater.step().expect("sound") {
                Step::Fetch(fetch) => match world.served.get(&fetch.path) {
                    Some(bytes) => updater.handle(Answer::Bytes(bytes)),
                    None => updater.handle(Answer::Missing),
                },
                Step::Commit(write) => drop(stopped.insert(write.name, write.bytes)),
                Step::Done => break,
            }
        }
        drop(updater);
        world.refresh(&mut stopped).unwrap_or_else(|error| panic!("stopped after {stop}: {error}"));
        assert_eq!(stopped, end, "stopped after {stop}");
    }
}

#[test]
fn a_server_that_does_not_answer_changes_nothing() {
    let mut world = World::new();
    let mut device = world.device();
    world.refresh(&mut device).expect("sound");
    world.add("model/2.dunlin", b"two");
    world.publish();
    for answered in 0..4 {
        let mut updater = Updater::new(device.clone(), world.now, Limits::default()).expect("a root");
        let mut left = answered;
        let error = loop {
            match updater.step() {
                Ok(Step::Fetch(fetch)) if left > 0 => {
                    left -= 1;
                    updater.handle(world.served.get(&fetch.path).map_or(Answer::Missing, |bytes| Answer::Bytes(bytes)));
                }
                Ok(Step::Fetch(_)) => updater.handle(Answer::Failed),
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert_eq!(error.fault, Fault::Unanswered);
        assert_eq!(updater.step(), Err(error), "no step after an error");
        assert_eq!(updater.targets().count(), 0);
    }
    // Nothing was asked for.
    let mut updater = Updater::new(device, world.now, Limits::default()).expect("a root");
    updater.handle(Answer::Bytes(b"{}"));
    assert_eq!(updater.step().map_err(|error| error.fault), Err(Fault::Order));
    assert!(updater.find("model/1.dunlin").is_err());
}
