//! What becomes of a day before it leaves the device: the seam where other ways to add up counts in private go.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use dunlin_protocol::hex::Hash;
use dunlin_protocol::summary::{Batch, Cohort, Metric, Response as Randomized, Summary};

use crate::chance::Chance;
use crate::effect::Response;

/// A closed window: of each metric that the model has one answer's bin.
#[derive(Clone, Debug, PartialEq)]
pub struct Told<'a> {
    /// The artifact.
    pub model: Hash,
    /// Days since the epoch, in UTC.
    pub day: u32,
    /// The device's cohort.
    pub cohort: &'a Cohort,
    /// Metrics, how many bins each has, and the bin of one of the day's answers, drawn evenly; none where the day has none.
    pub bins: Vec<(Metric, usize, Option<u8>)>,
}

/// What carries reports to where they are added up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// Beyond the server's address.
    pub path: String,
    /// The type of the body.
    pub content_type: &'static str,
    /// The reports.
    pub body: Vec<u8>,
    /// How many of those that wait are in it, from the first on.
    pub reports: usize,
}

/// A way to tell a day so that nobody learns what was answered.
///
/// [`LocalDp`] needs no trust and many devices. The next one is the Distributed Aggregation Protocol, whose report is two encrypted shares
/// of a histogram for servers of two operators: it makes a report of its own kind here and carries each by itself.
pub trait Aggregation {
    /// What leaves the device. It is made once, stored, and sent as it is until it is acknowledged. `None` where there is nothing to tell.
    fn report(&self, told: &Told<'_>, chance: &mut Chance) -> Option<Vec<u8>>;

    /// The request for reports that wait, one at least.
    fn upload(&self, reports: &[&[u8]]) -> Upload;

    /// Whether after this answer the reports need not be sent again.
    fn is_done(&self, response: &Response) -> bool;
}

/// Local differential privacy by k-ary randomized response.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LocalDp {
    epsilon: f64,
    metrics: usize,
}

impl LocalDp {
    /// Reveals at most this epsilon a day, in equal shares of so many metrics, which are drawn anew for each day.
    ///
    /// One metric with all of it says more of a fleet than many with a little each: the error of a share falls with the root of the
    /// devices, and grows nearly as `1 / epsilon`. `None` for an epsilon out of [`Summary::EPSILON`], or no metrics.
    pub fn new(epsilon: f64, metrics: usize) -> Option<Self> {
        let [least, most] = Summary::EPSILON;
        ((least..=most).contains(&epsilon) && metrics > 0).then_some(Self { epsilon, metrics })
    }

    /// What a day reveals.
    pub fn epsilon(&self) -> f64 {
        self.epsilon
    }

    /// How many metrics a day's summary has, or all that the model has.
    pub fn metrics(&self) -> usize {
        self.metrics
    }
}

impl Aggregation for LocalDp {
    fn report(&self, told: &Told<'_>, chance: &mut Chance) -> Option<Vec<u8>> {
        let mut left = told.bins.clone();
        let metrics = self.metrics.min(left.len());
        let mut bins = BTreeMap::new();
        for _ in 0..metrics {
            let (metric, count, bin) = left.swap_remove(chance.below(left.len() as u64) as usize);
            let response = Randomized::new(count, self.epsilon / metrics as f64)?;
            bins.insert(metric, response.randomize(bin, [chance.number(), chance.number()]));
        }
        let summary = Summary::new(chance.uuid(), told.model, told.day, told.cohort.clone(), self.epsilon, bins);
        Some(summary.ok()?.json().into_bytes())
    }

    fn upload(&self, reports: &[&[u8]]) -> Upload {
        let texts: Vec<&str> = reports.iter().filter_map(|report| core::str::from_utf8(report).ok()).collect();
        let reports = texts.len().min(Summary::MAX_BATCH);
        let body = Batch::body(texts[..reports].iter().copied()).into_bytes();
        Upload { path: "/v1/summaries".to_string(), content_type: "application/json", body, reports }
    }

    fn is_done(&self, response: &Response) -> bool {
        (200..300).contains(&response.status)
    }
}
