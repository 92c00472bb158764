//! `dunlin eval`: how good a classifier is on labelled data.

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use dunlin_compiler::npz::{Array, NpyType, Npz};
use dunlin_engine::Classifier;
use dunlin_engine::classifier::{ClassifyError, Scores};
use dunlin_engine::task::{PixelFormat, Pixels};
use dunlin_native::ModelFile;
use serde::Serialize;

use crate::args::EvalArgs;
use crate::dataset::{DataFault, Folder, labels, open_npz};
use crate::error::{CliError, USER};
use crate::metrics::{Tally, Times};
use crate::model::{Source, class_name};
use crate::output;
use crate::picture::{self, PictureError};
use crate::progress::Progress;
use crate::table::{Align, Table};
use crate::tensors::{Batch, Input};

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
    let classes = classifier.session().output(0).map_or(0, |output| output.shape.count());
    let mut evaluator =
        Evaluator { tally: Tally::new(classes), times: Vec::new(), unreadable: 0, progress: Progress::new() };
    if args.data.is_dir() {
        evaluator.folder(&mut classifier, &args.data, &names, classes)?;
    } else {
        evaluator.arrays(&mut classifier, &args.data, classes)?;
    }
    let kernels = classifier.session().plan().isa().to_string();
    let evaluation = evaluator.finish(args, kernels, &names, classes);
    if args.json {
        output::json(&evaluation, out)?;
    } else {
        evaluation.show(out)?;
    }
    Ok(if evaluation.unreadable > 0 { ExitCode::from(USER) } else { ExitCode::SUCCESS })
}

struct Evaluator {
    tally: Tally,
    times: Vec<f64>,
    unreadable: usize,
    progress: Progress,
}

impl Evaluator {
    /// Pictures in class folders; one that can't be read is told and left out.
    fn folder(
        &mut self,
        classifier: &mut Classifier<ModelFile>,
        path: &Path,
        names: &[String],
        classes: usize,
    ) -> Result<(), CliError> {
        let fault = |source| CliError::Data { path: path.to_owned(), source };
        let folder = Folder::open(path, names, classes)?;
        if let Some(name) = folder.unknown.into_iter().next() {
            return Err(fault(DataFault::Folders { name, classes }));
        }
        let total = folder.pictures.len();
        for (index, (file, class)) in folder.pictures.into_iter().enumerate() {
            self.progress.show("evaluate", index, total);
            let class = class.ok_or_else(|| fault(DataFault::Unlabelled))?;
            match picture::open(&file) {
                Ok(picture) => {
                    let pixels = picture.pixels();
                    let pixels = pixels
                        .map_err(|e| CliError::Picture { path: file.clone(), source: PictureError::Pixels(e) })?;
                    self.picture(classifier, path, &pixels, class)?;
                }
                Err(error) => {
                    error.say();
                    self.unreadable += 1;
                }
            }
        }
        Ok(())
    }

    /// Arrays with labels: `pixels`, or the model's inputs.
    fn arrays(&mut self, classifier: &mut Classifier<ModelFile>, path: &Path, classes: usize) -> Result<(), CliError> {
        let mut npz = open_npz(path)?;
        let pixels = npz.array("pixels").map_err(|source| CliError::Npz { path: path.to_owned(), source })?;
        match pixels {
            Some(pixels) => self.pixels(classifier, path, &mut npz, &pixels, classes),
            None => self.tensors(classifier, path, &mut npz, classes),
        }
    }

