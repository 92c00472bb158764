//! A publisher, a server that may be hostile, and a device.

use std::collections::BTreeMap;

use dunlin_protocol::hex::Hash;
use dunlin_protocol::tuf::sign::{SigningKey, sign};
use dunlin_protocol::tuf::{
    Answer, Error, Fault, File, Keys, Lifetimes, Limits, Place, Repository, Role, Step, Updater, Value,
};
use sha2::{Digest, Sha256};

pub const NOW: u64 = 1_800_000_000;
pub const DAY: u64 = 86_400;

pub type Files = BTreeMap<String, Vec<u8>>;

/// A key that depends on a number alone.
pub fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(&[number; 32])
}

/// A publisher with what its server has.
pub struct World {
    pub keys: Keys,
    pub repository: Repository,
    /// Metadata by name, targets by the names that they are asked for under.
    pub served: Files,
    /// Names in the order in which the device asked for them.
    pub asked: Vec<String>,
    pub now: u64,
}

impl World {
    /// Version 1 of everything, with one target.
    pub fn new() -> Self {
        let mut keys = Keys::default();
        for (number, role) in (1..).zip(Role::ALL) {
            keys.set(role, key(number));
        }
        let repository = Repository::new(&keys).expect("all keys");
        let mut world = Self { keys, repository, served: Files::new(), asked: Vec::new(), now: NOW };
        world.add("model/1.dunlin", b"one");
        world.publish();
        world
    }

    pub fn add(&mut self, path: &str, bytes: &[u8]) {
        let digest = Hash(Sha256::digest(bytes).into());
        self.repository.set(path, bytes.len() as u64, &digest, None);
        let (folder, file) = path.rsplit_once('/').expect("a folder");
        self.served.insert(format!("{folder}/{digest}.{file}"), bytes.to_vec());
    }

    /// Signs and serves what has changed.
    pub fn publish(&mut self) -> Vec<File> {
        let files = self.repository.seal(&self.keys, self.now, &Lifetimes::default()).expect("all keys");
        for file in &files {
            self.served.insert(file.name.clone(), file.bytes.clone());
        }
        files
    }

    /// Changes what is signed in a file that is served, and signs it again with these keys. What tells of it isn't changed.
    pub fn forge(&mut self, name: &str, keys: &[&SigningKey], change: impl FnOnce(&mut Value)) {
        let file = Value::parse(&self.served[name], 100_000).expect("served");
        let mut signed = get(&file, "signed").clone();
        change(&mut signed);
        self.served.insert(name.into(), sign(&signed, keys));
    }

    /// The same, without the lengths and digests that would give it away; the roles above are signed again with their own keys.
    pub fn forge_with_all_keys(&mut self, name: &str, change: impl FnOnce(&mut Value)) {
        let [root, targets, snapshot, timestamp] = Role::ALL.map(|role| self.keys.of(role).expect("a key").clone());
        let key = if name.ends_with("targets.json") {
            targets
        } else if name.ends_with("snapshot.json") {
            snapshot.clone()
        } else if name.ends_with("root.json") {
            root
        } else {
            timestamp.clone()
        };
        self.forge(name, &[&key], change);
        let snapshots: Vec<String> =
            self.served.keys().filter(|name| name.ends_with(".snapshot.json")).cloned().collect();
        for name in snapshots {
            self.forge(&name, &[&snapshot], forget_digests);
        }
        self.forge("timestamp.json", &[&timestamp], forget_digests);
    }

    /// A device that has nothing but the first root.
    pub fn device(&self) -> Files {
        Files::from([("root.json".to_string(), self.served["1.root.json"].clone())])
    }

    /// Brings a device up to date.
    pub fn refresh(&mut self, device: &mut Files) -> Result<Updater, Error> {
        self.refresh_at(device, self.now)
    }

    pub fn refresh_at(&mut self, device: &mut Files, now: u64) -> Result<Updater, Error> {
        let mut updater = Updater::new(device.clone(), now, Limits::default())?;
        self.drive(&mut updater, device)?;
        Ok(updater)
    }

    /// Does what the updater says.
    pub fn drive(&mut self, updater: &mut Updater, device: &mut Files) -> Result<(), Error> {
        loop {
            match updater.step()? {
                Step::Fetch(fetch) => {
                    assert_eq!(fetch.place, Place::Metadata);
                    match self.served.get(&fetch.path) {
                        Some(bytes) if bytes.len() as u64 > fetch.max_bytes => updater.handle(Answer::TooLong),
                        Some(bytes) => updater.handle(Answer::Bytes(bytes)),
                        None => updater.handle(Answer::Missing),
                    }
                    self.asked.push(fetch.path);
                }
                Step::Commit(write) => drop(device.insert(write.name, write.bytes)),
                Step::Done => return Ok(()),
            }
        }
    }

    /// What a refresh fails with, and which files the device has other bytes of then.
    pub fn attack(&mut self, device: &Files) -> (Error, Vec<String>) {
        let mut after = device.clone();
        let error = self.refresh(&mut after).expect_err("an attack succeeded");
        let changed = after.iter().filter(|(name, bytes)| device.get(*name) != Some(bytes));
        (error, changed.map(|(name, _)| name.clone()).collect())
    }

    /// Fetches a target as a device does.
    pub fn target(&self, updater: &Updater, path: &str) -> Result<Vec<u8>, Fault> {
        let (_, target) = updater.targets().find(|(other, _)| *other == path).ok_or(Fault::Missing)?;
        let fetch = updater.fetch(path, target).map_err(|error| error.fault)?;
        let bytes = self.served.get(&fetch.path).ok_or(Fault::Missing)?;
        target.check(bytes).map(|()| bytes.clone())
    }
}

/// What the versions of a device's roles are: root, timestamp, snapshot, targets.
pub fn versions(device: &Files) -> [i64; 4] {
    ["root", "timestamp", "snapshot", "targets"].map(|role| {
        let Some(bytes) = device.get(&format!("{role}.json")) else { return 0 };
        match get(get(&Value::parse(bytes, 100_000).expect("kept"), "signed"), "version") {
            Value::Integer(version) => *version,
            other => panic!("{other:?}"),
        }
    })
}

/// A field of an object.
pub fn get<'a>(value: &'a Value, name: &str) -> &'a Value {
    match value {
        Value::Object(fields) => &fields[name],
        other => panic!("{other:?}"),
    }
}

/// A field of an object, at the end of a path of names.
pub fn at<'a>(value: &'a mut Value, path: &[&str]) -> &'a mut Value {
    path.iter().fold(value, |value, name| match value {
        Value::Object(fields) => fields.entry((*name).to_string()).or_insert(Value::Null),
        other => panic!("{other:?}"),
    })
}

/// The fields of an object.
pub fn fields(value: &mut Value) -> &mut BTreeMap<String, Value> {
    match value {
        Value::Object(fields) => fields,
        other => panic!("{other:?}"),
    }
}

fn forget_digests(signed: &mut Value) {
    for info in fields(at(signed, &["meta"])).values_mut() {
        fields(info).retain(|name, _| name == "version");
    }
}

pub fn fault(of: &str, fault: Fault) -> Error {
    Error { of: of.into(), fault }
}
