//! How good answers become when the least confident ones are left out, and how well a score tells two kinds of samples apart.

use super::probabilities::Answers;

/// What accepting all answers from a confidence on gives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RiskPoint {
    /// The least confidence that is accepted.
    pub threshold: f64,
    /// How many answers are accepted.
    pub accepted: usize,
    /// How many of these are wrong.
    pub errors: usize,
    /// Share of all answers that are accepted.
    pub coverage: f64,
    /// Share of the accepted ones that are wrong.
    pub risk: f64,
}

/// The risk at each coverage, one point for each confidence that occurs, from the highest on.
pub fn risk_coverage(answers: &Answers) -> Vec<RiskPoint> {
    let all = answers.confidence.len();
    let mut order: Vec<usize> = (0..all).collect();
    order.sort_by(|&a, &b| answers.confidence[b].total_cmp(&answers.confidence[a]));
    let (mut points, mut errors): (Vec<RiskPoint>, _) = (Vec::new(), 0);
    for (place, &sample) in order.iter().enumerate() {
        let threshold = answers.confidence[sample];
        errors += usize::from(!answers.right[sample]);
        // Equal ones are accepted together.
        if points.last().is_some_and(|last| last.threshold == threshold) {
            points.pop();
        }
        let accepted = place + 1;
        let [coverage, risk] = [accepted as f64 / all as f64, errors as f64 / accepted as f64];
        points.push(RiskPoint { threshold, accepted, errors, coverage, risk });
    }
    points
}

/// Area under the risk-coverage curve: the mean risk over the coverages 1/n, 2/n, ..., 1 (Geifman, Uziel, El-Yaniv: Bias-Reduced
/// Uncertainty Estimation for Deep Neural Classifiers, 2019). Among answers of equal confidence, errors count as spread evenly. `None`
/// without answers.
pub fn area_under_risk_coverage(curve: &[RiskPoint]) -> Option<f64> {
    let all = curve.last()?.accepted;
    let (mut area, mut accepted, mut errors) = (0.0, 0, 0);
    for point in curve {
        let each = (point.errors - errors) as f64 / (point.accepted - accepted) as f64;
        let risk = |k: usize| (errors as f64 + each * (k - accepted) as f64) / k as f64;
        area += (accepted + 1..=point.accepted).map(risk).sum::<f64>();
        (accepted, errors) = (point.accepted, point.errors);
    }
    Some(area / all as f64)
}

/// Area under the receiver operating characteristic: the probability that one of `higher` exceeds one of `lower`, equal ones
/// counting half. `None` when either is empty.
pub fn area_under_roc(higher: &[f64], lower: &[f64]) -> Option<f64> {
    if higher.is_empty() || lower.is_empty() {
        return None;
    }
    let mut sorted = lower.to_vec();
    sorted.sort_by(f64::total_cmp);
    let below = |score: f64| sorted.partition_point(|&other| other < score);
    let to = |score: f64| sorted.partition_point(|&other| other <= score);
    // Twice the number of pairs in order, which is exact.
    let pairs: u64 = higher.iter().map(|&score| (below(score) + to(score)) as u64).sum();
    Some(pairs as f64 / 2.0 / (higher.len() as f64 * lower.len() as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(pairs: &[(f64, bool)]) -> Answers {
        let (confidence, right) = pairs.iter().copied().unzip();
        Answers { classes: vec![0; pairs.len()], confidence, right }
    }

    #[test]
    fn risk_falls_as_less_is_accepted() {
        let curve = risk_coverage(&answers(&[(0.5, false), (0.9, true), (0.7, false), (0.8, true)]));
        let found: Vec<(f64, f64, f64)> = curve.iter().map(|p| (p.threshold, p.coverage, p.risk)).collect();
        assert_eq!(found, [(0.9, 0.25, 0.0), (0.8, 0.5, 0.0), (0.7, 0.75, 1.0 / 3.0), (0.5, 1.0, 0.5)]);
        let area = area_under_risk_coverage(&curve).expect("answers");
        assert!((area - (1.0 / 3.0 + 0.5) / 4.0).abs() < 1e-15);
        assert_eq!(area_under_risk_coverage(&[]), None);
    }

    #[test]
    fn equal_confidences_are_one_point_in_any_order() {
        let one = risk_coverage(&answers(&[(0.5, false), (0.5, true), (0.5, true), (0.9, true)]));
        let other = risk_coverage(&answers(&[(0.5, true), (0.5, true), (0.9, true), (0.5, false)]));
        assert_eq!(one, other);
        assert_eq!(one.iter().map(|p| (p.accepted, p.errors)).collect::<Vec<_>>(), [(1, 0), (4, 1)]);
        let expected = (0.0 + (1.0 / 3.0) / 2.0 + (2.0 / 3.0) / 3.0 + 1.0 / 4.0) / 4.0;
        assert!((area_under_risk_coverage(&one).expect("answers") - expected).abs() < 1e-15);
    }

    #[test]
    fn roc_counts_pairs_in_order() {
        assert_eq!(area_under_roc(&[3.0, 4.0], &[1.0, 2.0]), Some(1.0));
        assert_eq!(area_under_roc(&[1.0, 3.0], &[2.0]), Some(0.5));
        assert_eq!(area_under_roc(&[1.0], &[1.0]), Some(0.5));
        assert_eq!(area_under_roc(&[], &[1.0]), None);
    }
}
