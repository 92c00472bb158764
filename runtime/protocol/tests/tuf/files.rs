//! Files that are broken, cut short, too large, or mean two things at once.

use dunlin_protocol::tuf::{Fault, Limits, Updater};

use crate::corpus;
use crate::world::{World, fault};

const NAMES: [(&str, &str); 4] = [
    ("2.root.json", "root"),
    ("timestamp.json", "timestamp"),
    ("1.snapshot.json", "snapshot"),
    ("1.targets.json", "targets"),
];

/// A world with a second root, in which nothing but signatures vouches for bytes.
fn world() -> World {
    let mut world = World::new();
    world.forge_with_all_keys("1.targets.json", |_| {});
    let root = world.keys.of(dunlin_protocol::tuf::Role::Root).expect("a key").clone();
    world.served.insert("2.root.json".into(), world.served["1.root.json"].clone());
    world.forge("2.root.json", &[&root], |signed| {
        *crate::world::at(signed, &["version"]) = dunlin_protocol::tuf::Value::Integer(2);
    });
    world
}

#[test]
fn the_world_of_these_tests_is_sound() {
    let mut world = world();
    world.refresh(&mut world.device()).expect("sound");
}

#[test]
fn refuses_every_file_cut_short() {
    for (name, role) in NAMES {
        let mut world = world();
        let device = world.device();
        let whole = world.served[name].clone();
        for len in 0..whole.len() {
            world.served.insert(name.into(), whole[..len].to_vec());
            let (error, changed) = world.attack(&device);
            assert_eq!(error, fault(role, Fault::Json), "{len} bytes of {name}");
            assert!(!changed.contains(&format!("{role}.json")));
        }
    }
}

#[test]
fn refuses_every_changed_byte_that_means_something() {
    for (name, role) in NAMES {
        let mut world = world();
        let device = world.device();
        let whole = world.served[name].clone();
        let signed = String::from_utf8_lossy(&whole).find("\"signed\"").expect("signed");
        for place in signed..whole.len() - 2 {
            let mut bytes = whole.clone();
            bytes[place] ^= 1;
            world.served.insert(name.into(), bytes);
            let mut after = device.clone();
            let result = world.refresh(&mut after).map(drop);
            assert!(matches!(&result, Err(error) if error.of == role), "byte {place} of {name}: {result:?}");
        }
    }
}

#[test]
fn refuses_what_says_something_twice() {
    for (name, role) in NAMES {
        for (from, to) in [
            ("\"version\":", "\"version\":9,\"version\":"),
            ("\"signed\":{", "\"signed\":{},\"signed\":{"),
            ("\"signatures\":[", "\"signatures\":[],\"signatures\":["),
            ("\"_type\":", "\"\\u005ftype\":\"x\",\"_type\":"),
        ] {
            let mut world = world();
            let device = world.device();
            let file = String::from_utf8(world.served[name].clone()).expect("text");
            world.served.insert(name.into(), file.replacen(from, to, 1).into_bytes());
            assert_eq!(world.attack(&device).0, fault(role, Fault::DuplicateName), "{to} in {name}");
        }
    }
}

#[test]
fn refuses_what_is_too_large_or_too_deep() {
    for (name, role) in NAMES {
        let deep =
            |levels: usize| format!("{{\"signatures\":[],\"signed\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        let wide = |values: usize| format!("{{\"signatures\":[],\"signed\":[{}0]}}", "0,".repeat(values));
        let many = format!("{{\"signatures\":[{}1],\"signed\":{{}}}}", "1,".repeat(300));
        let cases = [
            (deep(40), Fault::TooDeep),
            (deep(8000), Fault::TooDeep),
            (wide(2000), Fault::TooMany("values")),
            (many, Fault::TooMany("signatures")),
            ("1".repeat(30), Fault::Number),
            ("{\"signatures\":[],\"signed\":{\"version\":1.5}}".into(), Fault::Number),
        ];
        for (json, expected) in cases {
            let mut world = world();
            let device = world.device();
            world.served.insert(name.into(), json.into_bytes());
            let limits = Limits { values: 1000, ..Limits::default() };
            let mut updater = Updater::new(device.clone(), world.now, limits).expect("a root");
            let result = world.drive(&mut updater, &mut device.clone());
            assert_eq!(result, Err(fault(role, expected)), "{name}");
        }
    }
}

#[test]
fn refuses_a_first_root_that_is_none() {
    let world = World::new();
    let root = String::from_utf8(world.served["1.root.json"].clone()).expect("text");
    let cases = [
        (String::new(), Fault::Json),
        ("{}".into(), Fault::Field("signatures")),
        (root.replace("\"_type\":\"root\"", "\"_type\":\"targets\""), Fault::Field("_type")),
        (root.replace("\"version\":1", "\"version\":0"), Fault::Field("version")),
        (root.replace("\"spec_version\":\"1.0.31\"", "\"spec_version\":\"2.0\""), Fault::Field("spec_version")),
        (root.replace("\"version\":1", "\"version\":2"), Fault::Signatures { valid: 0, threshold: 1 }),
        (" ".repeat(600_000), Fault::TooLong),
    ];
    for (json, expected) in cases {
        let name = json[..json.len().min(60)].to_string();
        let files = [("root.json".to_string(), json.into_bytes())].into();
        let result = Updater::new(files, world.now, Limits::default()).map(drop);
        assert_eq!(result, Err(fault("root", expected)), "{name}");
    }
    let none = Updater::new(Default::default(), world.now, Limits::default()).map(drop);
    assert_eq!(none, Err(fault("root", Fault::NoRoot)));
}

#[test]
fn kept_files_that_are_broken_are_fetched_again() {
    for role in ["timestamp", "snapshot", "targets"] {
        let mut world = World::new();
        let mut device = world.device();
        world.refresh(&mut device).expect("sound");
        let whole = device.clone();
        device.insert(format!("{role}.json"), b"{".to_vec());
        world.refresh(&mut device).expect("sound");
        assert_eq!(device, whole);
    }
}

#[test]
fn the_corpus_ends_without_a_panic() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/tuf");
    let entries = std::fs::read_dir(folder).expect("the corpus is in the repository");
    let inputs = entries.map(|entry| std::fs::read(entry.expect("readable").path()).expect("readable"));
    assert!(inputs.map(|input| corpus::refresh(&input)).count() >= corpus::seeds().len());
}

#[test]
fn sound_seeds_changed_at_any_place_end_without_a_panic() {
    for (_, seed) in corpus::seeds() {
        corpus::refresh(&seed);
        for place in 0..seed.len() {
            for bit in [1, 4, 32, 128] {
                let mut changed = seed.clone();
                changed[place] ^= bit;
                if place % 7 == usize::from(bit) % 7 || place < 8 {
                    corpus::refresh(&changed);
                }
            }
        }
    }
}
