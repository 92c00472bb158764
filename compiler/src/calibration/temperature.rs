//! One temperature for all classes.

use super::logits::Logits;
use super::probabilities::softmax;

/// The largest size of the logarithm of 1 / temperature, as in scikit-learn.
const LIMIT: f64 = 10.0;

/// More than Newton's method with bisection behind it ever takes.
const MAX_STEPS: usize = 200;

/// The factor of the logits, 1 / temperature, under which their labels are most likely (Guo et al.: On Calibration of Modern
/// Neural Networks, 2017). Between `exp(-10)` and `exp(10)`; an end is reached where no factor is best: the upper one when every sample
/// is answered rightly, the lower one when the logits say nothing of the labels, or the opposite. 1 when no factor
/// makes a difference.
///
/// The loss is convex in the factor, so that its minimum is where its slope changes sign: Newton's method finds it, and where a step
/// would leave the interval that is known to hold it, the interval is halved in its logarithm instead.
pub fn inverse_temperature(logits: &Logits<'_>) -> f64 {
    let [mut low, mut high] = [(-LIMIT).exp(), LIMIT.exp()];
    let at_one = slope(logits, 1.0);
    if at_one == [0.0, 0.0] && slope(logits, low)[0] == 0.0 {
        return 1.0;
    }
    if slope(logits, low)[0] >= 0.0 {
        return low;
    }
    if slope(logits, high)[0] <= 0.0 {
        return high;
    }
    let (mut factor, mut slopes) = (1.0, at_one);
    for _ in 0..MAX_STEPS {
        let [first, second] = slopes;
        if first < 0.0 {
            low = factor
        } else {
            high = factor
        }
        let newton = factor - first / second;
        let next = if newton > low && newton < high { newton } else { (low * high).sqrt() };
        let step = (next - factor).abs();
        factor = next;
        if step <= 4.0 * f64::EPSILON * factor {
            break;
        }
        slopes = slope(logits, factor);
    }
    factor
}

/// First and second derivative of the loss by the factor: how far the true class's logit lies below the mean logit, and the
/// logits' variance, under the probabilities that the factor gives; summed over the samples.
fn slope(logits: &Logits<'_>, factor: f64) -> [f64; 2] {
    let mut probabilities = vec![0.0; logits.classes()];
    let mut sums = [0.0; 2];
    for (row, &label) in logits.rows().zip(logits.labels()) {
        probabilities.iter_mut().zip(row).for_each(|(p, &logit)| *p = f64::from(logit) * factor);
        softmax(&mut probabilities);
        let truth = f64::from(row[label as usize]);
        // Distances from the true logit keep the small differences of a confident model.
        let distances = || probabilities.iter().zip(row).map(|(p, &logit)| (p, f64::from(logit) - truth));
        let mean: f64 = distances().map(|(p, distance)| p * distance).sum();
        sums[0] += mean;
        sums[1] += distances().map(|(p, distance)| p * (distance - mean) * (distance - mean)).sum::<f64>();
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factor(classes: usize, values: &[f32], labels: &[u32]) -> f64 {
        inverse_temperature(&Logits::new(classes, values, labels).expect("sound"))
    }

    #[test]
    fn probability_becomes_the_share_of_right_answers() {
        // Three of four are right: the sigmoid of the factor times 2 must be 0.75.
        let found = factor(2, &[0.0, 2.0, 0.0, 2.0, 0.0, 2.0, 0.0, 2.0], &[1, 1, 1, 0]);
        assert!((found - 3.0_f64.ln() / 2.0).abs() < 1e-14, "{found}");
    }

    #[test]
    fn ends_are_reached_where_nothing_is_best() {
        assert_eq!(factor(2, &[0.0, 1.0, 1.0, 0.0], &[1, 0]), 10.0_f64.exp());
        assert_eq!(factor(2, &[0.0, 1.0, 1.0, 0.0], &[0, 1]), (-10.0_f64).exp());
        assert_eq!(factor(1, &[3.0, 4.0], &[0, 0]), 1.0);
        assert_eq!(factor(3, &[2.0, 2.0, 2.0], &[1]), 1.0);
        assert_eq!(factor(2, &[], &[]), 1.0);
    }

    #[test]
    fn extreme_logits_have_a_factor() {
        let found = factor(2, &[0.0, 1e30, 0.0, 1e30, 1e30, 0.0], &[1, 0, 0]);
        assert!((found - (-10.0_f64).exp()).abs() < 1e-12, "{found}");
        let found = factor(2, &[0.0, 1e-3, 0.0, 1e-3, 1e-3, 0.0], &[1, 0, 0]);
        assert!((found * 1e-3 - 2.0_f64.ln()).abs() < 1e-6, "{found}");
    }
}
