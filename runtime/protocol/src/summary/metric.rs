use serde::{Deserialize, Serialize};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// The most probable class.
    Class,
    /// Its calibrated probability.
    Confidence,
    /// How far the second one is behind.
    Margin,
    /// How unlike the model's samples the input is.
    Energy,
    /// How long the answer took.
    Latency,
    /// Whether the answer was given, or why not.
    Reason,
    /// Why a model was given up, or that none was.
    Rollback,
    /// The share of a text that the model has no tokens for.
    Unknown,
    /// The length of a text.
    Length,
    /// The mean brightness of a picture.
    Brightness,
    /// Whether the cloud said the same.
    Agreement,
}

impl Metric {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Class,
        Self::Confidence,
        Self::Margin,
        Self::Energy,
        Self::Latency,
        Self::Reason,
        Self::Rollback,
        Self::Unknown,
        Self::Length,
        Self::Brightness,
        Self::Agreement,
    ];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Class => "class",
            Self::Confidence => "confidence",
            Self::Margin => "margin",
            Self::Energy => "energy",
            Self::Latency => "latency_log2",
            Self::Reason => "reason",
            Self::Rollback => "rollback",
            Self::Unknown => "unknown",
            Self::Length => "length_log2",
            Self::Brightness => "brightness",
            Self::Agreement => "agreement",
        }
    }

    /// The metric of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.name() == name)
    }
}

/// Why an answer wasn't given; the names are those of `dunlin-client`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// No class is probable enough.
    Ambiguous,
    /// The input isn't like those that the model was made for.
    OutOfDistribution,
    /// The input looks as if it was made to deceive.
    Evasion,
    /// The model is too old.
    StaleModel,
    /// The input belongs to a cohort for which nothing was measured.
    UnknownCohort,
    /// The app doesn't want this answer.
    Policy,
}

impl Reason {
    /// All of them, in the order of their bins; the bin before them is the answer's.
    pub const ALL: [Self; 6] =
        [Self::Ambiguous, Self::OutOfDistribution, Self::Evasion, Self::StaleModel, Self::UnknownCohort, Self::Policy];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ambiguous => "ambiguous",
            Self::OutOfDistribution => "out_of_distribution",
            Self::Evasion => "evasion",
            Self::StaleModel => "stale_model",
            Self::UnknownCohort => "unknown_cohort",
            Self::Policy => "policy",
        }
    }

    /// The reason of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

/// Why a device took a model back. The names are the same in every language, in a device's store and in summaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rollback {
    /// It can't be loaded.
    Load,
    /// It doesn't compute here what it should.
    Golden,
    /// The program ended while it was being started, or again and again while it was tried.
    Crash,
    /// It finds other classes than the model before.
    Agreement,
    /// It leaves too many inputs to the cloud, or to nobody.
    Fallback,
    /// It is too slow.
    Latency,
    /// Its publisher took it back.
    Withdrawn,
    /// Its bytes are gone, or aren't those that were stored any more. That says nothing of the model.
    Lost,
}

impl Rollback {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Load,
        Self::Golden,
        Self::Crash,
        Self::Agreement,
        Self::Fallback,
        Self::Latency,
        Self::Withdrawn,
        Self::Lost,
    ];

    /// Those that are counted, in the order of their bins; the bin before them says that there was none.
    pub const COUNTED: [Self; 7] =
        [Self::Load, Self::Golden, Self::Crash, Self::Agreement, Self::Fallback, Self::Latency, Self::Withdrawn];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Golden => "golden",
            Self::Crash => "crash",
            Self::Agreement => "agreement",
            Self::Fallback => "fallback",
            Self::Latency => "latency",
            Self::Withdrawn => "withdrawn",
            Self::Lost => "lost",
        }
    }

    /// The reason of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }

    /// Its bin; `None` where it says nothing of the model.
    pub fn bin(self) -> Option<u8> {
        Self::COUNTED.iter().position(|&reason| reason == self).map(|at| at as u8 + 1)
    }
}

/// What the cloud said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Agreement {
    /// The same class.
    Same,
    /// Another one.
    Other,
}

impl Agreement {
    /// Its bin; the bin before them says that nothing was asked.
    pub const fn bin(self) -> u8 {
        self as u8 + 1
    }
}
