//! A publisher with one key, and the files that a server would have of it.

use std::collections::BTreeMap;

use dunlin_protocol::{hex, tuf};
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A repository.
#[derive(Clone)]
pub struct Repository {
    key: SigningKey,
    root: Vec<u8>,
    version: u64,
    targets: BTreeMap<String, Value>,
    /// What a server has, by the paths below the repository's address.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Repository {
    /// Without releases.
    pub fn new(expires: u64) -> Self {
        let key = SigningKey::from_bytes(&[42; 32]);
        let public = json!({"keytype": "ed25519", "scheme": "ed25519",
            "keyval": {"public": hex::encode(key.verifying_key().as_bytes())}});
        let role = json!({"keyids": ["k"], "threshold": 1});
        let roles = json!({"root": role, "timestamp": role, "snapshot": role, "targets": role});
        let mut repository =
            Self { key, root: Vec::new(), version: 0, targets: BTreeMap::new(), files: BTreeMap::new() };
        repository.root = repository.signed(json!({"_type": "root", "spec_version": "1.0.31", "version": 1,
            "expires": tuf::format_time(u64::from(u32::MAX)), "consistent_snapshot": true, "keys": {"k": public}, "roles": roles}));
        repository.publish(expires);
        repository
    }

    /// What an app ships.
    pub fn root(&self) -> Vec<u8> {
        self.root.clone()
    }

    /// Lists a release; `more` are fields of it beside or instead of the usual ones.
    pub fn add(&mut self, version: u32, model: &[u8], more: Value) {
        let mut custom = json!({"dunlin": 1, "model": "m", "version": version, "runtime": 1,
            "rollout": {"salt": "00112233445566778899aabbccddeeff", "permille": 1000}});
        if let (Value::Object(custom), Value::Object(more)) = (&mut custom, more) {
            custom.extend(more);
        }
        let path = format!("m/{version}.dunlin");
        let target = json!({"length": model.len(), "hashes": {"sha256": sha256(model)}, "custom": custom});
        self.put(&path, model);
        self.targets.insert(path, target);
    }

    /// Puts a file where its digest and path say, and gives the digest.
    pub fn put(&mut self, path: &str, bytes: &[u8]) -> String {
        let digest = sha256(bytes);
        let (folder, file) = path.rsplit_once('/').expect("a folder");
        self.files.insert(format!("targets/{folder}/{digest}.{file}"), bytes.to_vec());
        digest
    }

    /// Lists a release no longer.
    pub fn withdraw(&mut self, version: u32) {
        self.targets.remove(&format!("m/{version}.dunlin"));
    }

    /// Signs what is listed.
    pub fn publish(&mut self, expires: u64) {
        self.version += 1;
        let (version, expires) = (self.version, tuf::format_time(expires));
        let head =
            |kind: &str| json!({"_type": kind, "spec_version": "1.0.31", "version": version, "expires": expires});
        let mut targets = head("targets");
        targets["targets"] = json!(self.targets);
        let targets = self.signed(targets);
        let mut snapshot = head("snapshot");
        snapshot["meta"] = json!({"targets.json": {"version": version}});
        let snapshot = self.signed(snapshot);
        let mut timestamp = head("timestamp");
        timestamp["meta"] = json!({"snapshot.json": {"version": version, "length": snapshot.len(), "hashes": {"sha256": sha256(&snapshot)}}});
        let timestamp = self.signed(timestamp);
        self.files.insert(format!("metadata/{version}.targets.json"), targets);
        self.files.insert(format!("metadata/{version}.snapshot.json"), snapshot);
        self.files.insert("metadata/timestamp.json".into(), timestamp);
    }

    fn signed(&self, signed: Value) -> Vec<u8> {
        let bytes = serde_json::to_vec(&signed).expect("JSON");
        let message = tuf::Value::parse(&bytes, usize::MAX).expect("whole numbers").canonical();
        let signature = hex::encode(&self.key.sign(&message).to_bytes());
        serde_json::to_vec(&json!({"signed": signed, "signatures": [{"keyid": "k", "sig": signature}]})).expect("JSON")
    }
}

pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(&Sha256::digest(bytes))
}
