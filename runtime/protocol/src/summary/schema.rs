use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::ops::Range;

use serde::{Deserialize, Serialize};

use super::{Metric, Reason, Rollback, SummaryError};

/// What a model takes: it decides which metrics there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// Tensors that the app makes.
    Tensor,
    /// Pictures.
    Picture,
    /// Texts.
    Text,
}

/// Which metrics a model has, and where their bins begin.
///
/// Bins are few and fixed, so that counts of many devices can be added. All borders but those of energy are the same for every model;
/// energy has no scale of its own, so that its borders are the octiles of the model's calibration samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
pub struct Schema {
    classes: u32,
    input: Input,
    energy: Vec<f32>,
}

/// Numbers of one answer. There is no place for the input itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observation {
    /// The most probable class.
    pub class: u32,
    /// Its calibrated probability.
    pub probability: f32,
    /// That less the second one's.
    pub margin: f32,
    /// The energy, where the model has one.
    pub energy: Option<f32>,
    /// Microseconds that the answer took.
    pub latency: u32,
    /// Why the answer wasn't given; `None` where it was.
    pub reason: Option<Reason>,
    /// The share of a text's tokens that are unknown, 0 to 1.
    pub unknown: Option<f32>,
    /// Bytes of a text, in UTF-8.
    pub length: Option<u32>,
    /// Mean brightness of a picture, 0 to 1.
    pub brightness: Option<f32>,
}

impl Schema {
    /// The version that this library reads and writes.
    pub const VERSION: u32 = 1;

    /// The most bins of classes; of more classes, neighbours share one.
    pub const MAX_CLASS_BINS: usize = 32;

    /// The most bins of any metric.
    pub const MAX_BINS: usize = 32;

    /// Borders of energy, where there are any.
    pub const ENERGY_BORDERS: usize = 7;

    /// Where bins of [`Metric::Confidence`] begin, but for the first. Calibrated models are often sure, so that most borders lie above a half.
    pub const CONFIDENCE: [f32; 7] = [0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99];

    /// Of a model with so many classes. Without borders of energy the model has none.
    ///
    /// # Errors
    /// [`SummaryError::Schema`] for no classes or more than 2^20, or for borders that aren't seven finite numbers that rise.
    pub fn new(classes: u32, input: Input, energy: Vec<f32>) -> Result<Self, SummaryError> {
        let borders = energy.is_empty() || energy.len() == Self::ENERGY_BORDERS;
        let rise = energy.iter().all(|border| border.is_finite()) && energy.windows(2).all(|pair| pair[0] < pair[1]);
        if !(1..=1 << 20).contains(&classes) || !borders || !rise {
            return Err(SummaryError::Schema);
        }
        Ok(Self { classes, input, energy })
    }

