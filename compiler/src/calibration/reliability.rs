//! Whether answers are right as often as their probabilities say.

use super::probabilities::Answers;

/// Answers of like confidence.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bin {
    /// How many there are.
    pub count: usize,
    /// How many of them are right.
    pub right: usize,
    /// The sum of their probabilities.
    pub confidence: f64,
}

impl Bin {
    /// Their mean probability; `None` without any.
    pub fn mean_confidence(&self) -> Option<f64> {
        (self.count > 0).then(|| self.confidence / self.count as f64)
    }

    /// The share of right ones; `None` without any.
    pub fn accuracy(&self) -> Option<f64> {
        (self.count > 0).then(|| self.right as f64 / self.count as f64)
    }
}

/// The answers in `bins` bins of equal width, `(m / bins, (m + 1) / bins]`; the first has 0 as well.
pub fn reliability(answers: &Answers, bins: usize) -> Vec<Bin> {
    let mut table = vec![Bin::default(); bins];
    for (&confidence, &right) in answers.confidence.iter().zip(&answers.right) {
        let place = ((confidence * bins as f64).ceil() as usize).clamp(1, bins) - 1;
        table[place].count += 1;
        table[place].right += usize::from(right);
        table[place].confidence += confidence;
    }
    table
}

/// Expected calibration error (Guo et al.: On Calibration of Modern Neural Networks, 2017): the distance between mean probability and
/// share of right answers, averaged over the bins with their counts as weights. `None` without answers.
pub fn expected_calibration_error(table: &[Bin]) -> Option<f64> {
    let count: usize = table.iter().map(|bin| bin.count).sum();
    let distance: f64 = table.iter().map(|bin| (bin.right as f64 - bin.confidence).abs()).sum();
    (count > 0).then(|| distance / count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(answers: &[(bool, f64)]) -> Option<f64> {
        let (right, confidence) = answers.iter().copied().unzip();
        expected_calibration_error(&reliability(&Answers { classes: vec![0; answers.len()], confidence, right }, 15))
    }

    #[test]
    fn error_is_the_distance_between_promise_and_truth() {
        assert_eq!(error(&[]), None);
        assert_eq!(error(&[(true, 1.0)]), Some(0.0));
        assert_eq!(error(&[(false, 1.0)]), Some(1.0));
        assert_eq!(error(&[(true, 0.5), (false, 0.5)]), Some(0.0));
        assert_eq!(error(&[(true, 0.75), (true, 0.75)]), Some(0.25));
        // Two bins, each off by 0.2 in another direction: they don't cancel.
        assert!((error(&[(true, 0.8), (false, 0.2)]).expect("answers") - 0.2).abs() < 1e-15);
    }

    #[test]
    fn bins_are_closed_above() {
        let answers =
            Answers { classes: vec![0; 4], confidence: vec![0.0, 0.5, 0.5 + 1e-9, 1.0], right: vec![true; 4] };
        let counts: Vec<usize> = reliability(&answers, 2).iter().map(|bin| bin.count).collect();
        assert_eq!(counts, [2, 2]);
    }
}
