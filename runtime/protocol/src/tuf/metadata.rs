//! Metadata of each role, as far as it is well formed. Whether it is trusted is found out in `trusted`.

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use sha2::{Digest, Sha256, Sha512};

use super::json::Value;
use super::key::Key;
use super::{Fault, names, time};
use crate::hex;

/// A file of metadata: what is signed, and who signed it. Nothing of `signed` is looked at before its signatures are.
#[derive(Debug)]
pub(super) struct Envelope {
    signed: Value,
    signatures: Vec<(String, Option<Vec<u8>>)>,
}

impl Envelope {
    pub fn parse(bytes: &[u8], most_values: usize) -> Result<Self, Fault> {
        let mut file = Value::parse(bytes, most_values)?;
        let mut signatures: Vec<(String, Option<Vec<u8>>)> = Vec::new();
        let list = file.list("signatures")?;
        if list.len() > MOST_SIGNATURES {
            return Err(Fault::TooMany("signatures"));
        }
        for signature in list {
            let id = signature.text("keyid")?;
            if signatures.iter().any(|(other, _)| other == id) {
                return Err(Fault::Field("keyid"));
            }
            // What isn't hexadecimal is a signature that doesn't verify.
            signatures.push((id.to_string(), hex::decode(signature.text("sig")?)));
        }
        let Value::Object(fields) = &mut file else { return Err(Fault::Field("signed")) };
        let signed = fields.remove("signed").ok_or(Fault::Field("signed"))?;
        Ok(Self { signed, signatures })
    }

    /// What is signed, once enough of a role's keys have. A key counts once, under how many identifiers it may be listed.
    pub fn signed_by(&self, role: &Role, keys: &Keys) -> Result<&Value, Fault> {
        let message = self.signed.canonical();
        let mut valid: Vec<&Key> = Vec::new();
        for (id, signature) in self.signatures.iter().filter(|(id, _)| role.keyids.contains(id)) {
            let (Some(key), Some(signature)) = (find(keys, id), signature) else { continue };
            if !valid.contains(&key) && key.verifies(&message, signature) {
                valid.push(key);
            }
        }
        let valid = u32::try_from(valid.len()).unwrap_or(u32::MAX);
        if valid < role.threshold {
            return Err(Fault::Signatures { valid, threshold: role.threshold });
        }
        Ok(&self.signed)
    }

    /// What is signed, where who must have signed stands in it: the first root.
    pub fn unverified(&self) -> &Value {
        &self.signed
    }
}

/// Signatures of one file, and keys of one role.
const MOST_SIGNATURES: usize = 256;

/// Things by their names, in the order of these.
pub(super) type Named<T> = Vec<(String, T)>;

/// The thing of a name.
pub(super) fn find<'a, T>(named: &'a Named<T>, name: &str) -> Option<&'a T> {
    let at = named.binary_search_by(|(other, _)| other.as_str().cmp(name)).ok()?;
    named.get(at).map(|(_, thing)| thing)
}

/// A field's things by their names. Objects are in that order.
fn named<T>(value: &Value, field: &'static str, parse: impl Fn(&Value) -> Result<T, Fault>) -> Result<Named<T>, Fault> {
    let mut named = Vec::new();
    for (name, thing) in value.object(field)? {
        named.push((name.clone(), parse(thing)?));
    }
    Ok(named)
}

/// Keys by their identifiers.
pub(super) type Keys = Named<Key>;

/// Who must sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Role {
    keyids: Vec<String>,
    threshold: u32,
}

impl Role {
    fn parse(role: &Value) -> Result<Self, Fault> {
        let keyids = role.texts("keyids")?;
        let threshold = role.number("threshold")?.try_into().map_err(|_| Fault::Field("threshold"))?;
        if threshold == 0 {
            return Err(Fault::Field("threshold"));
        }
        if keyids.len() > MOST_SIGNATURES {
            return Err(Fault::TooMany("keys"));
        }
        if keyids.iter().enumerate().any(|(index, id)| keyids.iter().skip(index + 1).any(|other| other == id)) {
            return Err(Fault::Field("keyids"));
        }
        Ok(Self { keyids, threshold })
    }
}

/// What all roles' metadata begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub version: u64,
    expires: u64,
}

impl Head {
    fn parse(signed: &Value, kind: &'static str) -> Result<Self, Fault> {
        if signed.text("_type")? != kind {
            return Err(Fault::Field("_type"));
        }
        let specification = signed.text("spec_version")?;
        if specification != "1" && !specification.starts_with("1.") {
            return Err(Fault::Field("spec_version"));
        }
        let expires = time::parse(signed.text("expires")?).ok_or(Fault::Field("expires"))?;
        match signed.number("version")? {
            0 => Err(Fault::Field("version")),
            version => Ok(Self { version, expires }),
        }
    }

