//! Roles that other roles let vouch for some targets.

use std::collections::BTreeSet;

use dunlin_protocol::tuf::sign::{SigningKey, number, object, sign, text};
use dunlin_protocol::tuf::{Error, Fault, Limits, Role, Updater, Value};

use crate::world::{Files, NOW, World, at, fault, key};

/// A delegation: from whom, to whom, of which key, for which paths, and whether it ends the search.
type Edge<'a> = (&'a str, &'a str, u8, &'a str, bool);

/// Delegations, who signs which target, the target that is looked for, whether it is found, and which roles are asked for.
type Case = (
    &'static [Edge<'static>],
    &'static [(&'static str, u8, &'static str)],
    &'static str,
    bool,
    &'static [&'static str],
);

/// A world with delegated roles. Each role signs a target of the name that `vouches` gives it, with its key.
fn with(edges: &[Edge<'_>], vouches: &[(&str, u8, &str)]) -> World {
    let mut world = World::new();
    let timestamp = world.keys.of(Role::Timestamp).expect("a key").clone();
    let snapshot = world.keys.of(Role::Snapshot).expect("a key").clone();
    let mut names = vec!["targets"];
    names.extend(edges.iter().map(|edge| edge.1));
    for (role, key_number, path) in vouches {
        names.push(role);
        let targets =
            object([(path, object([("length", number(3)), ("hashes", object([("sha256", text(&"00".repeat(32)))]))]))]);
        let signed = delegated(edges, role, targets);
        world.served.insert(format!("1.{role}.json"), sign(&signed, &[&key(*key_number)]));
    }
    for (_, role, key_number, ..) in edges {
        let signed = delegated(edges, role, object([]));
        world.served.entry(format!("1.{role}.json")).or_insert_with(|| sign(&signed, &[&key(*key_number)]));
    }
    let top = world.keys.of(Role::Targets).expect("a key").clone();
    world.forge("1.targets.json", &[&top], |signed| *at(signed, &["delegations"]) = delegations(edges, "targets"));
    world.forge("1.snapshot.json", &[&snapshot], |signed| {
        *at(signed, &["meta"]) = object([]);
        for name in &names {
            *at(signed, &["meta", &format!("{name}.json")]) = object([("version", number(1))]);
        }
    });
    world.forge("timestamp.json", &[&timestamp], |signed| {
        *at(signed, &["meta", "snapshot.json"]) = object([("version", number(1))]);
    });
    world
}

fn delegated(edges: &[Edge<'_>], role: &str, targets: Value) -> Value {
    object([
        ("_type", text("targets")),
        ("spec_version", text("1.0.31")),
        ("version", number(1)),
        ("expires", text("2030-01-01T00:00:00Z")),
        ("targets", targets),
        ("delegations", delegations(edges, role)),
    ])
}

fn delegations(edges: &[Edge<'_>], from: &str) -> Value {
    let (mut keys, mut roles) = (object([]), Vec::new());
    for (_, role, key_number, paths, terminating) in edges.iter().filter(|edge| edge.0 == from) {
        let key: SigningKey = key(*key_number);
        *at(&mut keys, &[&key.id()]) = key.public();
        let hashed = paths.strip_prefix("sha256:");
        roles.push(object([
            ("name", text(role)),
            ("keyids", Value::List(vec![Value::Text(key.id())])),
            ("threshold", number(1)),
            ("terminating", Value::Bool(*terminating)),
            (
                if hashed.is_some() { "path_hash_prefixes" } else { "paths" },
                Value::List(vec![text(hashed.unwrap_or(paths))]),
            ),
        ]));
    }
    object([("keys", keys), ("roles", Value::List(roles))])
}

/// Whether a device finds a target, and which delegated roles it asks for on the way.
fn find(world: &mut World, device: &mut Files, path: &str) -> (Result<bool, Error>, Vec<String>) {
    let mut updater = match world.refresh(device) {
        Ok(updater) => updater,
        Err(error) => return (Err(error), Vec::new()),
    };
    world.asked.clear();
    let found = look(world, device, &mut updater, path);
    (
        found,
        world.asked.iter().map(|name| name.trim_start_matches("1.").trim_end_matches(".json").to_string()).collect(),
    )
}

fn look(world: &mut World, device: &mut Files, updater: &mut Updater, path: &str) -> Result<bool, Error> {
    updater.find(path)?;
    world.drive(updater, device)?;
    Ok(updater.found().is_some())
}

#[test]
fn roles_are_asked_in_order_and_only_when_they_may_vouch() {
    let cases: [Case; 9] = [
        (
            &[("targets", "a", 10, "*", false), ("targets", "b", 11, "*", false), ("a", "c", 12, "*", false)],
            &[],
            "x",
            false,
            &["a", "c", "b"],
        ),
        (
            &[("targets", "a", 10, "*", false), ("targets", "b", 11, "*", false)],
            &[("a", 10, "x"), ("b", 11, "x")],
            "x",
            true,
            &["a"],
        ),
        (
            &[("targets", "a", 10, "*", false), ("targets", "b", 11, "*", false)],
            &[("b", 11, "x")],
            "x",
            true,
            &["a", "b"],
        ),
        // A terminating role has the last word, and whom it delegates to.
        (
            &[("targets", "a", 10, "*", true), ("targets", "b", 11, "*", false), ("a", "c", 12, "*", false)],
            &[("b", 11, "x")],
            "x",
            false,
            &["a", "c"],
        ),
        (
            &[
                ("targets", "a", 10, "*", false),
                ("a", "c", 12, "*", true),
                ("a", "d", 13, "*", false),
                ("targets", "b", 11, "*", false),
            ],
            &[("b", 11, "x")],
            "x",
            false,
            &["a", "c"],
        ),
        // A role that may not vouch for it isn't asked, even if it has it.
        (
            &[("targets", "a", 10, "*.md", false), ("targets", "b", 11, "*", false)],
            &[("a", 10, "x"), ("b", 11, "y")],
            "x",
            false,
            &["b"],
        ),
        (&[("targets", "a", 10, "dir/*", false)], &[("a", 10, "dir/x")], "dir/x", true, &["a"]),
        // The digest of "x" begins with 2d7.
        (
            &[("targets", "a", 10, "sha256:2d8", false), ("targets", "b", 11, "sha256:2d7", false)],
            &[("a", 10, "x"), ("b", 11, "x")],
            "x",
            true,
            &["b"],
        ),
        // A circle.
        (
            &[("targets", "a", 10, "*", false), ("a", "b", 11, "*", false), ("b", "a", 10, "*", false)],
            &[],
            "x",
            false,
            &["a", "b"],
        ),
    ];
    for (edges, vouches, path, found, asked) in cases {
        let mut world = with(edges, vouches);
        let mut device = world.device();
        let (result, order) = find(&mut world, &mut device, path);
        assert_eq!(
            (result, order.as_slice()),
            (Ok(found), &asked.iter().map(|&name| name.to_string()).collect::<Vec<_>>()[..]),
            "{edges:?}"
        );
        // What is kept isn't asked for again.
        let (result, order) = find(&mut world, &mut device, path);
        assert_eq!((result, order), (Ok(found), vec![]), "{edges:?}");
        // Whoever looks at the whole repository finds the same.
        let all = world.refresh(&mut device).expect("sound").delegated(|name| world.served.get(name).cloned());
        let all = all.expect("sound");
        assert_eq!(all.targets.iter().any(|(other, _)| other == path), found, "{edges:?}");
        let roles: BTreeSet<String> = edges.iter().map(|edge| format!("1.{}.json", edge.1)).collect();
        assert_eq!(all.metadata.into_iter().collect::<BTreeSet<_>>(), roles, "{edges:?}");
    }
}

#[test]
fn a_repository_holds_as_a_whole_only_if_each_delegation_does() {
    let edges = [
        ("targets", "a", 10, "a/*", false),
        ("targets", "b", 11, "b/*", false),
        ("a", "release", 20, "a/*", false),
        ("b", "release", 20, "b/*", false),
    ];
    let world = with(&edges, &[("release", 20, "b/x")]);
    let all = |world: &mut World| {
        let mut device = world.device();
        world.refresh(&mut device).expect("sound").delegated(|name| world.served.get(name).cloned())
    };
    let found = all(&mut { world }).expect("sound");
    assert_eq!(found.targets.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), ["b/x"]);
    assert_eq!(found.metadata.len(), 3);
    // `b` names another key for it.
    let mut others = edges;
    others[3].2 = 21;
    let mut world = with(&others, &[("release", 20, "b/x")]);
    assert_eq!(all(&mut world), Err(fault("release", Fault::Signatures { valid: 0, threshold: 1 })));
    let mut world = with(&edges, &[]);
    world.served.remove("1.release.json");
    assert_eq!(all(&mut world), Err(fault("release", Fault::Missing)));
    let names: Vec<String> = (0..600).map(|n| format!("r{n}")).collect();
    let many: Vec<Edge> = names.iter().map(|name| ("targets", name.as_str(), 10, "*", false)).collect();
    assert!(matches!(all(&mut with(&many, &[])), Err(Error { fault: Fault::TooMany("delegations"), .. })));
}

#[test]
fn a_kept_role_is_checked_against_whoever_delegates_to_it_now() {
    let edges = [
        ("targets", "a", 10, "a/*", false),
        ("targets", "b", 11, "b/*", false),
        ("a", "release", 20, "a/*", false),
        ("b", "release", 21, "b/*", false),
    ];
    // Signed with the key that `a` names, not with that of `b`.
    let mut world = with(&edges, &[("release", 20, "b/x")]);
    let mut device = world.device();
    let mut updater = world.refresh(&mut device).expect("sound");
    assert_eq!(look(&mut world, &mut device, &mut updater, "a/x"), Ok(false));
    assert!(device.contains_key("release.json"));
    let refused = fault("release", Fault::Signatures { valid: 0, threshold: 1 });
    assert_eq!(look(&mut world, &mut device, &mut updater, "b/x"), Err(refused.clone()));
    // By a device that had it from before, as well.
    assert_eq!(find(&mut world, &mut device, "b/x"), (Err(refused), vec!["release".to_string()]));
}

#[test]
fn refuses_delegations_that_take_a_top_roles_place() {
    for name in ["root", "timestamp", "snapshot", "targets", ""] {
        let mut world = with(&[("targets", name, 10, "*", false)], &[]);
        let device = world.device();
        let (error, changed) = world.attack(&device);
        assert_eq!(error, fault("targets", Fault::Field("name")), "{name}");
        assert!(!changed.contains(&"targets.json".to_string()), "{name}");
    }
    // The same role twice, by one delegator.
    let mut world = with(&[("targets", "a", 10, "*", false), ("targets", "a", 11, "*", false)], &[]);
    let device = world.device();
    assert_eq!(world.attack(&device).0, fault("targets", Fault::Field("name")));
}

#[test]
fn a_search_ends() {
    let names: Vec<String> = (0..40).map(|n| format!("r{n}")).collect();
    let mut edges = vec![("targets", names[0].as_str(), 10, "*", false)];
    edges.extend(names.windows(2).map(|pair| (pair[0].as_str(), pair[1].as_str(), 10, "*", false)));
    let mut world = with(&edges, &[]);
    let mut device = world.device();
    let (result, asked) = find(&mut world, &mut device, "x");
    assert_eq!(result, Err(fault("r32", Fault::TooMany("delegations"))));
    assert_eq!(asked.len(), Limits::default().delegations);
}

#[test]
fn a_role_that_the_snapshot_does_not_list_is_not_asked_for() {
    let mut world = with(&[("targets", "a", 10, "*", false)], &[("a", 10, "x")]);
    let snapshot = world.keys.of(Role::Snapshot).expect("a key").clone();
    world.forge("1.snapshot.json", &[&snapshot], |signed| {
        crate::world::fields(at(signed, &["meta"])).remove("a.json");
    });
    let mut device = world.device();
    assert_eq!(find(&mut world, &mut device, "x"), (Err(fault("a", Fault::NotInSnapshot)), vec![]));
    assert_eq!(world.now, NOW);
}

#[test]
fn odd_names_stay_where_they_belong() {
    for name in ["../a", "/a", "?", "#", "A", "a b", "é", "%2e%2e"] {
        let mut world = with(&[("targets", name, 10, "*", false)], &[("x-no-role", 10, "y")]);
        let served = world.served[&format!("1.{name}.json")].clone();
        let mut device = world.device();
        let (result, asked) = find(&mut world, &mut device, "x");
        // The server has it under the escaped name alone.
        let expected = if asked == [name] { Ok(false) } else { Err(fault(name, Fault::Missing)) };
        assert_eq!(result, expected, "{name}");
        assert!(asked[0].bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte)), "{asked:?}");
        assert!(!asked[0].contains('/') && (asked == [name]) == (name == "A"), "{asked:?}");
        world.served.insert(format!("1.{}.json", asked[0]), served);
        assert_eq!(find(&mut world, &mut device, "x").0, Ok(false), "{name}");
        let kept: Vec<&String> = device
            .keys()
            .filter(|name| !["root.json", "timestamp.json", "snapshot.json", "targets.json"].contains(&name.as_str()))
            .collect();
        assert_eq!(kept.len(), 1);
        assert!(
            kept[0].bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte)),
            "{kept:?}"
        );
    }
}
