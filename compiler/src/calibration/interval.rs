//! How far a share that was counted may be from the true one.

use super::special::{beta, beta_quantile, normal_quantile};

/// Where the true share lies, with the confidence that was asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// Wilson's score interval of `part` of `whole`; everything when `whole` is 0 (Wilson: Probable Inference, the Law of
/// Succession, and Statistical Inference, 1927). Its coverage is `confidence` on average: for tables and plots.
pub fn wilson(part: usize, whole: usize, confidence: f64) -> Interval {
    if whole == 0 {
        return Interval { low: 0.0, high: 1.0 };
    }
    let (n, share) = (whole as f64, part as f64 / whole as f64);
    let z = normal_quantile(0.5 + confidence / 2.0);
    let centre = share + z * z / (2.0 * n);
    let half = z * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z * z / n;
    // At the ends the formula gives 0 or 1 but for rounding.
    let low = if part == 0 { 0.0 } else { (centre - half) / scale };
    let high = if part == whole { 1.0 } else { (centre + half) / scale };
    Interval { low, high }
}

/// Clopper and Pearson's interval of `part` of `whole`, which never covers less than `confidence` (The Use of Confidence
/// or Fiducial Limits Illustrated in the Case of the Binomial, 1934).
pub fn clopper_pearson(part: usize, whole: usize, confidence: f64) -> Interval {
    let tail = (1.0 - confidence) / 2.0;
    let low = if part == 0 { 0.0 } else { beta_quantile(part as f64, (whole - part + 1) as f64, tail) };
    Interval { low, high: upper_bound(part, whole, tail) }
}

/// What the true share doesn't exceed, with confidence `1 - delta`, where `part` of `whole` were counted: the upper end of
/// Clopper and Pearson's one-sided interval.
pub fn upper_bound(part: usize, whole: usize, delta: f64) -> f64 {
    if part >= whole { 1.0 } else { beta_quantile((part + 1) as f64, (whole - part) as f64, 1.0 - delta) }
}

/// The probability that at most `part` of `whole` are counted when each is with probability `share`: the p-value of the
/// hypothesis that the true share is `share` or more. 1 without any.
pub fn binomial_tail(part: usize, whole: usize, share: f64) -> f64 {
    fractional_tail(part as f64, whole as f64, share)
}

/// [`binomial_tail`] between whole counts.
pub(super) fn fractional_tail(part: f64, whole: f64, share: f64) -> f64 {
    if part >= whole { 1.0 } else { beta(whole - part, part + 1.0, 1.0 - share) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tail_is_a_sum_of_binomials() {
        assert!((binomial_tail(0, 3, 0.1) - 0.729).abs() < 1e-14);
        assert!((binomial_tail(1, 3, 0.1) - 0.972).abs() < 1e-14);
        assert_eq!([binomial_tail(3, 3, 0.1), binomial_tail(0, 0, 0.1)], [1.0, 1.0]);
    }

    #[test]
    fn bound_is_where_the_tail_is_delta() {
        for (part, whole) in [(0, 149), (3, 500), (40, 41)] {
            let bound = upper_bound(part, whole, 0.05);
            assert!((binomial_tail(part, whole, bound) - 0.05).abs() < 1e-9, "{part} of {whole}");
        }
        assert_eq!([upper_bound(0, 0, 0.05), upper_bound(7, 7, 0.05)], [1.0, 1.0]);
    }

    #[test]
    fn intervals_end_at_nothing_and_all() {
        for interval in [wilson, clopper_pearson] {
            assert_eq!(interval(0, 10, 0.95).low, 0.0);
            assert_eq!(interval(10, 10, 0.95).high, 1.0);
            assert_eq!(interval(0, 0, 0.95), Interval { low: 0.0, high: 1.0 });
            let Interval { low, high } = interval(30, 100, 0.95);
            assert!((0.2..0.3).contains(&low) && (0.3..0.41).contains(&high));
        }
    }
}
