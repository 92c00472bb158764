//! How often detection of drift cries wolf, and how soon it finds what there is.

use clap::Parser;
use dunlin_benches::drift::record::Record;
use dunlin_benches::drift::{Plan, Privacy, simulate};
use std::error::Error;
use std::path::PathBuf;

/// Simulates fleets with and without drift before the server's detection
#[derive(Debug, Parser)]
#[command(name = "drift", after_help = EXAMPLE)]
struct Args {
    /// Devices that tell a metric in a window
    #[arg(long, value_delimiter = ',', default_value = "200,500,1000,2000,5000")]
    reports: Vec<u64>,
    /// What a told bin reveals; 0 for exact counts
    #[arg(long, value_delimiter = ',', default_value = "0,4,2,1,0.2222")]
    epsilon: Vec<f64>,
    /// Shares of answers that move
    #[arg(long, value_delimiter = ',', default_value = "0.1,0.2")]
    moved: Vec<f64>,
    /// Fleets of each line; more where a window has fewer than 2,000 reports, up to five times as many
    #[arg(long, default_value_t = 60)]
    fleets: usize,
    /// Another seed, other fleets
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write `drift-DATE` with the endings .md, .json and .svg into this folder
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// One JSON document instead of tables
    #[arg(long)]
    json: bool,
}

const EXAMPLE: &str = "Example:
  cargo run --release -p dunlin-benches --bin drift -- --reports 200,1000 --epsilon 0,2 --fleets 100";

/// Windows of a fleet without drift.
const QUIET: usize = 30;

/// The window from which on there is drift, and how many there are with it.
const DRIFT: [usize; 2] = [8, 14];

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let mut record = Record { fleets: args.fleets, seed: args.seed, quiet: Vec::new(), drifting: Vec::new() };
    for &epsilon in &args.epsilon {
        let privacy = Privacy { epsilon: Some(epsilon).filter(|&epsilon| epsilon > 0.0) };
        for &reports in &args.reports {
            let fleets = args.fleets * (2000 / reports.max(1)).clamp(1, 5) as usize;
            let plan = Plan { reports, privacy, windows: QUIET, fleets, drift: None };
            record.quiet.push(simulate(&plan, args.seed));
            for &moved in &args.moved {
                let [from, windows] = DRIFT;
                let plan = Plan { windows: from + windows, drift: Some((moved, from)), ..plan };
                record.drifting.push(simulate(&plan, args.seed + 1));
            }
        }
    }
    if args.json {
        println!("{}", record.json()?);
    } else {
        print!("{}", record.text());
    }
    if let Some(folder) = &args.record {
        record.write(folder)?;
    }
    Ok(())
}
