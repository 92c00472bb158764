//! Keys that are lost, stolen, made anew, or fewer than they should be.

use dunlin_protocol::tuf::sign::{SigningKey, number};
use dunlin_protocol::tuf::{Fault, PublishError, Repository, Role, Value};

use crate::world::{World, at, fault, fields, key, versions};

#[test]
fn stolen_keys_are_worth_nothing_after_they_were_made_anew() {
    let mut world = World::new();
    let mut device = world.device();
    world.refresh(&mut device).expect("sound");
    let stolen = Role::ALL.map(|role| world.keys.of(role).expect("a key").clone());
    for (number, role) in (20..).zip(Role::ALL) {
        world.repository.rotate(role, &mut world.keys, key(number)).expect("the root's key");
    }
    world.publish();
    world.refresh(&mut device).expect("signed by old and new");
    assert_eq!(versions(&device), [2, 2, 2, 2]);
    let honest = world.served.clone();

    let [root, targets, snapshot, timestamp] = &stolen;
    for (name, key, role) in [
        ("timestamp.json", timestamp, "timestamp"),
        ("2.snapshot.json", snapshot, "snapshot"),
        ("2.targets.json", targets, "targets"),
    ] {
        world.served = honest.clone();
        world.forge_with_all_keys(name, |_| {});
        world.forge(name, &[key], |_| {});
        let fresh = world.device();
        assert_eq!(world.attack(&fresh).0, fault(role, Fault::Signatures { valid: 0, threshold: 1 }));
    }
    world.served = honest;
    world.served.insert("3.root.json".into(), world.served["2.root.json"].clone());
    world.forge("3.root.json", &[root], |signed| *at(signed, &["version"]) = number(3));
    assert_eq!(world.attack(&device), (fault("root", Fault::Signatures { valid: 0, threshold: 1 }), vec![]));
}

#[test]
fn a_new_root_needs_the_signatures_of_the_old_keys_and_of_its_own() {
    for (signers, expected) in [
        (vec![key(1), key(30)], Ok(())),
        (vec![key(30), key(1), key(31)], Ok(())),
        (vec![key(1)], Err(Fault::Signatures { valid: 0, threshold: 1 })),
        (vec![key(30)], Err(Fault::Signatures { valid: 0, threshold: 1 })),
        (vec![], Err(Fault::Signatures { valid: 0, threshold: 1 })),
    ] {
        let mut world = World::new();
        let mut device = world.device();
        world.repository.rotate(Role::Root, &mut world.keys, key(30)).expect("the root's key");
        world.publish();
        let signers: Vec<&SigningKey> = signers.iter().collect();
        world.forge("2.root.json", &signers, |_| {});
        let result = world.refresh(&mut device).map(drop).map_err(|error| error.fault);
        assert_eq!(result, expected, "{signers:?}");
        assert_eq!(versions(&device)[0], if expected.is_ok() { 2 } else { 1 });
    }
}

/// A world whose timestamp needs `threshold` of these keys, under identifiers of the test's choice.
fn with_timestamp_keys(keys: &[(&str, SigningKey)], threshold: u64) -> World {
    let mut world = World::new();
    world.repository.renew(Role::Root);
    world.publish();
    let root = world.keys.of(Role::Root).expect("a key").clone();
    world.forge("2.root.json", &[&root], |signed| {
        for (id, key) in keys {
            *at(signed, &["keys", id]) = key.public();
        }
        let ids = keys.iter().map(|(id, _)| Value::Text((*id).to_string())).collect();
        *at(signed, &["roles", "timestamp", "keyids"]) = Value::List(ids);
        *at(signed, &["roles", "timestamp", "threshold"]) = number(threshold);
    });
    world
}

