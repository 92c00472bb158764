//! `dunlin classify`: what a picture shows.

use std::ffi::OsStr;
use std::io::{Read, Write, stdin};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::CommandFactory;
use clap::error::ErrorKind;
use dunlin_engine::Classifier;
use dunlin_engine::artifact::SectionKind;
use dunlin_native::ModelFile;
use serde::Serialize;

use crate::args::{Args, ClassifyArgs, ContextArgs, ListArgs};
use crate::decision::{Class, Decided, Decider};
use crate::error::{CliError, USER};
use crate::model::Source;
use crate::output;
use crate::picture::{self, Picture, PictureError};
use crate::table;

/// The most bytes that are read from standard input.
const STDIN_BYTES: u64 = 1 << 30;

/// Width of a bar.
const BAR: usize = 24;

/// What was found out.
#[derive(Debug, Serialize)]
struct Classification {
    model: String,
    kernels: String,
    results: Vec<Outcome>,
}

/// Of one input.
#[derive(Debug, Serialize)]
struct Outcome {
    input: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    time_us: Option<f64>,
    classes: Vec<Class>,
    /// Where the model has a policy, or an option asks for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<Decided>,
}

/// Classifies all inputs; one that can't be doesn't keep the others from it.
pub fn run(args: &ClassifyArgs, out: &mut dyn Write) -> Result<ExitCode, CliError> {
    let (source, inputs) = source(args)?;
    let model = source.path.display().to_string();
    let labels = source.labels(args.locale.as_deref())?;
    let decides = source.artifact()?.section(SectionKind::Policy).is_some() || asks(&args.context, &args.lists);
    // Classes are named by what they are called by default, whatever language is shown.
    let defaults = source.labels(None)?;
    let mut classifier = source.classifier(args.threads)?;
    let kernels = classifier.session().plan().isa().to_string();
    let decider = Decider::new(&mut classifier, args, &defaults, decides)?;
    let mut shown = Classification { model, kernels, results: Vec::new() };
    for input in inputs {
        let outcome = classify(&mut classifier, input, &decider, &labels).unwrap_or_else(|error| failed(input, &error));
        if !args.json {
            show(&outcome, &shown.kernels, out)?;
        }
        shown.results.push(outcome);
    }
    if args.json {
        output::json(&shown, out)?;
    }
    let failed = shown.results.iter().any(|outcome| outcome.error.is_some());
    Ok(if failed { ExitCode::from(USER) } else { ExitCode::SUCCESS })
}

/// The model, which may be the first input, and the other inputs.
fn source(args: &ClassifyArgs) -> Result<(Source, &[PathBuf]), CliError> {
    match &args.inputs[..] {
        [model, inputs @ ..] if model.extension() == Some(OsStr::new("dunlin")) => {
            if inputs.is_empty() {
                let why = "the model is named, but no input: dunlin classify MODEL.dunlin INPUT...";
                Args::command().error(ErrorKind::MissingRequiredArgument, why).exit();
            }
            Ok((Source::open(model)?, inputs))
        }
        inputs => Ok((Source::built_in(), inputs)),
    }
}

/// Whether an option only means something for a decision.
fn asks(context: &ContextArgs, lists: &ListArgs) -> bool {
    let ContextArgs { explain, cohort, stale, no_fallback } = context;
    *explain || cohort.is_some() || *stale || *no_fallback || !lists.allow.is_empty() || !lists.deny.is_empty()
}

fn classify(
    classifier: &mut Classifier<ModelFile>,
    input: &Path,
    decider: &Decider,
    labels: &[String],
) -> Result<Outcome, CliError> {
    let picture = if input == Path::new("-") { from_stdin()? } else { picture::open(input)? };
    let pixels =
        picture.pixels().map_err(|e| CliError::Picture { path: input.to_owned(), source: PictureError::Pixels(e) })?;
    let start = Instant::now();
    classifier.classify_pixels(&pixels).map_err(|source| CliError::run(input, source))?;
    let time_us = output::micros(start.elapsed());
    let (classes, decision) = decider.decide(classifier, labels)?;
    Ok(Outcome { input: input.display().to_string(), error: None, time_us: Some(time_us), classes, decision })
}

fn from_stdin() -> Result<Picture, CliError> {
    let mut bytes = Vec::new();
    let read = stdin().lock().take(STDIN_BYTES).read_to_end(&mut bytes);
    read.map_err(|source| CliError::Read { path: "-".into(), source })?;
    Picture::decode(&bytes).map_err(|source| CliError::Picture { path: "standard input".into(), source })
}

fn failed(input: &Path, error: &CliError) -> Outcome {
    error.say();
    Outcome {
        input: input.display().to_string(),
        error: Some(error.to_string()),
        time_us: None,
        classes: Vec::new(),
        decision: None,
    }
}

fn show(outcome: &Outcome, kernels: &str, out: &mut dyn Write) -> Result<(), CliError> {
    let Some(time_us) = outcome.time_us else { return Ok(()) };
    writeln!(out, "{}", outcome.input)?;
    let width = outcome.classes.iter().map(|class| class.label.chars().count()).max().unwrap_or(0);
    for Class { label, probability, .. } in &outcome.classes {
        let bar = table::bar(*probability, BAR);
        writeln!(out, "  {label:<width$}  {bar} {:>5.1} %", probability * 100.0)?;
    }
    if let Some(decision) = &outcome.decision {
        decision.show(out)?;
    }
    writeln!(out, "  {} on {kernels}\n", output::time(time_us))?;
    Ok(())
}
