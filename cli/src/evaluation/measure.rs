//! From judged samples to the record.

use std::collections::BTreeMap;

use dunlin_compiler::calibration::{
    BINS, Bin, Gap, Interval, Rate, RiskPoint, area_under_risk_coverage, area_under_roc, equalized_odds,
    expected_calibration_error, reliability, risk_coverage, wilson,
};

use super::judged::{Decided, Judged};
use super::record::{
    ClassResult, CohortResult, CurvePoint, DecisionCount, Evaluation, GapResult, Mistake, OddsResult, OodResult,
    PolicyResult, RateResult, ReliabilityBin,
};
use crate::metrics::{Confusion, Times};
use crate::model::class_name;

/// The confidence of intervals.
const CONFIDENCE: f64 = 0.95;

/// The most points of the curve.
const POINTS: usize = 200;

/// The most mistakes.
const MISTAKES: usize = 20;

/// What isn't measured but known.
#[derive(Debug)]
pub struct Setting<'a> {
    /// The artifact's file.
    pub model: String,
    /// The head's name, where there are several.
    pub head: Option<String>,
    /// The data's folder or file.
    pub data: String,
    /// The kernel set.
    pub kernels: String,
    /// The classes' names.
    pub names: &'a [String],
    /// How many classes there are.
    pub classes: usize,
    /// Samples that couldn't be read.
    pub unreadable: usize,
    /// How long each sample took.
    pub times: Vec<f64>,
    /// Where the artifact has a policy.
    pub policy: Option<Thresholds>,
}

/// Numbers of a policy.
#[derive(Clone, Copy, Debug)]
pub struct Thresholds {
    /// The least probability of an answer.
    pub threshold: f64,
    /// The error that was allowed among answers.
    pub alpha: f64,
    /// The most energy of an answer; may be infinite.
    pub energy: f64,
}

impl Evaluation {
    /// Measures. `sample` tells what a sample is called, and its text where that was asked for.
    pub fn new(setting: Setting<'_>, judged: &Judged, sample: impl Fn(usize) -> (String, Option<String>)) -> Self {
        let Setting { model, head, data, kernels, names, classes, unreadable, times, policy } = setting;
        let pairs = judged.labels.iter().zip(&judged.answers.classes);
        let confusion = Confusion::new(classes, pairs.map(|(&truth, &answer)| (truth as usize, answer as usize)));
        let (curve, bins) = (risk_coverage(&judged.answers), reliability(&judged.answers, BINS));
        let Interval { low: accuracy_low, high: accuracy_high } = wilson(judged.right(), judged.len(), CONFIDENCE);
        let times = Times::new(times);
        Self {
            model,
            head,
            data,
            kernels,
            samples: judged.len(),
            unreadable,
            accuracy: judged.answers.accuracy(),
            accuracy_low,
            accuracy_high,
            calibration_error: expected_calibration_error(&bins),
            aurc: area_under_risk_coverage(&curve),
            p50_us: times.percentile(50.0),
            p90_us: times.percentile(90.0),
            reliability: bins.iter().enumerate().map(|(place, bin)| ReliabilityBin::new(place, bin)).collect(),
            risk_coverage: thinned(&curve),
            policy: policy.map(|thresholds| PolicyResult::new(thresholds, judged)),
            classes: (0..classes).map(|class| ClassResult::new(class, names, &confusion)).collect(),
            confusion: confusion.rows().map(<[u64]>::to_vec).collect(),
            cohorts: cohorts(judged),
            equalized_odds: odds(judged, classes, names),
            ood: None,
            mistakes: mistakes(judged, names, sample),
        }
    }
}

impl OodResult {
    /// Compares samples of another kind, which have no labels, with those that were measured.
    pub fn new(data: String, unreadable: usize, other: &Judged, judged: &Judged) -> Self {
        Self {
            data,
            samples: other.len(),
            unreadable,
            auroc: area_under_roc(&other.energies, &judged.energies),
            decisions: decisions(&other.decisions),
        }
    }
}

impl ReliabilityBin {
    fn new(place: usize, bin: &Bin) -> Self {
        let Interval { low, high } = wilson(bin.right, bin.count, CONFIDENCE);
        Self {
            low: place as f64 / BINS as f64,
            high: (place + 1) as f64 / BINS as f64,
            count: bin.count,
            confidence: bin.mean_confidence(),
            accuracy: bin.accuracy(),
            accuracy_low: low,
            accuracy_high: high,
        }
    }
}

/// Points spread evenly over the curve, its ends among them.
fn thinned(curve: &[RiskPoint]) -> Vec<CurvePoint> {
    let (all, count) = (curve.len(), curve.len().min(POINTS));
    let places = (0..count).map(|i| if count > 1 { i * (all - 1) / (count - 1) } else { 0 });
    let point = |place: usize| {
        let RiskPoint { threshold, coverage, risk, .. } = curve[place];
        CurvePoint { threshold, coverage, risk }
    };
    places.map(point).collect()
}

impl PolicyResult {
    fn new(thresholds: Thresholds, judged: &Judged) -> Self {
        let Answered { answered, errors } = Answered::of(judged);
        let error = wilson(errors, answered, CONFIDENCE);
        Self {
            threshold: thresholds.threshold,
            alpha: thresholds.alpha,
            energy: Some(thresholds.energy).filter(|energy| energy.is_finite()),
            answered,
            coverage: share(answered, judged.len()),
            errors,
            error: share(errors, answered),
            error_low: error.low,
            error_high: error.high,
            set_coverage: share(judged.sets.iter().filter(|set| set.hits).count(), judged.sets.len()),
            set_size: share(judged.sets.iter().map(|set| set.size).sum(), judged.sets.len()),
            decisions: decisions(&judged.decisions),
        }
    }
}