#[test]
fn a_threshold_counts_keys_and_not_names() {
    let (a, b, c) = (key(40), key(41), key(42));
    let ids = [a.id(), b.id(), c.id()];
    let three = [(ids[0].as_str(), a.clone()), (ids[1].as_str(), b.clone()), (ids[2].as_str(), c.clone())];
    for (signers, valid) in
        [(vec![&a, &b], 2), (vec![&c, &a], 2), (vec![&a, &b, &c], 3), (vec![&b], 1), (vec![&key(3)], 0)]
    {
        let mut world = with_timestamp_keys(&three, 2);
        world.forge("timestamp.json", &signers, |_| {});
        let result = world.refresh(&mut world.device()).map(drop).map_err(|error| error.fault);
        assert_eq!(result.is_ok(), valid >= 2, "{signers:?}");
        if valid < 2 {
            assert_eq!(result, Err(Fault::Signatures { valid, threshold: 2 }));
        }
    }
    // One key under two names signs for both, and counts once.
    let mut world = with_timestamp_keys(&[("one", a.clone()), ("two", a.clone())], 2);
    world.forge("timestamp.json", &[&a], |_| {});
    let file = String::from_utf8(world.served["timestamp.json"].clone()).expect("text");
    let from = file.find('{').map_or(0, |start| file[start + 1..].find('{').unwrap_or(0) + start + 1);
    let to = file.find('}').expect("a signature") + 1;
    let signature = &file[from..to];
    let both = [signature.replace(&a.id(), "one"), signature.replace(&a.id(), "two")].join(",");
    world.served.insert("timestamp.json".into(), file.replace(signature, &both).into_bytes());
    let device = world.device();
    assert_eq!(world.attack(&device).0, fault("timestamp", Fault::Signatures { valid: 1, threshold: 2 }));
    // Signing twice under one name isn't even read.
    let twice = [signature, signature].join(",");
    world.served.insert("timestamp.json".into(), file.replace(signature, &twice).into_bytes());
    assert_eq!(world.attack(&device).0, fault("timestamp", Fault::Field("keyid")));
}

#[test]
fn refuses_roles_that_name_a_key_twice_or_need_none() {
    let root = key(1);
    type Change = fn(&mut Value);
    let changes: [(&str, Change); 5] = [
        ("keyids", |role| {
            let Value::List(ids) = at(role, &["keyids"]) else { panic!() };
            ids.push(ids[0].clone());
        }),
        ("threshold", |role| *at(role, &["threshold"]) = number(0)),
        ("threshold", |role| *at(role, &["threshold"]) = Value::Integer(-1)),
        ("threshold", |role| *at(role, &["threshold"]) = number(1 << 40)),
        ("keyids", |role| drop(fields(role).remove("keyids"))),
    ];
    for (field, change) in changes {
        let mut world = World::new();
        world.repository.renew(Role::Root);
        world.publish();
        world.forge("2.root.json", &[&root], |signed| change(at(signed, &["roles", "snapshot"])));
        let device = world.device();
        assert_eq!(world.attack(&device), (fault("root", Fault::Field(field)), vec![]));
    }
    // More than the keys there are.
    let mut world = with_timestamp_keys(&[("one", key(40))], 2);
    world.forge("timestamp.json", &[&key(40)], |_| {});
    let device = world.device();
    assert_eq!(world.attack(&device).0.fault, Fault::Signatures { valid: 0, threshold: 2 });
}

#[test]
fn a_publisher_needs_the_keys_that_its_root_names() {
    let mut world = World::new();
    let open = |world: &World| Repository::open(|name| world.served.get(name).cloned());
    let mut repository = open(&world).expect("sound");
    assert_eq!(repository.version(Role::Targets), 1);
    let mut other = world.keys.clone();
    other.set(Role::Snapshot, key(77));
    repository.renew(Role::Snapshot);
    let lifetimes = Default::default();
    assert_eq!(repository.seal(&other, world.now, &lifetimes), Err(PublishError::OtherKey(Role::Snapshot)));
    assert_eq!(repository.seal(&Default::default(), world.now, &lifetimes), Err(PublishError::NoKey(Role::Snapshot)));
    // Renewing the timestamp needs its key alone.
    let mut online = dunlin_protocol::tuf::Keys::default();
    online.set(Role::Timestamp, key(4));
    let files = open(&world).expect("sound").seal(&online, world.now + 10, &lifetimes).expect("its key");
    assert_eq!(files.iter().map(|file| file.name.as_str()).collect::<Vec<_>>(), ["timestamp.json"]);
    // A repository that someone has changed isn't built upon.
    world.forge("1.targets.json", &[&key(99)], |_| {});
    assert!(matches!(open(&world), Err(PublishError::Untrusted(_))));
}
