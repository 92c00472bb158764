//! What a classifier says of all samples.

use std::path::Path;
use std::time::Instant;

use dunlin_engine::Classifier;
use dunlin_engine::classifier::{ClassifyError, Scores};
use dunlin_engine::task::{Pixels, PixelsError};
use dunlin_native::ModelFile;
use dunlin_text::Signs;

use super::{Cohorts, Data, DataFault, Samples, data_fault};
use crate::error::CliError;
use crate::heads;
use crate::output;
use crate::picture::{self, PictureError};
use crate::progress::Progress;

/// One sample that was classified.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Which one of the data.
    pub index: usize,
    /// How long preparing and running took.
    pub time_us: f64,
    /// Mean brightness of a picture, 0 to 1.
    pub brightness: Option<f32>,
}

/// What a classifier said of all samples that could be read, in their order.
#[derive(Clone, Debug)]
pub struct Collected {
    /// The model's output before scoring: `classes` for each sample.
    pub logits: Vec<f32>,
    /// What the classifier made of it: `classes` for each sample.
    pub probabilities: Vec<f32>,
    /// What was found in each text.
    pub signs: Vec<Signs>,
    /// The share of each text's ids that are unknown.
    pub unknown: Vec<f32>,
    /// The mean brightness of each picture.
    pub brightness: Vec<Option<f32>>,
    /// How many classes there are.
    pub classes: usize,
    /// Each sample's class; empty where data are without.
    pub labels: Vec<u32>,
    /// Each sample's cohort.
    pub cohorts: Option<Cohorts>,
    /// Where each sample is in the data.
    pub indices: Vec<usize>,
    /// Samples that couldn't be read, which are told and left out.
    pub unreadable: usize,
    /// How long each sample took, in microseconds.
    pub times: Vec<f64>,
}

/// Classifies all samples and keeps what the classifier says.
///
/// # Errors
/// As for [`visit`].
pub fn collect(classifier: &mut Classifier<ModelFile>, data: &Data, stage: &str) -> Result<Collected, CliError> {
    let mut collected = Collected::new(heads::head(classifier, data.head).scores.logits.len(), data);
    collected.unreadable = visit(classifier, data, stage, &mut |sample, scores| collected.add(data, sample, scores))?;
    Ok(collected)
}

impl Collected {
    /// Nothing has been classified yet.
    pub fn new(classes: usize, data: &Data) -> Self {
        let cohorts = data.cohorts.as_ref().map(|all| Cohorts { names: all.names.clone(), of: Vec::new() });
        Self {
            logits: Vec::new(),
            probabilities: Vec::new(),
            signs: Vec::new(),
            unknown: Vec::new(),
            brightness: Vec::new(),
            classes,
            labels: Vec::new(),
            cohorts,
            indices: Vec::new(),
            unreadable: 0,
            times: Vec::new(),
        }
    }

    /// Keeps what was said of a sample.
    pub fn add(&mut self, data: &Data, sample: Sample, scores: &Scores<'_>) {
        self.logits.extend_from_slice(scores.logits);
        self.probabilities.extend_from_slice(scores.probabilities);
        self.signs.push(scores.signs);
        self.unknown.push(scores.unknown);
        self.brightness.push(sample.brightness);
        self.labels.extend(data.classes.get(sample.index));
        if let (Some(kept), Some(all)) = (&mut self.cohorts, &data.cohorts) {
            kept.of.push(all.of[sample.index]);
        }
        self.indices.push(sample.index);
        self.times.push(sample.time_us);
    }

    /// The name of a sample's cohort.
    pub fn cohort(&self, sample: usize) -> Option<&str> {
        let Cohorts { names, of } = self.cohorts.as_ref()?;
        names.get(*of.get(sample)? as usize).map(String::as_str)
    }

    /// What the classifier said of each sample.
    pub fn scores(&self) -> impl Iterator<Item = Scores<'_>> {
        let rows = self.probabilities.chunks(self.classes.max(1)).zip(self.logits.chunks(self.classes.max(1)));
        let found = self.signs.iter().zip(&self.unknown);
        rows.zip(found).map(|((probabilities, logits), (&signs, &unknown))| Scores {
            probabilities,
            logits,
            signs,
            unknown,
        })
    }
}

/// Classifies all samples and shows each with the scores of the data's head to `each`. A picture or text that can't be read is told on standard
/// error and left out; gives how many these were.
///
/// # Errors
/// [`CliError::Data`] when the model takes something else, [`CliError::Tensor`], [`CliError::Run`].
pub fn visit(
    classifier: &mut Classifier<ModelFile>,
    data: &Data,
    stage: &str,
    each: &mut dyn FnMut(Sample, &Scores<'_>),
) -> Result<usize, CliError> {
    let mut progress = Progress::new();
    let mut unreadable = 0;
    for index in 0..data.len() {
        progress.show(stage, index, data.len());
        match classify(classifier, data, index) {
            Ok(sample) => each(sample, &heads::head(classifier, data.head).scores),
            Err(error) if is_of_one(&error) => {
                error.say();
                unreadable += 1;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(unreadable)
}

/// Whether a failure is one sample's own, so that the others are worth going on with.
fn is_of_one(error: &CliError) -> bool {
    matches!(
        error,
        CliError::Picture { .. } | CliError::Read { .. } | CliError::Run { source: ClassifyError::Text(_), .. }
    )
}

/// Classifies one sample.
fn classify(classifier: &mut Classifier<ModelFile>, data: &Data, index: usize) -> Result<Sample, CliError> {
    let (time_us, brightness) = match &data.samples {
        Samples::Files(files) => {
            let picture = picture::open(&files[index])?;
            pixels(classifier, &files[index], picture.pixels())?
        }
        Samples::Pixels(stack) => {
            let pixels = Pixels::new(stack.picture(index), stack.width, stack.height, stack.format);
            self::pixels(classifier, &data.path, pixels)?
        }
        Samples::Tensors(batch) => {
            batch.fill(classifier.session(), index)?;
            let start = Instant::now();
            classifier.run().map_err(|error| CliError::run(&data.path, error))?;
            (output::micros(start.elapsed()), None)
        }
        Samples::Texts(texts) => {
            let start = Instant::now();
            classifier.classify_text(&texts[index].text).map_err(|error| match error {
                ClassifyError::Task { .. } => data_fault(&data.path, DataFault::NotTexts),
                error => CliError::run(format!("{}, {}", data.path.display(), data.name(index)), error),
            })?;
            (output::micros(start.elapsed()), None)
        }
    };
    Ok(Sample { index, time_us, brightness })
}

/// The microseconds that a picture took, and its brightness.
fn pixels(
    classifier: &mut Classifier<ModelFile>,
    path: &Path,
    pixels: Result<Pixels<'_>, PixelsError>,
) -> Result<(f64, Option<f32>), CliError> {
    let pixels = pixels.map_err(|e| CliError::Picture { path: path.to_owned(), source: PictureError::Pixels(e) })?;
    let start = Instant::now();
    classifier.classify_pixels(&pixels).map_err(|error| match error {
        ClassifyError::Task { .. } => data_fault(path, DataFault::NotImages),
        error => CliError::run(path, error),
    })?;
    Ok((output::micros(start.elapsed()), Some(pixels.brightness())))
}
