//! All that a policy needs, from one set of samples.

use super::acceptance::{self, Acceptance, Candidate};
use super::conformal;
use super::error::CalibrationError;
use super::logits::Logits;
use super::probabilities::{Answers, Probabilities, Scaling};
use super::raps::Raps;
use super::reliability::{Bin, expected_calibration_error, reliability};
use super::selective::{area_under_risk_coverage, risk_coverage};
use super::temperature::inverse_temperature;
use super::vector::vector_scaling;

/// Bins of the reliability table.
pub const BINS: usize = 15;

/// More classes than this get regularized adaptive sets.
pub const MANY_CLASSES: usize = 20;

/// How logits become calibrated ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// One temperature for all classes.
    #[default]
    Temperature,
    /// A scale and a bias for each class.
    Vector,
}

/// What is to be fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FitOptions {
    /// The largest share of wrong answers among accepted ones, and of samples whose true class isn't in their set.
    pub alpha: f64,
    /// How probable it may be that the samples mislead, so that accepted answers are wrong more often.
    pub delta: f64,
    /// How logits are calibrated.
    pub method: Method,
    /// Instead of a bound of the error: the share of answers that may fall back.
    pub budget: Option<f64>,
    /// The share of the samples that the energy threshold is to keep; at 1 there is none.
    pub inliers: f64,
    /// Whether sets have a quantile for each class.
    pub by_class: bool,
    /// The share of the samples that calibrate the logits, set the energy threshold and propose thresholds; the others test them.
    pub tuning: f64,
    /// Which samples these are.
    pub seed: u64,
}

impl Default for FitOptions {
    fn default() -> Self {
        Self {
            alpha: 0.02,
            delta: 0.05,
            method: Method::Temperature,
            budget: None,
            inliers: 0.99,
            by_class: true,
            tuning: 0.25,
            seed: 0,
        }
    }
}

impl FitOptions {
    fn check(&self) -> Result<(), CalibrationError> {
        let open = [("alpha", self.alpha), ("delta", self.delta), ("tuning", self.tuning)];
        let closed = [("budget", self.budget.unwrap_or(0.0)), ("inliers", self.inliers)];
        let open = open.into_iter().find(|&(_, value)| !(value > 0.0 && value < 1.0));
        let closed = closed.into_iter().find(|(_, value)| !(0.0..=1.0).contains(value));
        open.or(closed).map_or(Ok(()), |(name, value)| Err(CalibrationError::Option { name, value }))
    }
}

/// What a policy needs, fitted to samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Fitted {
    /// How logits are calibrated; each value is one of f32.
    pub scaling: Scaling,
    /// The highest energy of calibrated logits that isn't out of distribution; `None` without a threshold.
    pub energy: Option<f32>,
    /// The costs of ranks in sets of many classes.
    pub raps: Option<Raps>,
    /// What holds for all samples.
    pub all: Rules,
    /// What holds for each cohort, by name.
    pub cohorts: Vec<(String, Rules)>,
    /// The test samples' answers by confidence, in [`BINS`] bins.
    pub reliability: Vec<Bin>,
    /// Expected calibration error of the test samples before and after.
    pub calibration_error: [f64; 2],
    /// Area under the test samples' risk-coverage curve.
    pub aurc: f64,
}

impl Fitted {
    /// What the model answers, and whether the rules for all samples accept it.
    pub fn answers(&self, logits: &Logits<'_>) -> (Answers, Vec<bool>) {
        let probabilities = self.scaling.probabilities(logits);
        let answers = probabilities.answers(logits.labels());
        let threshold = self.all.acceptance.threshold.unwrap_or(f32::INFINITY);
        let candidates = candidates(&probabilities, &answers, self.energy);
        let accepted = candidates.iter().map(|candidate| candidate.confidence >= threshold).collect();
        (answers, accepted)
    }
}

