//! `dunlin promote`, `hold`, `rollback` and `refresh`: what becomes of a release, and of signatures.

use std::io::Write;
use std::process::ExitCode;

use dunlin_protocol::tuf::Role;

use crate::args::{HoldArgs, PromoteArgs, RefreshArgs, RollbackArgs};
use crate::error::CliError;
use crate::repository::{Listed, Publisher, RepositoryFault, now, signed_until};

/// Gives the newest release to more devices.
pub fn promote(args: &PromoteArgs, out: &mut dyn Write) -> Result<ExitCode, CliError> {
    let mut publisher = Publisher::open(&args.repository)?;
    let mut newest = newest(&publisher, &args.model)?;
    let rollout = &mut newest.release.rollout;
    if args.rollout < rollout.permille {
        return Err(publisher.fault(RepositoryFault::Lower { now: rollout.permille }));
    }
    rollout.permille = args.rollout;
    rollout.held = false;
    publisher.list(&newest)?;
    publisher.publish()?;
    let (version, permille) = (newest.release.version, args.rollout);
    writeln!(out, "{} version {version} goes to {}.{} % of devices", args.model, permille / 10, permille % 10)?;
    publisher.upload(&args.repository.server, out)?;
    Ok(ExitCode::SUCCESS)
}

/// Gives the newest release to no further device.
pub fn hold(args: &HoldArgs, out: &mut dyn Write) -> Result<ExitCode, CliError> {
    let mut publisher = Publisher::open(&args.repository)?;
    let mut newest = newest(&publisher, &args.model)?;
    newest.release.rollout.held = true;
    publisher.list(&newest)?;
    publisher.publish()?;
    writeln!(out, "{} version {} goes to no further device", args.model, newest.release.version)?;
    publisher.upload(&args.repository.server, out)?;
    Ok(ExitCode::SUCCESS)
}

/// Takes releases back from all devices.
pub fn rollback(args: &RollbackArgs, out: &mut dyn Write) -> Result<ExitCode, CliError> {
    let mut publisher = Publisher::open(&args.repository)?;
    let mut releases = publisher.releases_of(&args.model)?;
    let newest = releases.pop().map_or(0, |newest| newest.release.version);
    if releases.is_empty() {
        return Err(publisher.fault(RepositoryFault::OnlyRelease));
    }
    let to = args.to.or_else(|| releases.last().map(|listed| listed.release.version)).unwrap_or(0);
    let mut target = releases
        .into_iter()
        .find(|listed| listed.release.version == to)
        .ok_or_else(|| publisher.fault(RepositoryFault::Version(to)))?;
    publisher.note_version(&args.model, publisher.last_version(&args.model));
    for listed in publisher.releases_of(&args.model)?.into_iter().filter(|listed| listed.release.version > to) {
        publisher.repository.remove(&listed.release.path());
        for patch in &listed.release.patches {
            publisher.repository.remove(&patch.path);
        }
    }
    target.release.notes = Some(args.reason.clone());
    publisher.list(&target)?;
    publisher.publish()?;
    writeln!(out, "{} goes back from version {newest} to version {to}: {}", args.model, args.reason)?;
    publisher.upload(&args.repository.server, out)?;
    Ok(ExitCode::SUCCESS)
}

/// Signs anew before the time is over.
pub fn refresh(args: &RefreshArgs, out: &mut dyn Write) -> Result<ExitCode, CliError> {
    let mut publisher = Publisher::open(&args.repository)?;
    publisher.repository.renew(Role::Snapshot);
    for role in [Role::Root, Role::Targets] {
        let soon = publisher.repository.expires(role).is_none_or(|expires| expires < now().saturating_add(MONTH));
        if soon && publisher.keys.keys.of(role).is_some() {
            publisher.repository.renew(role);
        }
    }
    publisher.publish()?;
    for role in Role::ALL {
        writeln!(out, "{}: signed until {}", role.name(), signed_until(&publisher.repository, role))?;
    }
    publisher.upload(&args.repository.server, out)?;
    Ok(ExitCode::SUCCESS)
}

fn newest(publisher: &Publisher, model: &str) -> Result<Listed, CliError> {
    let none = || publisher.fault(RepositoryFault::Model(model.to_owned()));
    publisher.releases_of(model)?.pop().ok_or_else(none)
}

/// In seconds.
const MONTH: u64 = 30 * 86_400;
