use alloc::vec::Vec;

/// k-ary randomized response: the true one of k bins with the probability `p = e^epsilon / (e^epsilon + k - 1)`, else any other.
///
/// Whatever the true bin is, no answer is more than `e^epsilon` times as probable as with another true bin: local differential privacy
/// (Warner 1965; Kairouz, Bonawitz, Ramage 2016).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Response {
    bins: usize,
    keep: f64,
    other: f64,
}

/// An unbiased estimate of a share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The share; chance may carry it below 0 or beyond 1.
    pub share: f64,
    /// An unbiased estimate of its variance; infinite for one answer.
    pub variance: f64,
}

impl Response {
    /// For so many bins, 2 at least, and an epsilon above 0; `None` otherwise.
    pub fn new(bins: usize, epsilon: f64) -> Option<Self> {
        if bins < 2 || !(epsilon > 0.0 && epsilon.is_finite()) {
            return None;
        }
        let others = bins as f64 - 1.0;
        // Divided by e^epsilon, so that a large one doesn't overflow.
        let rest = libm::exp(-epsilon);
        let keep = 1.0 / (1.0 + others * rest);
        Some(Self { bins, keep, other: rest * keep })
    }

    /// Bins that are told as they are: epsilon is infinite.
    pub const fn exact(bins: usize) -> Self {
        Self { bins, keep: 1.0, other: 0.0 }
    }

    /// How probably the true bin is told.
    pub const fn keep(&self) -> f64 {
        self.keep
    }

    /// How probably any one other is.
    pub const fn other(&self) -> f64 {
        self.other
    }

    /// How many bins there are.
    pub const fn bins(&self) -> usize {
        self.bins
    }

    /// The bin that is told, from the true one and two even random numbers. Where there is no true one, each is told alike, which reveals no
    /// more.
    pub fn randomize(&self, bin: Option<u8>, [first, second]: [u64; 2]) -> u8 {
        let below = |bound: usize| ((u128::from(second) * bound as u128) >> 64) as usize;
        let Some(bin) = bin.map(usize::from).filter(|&bin| bin < self.bins) else {
            return below(self.bins) as u8;
        };
        // 2^64 itself, for certainty, is the greatest number; it is kept as well.
        let kept = (self.keep * 18_446_744_073_709_551_616.0) as u64;
        if first < kept || kept == u64::MAX {
            return bin as u8;
        }
        let other = below(self.bins - 1);
        (other + usize::from(other >= bin)) as u8
    }

    /// What is told on average where bins have these true shares.
    pub fn expected(&self, shares: &[f64]) -> Vec<f64> {
        let total: f64 = shares.iter().sum();
        shares.iter().map(|share| self.other * total + (self.keep - self.other) * share).collect()
    }

    /// The true shares, from how often each bin was told: off by chance only, however little is told.
    pub fn estimate(&self, counts: &[u64]) -> Vec<Estimate> {
        let told = counts.iter().sum::<u64>() as f64;
        let slope = self.keep - self.other;
        let estimate = |&count: &u64| {
            let seen = count as f64 / told;
            let variance =
                if told > 1.0 { seen * (1.0 - seen) / (told - 1.0) / (slope * slope) } else { f64::INFINITY };
            Estimate { share: (seen - self.other) / slope, variance }
        };
        if told == 0.0 {
            return counts.iter().map(|_| Estimate { share: 0.0, variance: f64::INFINITY }).collect();
        }
        counts.iter().map(estimate).collect()
    }
}