/// The answers as acceptance sees them: an energy above the threshold is rejected whatever the confidence.
fn candidates(probabilities: &Probabilities, answers: &Answers, energy: Option<f32>) -> Vec<Candidate> {
    let highest = energy.unwrap_or(f32::INFINITY);
    let pairs = answers.confidence.iter().zip(&answers.right).zip(probabilities.energies());
    let candidate = |((&confidence, &right), &of): ((&f64, &bool), &f64)| {
        let confidence = if of as f32 <= highest { confidence as f32 } else { f32::NEG_INFINITY };
        Candidate { confidence, right }
    };
    pairs.map(candidate).collect()
}

/// When an answer is accepted, and which classes are possible.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// From which confidence on answers are accepted.
    pub acceptance: Acceptance,
    /// Quantiles of one minus the true class's probability: one for each class, or one for all; infinite where there are too few samples.
    pub quantiles: Vec<f32>,
    /// The quantile of the adaptive scores, where there are such sets.
    pub raps: Option<f32>,
}

/// Fits what a policy needs. `tuning` of the samples calibrate the logits and propose thresholds, the others test these and give
/// the quantiles, so that what is promised of new samples that are like them is exact: see [`acceptance`] and [`conformal`].
///
/// # Errors
/// [`CalibrationError::TooFew`] when a part would have no samples, [`CalibrationError::Option`].
pub fn fit(logits: &Logits<'_>, options: &FitOptions) -> Result<Fitted, CalibrationError> {
    options.check()?;
    let [tuning, test] = divide(logits, options)?;
    let scaling = scale(&tuning, options.method).rounded();
    let tuned = Part::new(&scaling, tuning);
    let energy = conformal::quantile(tuned.probabilities.energies(), 1.0 - options.inliers) as f32;
    let energy = energy.is_finite().then_some(energy);
    let raps = (logits.classes() > MANY_CLASSES)
        .then(|| Raps::choose(&tuned.probabilities, tuned.logits.labels(), options.alpha));
    let fitter = Fitter { options, energy, raps };
    let tested = Part::new(&scaling, test);
    let cohort = |(cohort, name): (usize, &String)| {
        let [tuning, test] = [&tuned, &tested].map(|part| part.cohort(&scaling, cohort));
        (name.clone(), fitter.rules(&tuning, &test))
    };
    let answers = tested.probabilities.answers(tested.logits.labels());
    let table = reliability(&answers, BINS);
    let raw = Scaling::identity().probabilities(&tested.logits).answers(tested.logits.labels());
    let errors = [&reliability(&raw, BINS), &table].map(|table| expected_calibration_error(table).unwrap_or(0.0));
    Ok(Fitted {
        energy,
        raps,
        all: fitter.rules(&tuned, &tested),
        cohorts: logits.cohort_names().iter().enumerate().map(cohort).collect(),
        reliability: table,
        calibration_error: errors,
        aurc: area_under_risk_coverage(&risk_coverage(&answers)).unwrap_or(0.0),
        scaling,
    })
}

/// The tuning samples and the test samples, drawn by the seed.
fn divide(logits: &Logits<'_>, options: &FitOptions) -> Result<[Logits<'static>; 2], CalibrationError> {
    let samples = logits.len();
    if samples < 2 {
        return Err(CalibrationError::TooFew { samples, needed: 2 });
    }
    let tuning = ((samples as f64 * options.tuning).round() as usize).clamp(1, samples - 1);
    let order = shuffled(samples, options.seed);
    let (tuning, test) = order.split_at(tuning);
    Ok([logits.select(tuning), logits.select(test)])
}

/// The numbers below `count` in an order that the seed says, each as likely as any other.
pub fn shuffled(count: usize, seed: u64) -> Vec<usize> {
    let mut state = seed;
    // SplitMix64, whose numbers are good from any seed on (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
    let mut next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    };
    let mut order: Vec<usize> = (0..count).collect();
    for place in (1..count).rev() {
        let other = (u128::from(next()) * (place as u128 + 1)) >> 64;
        order.swap(place, other as usize);
    }
    order
}

