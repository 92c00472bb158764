//! `dunlin calibrate`: when a model's answer is to be given and when not, fitted to labelled data and written into the artifact.

use std::fmt;
use std::io::Write;
use std::process::ExitCode;

use dunlin_compiler::calibration::{Acceptance, CalibrationError, FitOptions, Fitted, Logits, Rules, fit};
use dunlin_compiler::policy::Draft;
use dunlin_engine::AlignedBytes;
use dunlin_engine::artifact::LEAST_PROBABILITY;
use dunlin_engine::task::Scoring;
use serde::Serialize;

use crate::args::CalibrateArgs;
use crate::baseline;
use crate::dataset::{Collected, Data, Wanted, collect};
use crate::error::{CliError, USER};
use crate::heads;
use crate::lists::Lists;
use crate::model::{Source, class_name};
use crate::output;
use crate::table::{Align, Table, bar};

/// Width of a bar of the reliability table.
const BAR: usize = 20;

/// The most labels that a warning names.
const NAMED: usize = 5;

/// What was fitted.
#[derive(Debug, Serialize)]
struct Calibrated {
    model: String,
    /// Which head, where the model has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    head: Option<String>,
    data: String,
    output: String,
    kernels: String,
    samples: usize,
    unreadable: usize,
    /// Samples whose first class the lists don't permit, which fit nothing.
    not_permitted: usize,
    alpha: f64,
    delta: f64,
    budget: Option<f64>,
    method: &'static str,
    scales: Vec<f32>,
    biases: Vec<f32>,
    /// Expected calibration error of the test samples before and after.
    calibration_error: [f64; 2],
    aurc: f64,
    /// `null` where no bound was set.
    energy: Option<f32>,
    rank_penalty: Option<f32>,
    free_ranks: Option<u32>,
    all: Group,
    cohorts: Vec<Group>,
    reliability: Vec<Bin>,
    warnings: Vec<String>,
}

/// The answers of all samples, or of a cohort's.
#[derive(Debug, Serialize)]
struct Group {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Test samples, of which the next four count.
    tested: usize,
    /// `null` where no threshold was found; the policy has no such cohort.
    threshold: Option<f32>,
    coverage: Option<f64>,
    error: Option<f64>,
    /// What the error doesn't exceed, with a confidence of 1 - delta.
    bound: f64,
    bounded: bool,
    /// One for each class or for all; `null` where there are too few samples, so that a class is in every set.
    quantiles: Vec<Option<f32>>,
}

/// Of the test samples, calibrated.
#[derive(Debug, Serialize)]
struct Bin {
    samples: f32,
    confidence: f32,
    accuracy: f32,
}

/// Fits, writes and shows.
pub fn run(args: &CalibrateArgs, out: &mut dyn Write) -> Result<ExitCode, CliError> {
    let source = Source::open(&args.model)?;
    let bytes = AlignedBytes::from_slice(source.file.as_ref());
    let mut classifier = source.classifier(args.threads)?;
    let number = heads::number(&classifier, &args.model, args.head.head.as_deref())?;
    let head = heads::head(&classifier, number);
    let (names, scoring) = (heads::labels(&head, &args.model, None)?, head.scoring());
    let name = if classifier.heads() > 1 { Some(heads::name(&head, &args.model)?) } else { None };
    let wanted = Wanted { labelled: true, head: number, cohort: args.cohort.as_deref() };
    let data = Data::open(&args.data, &mut classifier, wanted)?;
    let mut collected = collect(&mut classifier, &data, "calibrate")?;
    if scoring == Scoring::Probabilities {
        // As the engine has them: docs/formats/artifact.md.
        collected.logits.iter_mut().for_each(|p| *p = if *p < LEAST_PROBABILITY { LEAST_PROBABILITY } else { *p }.ln());
    }
    let lists = Lists::new(&args.lists, &names, collected.classes)?;
    let fault = |source| CliError::Calibration { path: args.data.clone(), source };
    let kept = permitted(&collected, &lists);
    let not_permitted = collected.labels.len() - kept.len();
    let options = options(args, scoring);
    let fitted = fit_kept(&collected, &kept, &options).map_err(fault)?;
    let draft = Draft::new(&fitted, &options, collected.classes, kept.len());
    let mut draft = draft.ok_or_else(|| fault(CalibrationFault::no_threshold(&fitted, &options)))?;
    (draft.evasion, draft.top_k) = (args.evasion, args.top.unwrap_or(0) as u32);
    (draft.allow, draft.deny) = (lists.allow.unwrap_or_default(), lists.deny.unwrap_or_default());
    draft.score_threshold = lists.score_threshold.unwrap_or(0.0);
    let mut file = draft.write(&bytes, number).map_err(|error| CliError::artifact(&args.model, error))?;
    if number == 0 {
        file = baseline::write(&file, &collected, &data, args.cohort.as_deref())
            .map_err(|error| CliError::artifact(&args.model, error))?;
    }
    drop((classifier, data));
    output::file(&args.output, &file)?;
    let kernels = crate::model::isa()?.to_string();
    let unreadable = collected.unreadable;
    let warnings = warnings(&fitted, &options, &draft, &names);
    let calibrated = Calibrated {
        warnings,
        head: name,
        ..Calibrated::new(args, &fitted, &draft, kernels, [unreadable, not_permitted])
    };
    if args.json {
        output::json(&calibrated, out)?;
    } else {
        calibrated.show(out)?;
    }
    Ok(if unreadable > 0 { ExitCode::from(USER) } else { ExitCode::SUCCESS })
}

