//! Prediction sets for many classes: from the most probable class on until enough probability is in them, where each class
//! beyond a rank costs more (regularized adaptive prediction sets, Angelopoulos et al.: Uncertainty Sets for Image Classifiers using
//! Conformal Prediction, 2021). The score of a class is the probability of all classes down to it, itself included, plus
//! `lambda` for each rank beyond `k_reg`. Nothing is drawn by chance, so that an input has one set.

use super::conformal::quantile;
use super::probabilities::Probabilities;

/// How much a rank costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Raps {
    /// What each class beyond the rank `k_reg` costs.
    pub lambda: f64,
    /// How many classes cost nothing.
    pub k_reg: usize,
}

impl Raps {
    /// The classes of a row by falling probability, equal ones by class, each with its score.
    pub fn ranked(&self, row: &[f64]) -> Vec<(usize, f64)> {
        let mut classes: Vec<usize> = (0..row.len()).collect();
        classes.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
        let mut sum = 0.0;
        let score = |(place, class): (usize, usize)| {
            sum += row[class];
            let beyond = (place + 1).saturating_sub(self.k_reg);
            (class, sum + self.lambda * beyond as f64)
        };
        classes.into_iter().enumerate().map(score).collect()
    }

    /// The scores of the true classes.
    pub fn scores(&self, probabilities: &Probabilities, labels: &[u32]) -> Vec<f64> {
        let score = |(row, &label): (&[f64], &u32)| {
            let ranked = self.ranked(row);
            ranked.into_iter().find(|&(class, _)| class == label as usize).map(|(_, score)| score)
        };
        probabilities.rows().zip(labels).filter_map(score).collect()
    }

    /// The classes whose score doesn't exceed the quantile of the calibration samples' scores, by falling probability. May be empty.
    pub fn set(&self, row: &[f64], quantile: f64) -> Vec<usize> {
        // Scores rise with the rank.
        self.ranked(row).into_iter().take_while(|&(_, score)| score <= quantile).map(|(class, _)| class).collect()
    }

    /// The parameters that give small sets: `k_reg` is the rank that the true class doesn't exceed but for a share of `alpha`, `lambda` the
    /// one of a few whose sets are smallest on average. Samples that choose them can't give the quantile.
    pub fn choose(probabilities: &Probabilities, labels: &[u32], alpha: f64) -> Self {
        let rank = |(row, &label): (&[f64], &u32)| {
            let truth = row[label as usize];
            row.iter().filter(|&&other| other >= truth).count() as f64
        };
        let ranks: Vec<f64> = probabilities.rows().zip(labels).map(rank).collect();
        let k_reg = quantile(&ranks, alpha).clamp(1.0, probabilities.classes() as f64) as usize;
        let size = |raps: &Self| {
            let quantile = quantile(&raps.scores(probabilities, labels), alpha);
            probabilities.rows().map(|row| raps.set(row, quantile).len()).sum::<usize>()
        };
        let candidates = LAMBDAS.map(|lambda| Self { lambda, k_reg });
        candidates.into_iter().min_by_key(size).unwrap_or(candidates[0])
    }
}

/// As in the paper's appendix.
const LAMBDAS: [f64; 5] = [0.001, 0.01, 0.1, 0.2, 0.5];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibration::{Logits, Scaling};

    const ROW: [f64; 4] = [0.2, 0.5, 0.2, 0.1];

    #[test]
    fn scores_are_sums_and_what_ranks_cost() {
        let ranked = Raps { lambda: 0.25, k_reg: 2 }.ranked(&ROW);
        for ((class, score), expected) in ranked.into_iter().zip([(1, 0.5), (0, 0.7), (2, 1.15), (3, 1.5)]) {
            assert_eq!(class, expected.0);
            assert!((score - expected.1).abs() < 1e-15);
        }
    }

    #[test]
    fn sets_grow_with_the_quantile() {
        let raps = Raps { lambda: 0.25, k_reg: 2 };
        for (quantile, expected) in [(0.4, &[][..]), (0.5, &[1]), (1.2, &[1, 0, 2]), (f64::INFINITY, &[1, 0, 2, 3])] {
            assert_eq!(raps.set(&ROW, quantile), expected, "{quantile}");
        }
    }

    #[test]
    fn parameters_follow_the_ranks_of_the_truth() {
        let values: Vec<f32> = (0..40).flat_map(|_| [3.0, 2.0, 1.0, 0.0]).collect();
        let labels: Vec<u32> = (0..40).map(|i| u32::from(i % 4 == 0)).collect();
        let logits = Logits::new(4, &values, &labels).expect("sound");
        let probabilities = Scaling::identity().probabilities(&logits);
        assert_eq!(Raps::choose(&probabilities, &labels, 0.1).k_reg, 2);
        assert_eq!(Raps::choose(&probabilities, &labels, 0.5).k_reg, 1);
    }
}
