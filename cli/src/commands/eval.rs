//! `dunlin eval`: how good a classifier is on labelled data.

use std::io::Write;
use std::process::ExitCode;

use serde::Serialize;

use crate::args::EvalArgs;
use crate::dataset::{self, Collected, Data, Wanted};
use crate::error::{CliError, USER};
use crate::metrics::{Tally, Times};
use crate::model::{Source, class_name};
use crate::output;
use crate::table::{Align, Table};

/// The most classes whose confusion matrix is shown to people.
const SHOWN_CLASSES: usize = 20;

/// What was measured.
#[derive(Debug, Serialize)]
struct Evaluation {
    model: String,
    data: String,
    kernels: String,
    samples: u64,
    unreadable: usize,
    accuracy: Option<f64>,
    calibration_error: Option<f64>,
    p50_us: f64,
    p90_us: f64,
    classes: Vec<ClassResult>,
    /// Rows are true classes, columns answers.
    confusion: Vec<Vec<u64>>,
}

/// Of one class.
#[derive(Debug, Serialize)]
struct ClassResult {
    class: usize,
    label: String,
    samples: u64,
    recall: Option<f64>,
}

/// Classifies all samples and compares with their labels.
pub fn run(args: &EvalArgs, out: &mut dyn Write) -> Result<ExitCode, CliError> {
    let source = Source::open(&args.model)?;
    let names = source.labels(None)?;
    let mut classifier = source.classifier(args.threads)?;
    let data = Data::open(&args.data, &mut classifier, Wanted { labelled: true, cohort: None })?;
    let collected = dataset::collect(&mut classifier, &data, "evaluate")?;
    let kernels = classifier.session().plan().isa().to_string();
    let evaluation = Evaluation::new(args, kernels, &names, &collected);
    if args.json {
        output::json(&evaluation, out)?;
    } else {
        evaluation.show(out)?;
    }
    Ok(if evaluation.unreadable > 0 { ExitCode::from(USER) } else { ExitCode::SUCCESS })
}

impl Evaluation {
    fn new(args: &EvalArgs, kernels: String, names: &[String], collected: &Collected) -> Self {
        let mut tally = Tally::new(collected.classes);
        for (scores, &class) in collected.scores().zip(&collected.labels) {
            if let Some(answer) = scores.best() {
                tally.count(class as usize, answer, scores.probabilities[answer]);
            }
        }
        let times = Times::new(collected.times.clone());
        let result = |class| ClassResult {
            class,
            label: class_name(names, class),
            samples: tally.support(class),
            recall: tally.recall(class),
        };
        Self {
            model: args.model.display().to_string(),
            data: args.data.display().to_string(),
            kernels,
            samples: tally.samples(),
            unreadable: collected.unreadable,
            accuracy: tally.accuracy(),
            calibration_error: tally.calibration_error(),
            p50_us: times.percentile(50.0),
            p90_us: times.percentile(90.0),
            classes: (0..collected.classes).map(result).collect(),
            confusion: tally.rows().map(<[u64]>::to_vec).collect(),
        }
    }

    fn show(&self, out: &mut dyn Write) -> Result<(), CliError> {
        writeln!(out, "{} on {}: {} samples", self.model, self.data, self.samples)?;
        writeln!(out, "  accuracy           {}", percent(self.accuracy))?;
        writeln!(out, "  calibration error  {}", percent(self.calibration_error))?;
        writeln!(
            out,
            "  time               {} (p50), {} (p90) on {}\n",
            output::time(self.p50_us),
            output::time(self.p90_us),
            self.kernels
        )?;
        if self.classes.len() <= SHOWN_CLASSES {
            writeln!(out, "{}rows are true classes, columns answers", self.matrix())?;
        } else {
            write!(out, "{}", self.mistakes())?;
        }
        Ok(())
    }

    /// Recall and confusions of few classes.
    fn matrix(&self) -> Table {
        let names: Vec<String> = self.classes.iter().map(|class| class.label.chars().take(10).collect()).collect();
        let mut columns = vec![("class", Align::Left), ("samples", Align::Right), ("recall", Align::Right)];
        columns.extend(names.iter().map(|name| (name.as_str(), Align::Right)));
        let mut table = Table::new(&columns);
        for (class, row) in self.classes.iter().zip(&self.confusion) {
            let cells = [class.label.clone(), class.samples.to_string(), percent(class.recall)];
            table
                .row(cells.into_iter().chain(row.iter().map(|&n| if n == 0 { "·".to_owned() } else { n.to_string() })));
        }
        table
    }

    /// The most frequent confusions of many classes.
    fn mistakes(&self) -> Table {
        let mut wrong: Vec<(u64, usize, usize)> = Vec::new();
        for (truth, row) in self.confusion.iter().enumerate() {
            wrong.extend(
                row.iter()
                    .enumerate()
                    .filter(|&(answer, &n)| n > 0 && answer != truth)
                    .map(|(answer, &n)| (n, truth, answer)),
            );
        }
        wrong.sort_by_key(|&(n, truth, answer)| (std::cmp::Reverse(n), truth, answer));
        let mut table = Table::new(&[("confused", Align::Right), ("class", Align::Left), ("answer", Align::Left)]);
        for (n, truth, answer) in wrong.into_iter().take(SHOWN_CLASSES) {
            table.row([n.to_string(), self.classes[truth].label.clone(), self.classes[answer].label.clone()]);
        }
        table
    }
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{:.2} %", share * 100.0))
}
