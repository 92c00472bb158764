//! Decisions as languages get them.

use dunlin_client as client;
use dunlin_engine::task::Scoring;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Outcome {
    /// Give the answer.
    Answer,
    /// Ask the cloud.
    Fallback {
        /// Why the answer isn't given.
        reason: Reason,
    },
    /// Say that there is no answer.
    Abstain {
        /// Why the answer isn't given.
        reason: Reason,
    },
}

/// The reasons of `dunlin_client::Reason`, which says what each means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
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

/// The rules of `dunlin_client::Rule`, which says what each looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Rule {
    /// How old the model is.
    Stale,
    /// Signs of evasion.
    Evasion,
    /// The cohort's name.
    Cohort,
    /// The energy.
    Energy,
    /// The probability of the most probable class, for an answer.
    Threshold,
    /// The same probability, for being shown at all.
    ScoreThreshold,
    /// The lists of allowed and denied classes.
    List,
}

/// A decision with what led to it.
#[derive(Clone, Debug, PartialEq, uniffi::Record)]
pub struct Decision {
    /// What is to be done.
    pub outcome: Outcome,
    /// The rule that decided.
    pub rule: Rule,
    /// The most probable class.
    pub index: u32,
    /// Its calibrated probability.
    pub probability: f32,
    /// By how much it is more probable than the next one.
    pub margin: f32,
    /// How little speaks for any class; missing where it means nothing, of a model that gives probabilities.
    pub energy: Option<f32>,
    /// The classes of the prediction set, the most probable first; none where the model makes no sets.
    pub set: Vec<u32>,
}

impl Decision {
    pub(crate) fn new(decision: &client::Decision<'_>, scoring: Scoring) -> Self {
        Self {
            outcome: decision.outcome.into(),
            rule: decision.explain().rule.into(),
            index: decision.class as u32,
            probability: decision.probability,
            margin: decision.margin,
            energy: (scoring == Scoring::Logits).then_some(decision.energy),
            set: decision.set().map(|class| class as u32).collect(),
        }
    }
}

impl From<client::Outcome> for Outcome {
    fn from(outcome: client::Outcome) -> Self {
        match outcome {
            client::Outcome::Answer => Self::Answer,
            client::Outcome::Fallback(reason) => Self::Fallback { reason: reason.into() },
            client::Outcome::Abstain(reason) => Self::Abstain { reason: reason.into() },
        }
    }
}

impl From<client::Reason> for Reason {
    fn from(reason: client::Reason) -> Self {
        match reason {
            client::Reason::Ambiguous => Self::Ambiguous,
            client::Reason::OutOfDistribution => Self::OutOfDistribution,
            client::Reason::Evasion => Self::Evasion,
            client::Reason::StaleModel => Self::StaleModel,
            client::Reason::UnknownCohort => Self::UnknownCohort,
            client::Reason::Policy => Self::Policy,
        }
    }
}

impl From<client::Rule> for Rule {
    fn from(rule: client::Rule) -> Self {
        match rule {
            client::Rule::Stale => Self::Stale,
            client::Rule::Evasion => Self::Evasion,
            client::Rule::Cohort => Self::Cohort,
            client::Rule::Energy => Self::Energy,
            client::Rule::Threshold => Self::Threshold,
            client::Rule::ScoreThreshold => Self::ScoreThreshold,
            client::Rule::List => Self::List,
        }
    }
}
