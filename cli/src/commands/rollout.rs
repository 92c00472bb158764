//! `dunlin promote`, `hold`, `rollback` and `refresh`: what becomes of a release, and of signatures.

use std::io::Write;
use std::process::ExitCode;

use dunlin_protocol::tuf::Role;

use crate::args::{HoldArgs, PromoteArgs, RefreshArgs, RollbackArgs};
use crate::error::CliError;
use crate::repository::{Publisher, now, signed_until};

/// Gives the newest release to more devices.
pub fn promote(args: &PromoteArgs, out: &mut dyn Write) -> Result<ExitCode, CliError> {
    let mut publisher = Publisher::open(&args.repository)?;
    let version = publisher.promote(&args.model, args.rollout)?;
    publisher.publish(now())?;
    let permille = args.rollout;
    writeln!(out, "{} version {version} goes to {}.{} % of devices", args.model, permille / 10, permille % 10)?;
    publisher.upload(&args.repository.server, out)?;
    Ok(ExitCode::SUCCESS)
}

/// Gives the newest release to no further device.
pub fn hold(args: &HoldArgs, out: &mut dyn Write) -> Result<ExitCode, CliError> {
    let mut publisher = Publisher::open(&args.repository)?;
    let version = publisher.hold(&args.model)?;
    publisher.publish(now())?;
    writeln!(out, "{} version {version} goes to no further device", args.model)?;
    publisher.upload(&args.repository.server, out)?;
    Ok(ExitCode::SUCCESS)
}

/// Takes releases back from all devices.
pub fn rollback(args: &RollbackArgs, out: &mut dyn Write) -> Result<ExitCode, CliError> {
    let mut publisher = Publisher::open(&args.repository)?;
    let (newest, to) = publisher.roll_back(&args.model, args.to, &args.reason)?;
    publisher.publish(now())?;
    writeln!(out, "{} goes back from version {newest} to version {to}: {}", args.model, args.reason)?;
    publisher.upload(&args.repository.server, out)?;
    Ok(ExitCode::SUCCESS)
}

/// Signs anew before the time is over.
pub fn refresh(args: &RefreshArgs, out: &mut dyn Write) -> Result<ExitCode, CliError> {
    let mut publisher = Publisher::open(&args.repository)?;
    publisher.refresh(now());
    publisher.publish(now())?;
    for role in Role::ALL {
        writeln!(out, "{}: signed until {}", role.name(), signed_until(&publisher.repository, role))?;
    }
    publisher.upload(&args.repository.server, out)?;
    Ok(ExitCode::SUCCESS)
}
