//! The releases that a repository lists.

use std::collections::BTreeMap;

use dunlin_protocol::hex::Hash;
use dunlin_protocol::release::Release;
use dunlin_protocol::tuf::sign::{number, object};
use dunlin_protocol::tuf::{Repository, Value};

use super::{Publisher, RepositoryFault};
use crate::error::CliError;

/// A release with its file.
#[derive(Clone, Debug)]
pub struct Listed {
    /// What is signed with it.
    pub release: Release,
    /// The file's length in bytes.
    pub length: u64,
    /// The file's digest.
    pub sha256: Hash,
}

/// All releases of a repository, by model and version.
#[derive(Debug)]
pub struct Releases(BTreeMap<(String, u32), Listed>);

impl Releases {
    /// Those of a repository. Other targets, such as patches, are none.
    pub fn of(repository: &Repository) -> Self {
        let listed = repository.targets().filter_map(|(path, target)| {
            let listed = listed(path, target)?;
            Some(((listed.release.model.clone(), listed.release.version), listed))
        });
        Self(listed.collect())
    }

    /// In order.
    pub fn all(&self) -> impl Iterator<Item = &Listed> {
        self.0.values()
    }

    /// Those of a model, the newest last.
    pub fn of_model(&self, model: &str) -> Vec<&Listed> {
        self.0.values().filter(|listed| listed.release.model == model).collect()
    }
}

fn listed(path: &str, target: &Value) -> Option<Listed> {
    let Value::Object(fields) = target else { return None };
    let release = Release::of_target(path, &fields.get("custom")?.json()).ok()?;
    let Value::Integer(length) = fields.get("length")? else { return None };
    let Value::Object(hashes) = fields.get("hashes")? else { return None };
    let Value::Text(digits) = hashes.get("sha256")? else { return None };
    Some(Listed { release, length: u64::try_from(*length).ok()?, sha256: Hash::parse(digits)? })
}

/// Where a target's file lies: its digest stands before its name.
pub fn address_of(path: &str, target: &Value) -> Option<String> {
    let Value::Object(fields) = target else { return None };
    let Value::Object(hashes) = fields.get("hashes")? else { return None };
    let Value::Text(digits) = hashes.get("sha256")? else { return None };
    Some(address(path, &Hash::parse(digits)?))
}

/// The same, of a path and a digest.
pub fn address(path: &str, sha256: &Hash) -> String {
    let (folder, file) = path.rsplit_once('/').map_or(("", path), |(folder, file)| (folder, file));
    let slash = if folder.is_empty() { "" } else { "/" };
    format!("{folder}{slash}{sha256}.{file}")
}

impl Publisher {
    /// The releases of a model, the newest last.
    ///
    /// # Errors
    /// [`CliError::Repository`]: there is none.
    pub fn releases_of(&self, model: &str) -> Result<Vec<Listed>, CliError> {
        let releases: Vec<Listed> = Releases::of(&self.repository).of_model(model).into_iter().cloned().collect();
        if releases.is_empty() { Err(self.fault(RepositoryFault::Model(model.to_owned()))) } else { Ok(releases) }
    }

    /// Lists a release, or changes one that is listed.
    ///
    /// # Errors
    /// [`CliError::Repository`]: it isn't sound.
    pub fn list(&mut self, listed: &Listed) -> Result<(), CliError> {
        let json = serde_json::to_vec(&listed.release)?;
        // What is signed is what a device reads.
        Release::parse(&json).map_err(|source| self.fault(RepositoryFault::Release(source)))?;
        let custom = Value::parse(&json, MOST_VALUES).ok();
        self.repository.set(&listed.release.path(), listed.length, &listed.sha256, custom);
        Ok(())
    }

    /// The last version that a model has had, also of releases that aren't listed any more.
    pub fn last_version(&self, model: &str) -> u32 {
        let noted = match self.repository.note(NOTE) {
            Some(Value::Object(models)) => models.get(model).and_then(version).unwrap_or(0),
            _ => 0,
        };
        let listed = Releases::of(&self.repository).of_model(model).last().map_or(0, |listed| listed.release.version);
        noted.max(listed)
    }

    /// Notes a model's last version.
    pub fn note_version(&mut self, model: &str, last: u32) {
        let mut note = self.repository.note(NOTE).cloned().unwrap_or_else(|| object([]));
        if let Value::Object(models) = &mut note {
            models.insert(model.to_owned(), number(last.into()));
        }
        self.repository.set_note(NOTE, note);
    }
}

fn version(value: &Value) -> Option<u32> {
    match value {
        Value::Integer(version) => u32::try_from(*version).ok(),
        _ => None,
    }
}

/// Where the repository keeps last versions.
const NOTE: &str = "last_versions";

/// More than a sound release has.
const MOST_VALUES: usize = 10_000;
