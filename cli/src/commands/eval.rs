//! `dunlin eval`: how good a classifier is on labelled data.

use std::io::Write;
use std::process::ExitCode;

use dunlin_engine::Classifier;
use dunlin_engine::classifier::Scores;
use dunlin_native::ModelFile;

use crate::args::EvalArgs;
use crate::dataset::{self, Collected, Data, Wanted};
use crate::draw;
use crate::error::{CliError, USER};
use crate::evaluation::{Evaluation, Judged, OodResult, Report, Setting};
use crate::model::Source;
use crate::output;

/// Classifies all samples and compares with their labels.
pub fn run(args: &EvalArgs, out: &mut dyn Write) -> Result<ExitCode, CliError> {
    let source = Source::open(&args.model)?;
    let names = source.labels(None)?;
    let mut classifier = source.classifier(args.threads)?;
    let wanted = Wanted { labelled: true, cohort: args.cohort.as_deref() };
    let data = Data::open(&args.data, &mut classifier, wanted)?;
    let other = args.ood.as_deref().map(|path| {
        Data::open(path, &mut classifier, Wanted { labelled: false, cohort: None }).map(|data| (path, data))
    });
    let other = other.transpose()?;
    let (collected, judged) = judge(&mut classifier, &data, "evaluate")?;
    let setting = Setting {
        model: args.model.display().to_string(),
        data: args.data.display().to_string(),
        kernels: classifier.session().plan().isa().to_string(),
        names: &names,
        classes: collected.classes,
        unreadable: collected.unreadable,
        times: collected.times.clone(),
        policy: None,
    };
    let mut evaluation = Evaluation::new(setting, &judged, |place| {
        let index = collected.indices[place];
        (data.name(index), data.text(index).filter(|_| args.show_texts).map(beginning))
    });
    let mut unreadable = collected.unreadable;
    let other = match &other {
        Some((path, data)) => {
            let (collected, other) = judge(&mut classifier, data, "out of distribution")?;
            unreadable += collected.unreadable;
            let result = OodResult::new(path.display().to_string(), collected.unreadable, &other, &judged);
            evaluation.ood = Some(result);
            Some(other)
        }
        None => None,
    };
    if let Some(path) = &args.html {
        let report = Report { evaluation: &evaluation, judged: &judged, other: other.as_ref() };
        output::file(path, report.html().as_bytes())?;
    }
    if args.json {
        output::json(&evaluation, out)?;
    } else {
        evaluation.show(out)?;
    }
    Ok(if unreadable > 0 { ExitCode::from(USER) } else { ExitCode::SUCCESS })
}

/// What the classifier says of all samples, and what that is worth.
fn judge(classifier: &mut Classifier<ModelFile>, data: &Data, stage: &str) -> Result<(Collected, Judged), CliError> {
    let collected = dataset::collect(classifier, data, stage)?;
    let energies = collected.scores().map(|scores| energy(&scores)).collect();
    let judged = Judged::new(&collected, energies, Vec::new());
    Ok((collected, judged))
}

fn energy(scores: &Scores<'_>) -> f64 {
    let max = scores.logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = scores.logits.iter().map(|logit| (logit - max).exp()).sum();
    -f64::from(max + sum.ln())
}

/// The beginning of a text.
fn beginning(text: &str) -> String {
    draw::beginning(text, LETTERS)
}

/// The most letters of a text that are shown.
const LETTERS: usize = 160;
