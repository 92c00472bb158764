//! From what was fitted to the policy in an artifact.

use dunlin_engine::artifact::{ArtifactError, Bounds, Calibration, Policy, Writer};

use crate::calibration::{Bin, FitOptions, Fitted, Rules};

/// A policy that owns what it has; what an app wants is added to what was fitted.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// Classes of the model.
    pub classes: usize,
    /// See [`Calibration::scales`].
    pub scales: Vec<f32>,
    /// See [`Calibration::biases`].
    pub biases: Vec<f32>,
    /// The share of wrong answers that was allowed.
    pub alpha: f32,
    /// The chance that the samples allow more.
    pub delta: f32,
    /// Evasion signs from here on are too many.
    pub evasion: Option<u8>,
    /// The least probability that is shown.
    pub score_threshold: f32,
    /// How many classes are shown; 0 is all.
    pub top_k: u32,
    /// The penalty of a rank and the number of those that are free, where sets go by ranks.
    pub ranks: Option<(f32, u32)>,
    /// The only classes that are shown and answered; none is all.
    pub allow: Vec<u32>,
    /// Classes that are neither.
    pub deny: Vec<u32>,
    /// Where answers begin.
    pub bounds: DraftBounds,
    /// Where those of a cohort begin.
    pub cohorts: Vec<(String, DraftBounds)>,
    /// Samples that all this was fitted to.
    pub samples: usize,
    /// Area under the curve of risk over coverage.
    pub aurc: f64,
    /// Samples, confidence and accuracy of each bin.
    pub reliability: Vec<[f32; 3]>,
}

/// As [`Bounds`].
#[derive(Clone, Debug, PartialEq)]
pub struct DraftBounds {
    /// The least probability of an answer.
    pub threshold: f32,
    /// The most energy of an answer; infinite for none.
    pub energy: f32,
    /// For each class or for all.
    pub quantiles: Vec<f32>,
}

/// Probabilities are fitted in f64 and compared in f32, whose last bits depend on the CPU, and many inputs of an int8 model have the very same logits:
/// what lies on a bound stays on its side by this much.
const SLACK: f32 = 1e-6;

/// The same for sums of probabilities.
const SUM_SLACK: f32 = 1e-5;

impl Draft {
    /// What was fitted to so many samples, for a model of so many classes; `None` when no threshold was found. Cohorts without one are left out.
    pub fn new(fitted: &Fitted, options: &FitOptions, classes: usize, samples: usize) -> Option<Self> {
        let bounds = |rules: &Rules| DraftBounds::new(rules, fitted.energy);
        let cohort = |(name, rules): &(String, Rules)| Some((name.clone(), bounds(rules)?));
        let narrow = |values: &[f64]| values.iter().map(|&value| value as f32).collect();
        let bins = fitted.reliability.iter();
        let mean = |sum: Option<f64>| sum.unwrap_or(0.0) as f32;
        let bin = |bin: &Bin| [bin.count as f32, mean(bin.mean_confidence()), mean(bin.accuracy())];
        Some(Self {
            classes,
            scales: narrow(&fitted.scaling.scale),
            biases: narrow(&fitted.scaling.bias),
            alpha: options.alpha as f32,
            delta: options.delta as f32,
            evasion: None,
            score_threshold: 0.0,
            top_k: 0,
            ranks: fitted.raps.map(|raps| (raps.lambda as f32, raps.k_reg as u32)),
            allow: Vec::new(),
            deny: Vec::new(),
            bounds: bounds(&fitted.all)?,
            cohorts: fitted.cohorts.iter().filter_map(cohort).collect(),
            samples,
            aurc: fitted.aurc,
            reliability: bins.map(bin).collect(),
        })
    }

    /// The file with this policy for a head by its number, in the place of one that it may have; all else stays as it is.
    ///
    /// # Errors
    /// [`ArtifactError`] when the file is no artifact, or has no such head.
    pub fn write(&self, file: &[u8], head: usize) -> Result<Vec<u8>, ArtifactError> {
        let (rank_penalty, free_ranks) = self.ranks.unwrap_or_default();
        let policy = Policy {
            calibration: Calibration { scales: &self.scales, biases: &self.biases },
            alpha: self.alpha,
            delta: self.delta,
            evasion: self.evasion.map_or(NO_EVASION, u32::from),
            score_threshold: self.score_threshold,
            top_k: self.top_k,
            rank_penalty,
            free_ranks,
            allow: &self.allow,
            deny: &self.deny,
            bounds: self.bounds.borrowed(),
            samples: u32::try_from(self.samples).unwrap_or(u32::MAX),
            aurc: self.aurc as f32,
            reliability: &self.reliability,
            ..Policy::default()
        };
        let cohorts: Vec<_> = self.cohorts.iter().map(|(name, bounds)| (&name[..], bounds.borrowed())).collect();
        Ok(Writer::of(file)?.head_policy(head, &policy, self.classes, &cohorts)?.finish())
    }
}

