//! What a device tells of a day: for each metric the bin of one of the day's answers, and that bin only by chance the true one.
//!
//! The types are made so that more can't be said. An [`Observation`] is a handful of numbers of one answer, a [`Schema`] turns them into
//! bins, and a [`Summary`] has no field in which a text, a picture or a name would fit. docs/formats/summary.md is the specification.

mod baseline;
mod cohort;
mod error;
mod metric;
mod pairs;
mod response;
mod schema;

pub use baseline::{Baseline, Group};
pub use cohort::{Allowed, Cohort, OTHER};
pub use error::SummaryError;
pub use metric::{Agreement, Metric, Reason, Rollback};
pub use response::{Estimate, Response};
pub use schema::{Input, Observation, Schema};

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::hex::{self, Hash};
pub use crate::uuid::Uuid;
use pairs::Pairs;

/// The bins of one device, model, day and cohort, each after randomized response.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    id: Uuid,
    model: Hash,
    day: u32,
    cohort: Cohort,
    epsilon: f64,
    bins: BTreeMap<Metric, u8>,
}

impl Summary {
    /// The version that this library reads and writes.
    pub const VERSION: u32 = 1;

    /// No summary is longer, in bytes of JSON.
    pub const MAX_BYTES: usize = 2048;

    /// The most summaries of one request.
    pub const MAX_BATCH: usize = 100;

    /// The least and the most that a summary may reveal, as epsilon of all its bins together.
    pub const EPSILON: [f64; 2] = [0.01, 10.0];

    /// Days after this one (in the year 2243) are a mistake.
    pub const MAX_DAY: u32 = 100_000;

    /// From bins that were randomized, all together with this epsilon.
    ///
    /// # Errors
    /// [`SummaryError::Day`], [`SummaryError::Epsilon`], [`SummaryError::Empty`].
    pub fn new(
        id: Uuid,
        model: Hash,
        day: u32,
        cohort: Cohort,
        epsilon: f64,
        bins: BTreeMap<Metric, u8>,
    ) -> Result<Self, SummaryError> {
        let [least, most] = Self::EPSILON;
        if day > Self::MAX_DAY {
            return Err(SummaryError::Day);
        }
        if !(least..=most).contains(&epsilon) {
            return Err(SummaryError::Epsilon);
        }
        if bins.is_empty() {
            return Err(SummaryError::Empty);
        }
        Ok(Self { id, model, day, cohort, epsilon, bins })
    }

    /// Reads one, and checks all that can be checked without the model's schema.
    ///
    /// # Errors
    /// [`SummaryError`].
    pub fn parse(json: &[u8]) -> Result<Self, SummaryError> {
        if json.len() > Self::MAX_BYTES {
            return Err(SummaryError::TooLong);
        }
        let wire: Wire = serde_json::from_slice(json).map_err(|_| SummaryError::Malformed)?;
        if wire.version != Self::VERSION {
            return Err(SummaryError::Version);
        }
        let id = Uuid::parse(&wire.id).ok_or(SummaryError::Id)?;
        let model = Hash::parse(&wire.model).ok_or(SummaryError::Model)?;
        let cohort = Cohort::new(wire.cohort.0)?;
        let bin = |(name, bin): (String, u8)| Ok((Metric::named(&name).ok_or(SummaryError::Metric)?, bin));
        let bins = wire.bins.0.into_iter().map(bin).collect::<Result<_, _>>()?;
        Self::new(id, model, wire.day, cohort, wire.epsilon, bins)
    }

    /// As JSON, the same bytes each time.
    pub fn json(&self) -> String {
        let wire = Wire {
            version: Self::VERSION,
            id: self.id.text(),
            model: hex::encode(&self.model.0),
            day: self.day,
            cohort: Pairs(self.cohort.pairs().map(|(key, value)| (key.into(), value.into())).collect()),
            epsilon: self.epsilon,
            bins: Pairs(self.bins.iter().map(|(metric, &bin)| (metric.name().into(), bin)).collect()),
        };
        serde_json::to_string(&wire).expect("numbers and texts are JSON")
    }