fn scale(tuning: &Logits<'_>, method: Method) -> Scaling {
    match method {
        Method::Temperature => {
            let factor = inverse_temperature(tuning);
            // At an end, samples without an error or without any hint can't say how sure the model may be.
            let ends = [10.0, -10.0].map(f64::exp);
            let factor = if ends.contains(&factor) { 1.0 } else { factor };
            Scaling { scale: vec![factor], bias: Vec::new() }
        }
        Method::Vector => vector_scaling(tuning),
    }
}

/// Samples with their probabilities.
struct Part {
    logits: Logits<'static>,
    probabilities: Probabilities,
}

impl Part {
    fn new(scaling: &Scaling, logits: Logits<'static>) -> Self {
        Self { probabilities: scaling.probabilities(&logits), logits }
    }

    fn cohort(&self, scaling: &Scaling, cohort: usize) -> Self {
        Self::new(scaling, self.logits.select(&self.logits.cohort(cohort)))
    }

    fn candidates(&self, energy: Option<f32>) -> Vec<Candidate> {
        candidates(&self.probabilities, &self.probabilities.answers(self.logits.labels()), energy)
    }
}

struct Fitter<'a> {
    options: &'a FitOptions,
    energy: Option<f32>,
    raps: Option<Raps>,
}

impl Fitter<'_> {
    fn rules(&self, tuning: &Part, test: &Part) -> Rules {
        let FitOptions { alpha, delta, budget, by_class, .. } = *self.options;
        let candidates = test.candidates(self.energy);
        let acceptance = match budget {
            Some(budget) => acceptance::within_budget(&candidates, budget, alpha, delta),
            None => acceptance::bounded(&tuning.candidates(self.energy), &candidates, alpha, delta),
        };
        let (labels, classes) = (test.logits.labels(), test.logits.classes());
        let scores = conformal::scores(&test.probabilities, labels);
        let quantiles = if by_class {
            conformal::quantiles_by_class(&scores, labels, classes, alpha)
        } else {
            vec![conformal::quantile(&scores, alpha)]
        };
        let adaptive =
            |raps: Raps| above(conformal::quantile(&raps.scores(&test.probabilities, labels), alpha) + SLACK);
        Rules { acceptance, quantiles: quantiles.into_iter().map(above).collect(), raps: self.raps.map(adaptive) }
    }
}

/// What is added to the quantile of sums of probabilities: a sum of all classes is 1 but for a device's rounding.
const SLACK: f64 = 1e-6;

