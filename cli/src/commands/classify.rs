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
use dunlin_protocol::hex::Hash;
use dunlin_protocol::oip;
use dunlin_sync::fallback::Question;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::args::{Args, ClassifyArgs};
use crate::cloud::{Asked, Cloud};
use crate::decision::{Decider, Judgement};
use crate::error::{CliError, USER};
use crate::heads;
use crate::model::{Source, class_name};
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
    /// Where the cloud was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    cloud: Option<Asked>,
}

/// Classifies all inputs; one that can't be doesn't keep the others from it.
pub fn run(args: &ClassifyArgs, out: &mut dyn Write) -> Result<ExitCode, CliError> {
    let (source, inputs) = source(args)?;
    let model = source.path.display().to_string();
    let takes_text = source.artifact()?.task().is_ok_and(|task| task.spec == TaskSpec::Text);
    let mut classifier = source.classifier(args.threads)?;
    let kernels = classifier.session().plan().isa().to_string();
    let decider = Decider::new(&classifier, Path::new(&model), args)?;
    let mut asker = Asker::new(args, Path::new(&model), &mut classifier)?;
    let mut shown = Classification { model, kernels, results: Vec::new() };
    for input in all(inputs, &args.texts, takes_text)? {
        let outcome = classify(&mut classifier, &input, &decider, asker.as_mut());
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
    let unanswered = shown.results.iter().filter_map(|outcome| outcome.cloud.as_ref()?.failure()).next();
    Ok(match unanswered {
        _ if failed => ExitCode::from(USER),
        Some(error) => error.report(),
        None => ExitCode::SUCCESS,
    })
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

fn classify(
    classifier: &mut Classifier<ModelFile>,
    input: &Input,
    decider: &Decider,
    asker: Option<&mut Asker>,
) -> Result<Outcome, CliError> {
    let name = Path::new(&input.name);
    let mut picture = None;
    let pixels = match &input.text {
        Some(_) => None,
        None => {
            let opened = if name == Path::new("-") { from_stdin()? } else { picture::open(name)? };
            let fault = |e| CliError::Picture { path: name.to_owned(), source: PictureError::Pixels(e) };
            Some(picture.insert(opened).pixels().map_err(fault)?)
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
    let why = first.falls_back();
    let cloud = why.zip(asker).map(|(why, asker)| asker.ask(why, input, picture.as_ref(), classifier));
    Ok(Outcome { input: input.name.clone(), error: None, time_us: Some(time_us), first, heads, cloud })
}

/// Asks the cloud about what the model's first head isn't sure of.
#[derive(Debug)]
struct Asker {
    cloud: Cloud,
    model: Hash,
    /// One for each class, as they are called by default.
    labels: Vec<String>,
}

impl Asker {
    fn new(args: &ClassifyArgs, path: &Path, classifier: &mut Classifier<ModelFile>) -> Result<Option<Self>, CliError> {
        let Some(cloud) = Cloud::new(&args.cloud)? else { return Ok(None) };
        let model = Hash(Sha256::digest(classifier.session().file()).into());
        let labels = heads::labels(&heads::head(classifier, 0), path, None)?;
        Ok(Some(Self { cloud, model, labels }))
    }

    fn ask(
        &mut self,
        (reason, class): (&str, usize),
        input: &Input,
        picture: Option<&Picture>,
        classifier: &Classifier<ModelFile>,
    ) -> Asked {
        let scores = classifier.scores();
        let labels = (0..scores.probabilities.len()).map(|class| class_name(&self.labels, class)).collect();
        let image = |picture: &Picture| {
            let (height, width, pixels) = picture.small_rgb();
            oip::Input::Image { height, width, pixels }
        };
        let sent = input.text.clone().map(oip::Input::Text).or(picture.map(image));
        let features = Some(scores.logits.to_vec());
        let (model, reason) = (self.model, reason.to_owned());
        self.cloud.ask(Question { model, reason, labels, class, input: sent, features, review: false })
    }
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
        cloud: None,
    }
}

fn show(outcome: &Outcome, kernels: &str, out: &mut dyn Write) -> Result<(), CliError> {
    let Some(time_us) = outcome.time_us else { return Ok(()) };
    writeln!(out, "{}", outcome.input)?;
    outcome.first.show(out)?;
    for head in &outcome.heads {
        head.show(out)?;
    }
    if let Some(cloud) = &outcome.cloud {
        cloud.show(out)?;
    }
    writeln!(out, "  {} on {kernels}\n", output::time(time_us))?;
    Ok(())
}
