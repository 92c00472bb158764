//! Whether this device's own answers look like those of the calibration samples. Nothing of it leaves the device.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use dunlin_protocol::divergence::{chi_square_quantile, jensen_shannon};
use dunlin_protocol::hex::Hash;
use dunlin_protocol::summary::{Cohort, Metric};
use serde::{Deserialize, Serialize};

use super::Subject;

/// A metric that isn't what it was.
#[derive(Clone, Debug, PartialEq)]
pub struct Divergence {
    /// The artifact.
    pub model: Hash,
    /// The metric.
    pub metric: Metric,
    /// Answers that were compared.
    pub answers: u64,
    /// Jensen-Shannon divergence from the baseline, in nats: 0 for no difference, 0.69 for no bin in common.
    pub divergence: f64,
    /// What it was above: chance alone comes so far once in ten thousand times.
    pub threshold: f64,
}

/// Counts of days on end, until they are enough to be compared.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Local {
    model: Hash,
    counts: BTreeMap<String, Vec<u64>>,
}

impl Local {
    pub fn add(&mut self, subject: &Subject, bins: &[(Metric, u8)]) {
        if self.model != subject.model {
            *self = Self { model: subject.model, counts: BTreeMap::new() };
        }
        for &(metric, bin) in bins {
            let bins = subject.baseline.schema().bins(metric).unwrap_or(0);
            let counts = self.counts.entry(metric.name().into()).or_insert_with(|| vec![0; bins]);
            if let Some(count) = counts.get_mut(usize::from(bin)) {
                *count += 1;
            }
        }
    }

    /// At a day's end: what diverged, once there are enough answers; then counting begins anew.
    pub fn close(&mut self, subject: &Subject) -> Vec<Divergence> {
        let answers = |counts: &Vec<u64>| counts.iter().sum::<u64>();
        if self.model != subject.model || self.counts.values().map(answers).max() < Some(LEAST) {
            return Vec::new();
        }
        let counts = core::mem::take(&mut self.counts);
        counts.iter().filter_map(|(name, counts)| diverged(subject, Metric::named(name)?, counts)).collect()
    }
}

/// Compares counts with those of the device's cohort, or with all samples' where it has none of its own.
fn diverged(subject: &Subject, metric: Metric, counts: &[u64]) -> Option<Divergence> {
    let baseline = &subject.baseline;
    let everyone = Cohort::default();
    let expected = baseline.counts(&subject.cohort, metric).or_else(|| baseline.counts(&everyone, metric))?;
    let [answers, samples] = [counts, expected].map(|counts| counts.iter().sum::<u64>());
    if answers < LEAST || samples < LEAST || counts.len() != expected.len() {
        return None;
    }
    let shares =
        |counts: &[u64], total: u64| -> Vec<f64> { counts.iter().map(|&count| count as f64 / total as f64).collect() };
    let divergence = jensen_shannon(&shares(counts, answers), &shares(expected, samples));
    let threshold = threshold(used(counts, expected), answers, samples);
    (divergence > threshold).then_some(Divergence { model: subject.model, metric, answers, divergence, threshold })
}

/// Bins that either has.
fn used(counts: &[u64], expected: &[u64]) -> usize {
    counts.iter().zip(expected).filter(|&(&seen, &expected)| seen + expected > 0).count()
}

/// Where both come of one distribution, eight times the divergence times `n m / (n + m)` is nearly a chi-square variable, so that what
/// chance does falls with the answers.
fn threshold(bins: usize, answers: u64, samples: u64) -> f64 {
    let both = 1.0 / (1.0 / answers as f64 + 1.0 / samples as f64);
    (chi_square_quantile(TAIL, bins.saturating_sub(1) as u32) / (8.0 * both)).max(FLOOR)
}

/// Fewer answers, or samples, aren't compared.
const LEAST: u64 = 100;

/// How often chance alone may go beyond.
const TAIL: f64 = 1e-4;

/// Differences below this don't matter, however sure they are.
const FLOOR: f64 = 0.03;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_follow_the_number_of_answers() {
        let [few, more, many] = [100, 1000, 1_000_000].map(|answers| threshold(8, answers, 10_000));
        assert!(few > more && more >= many, "{few} {more} {many}");
        // 29.878 is the quantile of 1e-4 for 7 degrees of freedom.
        assert!((few - 29.878 / 8.0 * (0.01 + 0.0001)).abs() < 1e-4, "{few}");
        assert_eq!(many, FLOOR);
    }
}
