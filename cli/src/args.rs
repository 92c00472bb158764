//! What the user may ask.

use dunlin_compiler::ptq::Range;
mod cloud;
mod decision;
mod fleet;
mod head;
#[cfg(feature = "server")]
mod serve;

use std::path::PathBuf;

use clap::{ArgAction, Parser, Subcommand, ValueEnum};
use dunlin_engine::task::{Filter, Fit, MIN_CROP_PERMILLE};

pub use cloud::CloudArgs;
pub use decision::{CalibrateArgs, ContextArgs, ListArgs};
pub use fleet::{
    HoldArgs, KeysAction, KeysArgs, PromoteArgs, PublishArgs, RefreshArgs, RepositoryArgs, RollbackArgs, ServerArgs,
    StatusArgs, TufAction, TufClientArgs,
};
pub use head::HeadArgs;
use head::head;
#[cfg(feature = "server")]
pub use serve::{LogArg, ServeArgs};

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

const COMPILE_EXAMPLES: &str = "\
Examples:
  dunlin compile kws_int8.onnx -o kws.dunlin --strict-int8
  dunlin compile net.onnx -o net.dunlin --task image --mean 123.7,116.3,103.5 --std 58.4,57.1,57.4 \\
      --fit center-crop --labels labels.txt --calibrate pictures/
  dunlin compile net.onnx -o net.dunlin --calibrate samples.npz --report net.json
  dunlin compile net.onnx -o net.dunlin --precision f16 --dim batch=1
  dunlin compile net.onnx -o net.dunlin --labels animals.txt --head scene=scenes.txt --head quality

An ONNX model that is quantized (QDQ, QLinear) needs no calibration; a float one does, unless --precision is f16 or f32.

Exit codes: 0 compiled, 1 an option or file you gave doesn't fit, 2 wrong command line, 3 the model can't be compiled";

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

/// Of `dunlin compile`.
#[derive(Debug, clap::Args)]
#[command(after_help = COMPILE_EXAMPLES)]
pub struct CompileArgs {
    /// The ONNX model
    #[arg(value_name = "MODEL.onnx")]
    pub model: PathBuf,
    /// Where the artifact is written
    #[arg(short, long, value_name = "MODEL.dunlin")]
    pub output: PathBuf,
    /// In what numbers the model computes
    #[arg(long, value_enum, default_value_t = PrecisionArg::Int8)]
    pub precision: PrecisionArg,
    /// Fail when an operator leaves int8
    #[arg(long)]
    pub strict_int8: bool,
    /// Samples to calibrate with: a folder of pictures (with --task image), or arrays named as the model's inputs
    /// or `input`, and maybe `labels`
    #[arg(long, value_name = "DIR|FILE.npz")]
    pub calibrate: Option<PathBuf>,
    /// How the ranges of activations are chosen from the samples
    #[arg(long, value_enum, default_value_t = RangeArg::Mse)]
    pub range: RangeArg,
    /// How many samples of these to use, spread evenly
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = at_least_one)]
    pub samples: usize,
    /// Names of the classes, one a line
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    /// An output after the first one that is a classifier too, by its name, and names of its classes, one a line; may be repeated
    #[arg(long = "head", value_name = "OUTPUT[=FILE]", value_parser = head, action = ArgAction::Append)]
    pub heads: Vec<(String, Option<PathBuf>)>,
    /// What the compiled model takes
    #[arg(long, value_enum, default_value_t = TaskArg::Tensor)]
    pub task: TaskArg,
    /// How text becomes ids (with --task text): docs/howto/text.md
    #[arg(long, value_name = "SPEC.json", required_if_eq("task", "text"))]
    pub text: Option<PathBuf>,
    /// What is subtracted from each channel of a pixel (0..=255), in the tensor's order [default: 0,0,0]
    #[arg(long, value_name = "R,G,B", value_parser = channels, requires = "std", allow_hyphen_values = true)]
    pub mean: Option<[f32; 3]>,
    /// What each channel is then divided by [default: 255,255,255]
    #[arg(long, value_name = "R,G,B", value_parser = divisors)]
    pub std: Option<[f32; 3]>,
    /// How a picture of other proportions is fitted in: `squeeze`, `center-crop`, or with the crop's share of the
    /// short side `center-crop:0.875`, which is the usual share [default: squeeze]
    #[arg(long, value_name = "FIT", value_parser = fit)]
    pub fit: Option<Fit>,
    /// The model wants blue first
    #[arg(long)]
    pub bgr: bool,
    /// How pictures are resized [default: bilinear]
    #[arg(long, value_enum)]
    pub filter: Option<FilterArg>,
    /// Size of a dimension that the model leaves open, by its name; may be repeated
    #[arg(long = "dim", value_name = "NAME=N", value_parser = dim, action = ArgAction::Append)]
    pub dims: Vec<(String, usize)>,
    /// An axis that varies from call to call, such as a text's length, up to its size in the model; may be repeated,
    /// and all such axes have the same length in a call
    #[arg(long = "vary", value_name = "INPUT.AXIS", action = ArgAction::Append)]
    pub vary: Vec<String>,
    /// What the author says of the model: a JSON object that goes into the artifact
    #[arg(long, value_name = "FILE.json")]
    pub card: Option<PathBuf>,
    /// Where the report is written as JSON
    #[arg(long, value_name = "FILE.json")]
    pub report: Option<PathBuf>,
}

