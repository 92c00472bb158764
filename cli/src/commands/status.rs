//! `dunlin status`: what is published, and what a server advises.

use std::io::Write;
use std::process::ExitCode;

use dunlin_protocol::release::Release;
use dunlin_protocol::tuf::{Repository, Role};
use serde::Serialize;

use crate::args::StatusArgs;
use crate::error::CliError;
use crate::output::{self, bytes};
use crate::repository::{self, Advice, Listed, Releases, advice, now, on_server, signed_until};
use crate::table::{Align, Table};

/// Everything that is shown.
#[derive(Debug, Serialize)]
struct Status {
    repository: String,
    roles: Vec<RoleStatus>,
    releases: Vec<ReleaseStatus>,
    /// None where no server was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    alerts: Option<Vec<Advice>>,
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
    let releases = Releases::of(&repository);
    let alerts = on_server(&args.server, |server| advice(server, &releases, &args.repository))?;
    let status = Status {
        repository: args.repository.display().to_string(),
        roles: Role::ALL.map(|role| RoleStatus::of(&repository, role)).into(),
        releases: releases.all().map(ReleaseStatus::of).collect(),
        alerts,
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
    status.alerts.as_ref().map_or(Ok(()), |alerts| show_alerts(alerts, out))
}

/// What the server noticed, and how to act on it. It has no keys: it can't act itself.
fn show_alerts(alerts: &[Advice], out: &mut dyn Write) -> Result<(), CliError> {
    if alerts.is_empty() {
        return Ok(writeln!(out, "the server has no alert of the last days")?);
    }
    for advice in alerts {
        let Advice { model, version, metric, cohort, day, windows, moved, action, command } = advice;
        let of = if cohort.is_empty() { "all devices" } else { cohort };
        let moved = moved * 100.0;
        writeln!(
            out,
            "alert: {model} version {version}: {metric} of {of}, {moved:.1} % moved, {windows} windows in a row until {day}"
        )?;
        writeln!(out, "  {}", action.words())?;
        if let Some(command) = command {
            writeln!(out, "  {command}")?;
        }
    }
    writeln!(out, "the server has no keys and changes nothing by itself: whoever has them runs the command")?;
    Ok(())
}
