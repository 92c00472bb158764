//! `dunlin classify`: what a picture shows.

use std::ffi::OsStr;
use std::io::{Read, Write, stdin};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::CommandFactory;
use clap::error::ErrorKind;
use dunlin_engine::Classifier;
use dunlin_engine::task::TaskSpec;
use dunlin_native::ModelFile;
use serde::Serialize;

use crate::args::{Args, ClassifyArgs};
use crate::decision::{Decider, Judgement};
use crate::error::{CliError, USER};
use crate::model::Source;
use crate::output;
use crate::picture::{self, Picture, PictureError};
use crate::text;

/// The most bytes that are read from standard input.
const STDIN_BYTES: u64 = 1 << 30;

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
    /// What the first head says.
    #[serde(flatten)]
    first: Judgement,
    /// What further heads say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    heads: Vec<Judgement>,
}

/// Classifies all inputs; one that can't be doesn't keep the others from it.
pub fn run(args: &ClassifyArgs, out: &mut dyn Write) -> Result<ExitCode, CliError> {
    let (source, inputs) = source(args)?;
    let model = source.path.display().to_string();
    let takes_text = source.artifact()?.task().is_ok_and(|task| task.spec == TaskSpec::Text);
    let mut classifier = source.classifier(args.threads)?;
    let kernels = classifier.session().plan().isa().to_string();
    let decider = Decider::new(&classifier, Path::new(&model), args)?;
    let mut shown = Classification { model, kernels, results: Vec::new() };
    for input in all(inputs, &args.texts, takes_text)? {
        let outcome = classify(&mut classifier, &input, &decider);
        let outcome = outcome.unwrap_or_else(|error| failed(&input, &error));
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
            if inputs.is_empty() && args.texts.is_empty() {
                let why = "the model is named, but no input: dunlin classify MODEL.dunlin INPUT...";
                Args::command().error(ErrorKind::MissingRequiredArgument, why).exit();
            }
            Ok((Source::open(model)?, inputs))
        }
        inputs => Ok((Source::built_in(), inputs)),
    }
}

/// What is classified.
#[derive(Debug)]
struct Input {
    /// The file's name, with its line for a text of a file; or the text itself.
    name: String,
    /// The text, where it isn't a picture.
    text: Option<String>,
}

/// All inputs: for a model that takes text the lines of files.
fn all(files: &[PathBuf], texts: &[String], takes_text: bool) -> Result<Vec<Input>, CliError> {
    let mut inputs: Vec<Input> =
        texts.iter().map(|text| Input { name: text.clone(), text: Some(text.clone()) }).collect();
    for file in files {
        if !takes_text {
            inputs.push(Input { name: file.display().to_string(), text: None });
            continue;
        }
        let contents = text::read(file)?;
        let lines = contents.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let name = |number: usize| format!("{}:{}", file.display(), number + 1);
        inputs.extend(lines.map(|(number, line)| Input { name: name(number), text: Some(line.to_owned()) }));
    }
    Ok(inputs)
}

fn classify(classifier: &mut Classifier<ModelFile>, input: &Input, decider: &Decider) -> Result<Outcome, CliError> {
    let name = Path::new(&input.name);
    let picture;
    let pixels = match &input.text {
        Some(_) => None,
        None => {
            picture = if name == Path::new("-") { from_stdin()? } else { picture::open(name)? };
            let fault = |e| CliError::Picture { path: name.to_owned(), source: PictureError::Pixels(e) };
            Some(picture.pixels().map_err(fault)?)
        }
    };
    let start = Instant::now();
    let scores = match (&input.text, &pixels) {
        (Some(text), _) => classifier.classify_text(text),
        (None, Some(pixels)) => classifier.classify_pixels(pixels),
        (None, None) => unreachable!("an input is a text or a picture"),
    };
    scores.map_err(|source| CliError::run(name, source))?;
    let time_us = output::micros(start.elapsed());
    let (first, heads) = decider.decide(classifier)?;
    Ok(Outcome { input: input.name.clone(), error: None, time_us: Some(time_us), first, heads })
}

fn from_stdin() -> Result<Picture, CliError> {
    let mut bytes = Vec::new();
    let read = stdin().lock().take(STDIN_BYTES).read_to_end(&mut bytes);
    read.map_err(|source| CliError::Read { path: "-".into(), source })?;
    Picture::decode(&bytes).map_err(|source| CliError::Picture { path: "standard input".into(), source })
}

fn failed(input: &Input, error: &CliError) -> Outcome {
    error.say();
    Outcome {
        input: input.name.clone(),
        error: Some(error.to_string()),
        time_us: None,
        first: Judgement::default(),
        heads: Vec::new(),
    }
}

fn show(outcome: &Outcome, kernels: &str, out: &mut dyn Write) -> Result<(), CliError> {
    let Some(time_us) = outcome.time_us else { return Ok(()) };
    writeln!(out, "{}", outcome.input)?;
    outcome.first.show(out)?;
    for head in &outcome.heads {
        head.show(out)?;
    }
    writeln!(out, "  {} on {kernels}\n", output::time(time_us))?;
    Ok(())
}
