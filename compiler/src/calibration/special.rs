//! The two special functions that intervals need, and their inverses.

use libm::{erfc, lgamma};

/// Probability of at most `x` under the standard beta distribution with parameters `a` and `b`, both above 0: the
/// regularized incomplete beta function.
pub(super) fn beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    let front = (lgamma(a + b) - lgamma(a) - lgamma(b) + a * x.ln() + b * (-x).ln_1p()).exp();
    // The fraction converges quickly on the near side of the mean only.
    if x < (a + 1.0) / (a + b + 2.0) {
        front * fraction(a, b, x) / a
    } else {
        1.0 - front * fraction(b, a, 1.0 - x) / b
    }
}

/// The continued fraction of the incomplete beta function (NIST Digital Library of Mathematical Functions, 8.17.22), by
/// Lentz's method: numerator and denominator of the approximants, whose quotient is taken at each step so that neither overflows.
fn fraction(a: f64, b: f64, x: f64) -> f64 {
    let keep = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = keep(1.0 - (a + b) * x / (a + 1.0)).recip();
    let mut result = d;
    for m in 1..=MAX_TERMS {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        for term in [even, odd] {
            d = keep(1.0 + term * d).recip();
            c = keep(1.0 + term / c);
            result *= c * d;
        }
        if (c * d - 1.0).abs() < f64::EPSILON {
            break;
        }
    }
    result
}

/// Where [`beta`] reaches `probability`.
pub(super) fn beta_quantile(a: f64, b: f64, probability: f64) -> f64 {
    bisect(0.0, 1.0, |x| beta(a, b, x) < probability)
}

/// Where the standard normal distribution reaches `probability`, which lies between 0 and 1.
pub(super) fn normal_quantile(probability: f64) -> f64 {
    bisect(-40.0, 40.0, |z| erfc(-z / std::f64::consts::SQRT_2) / 2.0 < probability)
}

/// The border between where `below` holds and where it doesn't.
fn bisect(mut low: f64, mut high: f64, below: impl Fn(f64) -> bool) -> f64 {
    loop {
        let middle = low.midpoint(high);
        if middle <= low || middle >= high {
            return middle;
        }
        if below(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
}

/// Instead of a zero that would be divided by.
const TINY: f64 = 1e-300;

/// More than any number of samples that fits in memory needs: it takes about the root of the larger parameter.
const MAX_TERMS: u32 = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beta_with_whole_parameters_is_a_sum_of_binomials() {
        // P(Bin(5, 0.3) >= 2) = I_0.3(2, 4)
        let exact = 1.0 - 0.7_f64.powi(5) - 5.0 * 0.3 * 0.7_f64.powi(4);
        assert!((beta(2.0, 4.0, 0.3) - exact).abs() < 1e-14);
        assert!((beta(1.0, 1.0, 0.25) - 0.25).abs() < 1e-15);
        assert!((beta(5000.0, 5000.0, 0.5) - 0.5).abs() < 1e-10);
        assert_eq!([beta(2.0, 3.0, 0.0), beta(2.0, 3.0, 1.0)], [0.0, 1.0]);
    }

    #[test]
    fn quantiles_are_inverses() {
        for (a, b) in [(0.5, 0.5), (1.0, 1000.0), (12.0, 3.0), (20_000.0, 400.0)] {
            for probability in [1e-6, 0.05, 0.5, 0.975] {
                assert!(
                    (beta(a, b, beta_quantile(a, b, probability)) - probability).abs() < 1e-9,
                    "{a} {b} {probability}"
                );
            }
        }
        assert!((normal_quantile(0.975) - 1.959_963_984_540_054).abs() < 1e-12);
        assert!(normal_quantile(0.5).abs() < 1e-12);
    }
}
