//! `dunlin publish`: a new release of a model.

use std::io::Write;
use std::process::ExitCode;

use dunlin_protocol::release::Rollout;
use dunlin_protocol::tuf::Role;

use crate::args::PublishArgs;
use crate::error::CliError;
use crate::model::Source;
use crate::output::bytes as grouped;
use crate::repository::{Draft, Listed, Publisher, now, random};

/// Publishes a model's next version.
pub fn run(args: &PublishArgs, out: &mut dyn Write) -> Result<ExitCode, CliError> {
    let source = Source::open(&args.artifact)?;
    source.artifact()?.verify_weights().map_err(|fault| CliError::artifact(&source.path, fault))?;
    let mut publisher = Publisher::open_or_begin(&args.repository)?;
    let first = publisher.repository.version(Role::Root) == 0;
    let draft = Draft {
        model: args.model.clone(),
        salt: random(&args.repository.repository)?,
        permille: args.rollout,
        cohorts: args.cohorts.clone(),
        canary: args.canary,
        notes: args.notes.clone(),
    };
    let listed = publisher.release(draft, source.file.as_ref())?;
    publisher.publish(now())?;
    show(&listed, out)?;
    if first {
        let root = args.repository.repository.join("metadata/1.root.json");
        writeln!(out, "a new repository: devices begin with {}", root.display())?;
    }
    publisher.upload(&args.repository.server, out)?;
    Ok(ExitCode::SUCCESS)
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
