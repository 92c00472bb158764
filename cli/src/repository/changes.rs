//! What becomes of releases: a new one, for more devices, for no further one, and back. Nothing is shown before [`Publisher::publish`].

use dunlin_engine::artifact;
use dunlin_protocol::hex::Hash;
use dunlin_protocol::patch;
use dunlin_protocol::release::{Canary, Patch, Release, Rollout};
use dunlin_protocol::tuf::Role;
use sha2::{Digest, Sha256};

use super::{Listed, Publisher, Releases, RepositoryFault};
use crate::error::CliError;

/// A release that is to be.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The model's name.
    pub model: String,
    /// Makes its buckets independent of another release's.
    pub salt: [u8; 16],
    /// How many of a thousand devices get it.
    pub permille: u16,
    /// Only devices in one of these cohorts; all without any.
    pub cohorts: Vec<String>,
    /// What it must show on a device to be kept.
    pub canary: Option<Canary>,
    /// What is new, for people.
    pub notes: Option<String>,
}

impl Publisher {
    /// Lists a file as its model's next version, with patches from the last ones where these are short.
    ///
    /// # Errors
    /// [`CliError::Repository`]: it is the newest already, or isn't sound; [`CliError::Read`], [`CliError::Write`].
    pub fn release(&mut self, draft: Draft, bytes: &[u8]) -> Result<Listed, CliError> {
        let model = draft.model.clone();
        let earlier: Vec<Listed> = Releases::of(&self.repository).of_model(&model).into_iter().cloned().collect();
        let sha256 = Hash(Sha256::digest(bytes).into());
        if let Some(same) = earlier.last().filter(|newest| newest.sha256 == sha256) {
            return Err(self.fault(RepositoryFault::Same(same.release.version)));
        }
        let version = self.last_version(&model).saturating_add(1);
        let mut release = draft.into_release(version);
        for from in earlier.iter().rev().take(PATCHED) {
            release.patches.extend(self.patch(from, &release, bytes)?);
        }
        let listed = Listed { release, length: bytes.len() as u64, sha256 };
        self.list(&listed)?;
        self.keep(&listed.release.path(), bytes)?;
        self.note_version(&model, version);
        Ok(listed)
    }

    /// Gives a model's newest release to so many of a thousand devices, and gives its version.
    ///
    /// # Errors
    /// [`CliError::Repository`]: there is none, or it has more already.
    pub fn promote(&mut self, model: &str, permille: u16) -> Result<u32, CliError> {
        let mut newest = self.newest(model)?;
        let rollout = &mut newest.release.rollout;
        if permille < rollout.permille {
            return Err(self.fault(RepositoryFault::Lower { now: rollout.permille }));
        }
        rollout.permille = permille;
        rollout.held = false;
        self.list(&newest)?;
        Ok(newest.release.version)
    }

    /// Gives a model's newest release to no further device, and gives its version.
    ///
    /// # Errors
    /// [`CliError::Repository`]: there is none.
    pub fn hold(&mut self, model: &str) -> Result<u32, CliError> {
        let mut newest = self.newest(model)?;
        newest.release.rollout.held = true;
        self.list(&newest)?;
        Ok(newest.release.version)
    }

    /// Lists releases after a version no longer, which is the one before the newest if none is said; gives the newest and that one.
    ///
    /// # Errors
    /// [`CliError::Repository`]: there is none to go back to.
    pub fn roll_back(&mut self, model: &str, to: Option<u32>, reason: &str) -> Result<(u32, u32), CliError> {
        let mut releases = self.releases_of(model)?;
        let newest = releases.pop().map_or(0, |newest| newest.release.version);
        if releases.is_empty() {
            return Err(self.fault(RepositoryFault::OnlyRelease));
        }
        let to = to.or_else(|| releases.last().map(|listed| listed.release.version)).unwrap_or(0);
        let target = releases.into_iter().find(|listed| listed.release.version == to);
        let mut target = target.ok_or_else(|| self.fault(RepositoryFault::Version(to)))?;
        self.note_version(model, self.last_version(model));
        for listed in self.releases_of(model)?.into_iter().filter(|listed| listed.release.version > to) {
            self.repository.remove(&listed.release.path());
            for patch in &listed.release.patches {
                self.repository.remove(&patch.path);
            }
        }
        target.release.notes = Some(reason.to_owned());
        self.list(&target)?;
        Ok((newest, to))
    }

    /// Has everything signed anew whose time is over soon: snapshot and timestamp in any case.
    pub fn refresh(&mut self, now: u64) {
        self.repository.renew(Role::Snapshot);
        for role in [Role::Root, Role::Targets] {
            let soon = self.repository.expires(role).is_none_or(|expires| expires < now.saturating_add(MONTH));
            if soon && self.keys.keys.of(role).is_some() {
                self.repository.renew(role);
            }
        }
    }

    fn newest(&self, model: &str) -> Result<Listed, CliError> {
        let none = || self.fault(RepositoryFault::Model(model.to_owned()));
        self.releases_of(model)?.pop().ok_or_else(none)
    }

    /// The difference from an earlier release, if it is short enough to be worth it.
    fn patch(&mut self, from: &Listed, to: &Release, bytes: &[u8]) -> Result<Option<Patch>, CliError> {
        let difference = patch::diff(&self.file(from)?, bytes);
        if difference.len() as u64 * 100 >= bytes.len() as u64 * WORTH_IT {
            return Ok(None);
        }
        let path = format!("{}/{}-{}.patch", to.model, from.release.version, to.version);
        let sha256 = self.keep(&path, &difference)?;
        let length = difference.len() as u64;
        self.repository.set(&path, length, &sha256, None);
        Ok(Some(Patch { from: from.sha256, path, length, sha256 }))
    }
}

impl Draft {
    fn into_release(self, version: u32) -> Release {
        Release {
            model: self.model,
            version,
            runtime: artifact::VERSION,
            rollout: Rollout {
                salt: self.salt.to_vec(),
                permille: self.permille,
                cohorts: (!self.cohorts.is_empty()).then_some(self.cohorts),
                held: false,
            },
            canary: self.canary,
            patches: Vec::new(),
            notes: self.notes,
        }
    }
}

/// From how many earlier releases there are patches.
const PATCHED: usize = 2;

/// A patch has less than so many hundredths of the whole.
const WORTH_IT: u64 = 60;

/// In seconds.
const MONTH: u64 = 30 * 86_400;