    /// Its time must not be over yet.
    pub fn is_fresh(&self, now: u64) -> Result<(), Fault> {
        if self.expires <= now { Err(Fault::Expired) } else { Ok(()) }
    }

    pub fn expires(&self) -> u64 {
        self.expires
    }
}

/// Who may sign what.
#[derive(Debug)]
pub(super) struct Root {
    pub head: Head,
    pub keys: Keys,
    pub consistent_snapshot: bool,
    pub root: Role,
    pub timestamp: Role,
    pub snapshot: Role,
    pub targets: Role,
}

impl Root {
    pub fn parse(signed: &Value) -> Result<Self, Fault> {
        let head = Head::parse(signed, "root")?;
        let roles = signed.field("roles")?;
        let role = |name| Role::parse(roles.field(name)?);
        let consistent_snapshot = match signed.optional("consistent_snapshot")? {
            None => false,
            Some(Value::Bool(consistent)) => *consistent,
            Some(_) => return Err(Fault::Field("consistent_snapshot")),
        };
        Ok(Self {
            head,
            keys: named(signed, "keys", Key::parse)?,
            consistent_snapshot,
            root: role("root")?,
            timestamp: role("timestamp")?,
            snapshot: role("snapshot")?,
            targets: role("targets")?,
        })
    }
}

/// What one file of metadata says of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileInfo {
    pub version: u64,
    pub length: Option<u64>,
    hashes: Option<Hashes>,
}

impl FileInfo {
    fn parse(info: &Value) -> Result<Self, Fault> {
        let length = info.optional("length")?.map(|length| length.as_number().ok_or(Fault::Field("length")));
        let hashes = info.optional("hashes")?.map(|_| Hashes::parse(info));
        let version = match info.number("version")? {
            0 => return Err(Fault::Field("version")),
            version => version,
        };
        Ok(Self { version, length: length.transpose()?, hashes: hashes.transpose()? })
    }

    /// Whether bytes have the length and digests that are told, if any are.
    pub fn check(&self, bytes: &[u8]) -> Result<(), Fault> {
        if self.length.is_some_and(|length| length != bytes.len() as u64) {
            return Err(Fault::Digest);
        }
        self.hashes.as_ref().map_or(Ok(()), |hashes| hashes.check(bytes))
    }
}

/// Digests of a file, at least one of a known kind.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hashes {
    sha256: Option<[u8; 32]>,
    sha512: Option<[u8; 64]>,
}

impl Hashes {
    fn parse(of: &Value) -> Result<Self, Fault> {
        let mut hashes = Self { sha256: None, sha512: None };
        for (kind, digest) in of.object("hashes")? {
            let digits = digest.as_text().ok_or(Fault::Field("hashes"))?;
            let digest = || hex::decode(digits).ok_or(Fault::Field("hashes"));
            match kind.as_str() {
                "sha256" => hashes.sha256 = Some(digest()?.try_into().map_err(|_| Fault::Field("hashes"))?),
                "sha512" => hashes.sha512 = Some(digest()?.try_into().map_err(|_| Fault::Field("hashes"))?),
                _ => {}
            }
        }
        Ok(hashes)
    }

    fn check(&self, bytes: &[u8]) -> Result<(), Fault> {
        if self.sha256.is_none() && self.sha512.is_none() {
            return Err(Fault::NoDigest);
        }
        let same = self.sha256.is_none_or(|digest| Sha256::digest(bytes)[..] == digest)
            && self.sha512.is_none_or(|digest| Sha512::digest(bytes)[..] == digest);
        if same { Ok(()) } else { Err(Fault::Digest) }
    }
}

/// Which snapshot is the newest.
#[derive(Debug)]
pub(super) struct Timestamp {
    pub head: Head,
    pub snapshot: FileInfo,
}

impl Timestamp {
    pub fn parse(signed: &Value) -> Result<Self, Fault> {
        let head = Head::parse(signed, "timestamp")?;
        Ok(Self { head, snapshot: FileInfo::parse(signed.field("meta")?.field("snapshot.json")?)? })
    }
}

/// Which versions of targets metadata belong together.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub head: Head,
    pub meta: Named<FileInfo>,
}

impl Snapshot {
    pub fn parse(signed: &Value) -> Result<Self, Fault> {
        let head = Head::parse(signed, "snapshot")?;
        let meta = named(signed, "meta", FileInfo::parse)?;
        if find(&meta, "targets.json").is_none() {
            return Err(Fault::Field("targets.json"));
        }
        Ok(Self { head, meta })
    }

    /// What it says of a role.
    pub fn of(&self, role: &str) -> Option<&FileInfo> {
        find(&self.meta, &(role.to_string() + ".json"))
    }
}

