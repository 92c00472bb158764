//! What the user may ask.

mod cloud;
mod compile;
mod decision;
mod fleet;
mod head;
#[cfg(feature = "server")]
mod serve;
#[cfg(feature = "server")]
mod simulate;

use std::path::PathBuf;

use clap::{ArgAction, Parser, Subcommand};

pub use cloud::CloudArgs;
pub use compile::{CompileArgs, PrecisionArg, TaskArg};
pub use decision::{CalibrateArgs, ContextArgs, ListArgs};
pub use fleet::{
    HoldArgs, KeysAction, KeysArgs, PromoteArgs, PublishArgs, RefreshArgs, RepositoryArgs, RollbackArgs, ServerArgs,
    StatusArgs, TufAction, TufClientArgs,
};
pub use head::HeadArgs;
#[cfg(feature = "server")]
pub use serve::{LogArg, ServeArgs};
#[cfg(feature = "server")]
pub use simulate::{LOCALES, Plan, SimulateArgs};

const ROOT_EXAMPLES: &str = "\
Examples:
  dunlin classify cat.jpg                          label a picture with the built-in model
  dunlin compile model.onnx -o model.dunlin        compile a quantized model
  dunlin inspect model.dunlin                      see what is in the file

Environment:
  DUNLIN_ISA=reference|avx2|avx_vnni|avx512_vnni   use this kernel set instead of the fastest one

Exit codes:
  0  done
  1  something you gave is at fault: a missing file, a file that is no picture, a tensor of another shape
  2  the command line is wrong
  3  the model is at fault: a damaged artifact, an ONNX file that can't be compiled
  4  the cloud has no answer, and the local one is shown";

const CLASSIFY_EXAMPLES: &str = "\
Examples:
  dunlin classify cat.jpg dog.png
  dunlin classify flowers.dunlin rose.webp --top 5
  dunlin classify calibrated.dunlin rose.webp --explain --deny weed
  dunlin classify spam.dunlin --text 'call me' --cloud https://models.example.org --cloud-model spam --consent input
  curl -s https://example.org/cat.jpg | dunlin classify - --json

Exit codes: 0 all inputs classified, 1 some couldn't be, 2 wrong command line, 3 broken model, 4 the cloud has no answer (the local one is shown)";

const INSPECT_EXAMPLES: &str = "\
Examples:
  dunlin inspect model.dunlin
  dunlin inspect model.dunlin --json | jq .memory
  dunlin inspect model.dunlin --verify && echo sound
  dunlin inspect model.dunlin --kernels                which kernel does each step, on each instruction set
  dunlin inspect --kernels                             which operators have kernels

Exit codes: 0 sound, 1 no such file, 2 wrong command line, 3 damaged, or (with --verify) computes other results";

const TOKENS_EXAMPLES: &str = "\
Examples:
  dunlin tokens spec.json --text 'free entry' --text hello
  dunlin tokens model.dunlin --data lines.txt --json
  dunlin tokens spec.json --data lines.txt -o ids.npz

A text file has one text a line; `-` is standard input. The archive has the ids of all texts one after the other in `ids`, where
each text's begin (and the last one's end) in `offsets`, what was found in each in `signs`, and for texts with a second
view its ids in `view_ids` and `view_offsets`: exactly what a device computes, to train on.

Exit codes: 0 done, 1 the text or its spec is at fault, 2 wrong command line, 3 broken model";

const RUN_EXAMPLES: &str = "\
Examples:
  dunlin run model.dunlin --input x.npz --output y.npz
  python3 -c 'import numpy as np; np.savez(\"x.npz\", input=np.zeros((8, 3, 32, 32), np.float32))'

The array is named `input` or as the model names it; its first dimension may be any multiple of the model's. Pictures may
be NCHW where the artifact takes NHWC, and floats where it takes quanta. Outputs are named as in the model; quantized
ones are written as reals.

Exit codes: 0 done, 1 the arrays don't fit, 2 wrong command line, 3 broken model";

