//! How far counts are from what was expected, and how probable that is by chance: the same numbers on a device and on a server.

use libm::{exp, lgamma, log};

/// Jensen-Shannon divergence of two distributions, in nats: 0 for equal ones, the logarithm of 2 for ones that share no bin.
///
/// Shares that aren't positive count as none.
pub fn jensen_shannon(p: &[f64], q: &[f64]) -> f64 {
    let part = |a: f64, mean: f64| if a > 0.0 { a * log(a / mean) } else { 0.0 };
    let sum: f64 = p.iter().zip(q).map(|(&p, &q)| part(p, (p + q) / 2.0) + part(q, (p + q) / 2.0)).sum();
    (sum / 2.0).max(0.0)
}

/// Half of the sum of differences: the share that would have to move.
pub fn total_variation(p: &[f64], q: &[f64]) -> f64 {
    p.iter().zip(q).map(|(p, q)| (p - q).abs()).sum::<f64>() / 2.0
}

/// Population stability index: `sum of (seen - expected) ln(seen / expected)`. Shares below `least` count as that, since one empty bin
/// would make it infinite.
pub fn population_stability(expected: &[f64], seen: &[f64], least: f64) -> f64 {
    let part = |(&expected, &seen): (&f64, &f64)| {
        let (expected, seen) = (expected.max(least), seen.max(least));
        (seen - expected) * log(seen / expected)
    };
    expected.iter().zip(seen).map(part).sum()
}

/// The probability that a chi-square variable with so many degrees of freedom is beyond `statistic`: the regularized upper incomplete gamma
/// function of half of both. 1 without freedom.
pub fn chi_square_tail(statistic: f64, freedom: u32) -> f64 {
    if freedom == 0 || statistic <= 0.0 {
        return 1.0;
    }
    if !statistic.is_finite() {
        return if statistic.is_nan() { f64::NAN } else { 0.0 };
    }
    let (a, x) = (f64::from(freedom) / 2.0, statistic / 2.0);
    let front = exp(a * log(x) - x - lgamma(a));
    // The series converges quickly below the mean, the fraction above it.
    if x < a + 1.0 { 1.0 - front * series(a, x) } else { front * fraction(a, x) }
}

/// Where [`chi_square_tail`] falls to `tail`, which lies between 0 and 1. 0 without freedom.
pub fn chi_square_quantile(tail: f64, freedom: u32) -> f64 {
    if freedom == 0 {
        return 0.0;
    }
    let (mut low, mut high) = (0.0, f64::from(freedom) + 10.0);
    while chi_square_tail(high, freedom) > tail && high < MOST {
        (low, high) = (high, 2.0 * high);
    }
    loop {
        let middle = (low + high) / 2.0;
        if middle <= low || middle >= high {
            return middle;
        }
        if chi_square_tail(middle, freedom) > tail {
            low = middle;
        } else {
            high = middle;
        }
    }
}

/// The series of the lower incomplete gamma function (NIST Digital Library of Mathematical Functions, 8.11.4), without its front.
fn series(a: f64, x: f64) -> f64 {
    let (mut term, mut sum) = (1.0 / a, 1.0 / a);
    for n in 1..=TERMS {
        term *= x / (a + f64::from(n));
        sum += term;
        if term < sum * f64::EPSILON {
            break;
        }
    }
    sum
}

/// The continued fraction of the upper one (8.9.2), without its front, by Lentz's method.
fn fraction(a: f64, x: f64) -> f64 {
    let keep = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut b = x + 1.0 - a;
    let mut c = 1.0 / TINY;
    let mut d = 1.0 / keep(b);
    let mut result = d;
    for n in 1..=TERMS {
        let n = f64::from(n);
        let numerator = -n * (n - a);
        b += 2.0;
        d = 1.0 / keep(numerator * d + b);
        c = keep(b + numerator / c);
        result *= c * d;
        if (c * d - 1.0).abs() < f64::EPSILON {
            break;
        }
    }
    result
}

/// Instead of a zero that would be divided by.
const TINY: f64 = 1e-300;

/// More than any freedom here needs: it takes about its root.
const TERMS: u32 = 10_000;

/// No quantile of a probability that a float can hold is beyond it.
const MOST: f64 = 1e9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_of_two_and_four_degrees_have_a_formula() {
        for statistic in [1e-9, 0.1, 1.0, 3.0, 5.0, 20.0, 200.0] {
            let half = statistic / 2.0;
            let cases = [(2, exp(-half)), (4, exp(-half) * (1.0 + half))];
            for (freedom, exact) in cases {
                let tail = chi_square_tail(statistic, freedom);
                assert!((tail / exact - 1.0).abs() < 1e-12, "{statistic} {freedom}: {tail} {exact}");
            }
        }
        assert_eq!(
            [chi_square_tail(0.0, 3), chi_square_tail(7.0, 0), chi_square_tail(f64::INFINITY, 3)],
            [1.0, 1.0, 0.0]
        );
        assert!(chi_square_tail(f64::NAN, 3).is_nan());
    }

    #[test]
    fn quantiles_are_inverses() {
        for freedom in [1, 2, 7, 31, 1000] {
            for tail in [0.999, 0.5, 0.05, 1e-4, 1e-12] {
                let back = chi_square_tail(chi_square_quantile(tail, freedom), freedom);
                assert!((back / tail - 1.0).abs() < 1e-9, "{freedom} {tail} {back}");
            }
        }
        assert_eq!(chi_square_quantile(0.5, 0), 0.0);
    }

    #[test]
    fn equal_distributions_are_nowhere_apart_and_strangers_as_far_as_can_be() {
        let (p, q) = ([0.5, 0.5, 0.0], [0.0, 0.0, 1.0]);
        assert_eq!([jensen_shannon(&p, &p), total_variation(&p, &p), population_stability(&p, &p, 1e-4)], [0.0; 3]);
        assert!((jensen_shannon(&p, &q) - core::f64::consts::LN_2).abs() < 1e-15);
        assert_eq!(total_variation(&p, &q), 1.0);
        assert!(population_stability(&p, &q, 1e-4) > 9.0);
        // What an estimate may say of an empty bin.
        assert!(jensen_shannon(&[1.01, -0.01], &[1.0, 0.0]) < 1e-4);
    }
}
