//! `dunlin publish`: a new release of a model.

use std::io::Write;
use std::process::ExitCode;

use dunlin_engine::artifact;
use dunlin_protocol::hex::Hash;
use dunlin_protocol::patch;
use dunlin_protocol::release::{Patch, Release, Rollout};
use sha2::{Digest, Sha256};

use crate::args::PublishArgs;
use crate::error::CliError;
use crate::model::Source;
use crate::output::bytes as grouped;
use crate::repository::{Listed, Publisher, Releases, RepositoryFault, random};

/// Publishes a model's next version.
pub fn run(args: &PublishArgs, out: &mut dyn Write) -> Result<ExitCode, CliError> {
    let source = Source::open(&args.artifact)?;
    source.artifact()?.verify_weights().map_err(|fault| CliError::artifact(&source.path, fault))?;
    let bytes = source.file.as_ref();
    let mut publisher = Publisher::open_or_begin(&args.repository)?;
    let first = publisher.repository.version(dunlin_protocol::tuf::Role::Root) == 0;
    let earlier: Vec<Listed> = Releases::of(&publisher.repository).of_model(&args.model).into_iter().cloned().collect();
    let sha256 = Hash(Sha256::digest(bytes).into());
    if let Some(same) = earlier.last().filter(|newest| newest.sha256 == sha256) {
        return Err(publisher.fault(RepositoryFault::Same(same.release.version)));
    }
    let mut release = release(args, publisher.last_version(&args.model).saturating_add(1))?;
    for from in earlier.iter().rev().take(PATCHED) {
        release.patches.extend(patch(&mut publisher, from, &release, bytes)?);
    }
    let listed = Listed { release, length: bytes.len() as u64, sha256 };
    publisher.list(&listed)?;
    publisher.keep(&listed.release.path(), bytes)?;
    publisher.note_version(&args.model, listed.release.version);
    publisher.publish()?;
    show(&listed, out)?;
    if first {
        let root = args.repository.repository.join("metadata/1.root.json");
        writeln!(out, "a new repository: devices begin with {}", root.display())?;
    }
    publisher.upload(&args.repository.server, out)?;
    Ok(ExitCode::SUCCESS)
}

fn release(args: &PublishArgs, version: u32) -> Result<Release, CliError> {
    let salt: [u8; 16] = random(&args.repository.repository)?;
    Ok(Release {
        model: args.model.clone(),
        version,
        runtime: artifact::VERSION,
        rollout: Rollout {
            salt: salt.to_vec(),
            permille: args.rollout,
            cohorts: (!args.cohorts.is_empty()).then(|| args.cohorts.clone()),
            held: false,
        },
        canary: args.canary,
        patches: Vec::new(),
        notes: args.notes.clone(),
    })
}

/// The difference from an earlier release, if it is short enough to be worth it.
fn patch(publisher: &mut Publisher, from: &Listed, to: &Release, bytes: &[u8]) -> Result<Option<Patch>, CliError> {
    let difference = patch::diff(&publisher.file(from)?, bytes);
    if difference.len() as u64 * 100 >= bytes.len() as u64 * WORTH_IT {
        return Ok(None);
    }
    let path = format!("{}/{}-{}.patch", to.model, from.release.version, to.version);
    let sha256 = publisher.keep(&path, &difference)?;
    let length = difference.len() as u64;
    publisher.repository.set(&path, length, &sha256, None);
    Ok(Some(Patch { from: from.sha256, path, length, sha256 }))
}

fn show(listed: &Listed, out: &mut dyn Write) -> Result<(), CliError> {
    let Listed { release, length, .. } = listed;
    let Rollout { permille, .. } = release.rollout;
    writeln!(
        out,
        "{} version {} goes to {}.{} % of devices: {} bytes",
        release.model,
        release.version,
        permille / 10,
        permille % 10,
        grouped(*length as usize)
    )?;
    for patch in &release.patches {
        writeln!(out, "{}: {} bytes", patch.path, grouped(patch.length as usize))?;
    }
    Ok(())
}

/// From how many earlier releases there are patches.
const PATCHED: usize = 2;

/// A patch has less than so many hundredths of the whole.
const WORTH_IT: u64 = 60;
