//! Publications: nobody sees one before it holds as a whole.

use crate::common::Fleet;
use dunlin_protocol::hex::Hash;
use dunlin_protocol::tuf::sign::SigningKey;
use dunlin_protocol::tuf::{Answer, File, Keys, Lifetimes, Limits, Repository, Role, Step, Updater};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// A publisher with all keys.
pub struct Publisher {
    keys: Keys,
    repository: Repository,
}

impl Publisher {
    pub fn new(seed: u8) -> Self {
        let mut keys = Keys::default();
        for (index, role) in Role::ALL.into_iter().enumerate() {
            keys.set(role, SigningKey::from_seed(&[seed + index as u8; 32]));
        }
        let repository = Repository::new(&keys).expect("all keys");
        Self { keys, repository }
    }

    pub fn set(&mut self, path: &str, bytes: &[u8]) {
        let custom = br#"{"dunlin":1,"model":"sms","rollout":{"permille":1000,"salt":"0011223344556677"},"runtime":1,"version":1}"#;
        let custom = dunlin_protocol::tuf::Value::parse(custom, 100).expect("JSON");
        self.repository.set(path, bytes.len() as u64, &Hash(Sha256::digest(bytes).into()), Some(custom));
    }

    pub fn seal(&mut self, fleet: &Fleet) -> Vec<File> {
        self.repository.seal(&self.keys, fleet.seconds(), &Lifetimes::default()).expect("all keys")
    }
}

pub fn publication(files: &[File]) -> Value {
    let text = |file: &File| (file.name.clone(), json!(String::from_utf8(file.bytes.clone()).expect("JSON")));
    let metadata: serde_json::Map<String, Value> = files.iter().map(text).collect();
    json!({ "version": 1, "metadata": metadata })
}

pub fn upload(fleet: &Fleet, folder: &str, name: &str, bytes: &[u8]) -> String {
    let path = format!("{folder}/{}.{name}", Hash(Sha256::digest(bytes).into()));
    let status = fleet.send("PUT", &format!("/v1/repository/targets/{path}"), "publisher", &[], bytes).status;
    assert!(matches!(status, 200 | 201), "{status}");
    path
}

/// What a device makes of the repository, from its first root on: paths and contents of targets.
fn device(fleet: &Fleet, root: &[u8]) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let files = BTreeMap::from([("root.json".to_owned(), root.to_vec())]);
    let mut updater = Updater::new(files, fleet.seconds(), Limits::default()).map_err(|error| error.to_string())?;
    loop {
        match updater.step().map_err(|error| error.to_string())? {
            Step::Commit(_) => {}
            Step::Done => break,
            Step::Fetch(fetch) => {
                let reply = fleet.get(&format!("/repository/metadata/{}", fetch.path), "");
                updater.handle(if reply.status == 200 { Answer::Bytes(&reply.body) } else { Answer::Missing });
            }
        }
    }
    let targets = updater.targets().map(|(path, target)| {
        let fetch = updater.fetch(path, target).map_err(|error| error.to_string())?;
        let reply = fleet.get(&format!("/repository/targets/{}", fetch.path), "");
        target.check(&reply.body).map_err(|fault| fault.to_string())?;
        Ok((path.to_owned(), reply.body))
    });
    targets.collect()
}

#[test]
fn a_device_gets_what_was_published_and_every_version_after_it() {
    let mut fleet = Fleet::start();
    let mut publisher = Publisher::new(1);
    publisher.set("sms/1.dunlin", b"first");
    let path = upload(&fleet, "sms", "1.dunlin", b"first");
    assert_eq!(
        fleet.get(&format!("/repository/targets/{path}"), "").expect(404).code(),
        "not_found",
        "not before it is published"
    );
    let files = publisher.seal(&fleet);
    let root = files.iter().find(|file| file.name == "1.root.json").expect("a root").bytes.clone();
    fleet.post("/v1/repository/publish", "publisher", &publication(&files)).expect(200);
    assert_eq!(device(&fleet, &root).expect("trusted")["sms/1.dunlin"], b"first");
    // The same again, as after an answer that was lost.
    fleet.post("/v1/repository/publish", "publisher", &publication(&files)).expect(200);
    publisher.set("sms/2.dunlin", b"second");
    upload(&fleet, "sms", "2.dunlin", b"second");
    publisher.repository.renew(Role::Root);
    let files = publisher.seal(&fleet);
    fleet.post("/v1/repository/publish", "publisher", &publication(&files)).expect(200);
    fleet.restart();
    assert_eq!(device(&fleet, &root).expect("trusted").len(), 2);
    let models = fleet.get("/v1/models", "publisher").expect(200).json();
    assert_eq!(models["models"].as_array().map(Vec::len), Some(2));
    assert_eq!(models["models"][0]["release"]["model"], "sms");
}

