//! Divides sets of logits again and again and counts how often what calibration promises is kept.

use clap::Parser;
use dunlin_benches::risk::record::Record;
use dunlin_benches::risk::{Apart, Named, Outcome, Outside, Plan, Set, apart, simulate};
use dunlin_compiler::calibration::{FitOptions, Method};
use std::error::Error;
use std::path::PathBuf;

/// Counts over many random splits how often the error among accepted answers exceeds what was promised
#[derive(Debug, Parser)]
#[command(name = "risk", after_help = EXAMPLE)]
struct Args {
    /// A set: archives with the arrays `logits` (float32, a row a sample) and `labels`, which may lie in one file
    #[arg(long = "set", value_name = "NAME=LOGITS.npz[:LABELS.npz]", required = true)]
    sets: Vec<Named>,
    /// Samples of another kind, to be told from the set of that name: an archive with `ood_logits`, or else `logits`
    #[arg(long, value_name = "SET=LOGITS.npz[:NAME]")]
    outside: Vec<Named>,
    /// Bounds of the error among accepted answers
    #[arg(long, value_delimiter = ',', default_value = "0.02")]
    alpha: Vec<f64>,
    /// In which share of the splits a bound may be exceeded
    #[arg(long, default_value_t = 0.05)]
    delta: f64,
    /// How many splits
    #[arg(long, default_value_t = 1000)]
    splits: usize,
    /// The share of the samples that calibrates
    #[arg(long, default_value_t = 0.2)]
    share: f64,
    /// A scale and a bias for each class instead of one temperature
    #[arg(long)]
    vector: bool,
    /// Write `risk-DATE` with the endings .md, .json and .svg into this folder
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// A sentence for the record: what the sets are
    #[arg(long, default_value = "")]
    note: String,
    /// One JSON document instead of a table
    #[arg(long)]
    json: bool,
}

const EXAMPLE: &str = "Example:
  dunlin eval models/cifar10/cifar10.dunlin --data test/ --ood photographs/ --logits cifar10.npz
  cargo run --release -p dunlin-benches --bin risk -- --set cifar10=cifar10.npz --outside cifar10=cifar10.npz:photographs --alpha 0.02,0.05";

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let method = if args.vector { Method::Vector } else { Method::Temperature };
    let options = FitOptions { delta: args.delta, method, ..FitOptions::default() };
    let (mut outcomes, mut aparts): (Vec<Outcome>, Vec<Apart>) = (Vec::new(), Vec::new());
    for named in &args.sets {
        let set = Set::read(&named.name, &named.file, &named.other)?;
        for &alpha in &args.alpha {
            let options = FitOptions { alpha, ..options };
            outcomes.push(simulate(&set, &Plan { splits: args.splits, share: args.share, options })?);
        }
        for other in args.outside.iter().filter(|other| other.name == set.name) {
            let outside = Outside::read(&other.other.display().to_string(), &other.file)?;
            aparts.push(apart(&set, &outside, &options)?);
        }
    }
    let record = Record { splits: args.splits, vector: args.vector, note: args.note, outcomes, aparts };
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
