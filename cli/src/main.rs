//! The `dunlin` command: compiles ONNX classifiers, looks into them, runs, measures and times them.
//!
//! `args` says what the user may ask, `commands` has one file for each subcommand, `error` gives exit codes.

mod args;
mod baseline;
mod calibrate;
mod cloud;
mod commands;
mod dataset;
mod decision;
mod draw;
mod error;
mod evaluation;
mod heads;
mod inspection;
mod lists;
mod metrics;
mod model;
mod output;
mod picture;
mod profile;
mod progress;
mod repository;
#[cfg(feature = "server")]
mod simulate;
mod table;
mod tensors;
mod text;

use std::io::{BufWriter, Write};
use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};
use error::CliError;

fn main() -> ExitCode {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let done = run(&Args::parse().command, &mut out);
    let done = done.and_then(|code| out.flush().map(|()| code).map_err(CliError::Stdout));
    done.unwrap_or_else(|error| error.report())
}

fn run(command: &Command, out: &mut dyn Write) -> Result<ExitCode, CliError> {
    match command {
        Command::Classify(args) => commands::classify::run(args, out),
        Command::Compile(args) => commands::compile::run(args, out),
        Command::Inspect(args) => commands::inspect::run(args, out),
        Command::Tokens(args) => commands::tokens::run(args, out),
        Command::Run(args) => commands::run::run(args, out),
        Command::Eval(args) => commands::eval::run(args, out),
        Command::Calibrate(args) => commands::calibrate::run(args, out),
        Command::Bench(args) => commands::bench::run(args, out),
        Command::Keys(args) => commands::keys::run(args, out),
        Command::Publish(args) => commands::publish::run(args, out),
        Command::Promote(args) => commands::rollout::promote(args, out),
        Command::Hold(args) => commands::rollout::hold(args, out),
        Command::Rollback(args) => commands::rollout::rollback(args, out),
        Command::Refresh(args) => commands::rollout::refresh(args, out),
        Command::Status(args) => commands::status::run(args, out),
        #[cfg(feature = "server")]
        Command::Serve(args) => commands::serve::run(args, out),
        #[cfg(feature = "server")]
        Command::Simulate(args) => commands::simulate::run(args, out),
        Command::Completions(args) => commands::completions::run(args, out),
        Command::TufClient(args) => commands::tuf_client::run(args),
    }
}