#[test]
fn nothing_of_a_publication_that_does_not_hold_is_seen() {
    let fleet = Fleet::start();
    let mut publisher = Publisher::new(1);
    publisher.set("sms/1.dunlin", b"first");
    let files = publisher.seal(&fleet);
    let refuse = |files: &[File], why: &str| {
        let reply = fleet.post("/v1/repository/publish", "publisher", &publication(files)).expect(400);
        assert_eq!(reply.code(), "bad_publication", "{why}");
    };
    refuse(&files, "a target that isn't uploaded");
    upload(&fleet, "sms", "1.dunlin", b"first");
    for left_out in 0..files.len() {
        let some: Vec<File> =
            files.iter().enumerate().filter(|(index, _)| *index != left_out).map(|(_, file)| file.clone()).collect();
        refuse(&some, &files[left_out].name);
    }
    for changed in 0..files.len() {
        let mut some = files.clone();
        let bytes = &mut some[changed].bytes;
        let at = bytes.len() / 2;
        bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
        refuse(&some, &files[changed].name);
    }
    let mut more = files.clone();
    more.push(File { name: "9.other.json".to_owned(), bytes: b"{}".to_vec() });
    refuse(&more, "a file that no device fetches");
    for file in &files {
        fleet.get(&format!("/repository/metadata/{}", file.name), "").expect(404);
    }
    fleet.post("/v1/repository/publish", "publisher", &publication(&files)).expect(200);
    // Another publisher's keys, and an older state, come too late.
    let mut other = Publisher::new(50);
    other.set("sms/1.dunlin", b"first");
    refuse(&other.seal(&fleet), "other keys");
    publisher.set("sms/2.dunlin", b"second");
    upload(&fleet, "sms", "2.dunlin", b"second");
    let newer = publisher.seal(&fleet);
    fleet.post("/v1/repository/publish", "publisher", &publication(&newer)).expect(200);
    let older: Vec<File> = files.iter().filter(|file| file.name == "timestamp.json").cloned().collect();
    refuse(&older, "an older timestamp");
}

#[test]
fn the_operators_root_is_the_one_that_counts() {
    let probe = Fleet::start();
    let root =
        Publisher::new(1).seal(&probe).into_iter().find(|file| file.name == "1.root.json").expect("a root").bytes;
    let fleet = Fleet::with(move |config| config.root = Some(root.clone()));
    let refused = Publisher::new(60).seal(&fleet);
    assert_eq!(
        fleet.post("/v1/repository/publish", "publisher", &publication(&refused)).expect(400).code(),
        "bad_publication"
    );
    let files = Publisher::new(1).seal(&fleet);
    fleet.post("/v1/repository/publish", "publisher", &publication(&files)).expect(200);
}

#[test]
fn files_are_fetched_in_parts_and_not_again_by_who_has_them() {
    let fleet = Fleet::start();
    let bytes: Vec<u8> = (0..200_000u32).map(|number| (number % 251) as u8).collect();
    let mut publisher = Publisher::new(1);
    publisher.set("sms/1.dunlin", &bytes);
    let path = format!("/repository/targets/{}", upload(&fleet, "sms", "1.dunlin", &bytes));
    fleet.post("/v1/repository/publish", "publisher", &publication(&publisher.seal(&fleet))).expect(200);
    let whole = fleet.get(&path, "").expect(200);
    assert_eq!(whole.body, bytes);
    assert!(whole.header("cache-control").contains("immutable"));
    let etag = whole.header("etag").to_owned();
    assert!(fleet.send("GET", &path, "", &[("if-none-match", &etag)], b"").expect(304).body.is_empty());
    let part = fleet.send("GET", &path, "", &[("range", "bytes=100000-100009")], b"").expect(206);
    assert_eq!(
        (part.header("content-range"), &part.body[..]),
        ("bytes 100000-100009/200000", &bytes[100_000..100_010])
    );
    assert_eq!(fleet.send("GET", &path, "", &[("range", "bytes=200000-")], b"").expect(416).code(), "bad_range");
    let head = fleet.send("HEAD", &path, "", &[], b"").expect(200);
    assert_eq!((head.header("content-length"), head.body.len()), ("200000", 0));
    let timestamp = fleet.get("/repository/metadata/timestamp.json", "").expect(200);
    assert_eq!(timestamp.header("cache-control"), "no-cache");
    // An upload under another's digest isn't kept.
    let wrong = format!("/v1/repository/targets/sms/{}.2.dunlin", "ab".repeat(32));
    assert_eq!(fleet.send("PUT", &wrong, "publisher", &[], b"x").expect(400).code(), "bad_publication");
    assert_eq!(std::fs::read_dir(fleet.data().join("uploads")).expect("readable").count(), 0);
}
