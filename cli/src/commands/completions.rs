//! `dunlin completions`: a script for the user's shell.

use std::io::Write;
use std::process::ExitCode;

use clap::CommandFactory;

use crate::args::{Args, CompletionsArgs};
use crate::error::CliError;

/// Writes the script.
pub fn run(args: &CompletionsArgs, out: &mut dyn Write) -> Result<ExitCode, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "dunlin", &mut script);
    out.write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}
