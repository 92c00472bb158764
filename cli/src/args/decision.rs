//! What the user may ask of decisions.

use std::path::PathBuf;

use clap::{ArgAction, ValueEnum};
use dunlin_compiler::calibration::Method;

use super::{HeadArgs, ThreadArgs, at_least_one};

const CALIBRATE_EXAMPLES: &str = "\
Examples:
  dunlin calibrate model.dunlin --data held-out/ -o calibrated.dunlin
  dunlin calibrate model.dunlin --data held-out.csv --alpha 0.01 --cohort language -o calibrated.dunlin
  dunlin calibrate model.dunlin --data held-out.npz --budget 0.1 --method vector -o calibrated.dunlin --json

The data must not be those that the model was trained on; what the answers are worth is measured on them. Without --budget the
threshold is the loosest one by which, with a confidence of 1 - DELTA, at most the share ALPHA of the answers is wrong. With the usual values
that takes some 200 samples of a model that makes no mistake, and thousands of an ordinary one.

Exit codes: 0 calibrated, 1 the data don't fit, are too few or the model isn't good enough, 2 wrong command line, 3 broken model";

/// Of `dunlin calibrate`.
#[derive(Debug, clap::Args)]
#[command(after_help = CALIBRATE_EXAMPLES)]
pub struct CalibrateArgs {
    /// The artifact
    #[arg(value_name = "MODEL.dunlin")]
    pub model: PathBuf,
    /// Labelled data, as `dunlin eval` takes them
    #[arg(long, value_name = "DIR|FILE")]
    pub data: PathBuf,
    /// Which head gets the policy.
    #[command(flatten)]
    pub head: HeadArgs,
    /// Where the artifact with the policy is written; may be the model itself
    #[arg(short, long, value_name = "OUT.dunlin")]
    pub output: PathBuf,
    /// The largest share of wrong answers, and of prediction sets without the right class
    #[arg(long, default_value_t = 0.02, value_parser = share)]
    pub alpha: f64,
    /// How probable it may be that the samples mislead, so that more are wrong
    #[arg(long, default_value_t = 0.05, value_parser = share)]
    pub delta: f64,
    /// Instead of bounding the error: the share of inputs that may go without an answer
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub budget: Option<f64>,
    /// Thresholds of their own for the values of this column
    #[arg(long, value_name = "COLUMN")]
    pub cohort: Option<String>,
    /// How logits are calibrated
    #[arg(long, value_enum, default_value_t = MethodArg::Temperature)]
    pub method: MethodArg,
    /// The share of the samples whose energy is that of an ordinary input; 1 sets no bound
    #[arg(long, value_name = "SHARE", default_value_t = 0.99, value_parser = inliers)]
    pub inliers: f64,
    /// Evasion signs, 1 to 255, from which on a text gets no answer
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    pub evasion: Option<u8>,
    /// How many classes are shown to users; all without
    #[arg(long, value_name = "K", value_parser = at_least_one)]
    pub top: Option<usize>,
    /// Which classes are shown and answered.
    #[command(flatten)]
    pub lists: ListArgs,
    /// Draws which samples fit and which test
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// One JSON document instead of text
    #[arg(long)]
    pub json: bool,
    /// How many threads.
    #[command(flatten)]
    pub threads: ThreadArgs,
}

/// Which classes are shown and answered.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ListArgs {
    /// Show and answer only this class, by its label or number; may be repeated; of several heads, this is about the first one unless --head names one
    #[arg(long, value_name = "CLASS", action = ArgAction::Append)]
    pub allow: Vec<String>,
    /// Neither show nor answer this class; may be repeated; of several heads, this is about the same one
    #[arg(long, value_name = "CLASS", action = ArgAction::Append)]
    pub deny: Vec<String>,
    /// Neither show nor answer classes less probable than this
    #[arg(long, value_name = "P", value_parser = probability)]
    pub score_threshold: Option<f32>,
}

/// What only the app knows.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ContextArgs {
    /// Show the rule that made the decision, with its numbers
    #[arg(long)]
    pub explain: bool,
    /// To which cohort the inputs belong
    #[arg(long, value_name = "NAME")]
    pub cohort: Option<String>,
    /// Decide as an app does whose model is out of date
    #[arg(long)]
    pub stale: bool,
    /// Decide as an app does that has no cloud to ask
    #[arg(long)]
    pub no_fallback: bool,
}

/// How logits are calibrated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MethodArg {
    /// By one temperature
    Temperature,
    /// By a scale and a bias for each class
    Vector,
}

impl MethodArg {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Temperature => "temperature",
            Self::Vector => "vector",
        }
    }
}

impl From<MethodArg> for Method {
    fn from(method: MethodArg) -> Self {
        match method {
            MethodArg::Temperature => Self::Temperature,
            MethodArg::Vector => Self::Vector,
        }
    }
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|&share: &f64| share > 0.0 && share < 1.0);
    share.ok_or_else(|| "expected a share between 0 and 1, such as 0.02".to_owned())
}

fn inliers(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|&share: &f64| share > 0.0 && share <= 1.0);
    share.ok_or_else(|| "expected a share of more than 0, and at most 1".to_owned())
}

fn probability(text: &str) -> Result<f32, String> {
    let probability = text.parse().ok().filter(|p: &f32| (0.0..=1.0).contains(p));
    probability.ok_or_else(|| "expected a probability from 0 to 1".to_owned())
}