/// Beyond what signs can be.
const NO_EVASION: u32 = 256;

impl DraftBounds {
    fn new(rules: &Rules, energy: Option<f32>) -> Option<Self> {
        let threshold = rules.acceptance.threshold? - SLACK;
        let quantiles = match rules.raps {
            Some(quantile) => vec![quantile + SUM_SLACK],
            None => rules.quantiles.iter().map(|quantile| quantile + SLACK).collect(),
        };
        let energy = energy.map_or(f32::INFINITY, |energy| energy + SLACK * energy.abs().max(1.0));
        Some(Self { threshold, energy, quantiles })
    }

    fn borrowed(&self) -> Bounds<'_> {
        Bounds { threshold: self.threshold, energy: self.energy, quantiles: &self.quantiles }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibration::{Logits, fit};
    use dunlin_engine::{AlignedBytes, Artifact};

    /// Two cohorts of a model of `classes` classes, of which the second is never right.
    fn fitted(classes: usize) -> (Fitted, FitOptions) {
        let (mut values, mut labels, mut of) = (Vec::new(), Vec::new(), Vec::new());
        for i in 0..4000 {
            let class = i % classes;
            values.extend((0..classes).map(|c| if c == class { 4.0 + (i % 7) as f32 } else { 0.0 }));
            let broken = i % 4 == 3;
            of.push(u32::from(broken));
            labels.push(if broken || i % 500 == 0 { (class + 1) % classes } else { class } as u32);
        }
        let names = ["fine".to_owned(), "broken".to_owned()];
        let options = FitOptions { alpha: 0.3, ..FitOptions::default() };
        let logits = Logits::new(classes, &values, &labels).and_then(|logits| logits.with_cohorts(&names, &of));
        (fit(&logits.expect("sound"), &options).expect("enough samples"), options)
    }

    #[test]
    fn what_was_fitted_is_what_a_device_reads() {
        for classes in [3, 30] {
            let (fitted, options) = fitted(classes);
            let mut draft = Draft::new(&fitted, &options, classes, 4000).expect("a threshold");
            (draft.deny, draft.top_k, draft.evasion) = (vec![1], 2, Some(9));
            let file = AlignedBytes::from_slice(&Writer::default().finish());
            let file = AlignedBytes::from_slice(&draft.write(&file, 0).expect("sound"));
            let artifact = Artifact::parse(&file).expect("sound");
            let policy = artifact.policy(classes).expect("sound");
            assert_eq!(policy.calibration.scales, [fitted.scaling.scale[0] as f32]);
            assert_eq!((policy.alpha, policy.delta, policy.samples), (0.3, 0.05, 4000));
            assert_eq!((policy.deny, policy.top_k, policy.evasion), (&[1][..], 2, 9));
            assert_eq!(policy.reliability.len(), fitted.reliability.len());
            assert_eq!(policy.rank_penalty > 0.0, classes == 30);
            assert_eq!(policy.bounds.quantiles.len(), if classes == 30 { 1 } else { classes });
            let threshold = fitted.all.acceptance.threshold.expect("a threshold");
            assert!(policy.bounds.threshold < threshold && policy.bounds.threshold > threshold - 2e-6);
            assert!(fitted.energy.is_some_and(|energy| policy.bounds.energy > energy));
            let names: Vec<_> = policy.cohorts.map(|(name, _)| name).collect();
            assert_eq!(names, ["fine"], "a cohort without a threshold isn't known");
        }
    }

    #[test]
    fn without_a_threshold_there_is_no_policy() {
        let (mut fitted, options) = fitted(3);
        fitted.all.acceptance.threshold = None;
        assert_eq!(Draft::new(&fitted, &options, 3, 4000), None);
    }
}
