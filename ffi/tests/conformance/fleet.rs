//! What drivers' tests publish and find: models that are made of the shipped ones, and a device's folder. They are written to
//! `target/conformance/fleet`; mobile/conformance/README.md says what each is for.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use dunlin_engine::artifact::{SectionKind, Writer};
use dunlin_engine::{AlignedBytes, Artifact};
use dunlin_native::Store;
use dunlin_protocol::hex::Hash;
use dunlin_protocol::summary::{Baseline, Cohort, Input, Observation, Schema};
use dunlin_sync::drift::{Drift, LocalDp, Mode, Settings, Subject};
use dunlin_sync::{Chance, Effect, Machine, Stored, Time};
use sha2::{Digest, Sha256};

use crate::vectors::root;

#[test]
fn a_fleet_has_models_and_a_device_with_a_day_to_tell() {
    let folder = root().join("target/conformance/fleet");
    fs::create_dir_all(&folder).expect("writable");
    let shipped = AlignedBytes::from_slice(&fs::read(root().join("models/sms_spam/sms_spam.dunlin")).expect("shipped"));
    let first = with(&shipped, SectionKind::Baseline, baseline().json().into_bytes());
    write(&folder.join("first.dunlin"), &first);
    write(&folder.join("second.dunlin"), &with(&first, SectionKind::Card, br#"{"name":"second"}"#.to_vec()));
    write(&folder.join("wrong.dunlin"), &wrong(&first));
    let device = folder.join("device");
    if device.exists() {
        fs::remove_dir_all(&device).expect("ours");
    }
    tell(&device, &first);
    let mut store = Store::open(&device).expect("nobody has it open");
    let stored = store.stored().expect("readable");
    assert!(stored.keys().any(|key| key.starts_with("window/day-")), "{:?}", stored.keys());
}

/// A baseline in which nothing was counted yet.
fn baseline() -> Baseline {
    Baseline::empty(
        Schema::new(2, Input::Text, (0..7).map(|bound| f64::from(bound) as f32).collect()).expect("a schema"),
    )
}

fn with(artifact: &[u8], section: SectionKind, bytes: Vec<u8>) -> Vec<u8> {
    let mut writer = Writer::of(artifact).expect("sound");
    writer.replace(section, bytes);
    writer.finish()
}

/// It doesn't compute what its golden inputs say.
fn wrong(artifact: &[u8]) -> Vec<u8> {
    let artifact = AlignedBytes::from_slice(artifact);
    let parsed = Artifact::parse(&artifact).expect("sound");
    let mut golden = parsed.section(SectionKind::Golden).expect("it has some").bytes.to_vec();
    // Behind the head is the first output's digest.
    golden[12..44].fill(7);
    with(&artifact, SectionKind::Golden, golden)
}

/// A device's folder, with an answer that was counted two days ago: its summary is due, whatever the hour is.
fn tell(folder: &Path, model: &[u8]) {
    let mut store = Store::open(folder).expect("writable");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    let then = Time(now.as_millis() as u64 - 2 * 86_400_000);
    let mode = Mode::LocalDp(LocalDp::new(2.0, 1).expect("in range"));
    let settings = Settings { mode, server: "https://fleet.example".into(), token: None };
    let mut drift = Drift::restore(&Stored::new(), settings, Chance::new([7; 32]));
    let model = Hash(Sha256::digest(model).into());
    drift.handle_subject(then, Subject { model, baseline: baseline(), cohort: Cohort::default() });
    let seen = Observation {
        class: 1,
        probability: 0.9,
        margin: 0.8,
        energy: Some(1.5),
        latency: 30,
        reason: None,
        unknown: Some(0.0),
        length: Some(20),
        brightness: None,
    };
    drift.handle_answer(then, &seen);
    drift.flush();
    while let Some(effect) = drift.poll(then) {
        if let Effect::Commit(commit) = effect {
            let done = store.commit(commit.changes);
            drift.handle_commit(then, commit.id, done);
        }
    }
}

/// As a whole, so that what reads meanwhile never sees half of it.
fn write(path: &Path, bytes: &[u8]) {
    let part = PathBuf::from(format!("{}.part", path.display()));
    fs::write(&part, bytes).expect("writable");
    fs::rename(&part, path).expect("writable");
}