    /// The metrics that this model's devices tell of, always all of them: which are there says nothing of a day.
    pub fn metrics(&self) -> impl Iterator<Item = Metric> + '_ {
        Metric::ALL.into_iter().filter(|&metric| self.bins(metric).is_some())
    }

    /// How many bins a metric has, 2 at least; `None` where the model doesn't have it.
    pub fn bins(&self, metric: Metric) -> Option<usize> {
        let bins = match metric {
            Metric::Class => (self.classes as usize).min(Self::MAX_CLASS_BINS),
            Metric::Confidence | Metric::Margin if self.classes < 2 => 0,
            Metric::Confidence => Self::CONFIDENCE.len() + 1,
            Metric::Margin => MARGIN.len() + 1,
            Metric::Energy if self.energy.is_empty() => 0,
            Metric::Energy => self.energy.len() + 1,
            Metric::Latency => LATENCY as usize + 1,
            Metric::Reason => Reason::ALL.len() + 1,
            Metric::Rollback => Rollback::COUNTED.len() + 1,
            Metric::Unknown if self.input == Input::Text => UNKNOWN.len() + 1,
            Metric::Length if self.input == Input::Text => LENGTH as usize + 1,
            Metric::Brightness if self.input == Input::Picture => BRIGHTNESS.len() + 1,
            Metric::Unknown | Metric::Length | Metric::Brightness => 0,
            Metric::Agreement => 3,
        };
        Some(bins).filter(|&bins| bins > 1)
    }

    /// The bin of an answer; `None` where the model doesn't have the metric, or the answer lacks it. What is no number is in the last bin.
    pub fn bin(&self, metric: Metric, observation: &Observation) -> Option<u8> {
        let bins = self.bins(metric)?;
        let bin = match metric {
            Metric::Class => {
                let class = u64::from(observation.class.min(self.classes - 1));
                (class * bins as u64 / u64::from(self.classes)) as u8
            }
            Metric::Confidence => place(&Self::CONFIDENCE, observation.probability),
            Metric::Margin => place(&MARGIN, observation.margin),
            Metric::Energy => place(&self.energy, observation.energy?),
            Metric::Latency => octave(observation.latency, 4, LATENCY),
            Metric::Reason => observation.reason.map_or(0, |reason| reason as u8 + 1),
            Metric::Unknown => place(&UNKNOWN, observation.unknown?),
            Metric::Length => octave(observation.length?, 3, LENGTH),
            Metric::Brightness => place(&BRIGHTNESS, observation.brightness?),
            // These aren't known when the answer is given.
            Metric::Rollback | Metric::Agreement => return None,
        };
        Some(bin)
    }

    /// What a bin holds, for people.
    pub fn label(&self, metric: Metric, bin: usize) -> String {
        let range = |borders: &[f32]| match (bin.checked_sub(1).and_then(|below| borders.get(below)), borders.get(bin))
        {
            (None, Some(above)) => format!("below {above}"),
            (Some(below), Some(above)) => format!("{below} to {above}"),
            (Some(below), None) => format!("{below} and more"),
            (None, None) => "all".to_string(),
        };
        let octaves = |first: u32, last: u8, unit: &str| match bin {
            0 => format!("below {} {unit}", 1_u32 << (first + 1)),
            bin if bin >= usize::from(last) => format!("{} {unit} and more", 1_u32 << (first + u32::from(last))),
            bin => format!("{} to {} {unit}", 1_u32 << (first + bin as u32), 1_u32 << (first + 1 + bin as u32)),
        };
        let named = |first: &str, name: Option<&'static str>| name.unwrap_or(first).to_string();
        match metric {
            Metric::Class => self.classes_of(bin),
            Metric::Confidence => range(&Self::CONFIDENCE),
            Metric::Margin => range(&MARGIN),
            Metric::Energy => range(&self.energy),
            Metric::Latency => octaves(4, LATENCY, "µs"),
            Metric::Reason => named("answer", bin.checked_sub(1).and_then(|at| Reason::ALL.get(at)).map(|r| r.name())),
            Metric::Rollback => {
                named("none", bin.checked_sub(1).and_then(|at| Rollback::COUNTED.get(at)).map(|r| r.name()))
            }
            Metric::Unknown if bin == 0 => "none".to_string(),
            Metric::Unknown => range(&UNKNOWN),
            Metric::Length => octaves(3, LENGTH, "bytes"),
            Metric::Brightness => range(&BRIGHTNESS),
            Metric::Agreement => ["not asked", "same", "other"].get(bin).unwrap_or(&"").to_string(),
        }
    }

    /// The classes that a bin of [`Metric::Class`] counts.
    pub fn classes_in(&self, bin: usize) -> Range<usize> {
        let (classes, bins) = (self.classes as usize, (self.classes as usize).min(Self::MAX_CLASS_BINS));
        let [first, end] = [bin, bin + 1].map(|bin| (bin * classes).div_ceil(bins));
        first..end
    }

    fn classes_of(&self, bin: usize) -> String {
        let Range { start: first, end } = self.classes_in(bin);
        if end == first + 1 { format!("class {first}") } else { format!("classes {first} to {}", end - 1) }
    }

    /// Classes of the model.
    pub fn classes(&self) -> u32 {
        self.classes
    }

    /// Where energy's bins begin; none where the model has no energy.
    pub fn energy_borders(&self) -> &[f32] {
        &self.energy
    }

    /// What the model takes.
    pub fn input(&self) -> Input {
        self.input
    }
}

/// The number of borders that aren't above a value; all of them for what is no number.
fn place(borders: &[f32], value: f32) -> u8 {
    borders.iter().filter(|&&border| border <= value || value.is_nan()).count() as u8
}

/// 0 below `2^(first + 1)`, then one more for each doubling.
fn octave(value: u32, first: u32, last: u8) -> u8 {
    (value.max(1).ilog2().saturating_sub(first) as u8).min(last)
}

const MARGIN: [f32; 7] = [0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 0.98];

/// The first bin is of texts without unknown tokens.
const UNKNOWN: [f32; 7] = [f32::MIN_POSITIVE, 0.02, 0.05, 0.1, 0.2, 0.4, 0.7];

const BRIGHTNESS: [f32; 7] = [0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875];

/// The last bin of latencies: from 2^19 microseconds, half a second, on. The first ends at 32.
const LATENCY: u8 = 15;

/// The last bin of lengths: from 2^10 bytes on. The first ends at 16.
const LENGTH: u8 = 7;

/// A schema as it is written.
#[derive(Clone, Serialize, Deserialize)]
struct Wire {
    version: u32,
    classes: u32,
    input: Input,
    energy: Vec<f32>,
}

impl TryFrom<Wire> for Schema {
    type Error = SummaryError;

    fn try_from(Wire { version, classes, input, energy }: Wire) -> Result<Self, SummaryError> {
        if version != Self::VERSION {
            return Err(SummaryError::Version);
        }
        Self::new(classes, input, energy)
    }
}

impl From<Schema> for Wire {
    fn from(Schema { classes, input, energy }: Schema) -> Self {
        Self { version: Schema::VERSION, classes, input, energy }
    }
}