/// What the policy answers.
struct Answered {
    answered: usize,
    errors: usize,
}

impl Answered {
    fn of(judged: &Judged) -> Self {
        let answered = judged.decisions.iter().zip(&judged.answers.right).filter(|(decided, _)| decided.is_answer());
        let (mut count, mut errors) = (0, 0);
        for (_, &right) in answered {
            count += 1;
            errors += usize::from(!right);
        }
        Self { answered: count, errors }
    }
}

/// How often each decision was made, the most frequent first.
fn decisions(all: &[Decided]) -> Vec<DecisionCount> {
    let mut counts: BTreeMap<Decided, usize> = BTreeMap::new();
    for &decided in all {
        *counts.entry(decided).or_default() += 1;
    }
    let count = |(Decided { decision, reason }, samples)| {
        let share = share(samples, all.len());
        DecisionCount { decision, reason, samples, share }
    };
    let mut counts: Vec<DecisionCount> = counts.into_iter().map(count).collect();
    counts.sort_by_key(|count| std::cmp::Reverse(count.samples));
    counts
}

impl ClassResult {
    fn new(class: usize, names: &[String], confusion: &Confusion) -> Self {
        let (samples, answers) = (confusion.support(class), confusion.answers(class));
        let [right, of, to] = [confusion.right(class), samples, answers].map(|count| count as usize);
        let (recall, precision) = (wilson(right, of, CONFIDENCE), wilson(right, to, CONFIDENCE));
        Self {
            class,
            label: class_name(names, class),
            samples,
            recall: share(right, of),
            recall_low: recall.low,
            recall_high: recall.high,
            answers,
            precision: share(right, to),
            precision_low: precision.low,
            precision_high: precision.high,
        }
    }
}

fn cohorts(judged: &Judged) -> Vec<CohortResult> {
    let Some(cohorts) = &judged.cohorts else { return Vec::new() };
    let mut members = vec![Vec::new(); cohorts.names.len()];
    for (sample, &cohort) in cohorts.of.iter().enumerate() {
        members[cohort as usize].push(sample);
    }
    let names = cohorts.names.iter().zip(&members);
    names.map(|(name, members)| CohortResult::new(name, &judged.select(members))).collect()
}

impl CohortResult {
    fn new(name: &str, judged: &Judged) -> Self {
        let Interval { low: accuracy_low, high: accuracy_high } = wilson(judged.right(), judged.len(), CONFIDENCE);
        let Answered { answered, errors } = Answered::of(judged);
        let decided = !judged.decisions.is_empty();
        let coverage = decided.then(|| wilson(answered, judged.len(), CONFIDENCE));
        let error = decided.then(|| wilson(errors, answered, CONFIDENCE));
        Self {
            cohort: name.to_owned(),
            samples: judged.len(),
            accuracy: judged.answers.accuracy(),
            accuracy_low,
            accuracy_high,
            calibration_error: expected_calibration_error(&reliability(&judged.answers, BINS)),
            aurc: area_under_risk_coverage(&risk_coverage(&judged.answers)),
            coverage: share(answered, judged.len()).filter(|_| decided),
            coverage_low: coverage.map(|interval| interval.low),
            coverage_high: coverage.map(|interval| interval.high),
            error: share(errors, answered).filter(|_| decided),
            error_low: error.map(|interval| interval.low),
            error_high: error.map(|interval| interval.high),
        }
    }
}

/// The largest difference first.
fn odds(judged: &Judged, classes: usize, names: &[String]) -> Vec<OddsResult> {
    let Some(cohorts) = &judged.cohorts else { return Vec::new() };
    let rate = |rate: Rate| RateResult {
        cohort: cohorts.names[rate.cohort].clone(),
        samples: rate.samples,
        rate: rate.rate(),
        low: rate.interval.low,
        high: rate.interval.high,
    };
    let gap = |gap: Gap| GapResult { gap: gap.size(), clear: gap.is_clear(), low: rate(gap.low), high: rate(gap.high) };
    let all = equalized_odds(&judged.answers, &judged.labels, classes, &cohorts.of, cohorts.names.len());
    let result = |odds: dunlin_compiler::calibration::ClassOdds| OddsResult {
        class: odds.class,
        label: class_name(names, odds.class),
        difference: odds.difference(),
        true_positive: odds.true_positive.map(gap),
        false_positive: odds.false_positive.map(gap),
    };
    let mut results: Vec<OddsResult> = all.into_iter().map(result).collect();
    let size = |result: &OddsResult| result.difference.unwrap_or(-1.0);
    results.sort_by(|a, b| size(b).total_cmp(&size(a)));
    results
}

fn mistakes(judged: &Judged, names: &[String], sample: impl Fn(usize) -> (String, Option<String>)) -> Vec<Mistake> {
    let answers = &judged.answers;
    let mut wrong: Vec<usize> = (0..judged.len()).filter(|&place| !answers.right[place]).collect();
    wrong.sort_by(|&a, &b| answers.confidence[b].total_cmp(&answers.confidence[a]));
    let mistake = |place: usize| {
        let (name, text) = sample(place);
        let [class, answer] = [judged.labels[place], answers.classes[place]].map(|class| class as usize);
        Mistake {
            sample: name,
            class,
            label: class_name(names, class),
            answer,
            answer_label: class_name(names, answer),
            probability: answers.confidence[place],
            decision: judged.decisions.get(place).map(|decided| decided.decision),
            text,
        }
    };
    wrong.into_iter().take(MISTAKES).map(mistake).collect()
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
