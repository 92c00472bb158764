//! The publisher's side: a repository of static files.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use sha2::{Digest, Sha256};

use super::json::Value;
use super::sign::{SigningKey, number, object, sign, text};
use super::{Answer, Error, Fault, Limits, Step, Updater, time};
use crate::hex::{self, Hash};

/// A top role of the repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Says who has the other roles.
    Root,
    /// Vouches for files.
    Targets,
    /// Says which versions belong together.
    Snapshot,
    /// Says what is newest.
    Timestamp,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Root, Self::Targets, Self::Snapshot, Self::Timestamp];

    /// Its name in metadata.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Targets => "targets",
            Self::Snapshot => "snapshot",
            Self::Timestamp => "timestamp",
        }
    }
}

/// The keys that are at hand: each role has one, and not every task needs all.
#[derive(Clone, Debug, Default)]
pub struct Keys([Option<SigningKey>; 4]);

impl Keys {
    /// The key of a role.
    pub fn of(&self, role: Role) -> Option<&SigningKey> {
        self.0[role as usize].as_ref()
    }

    /// Gives a role a key, and back the one that it had.
    pub fn set(&mut self, role: Role, key: SigningKey) -> Option<SigningKey> {
        self.0[role as usize].replace(key)
    }

    fn needed(&self, role: Role) -> Result<&SigningKey, PublishError> {
        self.of(role).ok_or(PublishError::NoKey(role))
    }
}

/// For how many seconds each role's signature is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// The root's.
    pub root: u64,
    /// That of targets.
    pub targets: u64,
    /// The snapshot's.
    pub snapshot: u64,
    /// The timestamp's.
    pub timestamp: u64,
}

impl Default for Lifetimes {
    fn default() -> Self {
        const DAY: u64 = 86_400;
        Self { root: 365 * DAY, targets: 365 * DAY, snapshot: 30 * DAY, timestamp: 30 * DAY }
    }
}

/// A file of the repository's metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name, such as `2.targets.json`.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Why nothing is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublishError {
    /// The key of a role isn't at hand.
    NoKey(Role),
    /// The key at hand isn't the one that the repository's root names.
    OtherKey(Role),
    /// The repository's own metadata aren't trusted.
    Untrusted(Error),
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoKey(role) => write!(f, "the key of the role '{}' isn't there", role.name()),
            Self::OtherKey(role) => {
                write!(f, "the key of the role '{}' isn't the one that the repository's root names", role.name())
            }
            Self::Untrusted(error) => write!(f, "the repository itself isn't sound: {error}"),
        }
    }
}

impl core::error::Error for PublishError {}

/// What a publisher has published, and changes before they are.
///
/// Fields that this library doesn't know stay as they are.
#[derive(Clone, Debug)]
pub struct Repository {
    /// What is signed, by role.
    signed: [Value; 4],
    changed: [bool; 4],
    /// The last root's own key, when a new one takes its place.
    old_root: Option<SigningKey>,
}

impl Repository {
    /// An empty repository of these keys, of which nothing is published yet.
    ///
    /// # Errors
    /// [`PublishError::NoKey`].
    pub fn new(keys: &Keys) -> Result<Self, PublishError> {
        let (mut all, mut roles) = (BTreeMap::new(), BTreeMap::new());
        for role in Role::ALL {
            let key = keys.needed(role)?;
            all.insert(key.id(), key.public());
            roles.insert(role.name().to_string(), one_of_one(key));
        }
        let fields = [
            [("consistent_snapshot", Value::Bool(true)), ("keys", Value::Object(all)), ("roles", Value::Object(roles))]
                .to_vec(),
            [("targets", object([]))].to_vec(),
            [("meta", object([]))].to_vec(),
            [("meta", object([]))].to_vec(),
        ];
        let mut signed = Role::ALL.map(|role| {
            object([("_type", text(role.name())), ("spec_version", text(SPECIFICATION)), ("version", number(0))])
        });
        for (value, fields) in signed.iter_mut().zip(fields) {
            fields.into_iter().for_each(|(name, field)| put(value, name, field));
        }
        Ok(Self { signed, changed: [true; 4], old_root: None })
    }

