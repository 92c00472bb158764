//! From which confidence on answers are accepted.
//!
//! The thresholds are learned on one part of the samples and tested on another (Angelopoulos et al.: Learn then Test, 2021). Tuning
//! samples give a sequence of thresholds, from the one that they promise most of to ever looser ones. On test samples each
//! has the hypothesis that more than `alpha` of its accepted answers are wrong; its p-value is exact, a binomial tail. The hypotheses are
//! tested in that order until one can't be rejected: the last threshold whose hypothesis was rejected is taken. As the order is fixed before
//! a test sample is seen, any of the rejected ones is wrong with a probability of at most `delta`, however many there are.

use super::interval::{binomial_tail, fractional_tail, upper_bound};
use super::logits::Logits;
use super::vector::vector_scaling;

/// An answer as acceptance sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// The answer's calibrated probability as a device has it; below every threshold when another rule rejects the answer.
    pub confidence: f32,
    /// Whether the answer is right.
    pub right: bool,
}

/// From which confidence on answers are accepted, and what the test samples said of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Acceptance {
    /// The least calibrated probability that is accepted; `None` when none can be.
    pub threshold: Option<f32>,
    /// Whether the error among accepted answers is at most `alpha`, with confidence `1 - delta`.
    pub bounded: bool,
    /// How many answers there were.
    pub samples: usize,
    /// How many of them are accepted.
    pub accepted: usize,
    /// How many of the accepted ones are wrong.
    pub errors: usize,
    /// What the error among accepted answers doesn't exceed, with confidence `1 - delta`; 1 without any.
    pub bound: f64,
}

impl Acceptance {
    /// Share of the answers that are accepted; `None` without any answers.
    pub fn coverage(&self) -> Option<f64> {
        (self.samples > 0).then(|| self.accepted as f64 / self.samples as f64)
    }

    /// Share of the accepted answers that are wrong; `None` when nothing is accepted.
    pub fn error(&self) -> Option<f64> {
        (self.accepted > 0).then(|| self.errors as f64 / self.accepted as f64)
    }

    fn at(threshold: Option<f32>, test: &[Candidate], alpha: f64, delta: f64) -> Self {
        let [accepted, errors] = threshold.map_or([0; 2], |threshold| count(test, threshold));
        let bounded = binomial_tail(errors, accepted, alpha) <= delta;
        Self { threshold, bounded, samples: test.len(), accepted, errors, bound: upper_bound(errors, accepted, delta) }
    }
}

/// How many candidates a threshold accepts, and how many of these are wrong.
fn count(candidates: &[Candidate], threshold: f32) -> [usize; 2] {
    let accepted = candidates.iter().filter(|candidate| candidate.confidence >= threshold);
    accepted.fold([0; 2], |[all, wrong], candidate| [all + 1, wrong + usize::from(!candidate.right)])
}

/// The loosest threshold whose error among accepted answers is at most `alpha`, with confidence `1 - delta`.
pub fn bounded(tuning: &[Candidate], test: &[Candidate], alpha: f64, delta: f64) -> Acceptance {
    let rejects = |&threshold: &f32| {
        let [accepted, errors] = count(test, threshold);
        binomial_tail(errors, accepted, alpha) <= delta
    };
    let threshold = sequence(tuning, alpha).into_iter().take_while(rejects).last();
    Acceptance::at(threshold, test, alpha, delta)
}

/// The threshold of which at most the share `budget` of new answers stays below. Its error is measured, and bounded if that comes
/// out so.
pub fn within_budget(test: &[Candidate], budget: f64, alpha: f64, delta: f64) -> Acceptance {
    let mut confidences: Vec<f32> = test.iter().map(|candidate| candidate.confidence).collect();
    confidences.sort_by(f32::total_cmp);
    // A new answer is below the k-th smallest of n with a probability of at most k / (n + 1).
    let rank = (budget * (test.len() + 1) as f64).floor() as usize;
    let threshold = rank.checked_sub(1).and_then(|place| confidences.get(place.min(confidences.len() - 1)).copied());
    Acceptance::at(Some(threshold.unwrap_or(0.0).max(0.0)), test, alpha, delta)
}

/// The thresholds in the order in which they are tested, from the one on that is likeliest to be proved.
fn sequence(tuning: &[Candidate], alpha: f64) -> Vec<f32> {
    let mut ranked = tuning.to_vec();
    ranked.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    let doubts = doubts(&ranked);
    let (mut errors, mut steps) = (0.0, 0);
    let (mut thresholds, mut p_values) = (Vec::new(), Vec::new());
    for (place, (candidate, doubt)) in ranked.iter().zip(&doubts).enumerate() {
        errors += doubt;
        let next = ranked.get(place + 1).map(|next| next.confidence);
        let reached = (place + 1) * STEPS / ranked.len();
        // Equal ones are accepted together.
        if reached > steps && next != Some(candidate.confidence) {
            steps = reached;
            thresholds.push(candidate.confidence.max(0.0));
            p_values.push(fractional_tail(errors, (place + 1) as f64, alpha));
        }
    }
    let start = (0..p_values.len()).fold(0, |best, at| if p_values[at] <= p_values[best] { at } else { best });
    thresholds.split_off(start)
}