/// The least f32 that isn't smaller.
fn above(value: f64) -> f32 {
    let near = value as f32;
    if f64::from(near) < value { near.next_up() } else { near }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Logits of a model of `classes` classes that is right as often as the probability `1 / (1 + exp(-2 * margin))` or so says, and says it with
    /// twice the logits.
    fn samples(count: usize, classes: usize) -> (Vec<f32>, Vec<u32>) {
        let draws = shuffled(count, 7);
        let (mut values, mut labels) = (Vec::new(), Vec::new());
        for (i, &draw) in draws.iter().enumerate() {
            let (class, margin) = (i % classes, (i / classes % 50) as f64 / 10.0);
            let right = (draw as f64 + 0.5) / (count as f64) < 1.0 / (1.0 + (classes - 1) as f64 * (-margin).exp());
            values.extend((0..classes).map(|c| if c == class { 2.0 * margin as f32 } else { 0.0 }));
            labels.push(if right { class } else { (class + 1) % classes } as u32);
        }
        (values, labels)
    }

    fn fitted(count: usize, classes: usize, options: &FitOptions) -> Fitted {
        let (values, labels) = samples(count, classes);
        fit(&Logits::new(classes, &values, &labels).expect("sound"), options).expect("enough samples")
    }

    #[test]
    fn overconfidence_is_taken_off() {
        for method in [Method::Temperature, Method::Vector] {
            let fitted = fitted(20_000, 2, &FitOptions { method, ..FitOptions::default() });
            assert!((fitted.scaling.scale[0] - 0.5).abs() < 0.05, "{:?}", fitted.scaling);
            let [before, after] = fitted.calibration_error;
            assert!(before > 0.03 && after < 0.015, "{before} {after}");
            assert_eq!(fitted.reliability.iter().map(|bin| bin.count).sum::<usize>(), 15_000);
        }
    }

    #[test]
    fn accepted_answers_are_bounded_and_inliers_kept() {
        let fitted = fitted(20_000, 2, &FitOptions::default());
        let Acceptance { threshold, bounded, bound, .. } = fitted.all.acceptance;
        assert!(bounded && bound <= 0.02, "{fitted:?}");
        assert!(threshold.is_some_and(|threshold| threshold > 0.9), "{threshold:?}");
        assert_eq!(fitted.all.quantiles.len(), 2);
        assert!(fitted.energy.is_some());
        assert_eq!(fitted.raps, None);
        let kept = FitOptions { inliers: 1.0, by_class: false, ..FitOptions::default() };
        let fitted = self::fitted(20_000, 2, &kept);
        assert_eq!((fitted.energy, fitted.all.quantiles.len()), (None, 1));
    }

    #[test]
    fn many_classes_have_adaptive_sets() {
        let fitted = fitted(4_000, 30, &FitOptions { alpha: 0.1, ..FitOptions::default() });
        assert!(fitted.raps.is_some() && fitted.all.raps.is_some_and(f32::is_finite));
    }

    #[test]
    fn cohorts_have_rules_of_their_own() {
        let (values, mut labels) = samples(20_000, 2);
        let of: Vec<u32> = (0..20_000).map(|i| u32::from(i % 3 == 0)).collect();
        // Nothing is right in the second.
        labels.iter_mut().zip(&of).filter(|&(_, &of)| of == 1).for_each(|(label, _)| *label = 1 - *label);
        let names = ["fine".to_owned(), "broken".to_owned(), "nobody".to_owned()];
        let logits = Logits::new(2, &values, &labels).and_then(|logits| logits.with_cohorts(&names, &of));
        let fitted = fit(&logits.expect("sound"), &FitOptions::default()).expect("enough samples");
        let found: Vec<_> = fitted.cohorts.iter().map(|(name, rules)| (&name[..], rules.acceptance.bounded)).collect();
        assert_eq!(found, [("fine", true), ("broken", false), ("nobody", false)]);
        assert_eq!(fitted.cohorts[2].1.quantiles, [f32::INFINITY; 2]);
    }

    #[test]
    fn few_samples_promise_nothing() {
        let fitted = fitted(2, 2, &FitOptions::default());
        assert_eq!((fitted.energy, fitted.all.acceptance.threshold), (None, None));
        let (values, labels) = ([1.0, 2.0], [1]);
        let logits = Logits::new(2, &values, &labels).expect("sound");
        assert_eq!(fit(&logits, &FitOptions::default()), Err(CalibrationError::TooFew { samples: 1, needed: 2 }));
    }

    #[test]
    fn options_lie_between_0_and_1() {
        let (values, labels) = samples(10, 2);
        let logits = Logits::new(2, &values, &labels).expect("sound");
        let usual = FitOptions::default();
        let wrong = [
            ("alpha", FitOptions { alpha: 0.0, ..usual }),
            ("delta", FitOptions { delta: f64::NAN, ..usual }),
            ("tuning", FitOptions { tuning: 1.0, ..usual }),
            ("budget", FitOptions { budget: Some(-0.1), ..usual }),
            ("inliers", FitOptions { inliers: 1.1, ..usual }),
        ];
        for (option, options) in wrong {
            assert!(matches!(fit(&logits, &options), Err(CalibrationError::Option { name, .. }) if name == option));
        }
    }

    #[test]
    fn f32_bounds_are_never_below() {
        for value in [0.1, 1.0, 1.0 + 1e-12, f64::INFINITY] {
            assert!(f64::from(above(value)) >= value);
        }
        assert_eq!(above(1.0 + 1e-12), 1.0_f32.next_up());
    }

    #[test]
    fn every_place_is_shuffled() {
        let order = shuffled(1000, 1);
        assert!((0..1000).all(|i| order.contains(&i)));
        assert!(order.iter().enumerate().filter(|&(place, &i)| place == i).count() < 10);
        assert_ne!(order, shuffled(1000, 2));
    }
}