    /// Takes over what is published: `read` gives a file of metadata by its name. Everything is checked as a device does it, but for time.
    ///
    /// # Errors
    /// [`PublishError::Untrusted`]; for a repository without a first root its fault is [`Fault::Missing`].
    pub fn open(mut read: impl FnMut(&str) -> Option<Vec<u8>>) -> Result<Self, PublishError> {
        let first = read("1.root.json").ok_or_else(|| PublishError::Untrusted(Fault::Missing.of("root")))?;
        let mut files = BTreeMap::from([("root.json".to_string(), first)]);
        let mut updater = Updater::new(files.clone(), 0, Limits::default()).map_err(PublishError::Untrusted)?;
        loop {
            match updater.step().map_err(PublishError::Untrusted)? {
                Step::Fetch(fetch) => match read(&fetch.path) {
                    Some(bytes) => updater.handle(Answer::Bytes(&bytes)),
                    None => updater.handle(Answer::Missing),
                },
                Step::Commit(write) => drop(files.insert(write.name, write.bytes)),
                Step::Done => break,
            }
        }
        let mut signed = [const { Value::Null }; 4];
        for (role, signed) in Role::ALL.into_iter().zip(&mut signed) {
            let untrusted = |fault: Fault| PublishError::Untrusted(fault.of(role.name()));
            let bytes = files.get(&(role.name().to_string() + ".json")).ok_or_else(|| untrusted(Fault::Missing))?;
            let file = Value::parse(bytes, Limits::default().values).map_err(untrusted)?;
            *signed = file.field("signed").map_err(untrusted)?.clone();
        }
        Ok(Self { signed, changed: [false; 4], old_root: None })
    }

    /// Adds a file, or takes the place of what its path had.
    pub fn set(&mut self, path: &str, length: u64, sha256: &Hash, custom: Option<Value>) {
        let hashes = object([("sha256", Value::Text(sha256.to_string()))]);
        let mut target = object([("length", number(length)), ("hashes", hashes)]);
        if let Some(custom) = custom {
            put(&mut target, "custom", custom);
        }
        self.targets_mut().insert(path.to_string(), target);
    }

    /// Takes a file out; says whether it was there.
    pub fn remove(&mut self, path: &str) -> bool {
        self.targets_mut().remove(path).is_some()
    }

    /// All files, by their paths, as metadata has them.
    pub fn targets(&self) -> impl Iterator<Item = (&str, &Value)> {
        let targets = self.signed[Role::Targets as usize].object("targets").ok();
        targets.into_iter().flatten().map(|(path, target)| (path.as_str(), target))
    }

    /// What a publisher has noted for itself under a name, signed with the targets.
    pub fn note(&self, name: &str) -> Option<&Value> {
        self.signed[Role::Targets as usize].object("dunlin").ok()?.get(name)
    }

    /// Notes something under a name, for devices to ignore.
    pub fn set_note(&mut self, name: &str, note: Value) {
        self.changed[Role::Targets as usize] = true;
        let targets = &mut self.signed[Role::Targets as usize];
        field(targets, "dunlin").insert(name.to_string(), note);
    }

    /// Until when a role is signed, in seconds since the epoch; none before it is.
    pub fn expires(&self, role: Role) -> Option<u64> {
        time::parse(self.signed[role as usize].text("expires").ok()?)
    }

    /// A role's version; 0 before it is signed.
    pub fn version(&self, role: Role) -> u64 {
        self.signed[role as usize].number("version").unwrap_or(0)
    }

    /// Signs a role anew at the next [`seal`](Self::seal), though nothing in it has changed.
    pub fn renew(&mut self, role: Role) {
        self.changed[role as usize] = true;
    }

    /// Whether the root names a key for a role.
    pub fn has_key(&self, role: Role, key: &SigningKey) -> bool {
        let roles = self.signed[Role::Root as usize].object("roles").ok();
        let ids = roles.and_then(|roles| roles.get(role.name())?.texts("keyids").ok());
        ids.is_some_and(|ids| ids.contains(&key.id()))
    }

    /// Gives a role a new key. The next root says so, signed by the root's keys of before and after.
    ///
    /// # Errors
    /// [`PublishError::NoKey`], [`PublishError::OtherKey`].
    pub fn rotate(&mut self, role: Role, keys: &mut Keys, new: SigningKey) -> Result<(), PublishError> {
        self.check_key(Role::Root, keys)?;
        if role == Role::Root {
            self.old_root = keys.of(Role::Root).cloned();
        }
        let root = &mut self.signed[Role::Root as usize];
        field(root, "roles").insert(role.name().to_string(), one_of_one(&new));
        let used: Vec<String> =
            root.object("roles").into_iter().flatten().flat_map(|(_, role)| role.texts("keyids")).flatten().collect();
        let all = field(root, "keys");
        all.insert(new.id(), new.public());
        all.retain(|id, _| used.contains(id));
        keys.set(role, new);
        self.changed[Role::Root as usize] = true;
        self.changed[role as usize] = true;
        Ok(())
    }

