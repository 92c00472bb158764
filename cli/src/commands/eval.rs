//! `dunlin eval`: how good a classifier is on labelled data.

use std::io::{Cursor, Write};
use std::path::Path;
use std::process::ExitCode;

use dunlin_client::{Context, decide};
use dunlin_compiler::npz::{Array, NpyType, NpzWriter};
use dunlin_engine::Classifier;
use dunlin_native::ModelFile;

use crate::args::EvalArgs;
use crate::dataset::{self, Collected, Data, Wanted};
use crate::draw;
use crate::error::{CliError, USER};
use crate::evaluation::{Decided, Evaluation, Judged, OodResult, Report, Set, Setting, Thresholds};
use crate::heads;
use crate::model::Source;
use crate::output;

/// Classifies all samples and compares with their labels.
pub fn run(args: &EvalArgs, out: &mut dyn Write) -> Result<ExitCode, CliError> {
    let source = Source::open(&args.model)?;
    let mut classifier = source.classifier(args.threads)?;
    let head = heads::number(&classifier, &args.model, args.head.head.as_deref())?;
    let (names, policy, name) = of_head(&classifier, &args.model, head)?;
    let wanted = Wanted { labelled: true, head, cohort: args.cohort.as_deref() };
    let data = Data::open(&args.data, &mut classifier, wanted)?;
    let other = args.ood.as_deref().map(|path| {
        Data::open(path, &mut classifier, Wanted { labelled: false, head, cohort: None }).map(|data| (path, data))
    });
    let other = other.transpose()?;
    let (collected, judged) = judge(&mut classifier, &data, "evaluate", (&args.model, head))?;
    let setting = Setting {
        model: args.model.display().to_string(),
        head: name,
        data: args.data.display().to_string(),
        kernels: classifier.session().plan().isa().to_string(),
        names: &names,
        classes: collected.classes,
        unreadable: collected.unreadable,
        times: collected.times.clone(),
        policy,
    };
    let mut evaluation = Evaluation::new(setting, &judged, |place| {
        let index = collected.indices[place];
        (data.name(index), data.text(index).filter(|_| args.show_texts).map(beginning))
    });
    let mut unreadable = collected.unreadable;
    let other = match &other {
        Some((path, data)) => {
            let (collected, other) = judge(&mut classifier, data, "out of distribution", (&args.model, head))?;
            unreadable += collected.unreadable;
            let result = OodResult::new(path.display().to_string(), collected.unreadable, &other, &judged);
            evaluation.ood = Some(result);
            Some((collected, other))
        }
        None => None,
    };
    if let Some(path) = &args.logits {
        keep(path, &collected, other.as_ref().map(|(others, _)| others))?;
    }
    if let Some(path) = &args.html {
        let other = other.as_ref().map(|(_, judged)| judged);
        let report = Report { evaluation: &evaluation, judged: &judged, other };
        output::file(path, report.html().as_bytes())?;
    }
    if args.json {
        output::json(&evaluation, out)?;
    } else {
        evaluation.show(out)?;
    }
    Ok(if unreadable > 0 { ExitCode::from(USER) } else { ExitCode::SUCCESS })
}

/// What the classifier says of all samples, and what an app gets for them.
fn judge(
    classifier: &mut Classifier<ModelFile>,
    data: &Data,
    stage: &str,
    (model, head): (&Path, usize),
) -> Result<(Collected, Judged), CliError> {
    let collected = dataset::collect(classifier, data, stage)?;
    let head = heads::head(classifier, head);
    let policy = heads::policy(&head, model)?;
    let mut judged = Judged::new(&collected);
    for (sample, scores) in collected.scores().enumerate() {
        let evasion = scores.signs.evasion();
        let context = Context { cohort: collected.cohort(sample), evasion, fallback: true, stale: false };
        let decision = decide(&scores, &policy, &context);
        judged.energies.push(f64::from(decision.energy));
        if head.is_calibrated() {
            judged.decisions.push(Decided::from(decision.outcome));
        }
        if decision.has_set() {
            let hits = collected.labels.get(sample).is_some_and(|&class| decision.set_has(class as usize));
            judged.sets.push(Set { size: decision.set().count(), hits });
        }
    }
    Ok((collected, judged))
}

/// Writes the logits of all samples that could be read, and their labels.
fn keep(path: &Path, collected: &Collected, other: Option<&Collected>) -> Result<(), CliError> {
    let rows = |samples: &Collected| Array::f32s(&[samples.indices.len(), samples.classes], &samples.logits);
    let labels = collected.labels.iter().flat_map(|&label| i64::from(label).to_le_bytes()).collect();
    let labels = Array::new(NpyType::I64, &[collected.labels.len()], labels);
    let mut writer = NpzWriter::new(Cursor::new(Vec::new()));
    for (name, array) in [("logits", Some(rows(collected))), ("labels", Some(labels)), ("ood_logits", other.map(rows))]
    {
        let Some(array) = array else { continue };
        writer.add(name, &array).map_err(|source| CliError::Npz { path: path.to_owned(), source })?;
    }
    let archive = writer.finish().map_err(|source| CliError::Npz { path: path.to_owned(), source })?;
    output::file(path, archive.get_ref())
}

/// The names of a head's classes, the numbers of its policy, where it has one, and its own name, where there are others.
fn of_head(classifier: &Classifier<ModelFile>, model: &Path, number: usize) -> Result<OfHead, CliError> {
    let head = heads::head(classifier, number);
    let policy = heads::policy(&head, model)?;
    let [threshold, alpha, energy] = [policy.bounds.threshold, policy.alpha, policy.bounds.energy].map(f64::from);
    let thresholds = Some(Thresholds { threshold, alpha, energy }).filter(|_| head.is_calibrated());
    let name = if classifier.heads() > 1 { Some(heads::name(&head, model)?) } else { None };
    Ok((heads::labels(&head, model, None)?, thresholds, name))
}

type OfHead = (Vec<String>, Option<Thresholds>, Option<String>);

/// The beginning of a text.
fn beginning(text: &str) -> String {
    draw::beginning(text, LETTERS)
}

/// The most letters of a text that are shown.
const LETTERS: usize = 160;
