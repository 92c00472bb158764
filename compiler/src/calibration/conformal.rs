//! Prediction sets that hold the true class with a probability that was asked for.
//!
//! The score of a class is one minus its probability (Sadinle, Lei, Wasserman: Least Ambiguous Set-Valued Classifiers, 2019), and
//! a set has the classes whose score doesn't exceed a quantile of the calibration samples' scores of their true classes. For a new
//! sample that is like the calibration samples, the true class is in the set with a probability of at least `1 - alpha`.

use super::probabilities::Probabilities;

/// The scores of the true classes.
pub fn scores(probabilities: &Probabilities, labels: &[u32]) -> Vec<f64> {
    probabilities.rows().zip(labels).map(|(row, &label)| 1.0 - row[label as usize]).collect()
}

/// The `ceil((n + 1) * (1 - alpha))`-th smallest of `n` scores: a new score exceeds it with a probability of at most `alpha`. Infinite
/// when `n` is too small for that.
pub fn quantile(scores: &[f64], alpha: f64) -> f64 {
    let rank = ((scores.len() + 1) as f64 * (1.0 - alpha)).ceil() as usize;
    let mut sorted = scores.to_vec();
    sorted.sort_by(f64::total_cmp);
    match rank.checked_sub(1) {
        None => f64::NEG_INFINITY,
        Some(place) => sorted.get(place).copied().unwrap_or(f64::INFINITY),
    }
}

/// One quantile for each class, of the scores of the samples which are of it (Vovk: Conditional Validity of Inductive Conformal
/// Predictors, 2012), so that the promise holds for each class by itself.
pub fn quantiles_by_class(scores: &[f64], labels: &[u32], classes: usize, alpha: f64) -> Vec<f64> {
    let mut of = vec![Vec::new(); classes];
    for (&score, &label) in scores.iter().zip(labels) {
        of[label as usize].push(score);
    }
    of.iter().map(|scores| quantile(scores, alpha)).collect()
}

/// The classes of a sample's set. `quantiles` has one for all classes, or one for each.
pub fn set(row: &[f64], quantiles: &[f64]) -> Vec<usize> {
    let of = |class: usize| quantiles[if quantiles.len() == 1 { 0 } else { class }];
    (0..row.len()).filter(|&class| 1.0 - row[class] <= of(class)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantile_is_a_rank_of_the_scores_and_one_more() {
        let scores: Vec<f64> = (1..=9).rev().map(f64::from).collect();
        assert_eq!(quantile(&scores, 0.1), 9.0);
        assert_eq!(quantile(&scores, 0.5), 5.0);
        assert_eq!(quantile(&scores, 0.09), f64::INFINITY);
        assert_eq!(quantile(&scores, 1.0), f64::NEG_INFINITY);
        assert_eq!(quantile(&[], 0.5), f64::INFINITY);
        assert_eq!(quantile(&[2.0, 2.0, 2.0], 0.5), 2.0);
    }

    #[test]
    fn classes_have_quantiles_of_their_own() {
        let scores = [0.1, 0.2, 0.3, 0.9];
        assert_eq!(quantiles_by_class(&scores, &[0, 0, 0, 1], 3, 0.5), [0.2, 0.9, f64::INFINITY]);
    }

    #[test]
    fn set_has_the_classes_below_their_quantile() {
        assert_eq!(set(&[0.75, 0.25, 0.0], &[0.75]), [0, 1]);
        assert_eq!(set(&[0.75, 0.25, 0.0], &[0.2, 0.75, f64::INFINITY]), [1, 2]);
    }
}
