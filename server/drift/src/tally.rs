use dunlin_protocol::summary::Response;

/// How many devices told each bin of a metric, with the same epsilon for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Tally {
    /// What a bin reveals; `None` where counts are exact, as calibration samples are.
    pub epsilon: Option<f64>,
    /// Devices for each bin.
    pub counts: Vec<u64>,
}

impl Tally {
    /// How many devices reported.
    pub fn reports(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// What randomized response did to it; `None` for an epsilon or a number of bins that there can't be.
    pub fn response(&self) -> Option<Response> {
        match self.epsilon {
            None => Some(Response::exact(self.counts.len())),
            Some(epsilon) => Response::new(self.counts.len(), epsilon),
        }
    }
}

/// True shares as tallies let them be estimated, without bias.
#[derive(Clone, Debug, PartialEq)]
pub struct Shares {
    /// For each bin; chance may carry one below 0.
    pub estimates: Vec<f64>,
    parts: Vec<Part>,
}

/// A tally's part of the estimates.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Part {
    response: Response,
    reports: f64,
    weight: f64,
}

impl Part {
    fn slope(&self) -> f64 {
        self.response.keep() - self.response.other()
    }

    /// Exact reports that say as much, nearly.
    fn information(&self) -> f64 {
        self.reports * self.slope() * self.slope()
    }
}

impl Shares {
    /// From tallies of one metric, each weighted by what it tells; `None` where there are no reports, or tallies of unlike bins.
    pub fn of(tallies: &[Tally]) -> Option<Self> {
        let told: Vec<&Tally> = tallies.iter().filter(|tally| tally.reports() > 0).collect();
        let bins = told.first()?.counts.len();
        let mut shares = Self { estimates: vec![0.0; bins], parts: Vec::new() };
        for tally in &told {
            let response = tally.response().filter(|response| response.bins() == bins)?;
            shares.parts.push(Part { response, reports: tally.reports() as f64, weight: 0.0 });
        }
        let information = shares.information();
        for (part, tally) in shares.parts.iter_mut().zip(&told) {
            part.weight = part.information() / information;
            for (share, estimate) in shares.estimates.iter_mut().zip(part.response.estimate(&tally.counts)) {
                *share += part.weight * estimate.share;
            }
        }
        Some(shares)
    }

    /// The same, as if there were no more reports than say as much as so many exact ones.
    pub(super) fn at_most(mut self, information: f64) -> Self {
        let factor = (information / self.information()).min(1.0);
        self.parts.iter_mut().for_each(|part| part.reports *= factor);
        self
    }

    /// How many exact reports would say as much.
    pub fn information(&self) -> f64 {
        self.parts.iter().map(Part::information).sum()
    }

    /// How often each bin is expected to be told where these are the true shares.
    pub(super) fn expected(&self, truth: &[f64]) -> Vec<f64> {
        let mut expected = vec![0.0; truth.len()];
        for part in &self.parts {
            for (sum, share) in expected.iter_mut().zip(part.response.expected(truth)) {
                *sum += part.reports * share;
            }
        }
        expected
    }

    /// The estimates' covariance where these are the true shares: rows one after the other.
    pub(super) fn covariance(&self, truth: &[f64]) -> Vec<f64> {
        let bins = truth.len();
        let mut covariance = vec![0.0; bins * bins];
        for part in &self.parts {
            let told = part.response.expected(truth);
            let factor = part.weight * part.weight / part.information();
            for (row, &one) in told.iter().enumerate() {
                for (column, &other) in told.iter().enumerate() {
                    let both = if row == column { one } else { 0.0 };
                    covariance[row * bins + column] += factor * (both - one * other);
                }
            }
        }
        covariance
    }

    /// By how much one lying device moves a share at most: its vote, and what undoing randomized response makes of it.
    pub fn vote(&self) -> f64 {
        self.parts.iter().map(|part| part.weight / (part.reports * part.slope())).fold(0.0, f64::max)
    }

    /// The estimates as shares that there can be: none below 0, all together 1.
    pub fn possible(&self) -> Vec<f64> {
        possible(&self.estimates)
    }
}

pub(super) fn possible(estimates: &[f64]) -> Vec<f64> {
    let total: f64 = estimates.iter().map(|share| share.max(0.0)).sum();
    estimates.iter().map(|share| share.max(0.0) / total).collect()
}