    fn pixels(
        &mut self,
        classifier: &mut Classifier<ModelFile>,
        path: &Path,
        npz: &mut Npz<BufReader<File>>,
        pixels: &Array,
        classes: usize,
    ) -> Result<(), CliError> {
        let fault = || CliError::Data { path: path.to_owned(), source: DataFault::Pixels };
        let (&[count, height, width, channels], NpyType::U8) = (&pixels.dims[..], pixels.dtype) else {
            return Err(fault());
        };
        let format = match channels {
            1 => PixelFormat::Gray8,
            3 => PixelFormat::Rgb8,
            4 => PixelFormat::Rgba8,
            _ => return Err(fault()),
        };
        let truth = truth(path, npz, count, classes)?;
        let [width, height] = [width, height].map(|side| u32::try_from(side).unwrap_or(u32::MAX));
        let picture_bytes = (pixels.bytes.len() / count.max(1)).max(1);
        for (index, (bytes, &class)) in pixels.bytes.chunks_exact(picture_bytes).zip(&truth).enumerate() {
            self.progress.show("evaluate", index, count);
            let pixels = Pixels::new(bytes, width, height, format);
            let pixels =
                pixels.map_err(|e| CliError::Picture { path: path.to_owned(), source: PictureError::Pixels(e) })?;
            self.picture(classifier, path, &pixels, class)?;
        }
        Ok(())
    }

    fn tensors(
        &mut self,
        classifier: &mut Classifier<ModelFile>,
        path: &Path,
        npz: &mut Npz<BufReader<File>>,
        classes: usize,
    ) -> Result<(), CliError> {
        let wanted = Input::all(classifier.session()).map_err(|error| CliError::artifact(path, error))?;
        let batch = Batch::read(path, npz, &wanted)?;
        let truth = truth(path, npz, batch.len, classes)?;
        for (row, &class) in truth.iter().enumerate() {
            self.progress.show("evaluate", row, batch.len);
            batch.fill(classifier.session(), row)?;
            let start = Instant::now();
            let scores = classifier.run().map_err(|error| CliError::run(path, error))?;
            self.times.push(output::micros(start.elapsed()));
            count(&mut self.tally, &scores, class);
        }
        Ok(())
    }

    fn picture(
        &mut self,
        classifier: &mut Classifier<ModelFile>,
        path: &Path,
        pixels: &Pixels<'_>,
        class: usize,
    ) -> Result<(), CliError> {
        let start = Instant::now();
        let scores = classifier.classify_pixels(pixels).map_err(|error| match error {
            ClassifyError::Task { .. } => CliError::Data { path: path.to_owned(), source: DataFault::NotImages },
            error => CliError::run(path, error),
        })?;
        self.times.push(output::micros(start.elapsed()));
        count(&mut self.tally, &scores, class);
        Ok(())
    }

    fn finish(self, args: &EvalArgs, kernels: String, names: &[String], classes: usize) -> Evaluation {
        let Self { tally, times, unreadable, .. } = self;
        let times = Times::new(times);
        let result = |class| ClassResult {
            class,
            label: class_name(names, class),
            samples: tally.support(class),
            recall: tally.recall(class),
        };
        Evaluation {
            model: args.model.display().to_string(),
            data: args.data.display().to_string(),
            kernels,
            samples: tally.samples(),
            unreadable,
            accuracy: tally.accuracy(),
            calibration_error: tally.calibration_error(),
            p50_us: times.percentile(50.0),
            p90_us: times.percentile(90.0),
            classes: (0..classes).map(result).collect(),
            confusion: tally.rows().map(<[u64]>::to_vec).collect(),
        }
    }
}

fn count(tally: &mut Tally, scores: &Scores<'_>, class: usize) {
    if let Some(answer) = scores.best() {
        tally.count(class, answer, scores.probabilities[answer]);
    }
}

/// The class of each of the archive's samples, of which there is at least one.
fn truth(path: &Path, npz: &mut Npz<BufReader<File>>, rows: usize, classes: usize) -> Result<Vec<usize>, CliError> {
    let fault = |source| CliError::Data { path: path.to_owned(), source };
    if rows == 0 {
        return Err(fault(DataFault::Empty));
    }
    labels(path, npz, rows, classes)?.ok_or_else(|| fault(DataFault::NoLabels))
}

impl Evaluation {
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
