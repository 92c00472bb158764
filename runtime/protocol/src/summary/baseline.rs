use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::pairs::Pairs;
use super::{Cohort, Metric, Observation, Schema, SummaryError};

/// How calibration samples fall into bins: what a model's answers look like where all is well.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
pub struct Baseline {
    schema: Schema,
    groups: Vec<Group>,
}

/// The counts of all samples, or of a cohort's.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    cohort: Cohort,
    samples: u64,
    counts: BTreeMap<Metric, Vec<u64>>,
}

impl Baseline {
    /// The version that this library reads and writes.
    pub const VERSION: u32 = 1;

    /// No baseline is longer, in bytes of JSON.
    pub const MAX_BYTES: usize = 1 << 20;

    /// The most cohorts, all samples among them.
    pub const MAX_GROUPS: usize = 256;

    /// The schema alone, for a model without calibration samples.
    pub fn empty(schema: Schema) -> Self {
        Self { schema, groups: Vec::new() }
    }

    /// Counts observations, each with its cohort: all of them, and each cohort that has a key.
    ///
    /// Latency is left out, since it is the machine's that calibrated; whatever no sample has is left out as well.
    ///
    /// # Errors
    /// [`SummaryError::TooMany`] for more cohorts than 255.
    pub fn count<'a>(
        schema: Schema,
        observations: impl IntoIterator<Item = (&'a Observation, &'a Cohort)>,
    ) -> Result<Self, SummaryError> {
        let mut groups: BTreeMap<Cohort, Group> = BTreeMap::new();
        let everyone = Cohort::default();
        for (observation, cohort) in observations {
            for cohort in [Some(&everyone), Some(cohort).filter(|&cohort| *cohort != everyone)].into_iter().flatten() {
                let group = groups.entry(cohort.clone()).or_insert_with(|| Group::new(cohort.clone()));
                group.add(&schema, observation);
            }
        }
        if groups.len() > Self::MAX_GROUPS {
            return Err(SummaryError::TooMany);
        }
        Ok(Self { schema, groups: groups.into_values().collect() })
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`SummaryError`].
    pub fn parse(json: &[u8]) -> Result<Self, SummaryError> {
        if json.len() > Self::MAX_BYTES {
            return Err(SummaryError::TooLong);
        }
        let wire: Wire = serde_json::from_slice(json).map_err(|_| SummaryError::Malformed)?;
        Self::try_from(wire)
    }

    /// As JSON, the same bytes each time.
    pub fn json(&self) -> String {
        serde_json::to_string(self).expect("numbers and texts are JSON")
    }

    /// The bins that it counts in.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// All samples, then cohorts.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// A cohort's counts of a metric, where samples had it.
    pub fn counts(&self, cohort: &Cohort, metric: Metric) -> Option<&[u64]> {
        self.groups.iter().find(|group| group.cohort == *cohort)?.counts(metric)
    }
}

impl Group {
    fn new(cohort: Cohort) -> Self {
        Self { cohort, samples: 0, counts: BTreeMap::new() }
    }

    fn add(&mut self, schema: &Schema, observation: &Observation) {
        self.samples += 1;
        for metric in schema.metrics().filter(|&metric| metric != Metric::Latency) {
            if let (Some(bin), Some(bins)) = (schema.bin(metric, observation), schema.bins(metric)) {
                self.counts.entry(metric).or_insert_with(|| vec![0; bins])[usize::from(bin)] += 1;
            }
        }
    }

    /// Whose counts they are; nobody's in particular, of all samples.
    pub fn cohort(&self) -> &Cohort {
        &self.cohort
    }

    /// How many samples were counted.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// How many samples each bin of a metric has.
    pub fn counts(&self, metric: Metric) -> Option<&[u64]> {
        self.counts.get(&metric).map(Vec::as_slice)
    }

    /// Metrics with their counts.
    pub fn metrics(&self) -> impl Iterator<Item = (Metric, &[u64])> {
        self.counts.iter().map(|(&metric, counts)| (metric, counts.as_slice()))
    }
}

/// A baseline as it is written.
#[derive(Clone, Serialize, Deserialize)]
struct Wire {
    version: u32,
    schema: Schema,
    groups: Vec<WireGroup>,
}

#[derive(Clone, Serialize, Deserialize)]
struct WireGroup {
    cohort: Pairs<String>,
    samples: u64,
    counts: Pairs<Vec<u64>>,
}

impl TryFrom<Wire> for Baseline {
    type Error = SummaryError;

    fn try_from(Wire { version, schema, groups }: Wire) -> Result<Self, SummaryError> {
        if version != Self::VERSION {
            return Err(SummaryError::Version);
        }
        if groups.len() > Self::MAX_GROUPS {
            return Err(SummaryError::TooMany);
        }
        let mut sound: Vec<Group> = Vec::with_capacity(groups.len());
        for group in groups {
            let group = group.checked(&schema)?;
            if sound.iter().any(|known| known.cohort == group.cohort) {
                return Err(SummaryError::Cohort);
            }
            sound.push(group);
        }
        Ok(Self { schema, groups: sound })
    }
}

impl WireGroup {
    fn checked(self, schema: &Schema) -> Result<Group, SummaryError> {
        let mut group = Group { samples: self.samples, ..Group::new(Cohort::new(self.cohort.0)?) };
        for (name, counts) in self.counts.0 {
            let metric = Metric::named(&name).ok_or(SummaryError::Metric)?;
            let total = counts.iter().try_fold(0_u64, |sum, &count| sum.checked_add(count));
            // Numbers that a float holds exactly.
            let sound = total.is_some_and(|total| total <= self.samples) && self.samples <= 1 << 53;
            if schema.bins(metric) != Some(counts.len()) || !sound {
                return Err(SummaryError::Counts);
            }
            group.counts.insert(metric, counts);
        }
        Ok(group)
    }
}

impl From<Baseline> for Wire {
    fn from(Baseline { schema, groups }: Baseline) -> Self {
        let group = |Group { cohort, samples, counts }: Group| WireGroup {
            cohort: Pairs(cohort.pairs().map(|(key, value)| (key.into(), value.into())).collect()),
            samples,
            counts: Pairs(counts.into_iter().map(|(metric, counts)| (metric.name().into(), counts)).collect()),
        };
        Self { version: Baseline::VERSION, schema, groups: groups.into_iter().map(group).collect() }
    }
}