fn options(args: &CalibrateArgs, scoring: Scoring) -> FitOptions {
    FitOptions {
        alpha: args.alpha,
        delta: args.delta,
        method: args.method.into(),
        budget: args.budget,
        // Probabilities have lost what energy measures.
        inliers: if scoring == Scoring::Logits { args.inliers } else { 1.0 },
        seed: args.seed,
        ..FitOptions::default()
    }
}

/// The samples whose most probable class may be answered: others are never an answer, right or wrong.
fn permitted(collected: &Collected, lists: &Lists) -> Vec<usize> {
    let permits = |(_, scores): &(usize, dunlin_engine::Scores<'_>)| {
        scores.best().is_some_and(|class| lists.permits(class as u32))
    };
    collected.scores().enumerate().filter(permits).map(|(sample, _)| sample).collect()
}

fn fit_kept(collected: &Collected, kept: &[usize], options: &FitOptions) -> Result<Fitted, CalibrationFault> {
    if collected.classes < 2 {
        return Err(CalibrationFault::OneClass);
    }
    let mut logits = Logits::new(collected.classes, &collected.logits, &collected.labels)?;
    if let Some(cohorts) = &collected.cohorts {
        logits = logits.with_cohorts(&cohorts.names, &cohorts.of)?;
    }
    Ok(fit(&logits.select(kept), options)?)
}

/// The fewest answers without an error that prove a threshold.
fn least_answers(options: &FitOptions) -> usize {
    (options.delta.ln() / (1.0 - options.alpha).ln()).ceil() as usize
}

/// The fewest samples of a class that give it a quantile.
fn least_of_class(options: &FitOptions) -> usize {
    ((1.0 - options.alpha) / options.alpha - 1e-9).ceil() as usize
}

/// Samples of which so many are test samples.
fn in_all(tested: usize, options: &FitOptions) -> usize {
    (tested as f64 / (1.0 - options.tuning)).ceil() as usize
}

fn warnings(fitted: &Fitted, options: &FitOptions, draft: &Draft, names: &[String]) -> Vec<String> {
    let mut warnings = Vec::new();
    let Acceptance { bounded, bound, .. } = fitted.all.acceptance;
    if !bounded {
        let (alpha, confidence) = (output::percent(Some(options.alpha)), output::percent(Some(1.0 - options.delta)));
        let found = output::percent(Some(bound));
        warnings.push(format!(
            "this budget doesn't bound the error by {alpha}: with a confidence of {confidence} it may be up to {found}"
        ));
    }
    let few: Vec<String> = (0..fitted.all.quantiles.len())
        .filter(|&class| draft.ranks.is_none() && fitted.all.quantiles[class] == f32::INFINITY)
        .map(|class| class_name(names, class))
        .collect();
    if !few.is_empty() {
        let needed = in_all(least_of_class(options), options);
        warnings.push(format!(
            "too few samples of {} for prediction sets, which always have {} now; give about {needed} of each class",
            shortened(&few),
            if few.len() == 1 { "it" } else { "them" },
        ));
    }
    for (name, rules) in fitted.cohorts.iter().filter(|(_, rules)| rules.acceptance.threshold.is_none()) {
        let needed = least_answers(options);
        let why = if rules.acceptance.samples < needed {
            format!(
                "{} test samples can't prove a threshold, it takes {needed}: about {} in all",
                rules.acceptance.samples,
                in_all(needed, options)
            )
        } else {
            format!("no threshold keeps its errors below {}", output::percent(Some(options.alpha)))
        };
        warnings.push(format!("cohort '{name}' is left out of the policy, so that it counts as unknown: {why}"));
    }
    if !fitted.cohorts.is_empty() && draft.cohorts.is_empty() {
        warnings.push(
            "no cohort has a threshold: the policy doesn't tell cohorts apart, and all have the general one".to_owned(),
        );
    }
    warnings
}