/// Files, and who else may vouch for which.
#[derive(Clone, Debug)]
pub(super) struct Targets {
    pub head: Head,
    pub targets: Named<Target>,
    pub delegations: Vec<Delegation>,
}

impl Targets {
    pub fn parse(signed: &Value) -> Result<Self, Fault> {
        let head = Head::parse(signed, "targets")?;
        let targets = named(signed, "targets", Target::parse)?;
        let delegations = signed.optional("delegations")?.map(delegations).transpose()?.unwrap_or_default();
        Ok(Self { head, targets, delegations })
    }
}

/// A file that is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its length in bytes.
    pub length: u64,
    hashes: Hashes,
    /// What the publisher says of it, as JSON.
    pub custom: Option<Vec<u8>>,
}

impl Target {
    fn parse(target: &Value) -> Result<Self, Fault> {
        let custom = target.optional("custom")?.map(Value::json);
        Ok(Self { length: target.number("length")?, hashes: Hashes::parse(target)?, custom })
    }

    /// The SHA-256 digest, if the publisher gives one.
    pub fn sha256(&self) -> Option<&[u8; 32]> {
        self.hashes.sha256.as_ref()
    }

    /// Whether bytes are this file.
    ///
    /// # Errors
    /// [`Fault::Digest`], and [`Fault::NoDigest`] where the publisher gives none of a known kind.
    pub fn check(&self, bytes: &[u8]) -> Result<(), Fault> {
        if self.length != bytes.len() as u64 {
            return Err(Fault::Digest);
        }
        self.hashes.check(bytes)
    }

    /// Where the file lies below the targets' address: `dir/<digest>.file` in a repository of consistent snapshots.
    pub(super) fn address(&self, path: &str, consistent_snapshot: bool) -> Result<String, Fault> {
        let path = names::path_in_address(path).ok_or(Fault::Path)?;
        if !consistent_snapshot {
            return Ok(path);
        }
        let digest = match (&self.hashes.sha256, &self.hashes.sha512) {
            (Some(digest), _) => hex::encode(digest),
            (None, Some(digest)) => hex::encode(digest),
            (None, None) => return Err(Fault::NoDigest),
        };
        let (folder, file) = path.rsplit_once('/').map_or(("", path.as_str()), |(folder, file)| (folder, file));
        let slash = if folder.is_empty() { "" } else { "/" };
        Ok(alloc::format!("{folder}{slash}{digest}.{file}"))
    }
}

/// A role that may vouch for some paths.
#[derive(Clone, Debug)]
pub(super) struct Delegation {
    pub name: String,
    pub role: Role,
    pub keys: Arc<Keys>,
    pub terminating: bool,
    paths: Paths,
}

#[derive(Clone, Debug)]
enum Paths {
    /// Patterns.
    Matching(Vec<String>),
    /// Beginnings of paths' SHA-256 digests, in hexadecimal.
    Hashed(Vec<String>),
}

impl Delegation {
    /// Whether the role may vouch for a path.
    pub fn has(&self, path: &str) -> bool {
        match &self.paths {
            Paths::Matching(patterns) => patterns.iter().any(|pattern| names::matches(pattern, path)),
            Paths::Hashed(prefixes) => {
                let digest = hex::encode(&Sha256::digest(path.as_bytes()));
                prefixes.iter().any(|prefix| digest.starts_with(prefix))
            }
        }
    }
}

fn delegations(value: &Value) -> Result<Vec<Delegation>, Fault> {
    let keys = Arc::new(named(value, "keys", Key::parse)?);
    let mut names = BTreeSet::new();
    let mut all = Vec::new();
    for role in value.list("roles")? {
        let delegation = delegation(role, &keys)?;
        // A delegated role of such a name would take the place of the top role's file.
        let taken = ["root", "timestamp", "snapshot", "targets", ""].contains(&delegation.name.as_str());
        if taken || !names.insert(delegation.name.clone()) {
            return Err(Fault::Field("name"));
        }
        all.push(delegation);
    }
    Ok(all)
}

fn delegation(value: &Value, keys: &Arc<Keys>) -> Result<Delegation, Fault> {
    let paths = match (value.optional("paths")?, value.optional("path_hash_prefixes")?) {
        (Some(_), None) => Paths::Matching(value.texts("paths")?),
        (None, Some(_)) => Paths::Hashed(value.texts("path_hash_prefixes")?),
        _ => return Err(Fault::Field("paths")),
    };
    let terminating = match value.field("terminating")? {
        Value::Bool(terminating) => *terminating,
        _ => return Err(Fault::Field("terminating")),
    };
    let name = value.text("name")?.to_string();
    Ok(Delegation { name, role: Role::parse(value)?, keys: keys.clone(), terminating, paths })
}