/// How probably each answer is wrong, by a logistic curve through the answers: few are wrong among the most confident ones, so that
/// counting these would say it less exactly, and the probabilities themselves may be off for a part of the samples.
fn doubts(ranked: &[Candidate]) -> Vec<f64> {
    let odds = |candidate: &Candidate| {
        let confidence = candidate.confidence.max(0.0);
        (confidence / (1.0 - confidence)).ln().clamp(-MAX_LOGIT, MAX_LOGIT)
    };
    let accepted = ranked.iter().filter(|candidate| candidate.confidence >= 0.0);
    let mut pairs: Vec<(f32, bool)> = accepted.map(|candidate| (odds(candidate), candidate.right)).collect();
    // So that samples without an error, or with nothing else, don't promise that this goes on for ever.
    let least = pairs.last().map_or(0.0, |&(odds, _)| odds);
    pairs.extend([(least, false), (least, true)]);
    let values: Vec<f32> = pairs.iter().flat_map(|&(odds, _)| [0.0, odds]).collect();
    let labels: Vec<u32> = pairs.iter().map(|&(_, right)| u32::from(right)).collect();
    let Ok(logits) = Logits::new(2, &values, &labels) else {
        unreachable!("odds are finite, and there is one for each label")
    };
    let curve = vector_scaling(&logits).probabilities(&logits);
    let known = curve.rows().map(|row| row[0]).take(pairs.len() - 2);
    known.chain(std::iter::repeat(1.0)).take(ranked.len()).collect()
}

/// Beyond any probability of f32 but 1.
const MAX_LOGIT: f32 = 20.0;

/// How many shares of the tuning samples have a threshold.
const STEPS: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    /// `count` answers of a confidence, of which every `wrong`-th is wrong.
    fn answers(count: usize, confidence: f32, wrong: usize) -> impl Iterator<Item = Candidate> {
        (1..=count).map(move |i| Candidate { confidence, right: i % wrong != 0 })
    }

    #[test]
    fn loosest_threshold_that_is_proved_is_taken() {
        let part: Vec<Candidate> =
            answers(400, 0.99, 1000).chain(answers(400, 0.9, 100)).chain(answers(200, 0.6, 3)).collect();
        let found = bounded(&part, &part, 0.02, 0.05);
        assert_eq!(found.threshold, Some(0.9));
        assert_eq!([found.samples, found.accepted, found.errors], [1000, 800, 4]);
        assert!(found.bounded && found.bound <= 0.02);
        assert_eq!(found.coverage(), Some(0.8));
        assert_eq!(found.error(), Some(0.005));
    }

    #[test]
    fn nothing_is_accepted_without_proof() {
        // 148 answers without an error don't show with 95 % that fewer than 2 % are wrong, 149 do.
        for (count, threshold) in [(148, None), (149, Some(0.9))] {
            let part: Vec<Candidate> = answers(count, 0.9, 1000).collect();
            let found = bounded(&part, &part, 0.02, 0.05);
            assert_eq!((found.threshold, found.bounded), (threshold, threshold.is_some()), "{count}");
        }
        let none = bounded(&[], &[], 0.02, 0.05);
        assert_eq!((none.threshold, none.bound, none.coverage(), none.error()), (None, 1.0, None, None));
    }

    #[test]
    fn answers_that_other_rules_reject_count_as_not_accepted() {
        let part: Vec<Candidate> = answers(500, 0.9, 1000).chain(answers(500, f32::NEG_INFINITY, 1)).collect();
        let found = bounded(&part, &part, 0.02, 0.05);
        assert_eq!([found.samples, found.accepted, found.errors], [1000, 500, 0]);
    }

    #[test]
    fn budget_is_the_share_that_stays_below() {
        let part: Vec<Candidate> =
            (0..99).map(|i| Candidate { confidence: 0.5 + i as f32 / 200.0, right: i > 5 }).collect();
        let found = within_budget(&part, 0.1, 0.02, 0.05);
        assert_eq!(found.threshold, Some(0.5 + 9.0 / 200.0));
        assert_eq!([found.accepted, found.errors], [90, 0]);
        assert!(!found.bounded, "90 are too few");
        for (budget, accepted) in [(0.0, 99), (0.001, 99), (1.0, 1)] {
            assert_eq!(within_budget(&part, budget, 0.02, 0.05).accepted, accepted, "{budget}");
        }
        assert_eq!(within_budget(&[], 0.5, 0.02, 0.05).threshold, Some(0.0));
    }
}