fn shortened(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().take(NAMED).map(|name| format!("'{name}'")).collect();
    let more = names.len().saturating_sub(NAMED);
    if more > 0 { format!("{} and {more} more classes", quoted.join(", ")) } else { quoted.join(", ") }
}

impl Calibrated {
    fn new(args: &CalibrateArgs, fitted: &Fitted, draft: &Draft, kernels: String, left_out: [usize; 2]) -> Self {
        let bin = |&[samples, confidence, accuracy]: &[f32; 3]| Bin { samples, confidence, accuracy };
        Self {
            model: args.model.display().to_string(),
            head: None,
            data: args.data.display().to_string(),
            output: args.output.display().to_string(),
            kernels,
            samples: draft.samples,
            unreadable: left_out[0],
            not_permitted: left_out[1],
            alpha: args.alpha,
            delta: args.delta,
            budget: args.budget,
            method: args.method.name(),
            scales: draft.scales.clone(),
            biases: draft.biases.clone(),
            calibration_error: fitted.calibration_error,
            aurc: fitted.aurc,
            energy: fitted.energy,
            rank_penalty: draft.ranks.map(|(penalty, _)| penalty),
            free_ranks: draft.ranks.map(|(_, free)| free),
            all: Group::new(None, &fitted.all),
            cohorts: fitted.cohorts.iter().map(|(name, rules)| Group::new(Some(name), rules)).collect(),
            reliability: draft.reliability.iter().map(bin).collect(),
            warnings: Vec::new(),
        }
    }

    fn show(&self, out: &mut dyn Write) -> Result<(), CliError> {
        let Self { model, head, data, samples, all, .. } = self;
        let of_head = head.as_ref().map_or_else(String::new, |head| format!(", head '{head}',"));
        writeln!(
            out,
            "{model}{of_head} on {data}: {} samples, of which {} test",
            output::bytes(*samples),
            output::bytes(all.tested)
        )?;
        if self.not_permitted > 0 {
            writeln!(out, "  {} more whose first class the lists don't permit", output::bytes(self.not_permitted))?;
        }
        match &self.scales[..] {
            [scale] => writeln!(out, "  temperature        {:.4}", 1.0 / scale)?,
            scales => writeln!(out, "  scales and biases  of {} classes", scales.len())?,
        }
        let [before, after] = self.calibration_error.map(|error| output::percent(Some(error)));
        writeln!(out, "  calibration error  {before} before, {after} now")?;
        writeln!(out, "  AURC               {:.5}", self.aurc)?;
        writeln!(out, "  answers            {}", all.sentence(self.delta))?;
        if let Some(energy) = self.energy {
            writeln!(out, "  energy             at most {energy:.3}, else out of distribution")?;
        }
        if !self.cohorts.is_empty() {
            write!(out, "\n{}", self.cohort_table())?;
        }
        writeln!(out, "\n{}", self.reliability_table())?;
        for warning in &self.warnings {
            writeln!(out, "warning: {warning}")?;
        }
        writeln!(out, "written to {}", self.output)?;
        Ok(())
    }

    fn cohort_table(&self) -> Table {
        let right = Align::Right;
        let columns = [
            ("cohort", Align::Left),
            ("tested", right),
            ("threshold", right),
            ("answered", right),
            ("wrong", right),
            ("at most", right),
        ];
        let mut table = Table::new(&columns);
        for group in &self.cohorts {
            table.row([
                group.name.clone().unwrap_or_default(),
                group.tested.to_string(),
                group.threshold.map_or_else(|| "-".to_owned(), |threshold| format!("{threshold:.4}")),
                output::percent(group.coverage.filter(|_| group.threshold.is_some())),
                output::percent(group.error),
                output::percent(group.threshold.map(|_| group.bound)),
            ]);
        }
        table
    }

