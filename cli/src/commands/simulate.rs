//! `dunlin simulate`: a fleet in simulated time.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use crate::args::SimulateArgs;
use crate::error::CliError;
use crate::model::Source;
use crate::output;
use crate::simulate::{Model, SimulationFault, plot, show, simulate};

/// Simulates, and shows what happened.
pub fn run(args: &SimulateArgs, out: &mut dyn Write) -> Result<ExitCode, CliError> {
    let source = args.model.as_deref().map_or_else(|| Ok(Source::built_in()), Source::open)?;
    let model = Model::of(&source, args.model.is_none())?;
    let record = match &args.data {
        Some(dir) => {
            check(dir)?;
            simulate(&args.plan, &model, dir, today().saturating_sub(args.plan.days))?
        }
        None => {
            let dir = tempfile::tempdir().map_err(|source| CliError::Write { path: std::env::temp_dir(), source })?;
            simulate(&args.plan, &model, dir.path(), SOME_DAY)?
        }
    };
    if let Some(path) = &args.plot {
        output::file(path, plot(&record).as_bytes())?;
    }
    if args.json {
        output::json(&record, out)?;
    } else {
        show(&record, out)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// That nothing is mixed with what a folder has.
fn check(dir: &Path) -> Result<(), CliError> {
    fs::create_dir_all(dir).map_err(|source| CliError::Write { path: dir.to_owned(), source })?;
    let mut there = fs::read_dir(dir).map_err(|source| CliError::Read { path: dir.to_owned(), source })?;
    match there.next() {
        Some(_) => Err(CliError::Simulation(SimulationFault::Used(dir.to_owned()))),
        None => Ok(()),
    }
}

fn today() -> u32 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    (since / 86_400) as u32
}

/// The first day where it doesn't matter which: 2026-01-01.
const SOME_DAY: u32 = 20_454;
