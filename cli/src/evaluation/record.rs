//! The record, as `--json` writes it: names in it are promised.

use serde::Serialize;

/// What was measured.
#[derive(Debug, Serialize)]
pub struct Evaluation {
    /// The artifact's file.
    pub model: String,
    /// The name of the head that was measured, where the model has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
    /// The data's folder or file.
    pub data: String,
    /// The kernel set.
    pub kernels: String,
    /// Samples that were classified.
    pub samples: usize,
    /// Samples that couldn't be read.
    pub unreadable: usize,
    /// Share of right answers.
    pub accuracy: Option<f64>,
    /// The interval in which it lies.
    pub accuracy_low: f64,
    /// Its upper end.
    pub accuracy_high: f64,
    /// Expected calibration error.
    pub calibration_error: Option<f64>,
    /// Area under the curve of risk over coverage.
    pub aurc: Option<f64>,
    /// The median time.
    pub p50_us: f64,
    /// The time that nine of ten don't exceed.
    pub p90_us: f64,
    /// Answers by their probability.
    pub reliability: Vec<ReliabilityBin>,
    /// The error that is left when the least probable answers are.
    pub risk_coverage: Vec<CurvePoint>,
    /// What the artifact's policy does; `null` without one.
    pub policy: Option<PolicyResult>,
    /// By class.
    pub classes: Vec<ClassResult>,
    /// Rows are true classes, columns answers.
    pub confusion: Vec<Vec<u64>>,
    /// By cohort.
    pub cohorts: Vec<CohortResult>,
    /// How unlike cohorts are served, by class.
    pub equalized_odds: Vec<OddsResult>,
    /// Against data of another kind.
    pub ood: Option<OodResult>,
    /// Wrong answers, the most probable first.
    pub mistakes: Vec<Mistake>,
}

/// Answers of like probability.
#[derive(Debug, Serialize)]
pub struct ReliabilityBin {
    /// Probabilities above this are in the bin.
    pub low: f64,
    /// Up to this.
    pub high: f64,
    /// How many answers.
    pub count: usize,
    /// Their mean probability.
    pub confidence: Option<f64>,
    /// Share of right ones.
    pub accuracy: Option<f64>,
    /// The interval in which it lies.
    pub accuracy_low: f64,
    /// Its upper end.
    pub accuracy_high: f64,
}

/// One point of the curve.
#[derive(Debug, Serialize)]
pub struct CurvePoint {
    /// The least probability that is accepted.
    pub threshold: f64,
    /// Share of answers that are.
    pub coverage: f64,
    /// Share of wrong ones among these.
    pub risk: f64,
}

/// What a policy does with the samples.
#[derive(Clone, Debug, Serialize)]
pub struct PolicyResult {
    /// The least probability of an answer.
    pub threshold: f64,
    /// The error that was allowed among answers.
    pub alpha: f64,
    /// The energy from which on an input is out of distribution; `null` where none is.
    pub energy: Option<f64>,
    /// Samples that are answered.
    pub answered: usize,
    /// Their share.
    pub coverage: Option<f64>,
    /// Wrong ones among them.
    pub errors: usize,
    /// The share of these.
    pub error: Option<f64>,
    /// The interval in which it lies.
    pub error_low: f64,
    /// Its upper end.
    pub error_high: f64,
    /// Share of prediction sets that hold the true class; `null` without sets.
    pub set_coverage: Option<f64>,
    /// Classes in a set, on average.
    pub set_size: Option<f64>,
    /// All decisions by reason, the most frequent first.
    pub decisions: Vec<DecisionCount>,
}

/// How often a decision was made.
#[derive(Clone, Debug, Serialize)]
pub struct DecisionCount {
    /// `answer`, `fallback` or `abstain`.
    pub decision: &'static str,
    /// Why there was no answer.
    pub reason: Option<&'static str>,
    /// Samples.
    pub samples: usize,
    /// Their share.
    pub share: Option<f64>,
}

/// Of one class.
#[derive(Debug, Serialize)]
pub struct ClassResult {
    /// Its number.
    pub class: usize,
    /// Its name.
    pub label: String,
    /// Samples of it.
    pub samples: u64,
    /// Share of them that were recognized.
    pub recall: Option<f64>,
    /// The interval in which it lies.
    pub recall_low: f64,
    /// Its upper end.
    pub recall_high: f64,
    /// Samples that were given it.
    pub answers: u64,
    /// Share of these that are of it.
    pub precision: Option<f64>,
    /// The interval in which it lies.
    pub precision_low: f64,
    /// Its upper end.
    pub precision_high: f64,
}

/// Of one cohort.
#[derive(Debug, Serialize)]
pub struct CohortResult {
    /// Its name.
    pub cohort: String,
    /// Samples of it.
    pub samples: usize,
    /// Share of right answers.
    pub accuracy: Option<f64>,
    /// The interval in which it lies.
    pub accuracy_low: f64,
    /// Its upper end.
    pub accuracy_high: f64,
    /// Expected calibration error.
    pub calibration_error: Option<f64>,
    /// Area under the curve of risk over coverage.
    pub aurc: Option<f64>,
    /// Share of samples that the policy answers; `null` without a policy, as the others.
    pub coverage: Option<f64>,
    /// The interval in which it lies.
    pub coverage_low: Option<f64>,
    /// Its upper end.
    pub coverage_high: Option<f64>,
    /// Share of wrong ones among the answered.
    pub error: Option<f64>,
    /// The interval in which it lies.
    pub error_low: Option<f64>,
    /// Its upper end.
    pub error_high: Option<f64>,
}

/// How unlike cohorts are served with a class.
#[derive(Debug, Serialize)]
pub struct OddsResult {
    /// The class.
    pub class: usize,
    /// Its name.
    pub label: String,
    /// The larger of both gaps.
    pub difference: Option<f64>,
    /// Between the shares of samples of the class that were recognized.
    pub true_positive: Option<GapResult>,
    /// Between the shares of other samples that were taken for it.
    pub false_positive: Option<GapResult>,
}

/// A gap between two cohorts.
#[derive(Debug, Serialize)]
pub struct GapResult {
    /// How far they are apart.
    pub gap: f64,
    /// Whether their intervals don't overlap.
    pub clear: bool,
    /// The cohort with the lowest share.
    pub low: RateResult,
    /// The one with the highest.
    pub high: RateResult,
}

/// A cohort's share.
#[derive(Debug, Serialize)]
pub struct RateResult {
    /// The cohort.
    pub cohort: String,
    /// Its samples that count.
    pub samples: usize,
    /// The share.
    pub rate: Option<f64>,
    /// The interval in which it lies.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

/// How well the energy tells data of another kind.
#[derive(Debug, Serialize)]
pub struct OodResult {
    /// The data's folder or file.
    pub data: String,
    /// Samples that were classified.
    pub samples: usize,
    /// Samples that couldn't be read.
    pub unreadable: usize,
    /// The probability that one of these has more energy than one of the labelled data.
    pub auroc: Option<f64>,
    /// What the policy makes of them; empty without one.
    pub decisions: Vec<DecisionCount>,
}

/// A wrong answer.
#[derive(Debug, Serialize)]
pub struct Mistake {
    /// The file, or the line or row.
    pub sample: String,
    /// The true class.
    pub class: usize,
    /// Its name.
    pub label: String,
    /// What was answered.
    pub answer: usize,
    /// Its name.
    pub answer_label: String,
    /// The answer's probability.
    pub probability: f64,
    /// What an app gets; `null` without a policy.
    pub decision: Option<&'static str>,
    /// The beginning of the text, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}
