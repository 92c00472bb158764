//! `dunlin status`: what is published.

use std::io::Write;
use std::process::ExitCode;

use dunlin_protocol::release::Release;
use dunlin_protocol::tuf::{Repository, Role};
use serde::Serialize;

use crate::args::StatusArgs;
use crate::error::CliError;
use crate::output::{self, bytes};
use crate::repository::{self, Listed, Releases, now, signed_until};
use crate::table::{Align, Table};

/// Everything that is shown.
#[derive(Debug, Serialize)]
struct Status {
    repository: String,
    roles: Vec<RoleStatus>,
    releases: Vec<ReleaseStatus>,
}

#[derive(Debug, Serialize)]
struct RoleStatus {
    role: &'static str,
    version: u64,
    signed_until: String,
    expired: bool,
}

#[derive(Debug, Serialize)]
struct ReleaseStatus {
    bytes: u64,
    sha256: String,
    #[serde(flatten)]
    release: Release,
}

/// Shows a repository.
pub fn run(args: &StatusArgs, out: &mut dyn Write) -> Result<ExitCode, CliError> {
    let repository = repository::open(&args.repository, None)?;
    let status = Status {
        repository: args.repository.display().to_string(),
        roles: Role::ALL.map(|role| RoleStatus::of(&repository, role)).into(),
        releases: Releases::of(&repository).all().map(ReleaseStatus::of).collect(),
    };
    if args.json {
        output::json(&status, out)?;
    } else {
        show(&status, out)?;
    }
    Ok(ExitCode::SUCCESS)
}

impl RoleStatus {
    fn of(repository: &Repository, role: Role) -> Self {
        Self {
            role: role.name(),
            version: repository.version(role),
            signed_until: signed_until(repository, role),
            expired: repository.expires(role).is_none_or(|expires| expires <= now()),
        }
    }
}

impl ReleaseStatus {
    fn of(listed: &Listed) -> Self {
        Self { bytes: listed.length, sha256: listed.sha256.to_string(), release: listed.release.clone() }
    }
}

fn show(status: &Status, out: &mut dyn Write) -> Result<(), CliError> {
    let (left, right) = (Align::Left, Align::Right);
    let mut table = Table::new(&[
        ("model", left),
        ("version", right),
        ("devices", right),
        ("cohorts", left),
        ("bytes", right),
        ("patches", right),
        ("notes", left),
    ]);
    for ReleaseStatus { bytes: length, release, .. } in &status.releases {
        let permille = release.rollout.permille;
        let held = if release.rollout.held { "held at " } else { "" };
        table.row([
            release.model.clone(),
            release.version.to_string(),
            format!("{held}{}.{} %", permille / 10, permille % 10),
            release.rollout.cohorts.as_ref().map_or_else(|| "all".to_owned(), |cohorts| cohorts.join(",")),
            bytes(*length as usize),
            release.patches.len().to_string(),
            release.notes.as_deref().unwrap_or_default().replace(char::is_control, " "),
        ]);
    }
    writeln!(out, "{table}")?;
    for RoleStatus { role, version, signed_until, expired } in &status.roles {
        let over = if *expired { " - over: devices take nothing new before 'dunlin refresh'" } else { "" };
        writeln!(out, "{role} version {version}: signed until {signed_until}{over}")?;
    }
    Ok(())
}
