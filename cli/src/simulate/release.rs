//! Releases as a simulation has them: an artifact's bytes, which all devices share, and what is wrong with it.

use std::sync::Arc;

use dunlin_engine::AlignedBytes;
use dunlin_engine::artifact::{ArtifactError, SectionKind, Writer};
use dunlin_protocol::hex::Hash;
use dunlin_protocol::summary::{Baseline, Input, Rollback};
use sha2::{Digest, Sha256};

use super::answers::made_up;
use super::fault::SimulationFault;
use crate::baseline;
use crate::error::CliError;
use crate::model::Source;

/// A release.
#[derive(Debug)]
pub struct Release {
    /// Its version.
    pub version: u32,
    /// The artifact.
    pub bytes: Vec<u8>,
    /// Its digest.
    pub sha256: Hash,
    /// What devices find out about it.
    pub fault: Option<Rollback>,
}

/// What all releases are made of.
#[derive(Debug)]
pub struct Model {
    /// The file, or `built-in`.
    pub name: String,
    /// The artifact, with a baseline.
    artifact: AlignedBytes,
    /// What its answers look like.
    pub baseline: Arc<Baseline>,
    /// Whether that was measured.
    pub is_measured: bool,
}

impl Model {
    /// From an artifact that has a baseline; the built-in model gets one that is made up.
    ///
    /// # Errors
    /// [`CliError::Model`], [`CliError::Simulation`]: it has no baseline.
    pub fn of(source: &Source, is_built_in: bool) -> Result<Self, CliError> {
        let broken = |fault: ArtifactError| CliError::artifact(&source.path, fault);
        let artifact = source.artifact()?;
        artifact.verify_weights().map_err(broken)?;
        let file = AlignedBytes::from_slice(source.file.as_ref());
        let (artifact, baseline) = if is_built_in {
            let baseline = made_up(CLASSES, Input::Picture);
            let mut writer = Writer::of(&file).map_err(broken)?;
            writer.replace(SectionKind::Baseline, baseline.json().into_bytes());
            (AlignedBytes::from_slice(&writer.finish()), baseline)
        } else {
            let none = || CliError::Simulation(SimulationFault::NoBaseline(source.path.clone()));
            let baseline = baseline::read(&artifact).map_err(broken)?.ok_or_else(none)?;
            (file, baseline)
        };
        let name = source.path.display().to_string();
        Ok(Self { name, artifact, baseline: baseline.into(), is_measured: !is_built_in })
    }

    /// How long the artifact is, in bytes.
    pub fn length(&self) -> usize {
        self.artifact.len()
    }

    /// A release of it. Each version is another file, with the version in its card.
    ///
    /// # Errors
    /// [`CliError::Model`].
    pub fn release(&self, version: u32, fault: Option<Rollback>) -> Result<Release, CliError> {
        let mut writer = Writer::of(&self.artifact).map_err(|fault| CliError::artifact(&self.name, fault))?;
        writer.replace(SectionKind::Card, format!("{{\"name\":\"version {version} of a simulation\"}}").into_bytes());
        let bytes = writer.finish();
        Ok(Release { version, sha256: Hash(Sha256::digest(&bytes).into()), bytes, fault })
    }
}

/// Of the built-in model.
const CLASSES: u32 = 10;