const EVAL_EXAMPLES: &str = "\
Examples:
  dunlin eval model.dunlin --data test/                       test/<label or index>/*.jpg
  dunlin eval model.dunlin --data test.npz --json             arrays `input` (or `pixels`, u8 NHWC) and `labels`
  dunlin eval spam.dunlin --data test.csv --cohort language   columns `text`, `label`, `language`
  dunlin eval model.dunlin --data test/ --ood other/ --html report.html
  dunlin eval model.dunlin --data scenes/ --head scene        another head of a model that has several

Exit codes: 0 measured, 1 the data don't fit or some pictures are unreadable, 2 wrong command line, 3 broken model";

const BENCH_EXAMPLES: &str = "\
Examples:
  dunlin bench model.dunlin
  DUNLIN_ISA=avx2 dunlin bench model.dunlin --seconds 10 --json
  dunlin bench model.dunlin --profile                  which step takes how long, and how near it is to the core's peak
  dunlin bench model.dunlin --profile profile.html     the same as a picture
  dunlin bench text.dunlin --length 16                 a text of 16 tokens, where the model takes any length
  dunlin bench model.dunlin --threads 2                with a second thread, if the model is large enough for it

The model runs again and again on a golden input (MLPerf's single stream). Times are of the model alone.
Cold start is map, load and first answer in a fresh process, the file being in the system's cache.

Exit codes: 0 measured, 1 no such file, 2 wrong command line, 3 broken model";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  dunlin completions bash > ~/.local/share/bash-completion/completions/dunlin
  dunlin completions zsh > ~/.zfunc/_dunlin
  dunlin completions fish > ~/.config/fish/completions/dunlin.fish";

/// Compiles classifiers, looks into them, runs, measures and times them.
#[derive(Debug, Parser)]
#[command(name = "dunlin", version, after_help = ROOT_EXAMPLES, propagate_version = true)]
pub struct Args {
    /// What is to be done.
    #[command(subcommand)]
    pub command: Command,
}

/// What is to be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Says what a picture shows
    Classify(ClassifyArgs),
    /// Compiles an ONNX model to an artifact
    Compile(Box<CompileArgs>),
    /// Shows what is in an artifact
    Inspect(InspectArgs),
    /// Shows or writes the ids that texts become
    Tokens(TokensArgs),
    /// Runs a model on arrays
    Run(RunArgs),
    /// Measures accuracy, calibration and time on labelled data
    Eval(EvalArgs),
    /// Fits to labelled data when a model's answer is given, and when not
    Calibrate(Box<CalibrateArgs>),
    /// Measures time and memory
    Bench(BenchArgs),
    /// Makes and renews the keys that sign a fleet's models
    Keys(KeysArgs),
    /// Publishes a model to a share of the fleet
    Publish(Box<PublishArgs>),
    /// Gives the newest release to more devices
    Promote(PromoteArgs),
    /// Gives the newest release to no further device
    Hold(HoldArgs),
    /// Takes releases back from all devices
    Rollback(RollbackArgs),
    /// Signs a repository anew before its time is over
    Refresh(RefreshArgs),
    /// Shows what is published, to whom, and until when it is signed
    Status(StatusArgs),
    /// Serves a fleet: models, summaries, answers, reviews
    #[cfg(feature = "server")]
    Serve(Box<ServeArgs>),
    /// Simulates a fleet: updates, a bad release, drift, and what the server says of it
    #[cfg(feature = "server")]
    Simulate(Box<SimulateArgs>),
    /// Prints a completion script for a shell
    Completions(CompletionsArgs),
    /// The client of The Update Framework as its conformance suite calls it
    #[command(hide = true)]
    TufClient(TufClientArgs),
}

/// Of `dunlin classify`.
#[derive(Debug, clap::Args)]
#[command(after_help = CLASSIFY_EXAMPLES)]
pub struct ClassifyArgs {
    /// Pictures (PNG, JPEG, WebP), or for a model of text files with a text a line; `-` for standard input; a first one that ends in `.dunlin` is the model
    #[arg(required = true, value_name = "[MODEL.dunlin] INPUT")]
    pub inputs: Vec<PathBuf>,
    /// A text, for a model that takes text; may be repeated
    #[arg(long = "text", value_name = "TEXT", action = ArgAction::Append)]
    pub texts: Vec<String>,
    /// How many classes to show for each input [default: what the model's policy says, else 3]
    #[arg(long, value_name = "K", value_parser = at_least_one)]
    pub top: Option<usize>,
    /// One JSON document instead of text
    #[arg(long)]
    pub json: bool,
    /// Language of the labels, where the model has it: `en`, `de`
    #[arg(long, value_name = "TAG")]
    pub locale: Option<String>,
    /// What decides beside the model.
    #[command(flatten)]
    pub context: ContextArgs,
    /// Which classes are shown and answered, instead of what the policy says.
    #[command(flatten)]
    pub lists: ListArgs,
    /// Who is asked when the decision is to fall back.
    #[command(flatten)]
    pub cloud: CloudArgs,
    /// How many threads.
    #[command(flatten)]
    pub threads: ThreadArgs,
}

/// Of `dunlin inspect`.
#[derive(Debug, clap::Args)]
#[command(after_help = INSPECT_EXAMPLES)]
pub struct InspectArgs {
    /// The artifact; not needed with --kernels
    #[arg(value_name = "MODEL.dunlin", required_unless_present = "kernels")]
    pub model: Option<PathBuf>,
    /// One JSON document instead of text
    #[arg(long)]
    pub json: bool,
    /// Show only what carries out each step, or each operator there is, on each instruction set
    #[arg(long, conflicts_with = "verify")]
    pub kernels: bool,
    /// Check the weights' digest, and that this machine computes what the compiler computed
    #[arg(long)]
    pub verify: bool,
}

/// Of `dunlin tokens`.
#[derive(Debug, clap::Args)]
#[command(after_help = TOKENS_EXAMPLES)]
pub struct TokensArgs {
    /// What says how text becomes ids: a spec for `dunlin compile --text`, or an artifact
    #[arg(value_name = "SPEC.json|MODEL.dunlin")]
    pub spec: PathBuf,
    /// Texts, one a line; `-` for standard input
    #[arg(long, value_name = "FILE", required_unless_present = "texts")]
    pub data: Option<PathBuf>,
    /// A text; may be repeated
    #[arg(long = "text", value_name = "TEXT", action = ArgAction::Append, conflicts_with = "data")]
    pub texts: Vec<String>,
    /// Where the ids are written
    #[arg(short, long, value_name = "IDS.npz")]
    pub output: Option<PathBuf>,
    /// One JSON document instead of text
    #[arg(long, conflicts_with = "output")]
    pub json: bool,
}

/// Of `dunlin run`.
#[derive(Debug, clap::Args)]
#[command(after_help = RUN_EXAMPLES)]
pub struct RunArgs {
    /// The artifact
    #[arg(value_name = "MODEL.dunlin")]
    pub model: PathBuf,
    /// Arrays to read
    #[arg(long, value_name = "X.npz")]
    pub input: PathBuf,
    /// Arrays to write
    #[arg(long, value_name = "Y.npz")]
    pub output: PathBuf,
    /// How many threads.
    #[command(flatten)]
    pub threads: ThreadArgs,
}

/// Of `dunlin eval`.
#[derive(Debug, clap::Args)]
#[command(after_help = EVAL_EXAMPLES)]
pub struct EvalArgs {
    /// The artifact
    #[arg(value_name = "MODEL.dunlin")]
    pub model: PathBuf,
    /// A folder with a folder of pictures for each class, arrays with `labels`, or texts with their `label` (.csv, .tsv, .jsonl)
    #[arg(long, value_name = "DIR|FILE")]
    pub data: PathBuf,
    /// Which head is measured.
    #[command(flatten)]
    pub head: HeadArgs,
    /// Compare cohorts: a column of texts, an array, or what the folders around class folders or cohorts.csv tell apart
    #[arg(long, value_name = "COLUMN")]
    pub cohort: Option<String>,
    /// How well the energy tells these data, which need no labels, from --data
    #[arg(long, value_name = "DIR|FILE")]
    pub ood: Option<PathBuf>,
    /// Write a report with plots too: one page that needs no network
    #[arg(long, value_name = "FILE.html")]
    pub html: Option<PathBuf>,
    /// Keep the model's logits, with the samples' `labels`, as arrays; those of --ood are `ood_logits`
    #[arg(long, value_name = "OUT.npz")]
    pub logits: Option<PathBuf>,
    /// Put the beginnings of the texts that got the worst answers into the report and the JSON
    #[arg(long)]
    pub show_texts: bool,
    /// One JSON document instead of text
    #[arg(long)]
    pub json: bool,
    /// How many threads.
    #[command(flatten)]
    pub threads: ThreadArgs,
}

/// Of `dunlin bench`.
#[derive(Debug, clap::Args)]
#[command(after_help = BENCH_EXAMPLES)]
pub struct BenchArgs {
    /// The artifact
    #[arg(value_name = "MODEL.dunlin")]
    pub model: PathBuf,
    /// One JSON document instead of text
    #[arg(long)]
    pub json: bool,
    /// For how long to run
    #[arg(long, value_name = "S", default_value_t = 2.0, value_parser = seconds)]
    pub seconds: f64,
    /// Length of the varying axes, a text's tokens for one; the maximum without
    #[arg(long, value_name = "N")]
    pub length: Option<usize>,
    /// How many threads.
    #[command(flatten)]
    pub threads: ThreadArgs,
    /// Time each step too; with a file, which ends in .html or .svg, draw a picture of it (behind the model: FILE is optional)
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "", value_parser = picture_file)]
    pub profile: Option<Picture>,
    /// Measure one cold start in this process; `bench` calls itself with it
    #[arg(long, hide = true)]
    pub cold: bool,
}

/// Of all commands that run a model.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct ThreadArgs {
    /// Threads that run the model, 1 or 2: a second one does half of each large step, where a model has enough of them
    #[arg(long = "threads", value_name = "N", default_value = "1", value_parser = threads)]
    pub count: usize,
}

/// The file for a profile's picture, if any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture(pub Option<PathBuf>);

/// Of `dunlin completions`.
#[derive(Debug, clap::Args)]
#[command(after_help = COMPLETIONS_EXAMPLES)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: clap_complete::Shell,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|&n| n > 0).ok_or_else(|| "expected a whole number from 1 on".to_owned())
}

fn threads(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|n| (1..=2).contains(n)).ok_or_else(|| "expected 1 or 2".to_owned())
}

fn seconds(text: &str) -> Result<f64, String> {
    let range = 0.01..=3600.0;
    text.parse().ok().filter(|s| range.contains(s)).ok_or_else(|| "expected seconds from 0.01 to 3600".to_owned())
}

fn picture_file(text: &str) -> Result<Picture, String> {
    let path = PathBuf::from(text);
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    match extension.as_deref() {
        _ if text.is_empty() => Ok(Picture(None)),
        Some("html" | "svg") => Ok(Picture(Some(path))),
        _ => {
            Err("expected a file that ends in .html or .svg; without one, --profile stands behind the model".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }
}
