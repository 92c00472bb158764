//! What a classifier said of samples, held against what is true.

use dunlin_client::Outcome;
use dunlin_compiler::calibration::Answers;

use crate::dataset::{Cohorts, Collected};

/// What an app gets for a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Decided {
    /// `answer`, `fallback` or `abstain`.
    pub decision: &'static str,
    /// Why there is no answer.
    pub reason: Option<&'static str>,
}

impl Decided {
    /// Whether the answer is given.
    pub fn is_answer(self) -> bool {
        self.reason.is_none()
    }
}

impl From<Outcome> for Decided {
    fn from(outcome: Outcome) -> Self {
        Self { decision: outcome.name(), reason: outcome.reason().map(dunlin_client::Reason::name) }
    }
}

/// A prediction set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Set {
    /// How many classes are in it.
    pub size: usize,
    /// Whether the true one is.
    pub hits: bool,
}

/// Samples with the answers to them; each vector has one element a sample, or none where nothing is known.
#[derive(Clone, Debug, Default)]
pub struct Judged {
    /// The most probable classes, with their probabilities.
    pub answers: Answers,
    /// The true classes.
    pub labels: Vec<u32>,
    /// Energies of the calibrated logits.
    pub energies: Vec<f64>,
    /// What the artifact's policy makes of the scores.
    pub decisions: Vec<Decided>,
    /// Prediction sets, where the policy makes them.
    pub sets: Vec<Set>,
    /// To which cohort samples belong.
    pub cohorts: Option<Cohorts>,
}

impl Judged {
    /// The answers alone; of samples without labels none is right. A probability that is no number counts as 0.
    pub fn new(collected: &Collected) -> Self {
        let mut answers = Answers::default();
        for (index, scores) in collected.scores().enumerate() {
            let class = scores.best().unwrap_or(0);
            let probability = f64::from(scores.probabilities[class]);
            answers.classes.push(class as u32);
            answers.confidence.push(if probability.is_nan() { 0.0 } else { probability });
            answers.right.push(collected.labels.get(index) == Some(&(class as u32)));
        }
        Self { answers, labels: collected.labels.clone(), cohorts: collected.cohorts.clone(), ..Self::default() }
    }

    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.answers.right.len()
    }

    /// How many answers are right.
    pub fn right(&self) -> usize {
        self.answers.right.iter().filter(|&&right| right).count()
    }

    /// Some of the samples, without their cohorts.
    pub fn select(&self, samples: &[usize]) -> Self {
        fn chosen<T: Copy>(all: &[T], samples: &[usize]) -> Vec<T> {
            samples.iter().filter_map(|&sample| all.get(sample).copied()).collect()
        }
        let Answers { classes, confidence, right } = &self.answers;
        Self {
            answers: Answers {
                classes: chosen(classes, samples),
                confidence: chosen(confidence, samples),
                right: chosen(right, samples),
            },
            labels: chosen(&self.labels, samples),
            energies: chosen(&self.energies, samples),
            decisions: chosen(&self.decisions, samples),
            sets: chosen(&self.sets, samples),
            cohorts: None,
        }
    }
}