impl CompileArgs {
    /// Whether an option about pictures is given.
    pub fn asks_for_pictures(&self) -> bool {
        self.mean.is_some() || self.std.is_some() || self.fit.is_some() || self.bgr || self.filter.is_some()
    }
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

/// In what numbers a model computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PrecisionArg {
    /// 8-bit integers
    Int8,
    /// Floats, weights stored in 16 bits
    F16,
    /// Floats
    F32,
}

/// What the compiled model takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TaskArg {
    /// Pictures
    Image,
    /// Text
    Text,
    /// Tensors, as the ONNX model takes them
    Tensor,
}

/// How the ranges of activations are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RangeArg {
    /// All that was seen
    MinMax,
    /// 99.99 % of what was seen
    Percentile,
    /// The least squared error of rounding and clipping together
    Mse,
}

impl From<RangeArg> for Range {
    fn from(range: RangeArg) -> Self {
        match range {
            RangeArg::MinMax => Self::MinMax,
            RangeArg::Percentile => Self::Percentile(99.99),
            RangeArg::Mse => Self::Mse,
        }
    }
}

/// How pictures are resized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FilterArg {
    /// A triangle, antialiased
    Bilinear,
    /// Keys' cubic, antialiased
    Bicubic,
    /// The nearest pixel
    Nearest,
}

impl From<FilterArg> for Filter {
    fn from(filter: FilterArg) -> Self {
        match filter {
            FilterArg::Bilinear => Self::Bilinear,
            FilterArg::Bicubic => Self::Bicubic,
            FilterArg::Nearest => Self::Nearest,
        }
    }
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

/// Three numbers, or one for all three channels.
fn channels(text: &str) -> Result<[f32; 3], String> {
    let numbers: Option<Vec<f32>> =
        text.split(',').map(|n| n.trim().parse().ok().filter(|n: &f32| n.is_finite())).collect();
    match numbers.as_deref() {
        Some(&[one]) => Ok([one; 3]),
        Some(&[r, g, b]) => Ok([r, g, b]),
        _ => Err("expected one number or three, such as 123.7,116.3,103.5".to_owned()),
    }
}

fn divisors(text: &str) -> Result<[f32; 3], String> {
    let numbers = channels(text)?;
    if numbers.iter().any(|n| !n.is_normal() || *n < 0.0) {
        return Err("expected positive numbers".to_owned());
    }
    Ok(numbers)
}

fn fit(text: &str) -> Result<Fit, String> {
    let share = match text.split_once(':') {
        None if text == "squeeze" => return Ok(Fit::Squeeze),
        None if text == "center-crop" => "0.875",
        Some(("center-crop", share)) => share,
        _ => return Err("expected squeeze, center-crop or center-crop:SHARE".to_owned()),
    };
    let permille = share.parse::<f64>().ok().map(|share| (share * 1000.0).round());
    let range = f64::from(MIN_CROP_PERMILLE)..=1000.0;
    let permille = permille.filter(|p| range.contains(p)).ok_or("expected a share of the short side from 0.25 to 1")?;
    Ok(Fit::CenterCrop { permille: permille as u16 })
}

fn dim(text: &str) -> Result<(String, usize), String> {
    let fault = || "expected NAME=N, such as batch=1".to_owned();
    let (name, size) = text.split_once('=').ok_or_else(fault)?;
    let size = size.parse().ok().filter(|&n| n > 0).ok_or_else(fault)?;
    Ok((name.to_owned(), size))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn fits_are_read() {
        let crop = |permille| Some(Fit::CenterCrop { permille });
        let cases = [
            ("squeeze", Some(Fit::Squeeze)),
            ("center-crop", crop(875)),
            ("center-crop:1", crop(1000)),
            ("center-crop:0.25", crop(250)),
            ("center-crop:0.2", None),
            ("center-crop:1.1", None),
            ("center-crop:NaN", None),
            ("center-crop:", None),
            ("squeeze:0.5", None),
            ("stretch", None),
        ];
        for (text, expected) in cases {
            assert_eq!(fit(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn channel_lists_are_read() {
        assert_eq!(channels("1,2.5,-3"), Ok([1.0, 2.5, -3.0]));
        assert_eq!(channels("128"), Ok([128.0; 3]));
        for text in ["", "1,2", "1,2,3,4", "1,x,3", "inf"] {
            assert!(channels(text).is_err(), "{text}");
        }
        assert!(divisors("0").is_err());
        assert!(divisors("1,-1,1").is_err());
    }

    #[test]
    fn dimensions_are_read() {
        assert_eq!(dim("batch=1"), Ok(("batch".to_owned(), 1)));
        for text in ["batch", "batch=", "batch=0", "batch=-1"] {
            assert!(dim(text).is_err(), "{text}");
        }
    }
}