    /// Signs what has changed, and what follows from that. The files are to be written in this order, the last by a rename: devices
    /// see what is new from then on. The repository then stands for what is published.
    ///
    /// # Errors
    /// [`PublishError::NoKey`], [`PublishError::OtherKey`].
    pub fn seal(&mut self, keys: &Keys, now: u64, lifetimes: &Lifetimes) -> Result<Vec<File>, PublishError> {
        let [root, targets, snapshot, timestamp] = Role::ALL;
        self.changed[snapshot as usize] |= self.changed[targets as usize];
        self.changed[timestamp as usize] = true;
        let changed = self.changed;
        for role in Role::ALL.into_iter().filter(|&role| changed[role as usize]) {
            self.check_key(role, keys)?;
        }
        let mut files = Vec::new();
        if changed[targets as usize] {
            let file = self.sign(targets, keys, now.saturating_add(lifetimes.targets))?;
            self.tell(snapshot, "targets.json", targets, &file);
            files.push(file);
        }
        if changed[snapshot as usize] {
            let file = self.sign(snapshot, keys, now.saturating_add(lifetimes.snapshot))?;
            self.tell(timestamp, "snapshot.json", snapshot, &file);
            files.push(file);
        }
        if changed[root as usize] {
            files.push(self.sign(root, keys, now.saturating_add(lifetimes.root))?);
        }
        files.push(self.sign(timestamp, keys, now.saturating_add(lifetimes.timestamp))?);
        self.changed = [false; 4];
        self.old_root = None;
        Ok(files)
    }

    fn check_key(&self, role: Role, keys: &Keys) -> Result<(), PublishError> {
        if self.has_key(role, keys.needed(role)?) { Ok(()) } else { Err(PublishError::OtherKey(role)) }
    }

    fn sign(&mut self, role: Role, keys: &Keys, expires: u64) -> Result<File, PublishError> {
        let version = self.version(role) + 1;
        let signed = &mut self.signed[role as usize];
        put(signed, "version", number(version));
        put(signed, "expires", Value::Text(time::format(expires)));
        let mut signers = [keys.needed(role)?].to_vec();
        if role == Role::Root {
            signers.extend(&self.old_root);
        }
        let name = match role {
            Role::Timestamp => "timestamp.json".to_string(),
            _ => alloc::format!("{version}.{}.json", role.name()),
        };
        Ok(File { name, bytes: sign(signed, &signers) })
    }

    /// Tells of a file in the metadata of the role above it.
    fn tell(&mut self, above: Role, name: &str, role: Role, file: &File) {
        let info = object([
            ("version", number(self.version(role))),
            ("length", number(file.bytes.len() as u64)),
            ("hashes", object([("sha256", Value::Text(hex::encode(&Sha256::digest(&file.bytes))))])),
        ]);
        field(&mut self.signed[above as usize], "meta").insert(name.to_string(), info);
    }

    fn targets_mut(&mut self) -> &mut BTreeMap<String, Value> {
        self.changed[Role::Targets as usize] = true;
        field(&mut self.signed[Role::Targets as usize], "targets")
    }
}

/// The version of the specification that is kept to.
const SPECIFICATION: &str = "1.0.31";

fn one_of_one(key: &SigningKey) -> Value {
    object([("keyids", Value::List([Value::Text(key.id())].to_vec())), ("threshold", number(1))])
}

fn put(value: &mut Value, name: &str, field: Value) {
    fields(value).insert(name.to_string(), field);
}

/// The fields of an object's field; both become objects if they aren't yet.
fn field<'a>(value: &'a mut Value, name: &str) -> &'a mut BTreeMap<String, Value> {
    fields(fields(value).entry(name.to_string()).or_insert(Value::Null))
}

fn fields(value: &mut Value) -> &mut BTreeMap<String, Value> {
    if !matches!(value, Value::Object(_)) {
        *value = Value::Object(BTreeMap::new());
    }
    match value {
        Value::Object(fields) => fields,
        _ => unreachable!("made an object above"),
    }
}