    fn reliability_table(&self) -> Table {
        let right = Align::Right;
        let columns = [("confidence", right), ("accuracy", right), ("samples", right), ("", Align::Left)];
        let mut table = Table::new(&columns);
        for &Bin { samples, confidence, accuracy } in self.reliability.iter().filter(|bin| bin.samples > 0.0) {
            let shares = [confidence, accuracy].map(|share| output::percent(Some(f64::from(share))));
            let [confidence, right] = shares;
            table.row([confidence, right, samples.to_string(), bar(accuracy, BAR)]);
        }
        table
    }
}

impl Group {
    fn new(name: Option<&String>, rules: &Rules) -> Self {
        let Acceptance { threshold, bounded, samples, bound, .. } = rules.acceptance;
        let finite = |quantile: f32| Some(quantile).filter(|quantile| quantile.is_finite());
        let quantiles = match rules.raps {
            Some(quantile) => vec![finite(quantile)],
            None => rules.quantiles.iter().copied().map(finite).collect(),
        };
        let (coverage, error) = (rules.acceptance.coverage(), rules.acceptance.error());
        Self { name: name.cloned(), tested: samples, threshold, coverage, error, bound, bounded, quantiles }
    }

    fn sentence(&self, delta: f64) -> String {
        let [coverage, error] = [self.coverage, self.error].map(output::percent);
        let [bound, confidence] = [self.bound, 1.0 - delta].map(|share| output::percent(Some(share)));
        let threshold = self.threshold.unwrap_or(f32::NAN);
        format!(
            "from a probability of {threshold:.4} on: {coverage} of the inputs; {error} wrong, at most {bound} with a confidence of {confidence}"
        )
    }
}

/// Why a model can't be calibrated.
#[derive(Debug)]
pub enum CalibrationFault {
    /// The numbers don't allow it.
    Fit(CalibrationError),
    /// A model that has nothing to choose from.
    OneClass,
    /// More test samples would be needed, whatever the model is.
    TooFew {
        /// Test samples.
        tested: usize,
        /// Test samples that it takes at least.
        needed: usize,
        /// Samples that it takes at least.
        needed_in_all: usize,
    },
    /// The most probable answers are wrong too often.
    NoThreshold {
        /// The error that was allowed.
        alpha: f64,
        /// The confidence that was asked for.
        confidence: f64,
        /// Test samples.
        tested: usize,
        /// Share of wrong answers among all of them, most of which are less certain than those that a threshold would let pass.
        wrong: f64,
    },
}

impl CalibrationFault {
    fn no_threshold(fitted: &Fitted, options: &FitOptions) -> Self {
        let (tested, needed) = (fitted.all.acceptance.samples, least_answers(options));
        if tested < needed {
            return Self::TooFew { tested, needed, needed_in_all: in_all(needed, options) };
        }
        let (count, right) = fitted.reliability.iter().fold((0, 0), |(n, r), bin| (n + bin.count, r + bin.right));
        let wrong = 1.0 - right as f64 / count.max(1) as f64;
        Self::NoThreshold { alpha: options.alpha, confidence: 1.0 - options.delta, tested, wrong }
    }
}

impl From<CalibrationError> for CalibrationFault {
    fn from(error: CalibrationError) -> Self {
        Self::Fit(error)
    }
}

impl fmt::Display for CalibrationFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fit(error) => error.fmt(f),
            Self::OneClass => {
                f.write_str("a model with one class has nothing to decide; calibrate one with two or more")
            }
            Self::TooFew { tested, needed, needed_in_all } => write!(
                f,
                "{tested} test samples are too few to prove anything: it takes {needed} without an error, about {needed_in_all} samples in all; give more, or allow a larger --alpha or --delta"
            ),
            Self::NoThreshold { alpha, confidence, tested, wrong } => {
                let [alpha, confidence, wrong] = [alpha, confidence, wrong].map(|&share| output::percent(Some(share)));
                write!(
                    f,
                    "no threshold keeps the errors at {alpha} with a confidence of {confidence}: the model is wrong on {wrong} of {tested} test samples, and too often where it is surest; allow a larger --alpha, give more samples, or set a --budget"
                )
            }
        }
    }
}