    /// Checks that it is about this model's metrics, and that no bin is beyond its metric's.
    ///
    /// # Errors
    /// [`SummaryError::Metric`], [`SummaryError::Bin`].
    pub fn fits(&self, schema: &Schema) -> Result<(), SummaryError> {
        for (&metric, &bin) in &self.bins {
            let bins = schema.bins(metric).ok_or(SummaryError::Metric)?;
            if usize::from(bin) >= bins {
                return Err(SummaryError::Bin);
            }
        }
        Ok(())
    }

    /// A random number that is this summary's, and by which a server knows one that it has.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// Of which model.
    pub fn model(&self) -> Hash {
        self.model
    }

    /// Of which day, in days since the epoch, in UTC.
    pub fn day(&self) -> u32 {
        self.day
    }

    /// Of which cohort.
    pub fn cohort(&self) -> &Cohort {
        &self.cohort
    }

    /// What all of it reveals.
    pub fn epsilon(&self) -> f64 {
        self.epsilon
    }

    /// What one of its bins reveals: all have the same share.
    pub fn epsilon_of_each(&self) -> f64 {
        self.epsilon / self.bins.len() as f64
    }

    /// The bins, as they were randomized.
    pub fn bins(&self) -> impl Iterator<Item = (Metric, u8)> {
        self.bins.iter().map(|(&metric, &bin)| (metric, bin))
    }
}

/// A summary as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    version: u32,
    id: String,
    model: String,
    day: u32,
    cohort: Pairs<String>,
    epsilon: f64,
    bins: Pairs<u8>,
}

/// Summaries of one request, each for itself right or wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch(pub Vec<Result<Summary, SummaryError>>);

impl Batch {
    /// No batch is longer, in bytes.
    pub const MAX_BYTES: usize = Summary::MAX_BATCH * (Summary::MAX_BYTES + 1) + 64;

    /// Reads the body of a request: `{"summaries": [...]}`.
    ///
    /// # Errors
    /// [`SummaryError::TooLong`], [`SummaryError::Malformed`], [`SummaryError::Empty`], [`SummaryError::TooMany`] for all; what is wrong with
    /// one of them stands in its place.
    pub fn parse(json: &[u8]) -> Result<Self, SummaryError> {
        if json.len() > Self::MAX_BYTES {
            return Err(SummaryError::TooLong);
        }
        let Body { summaries } = serde_json::from_slice(json).map_err(|_| SummaryError::Malformed)?;
        match summaries.len() {
            0 => Err(SummaryError::Empty),
            1..=Summary::MAX_BATCH => {
                Ok(Self(summaries.iter().map(|summary| Summary::parse(summary.get().as_bytes())).collect()))
            }
            _ => Err(SummaryError::TooMany),
        }
    }

    /// The body of a request with summaries that were written already.
    pub fn body<'a>(summaries: impl IntoIterator<Item = &'a str>) -> String {
        let mut body = String::from("{\"summaries\":[");
        for (index, summary) in summaries.into_iter().enumerate() {
            body.push_str(if index == 0 { "" } else { "," });
            body.push_str(summary);
        }
        body.push_str("]}");
        body
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body<'a> {
    #[serde(borrow)]
    summaries: Vec<&'a RawValue>,
}

/// What a server did with a batch; what it refused needn't be sent again either.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Summaries that are counted now.
    pub accepted: u32,
    /// Summaries that were counted before.
    pub repeated: u32,
    /// Those that never will be.
    #[serde(default)]
    pub refused: Vec<Refusal>,
}

/// A summary that isn't counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Its place in the batch.
    pub index: u32,
    /// Why: a stable name, such as [`SummaryError::code`] gives.
    pub code: String,
}

#[cfg(test)]
mod tests;
