//! From scores to a decision.
//!
//! The rules, in the order in which they are asked; the first one that fires decides:
//!
//! | rule | fires when | reason |
//! |---|---|---|
//! | stale | the app says that the model is stale | stale model |
//! | evasion | the signs of evasion reach the policy's bound | evasion |
//! | cohort | the policy tells cohorts apart and doesn't know this one | unknown cohort |
//! | energy | the energy is beyond the bound, or no number | out of distribution |
//! | threshold | the most probable class is less probable than the threshold | ambiguous |
//! | score threshold | that class is less probable than what is shown at all | policy |
//! | list | that class isn't allowed, or denied | policy |
//!
//! First what makes the numbers worthless, then which bounds hold, then whether the input is one that the model knows, then doubt, and
//! last what the app doesn't want to hear however sure the model is. That isn't a question for the cloud: the last two never fall back.

use core::fmt;

use dunlin_engine::Scores;
use dunlin_engine::artifact::{Bounds, Policy};

use crate::ranking::{Ranking, comes_before};

/// What only the app knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Context<'a> {
    /// To which cohort the input belongs, by the name that it has in the policy: a language, a kind of device.
    pub cohort: Option<&'a str>,
    /// Whether the model is too old to be believed.
    pub stale: bool,
    /// Signs that a text was made to deceive, 0 to 255.
    pub evasion: u8,
    /// Whether there is a cloud to ask.
    pub fallback: bool,
}

/// Why a model's answer isn't given. The names are the same in every language that Dunlin is used from.
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
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Ambiguous, Self::OutOfDistribution, Self::Evasion, Self::StaleModel, Self::UnknownCohort, Self::Policy];

    /// The name that all languages use.
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
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Give the answer.
    Answer,
    /// Ask the cloud.
    Fallback(Reason),
    /// Say that there is no answer.
    Abstain(Reason),
}

impl Outcome {
    /// The name that all languages use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Fallback(_) => "fallback",
            Self::Abstain(_) => "abstain",
        }
    }

    /// Why the answer isn't given; `None` where it is.
    pub const fn reason(self) -> Option<Reason> {
        match self {
            Self::Answer => None,
            Self::Fallback(reason) | Self::Abstain(reason) => Some(reason),
        }
    }
}

/// A rule, by what it looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// How old the model is.
    Stale,
    /// Signs of evasion.
    Evasion,
    /// The cohort's name.
    Cohort,
    /// The energy.
    Energy,
    /// The probability of the most probable class, for an answer. It is the last rule of an answer, too.
    Threshold,
    /// The same probability, for being shown at all.
    ScoreThreshold,
    /// The lists of allowed and denied classes.
    List,
}

impl Rule {
    /// All of them, in the order in which they are asked.
    pub const ALL: [Self; 7] =
        [Self::Stale, Self::Evasion, Self::Cohort, Self::Energy, Self::Threshold, Self::ScoreThreshold, Self::List];

    /// The name that all languages use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stale => "stale",
            Self::Evasion => "evasion",
            Self::Cohort => "cohort",
            Self::Energy => "energy",
            Self::Threshold => "threshold",
            Self::ScoreThreshold => "score_threshold",
            Self::List => "list",
        }
    }

    /// Why an answer isn't given when this rule fires.
    pub const fn reason(self) -> Reason {
        match self {
            Self::Stale => Reason::StaleModel,
            Self::Evasion => Reason::Evasion,
            Self::Cohort => Reason::UnknownCohort,
            Self::Energy => Reason::OutOfDistribution,
            Self::Threshold => Reason::Ambiguous,
            Self::ScoreThreshold | Self::List => Reason::Policy,
        }
    }
}

/// A decision with what led to it.
#[derive(Clone, Copy, Debug)]
pub struct Decision<'a> {
    /// What is to be done.
    pub outcome: Outcome,
    /// The most probable class, the first of equals; 0 of a model without classes.
    pub class: usize,
    /// Its calibrated probability; no number where one class has none.
    pub probability: f32,
    /// By how much it is more probable than the next one.
    pub margin: f32,
    /// Minus the logarithm of the sum of the exponentials of the calibrated logits: high where nothing speaks for any class. It means
    /// nothing for a model that gives probabilities.
    pub energy: f32,
    rule: Rule,
    numbers: [f32; 2],
    probabilities: &'a [f32],
    bounds: Bounds<'a>,
    rank_penalty: f32,
    free_ranks: u32,
}

/// Decides what is to be done with one input's scores.
pub fn decide<'a>(scores: &Scores<'a>, policy: &Policy<'a>, context: &Context<'_>) -> Decision<'a> {
    let (class, probability, margin) = first(scores.probabilities);
    let logit = scores.logits.get(class).copied().unwrap_or(f32::NAN);
    let energy = policy.calibration.energy(class, logit, probability);
    let known = policy.bounds_of(context.cohort);
    let bounds = known.unwrap_or(policy.bounds);
    let evasion = [f32::from(context.evasion), policy.evasion as f32];
    // Whether the answer passes each rule; what is no number doesn't.
    let rules = [
        (!context.stale, Rule::Stale, [0.0; 2]),
        (u32::from(context.evasion) < policy.evasion, Rule::Evasion, evasion),
        (known.is_some(), Rule::Cohort, [0.0; 2]),
        (energy <= bounds.energy, Rule::Energy, [energy, bounds.energy]),
        (probability >= bounds.threshold, Rule::Threshold, [probability, bounds.threshold]),
        (probability >= policy.score_threshold, Rule::ScoreThreshold, [probability, policy.score_threshold]),
        (policy.permits(class), Rule::List, [0.0; 2]),
    ];
    let fired = rules.into_iter().find(|&(passes, ..)| !passes);
    let (_, rule, numbers) = fired.unwrap_or((true, Rule::Threshold, [probability, bounds.threshold]));
    let outcome = match rule.reason() {
        _ if fired.is_none() => Outcome::Answer,
        reason if context.fallback && reason != Reason::Policy => Outcome::Fallback(reason),
        reason => Outcome::Abstain(reason),
    };
    let Policy { rank_penalty, free_ranks, .. } = *policy;
    let probabilities = scores.probabilities;
    Decision {
        outcome,
        class,
        probability,
        margin,
        energy,
        rule,
        numbers,
        probabilities,
        bounds,
        rank_penalty,
        free_ranks,
    }
}

/// The most probable class, its probability, and by how much the next one is less probable.
fn first(probabilities: &[f32]) -> (usize, f32, f32) {
    let (mut class, mut first, mut second) = (0, f32::NEG_INFINITY, f32::NEG_INFINITY);
    let mut sound = !probabilities.is_empty();
    for (candidate, &probability) in probabilities.iter().enumerate() {
        sound &= !probability.is_nan();
        if probability > first {
            (class, second, first) = (candidate, first, probability);
        } else if probability > second {
            second = probability;
        }
    }
    if !sound {
        first = f32::NAN;
    }
    (class, first, first - second.max(0.0))
}

impl<'a> Decision<'a> {
    /// The rule that fired, or by which the answer is given, with its numbers.
    pub fn explain(&self) -> Explanation {
        let [found, bound] = self.numbers;
        Explanation { outcome: self.outcome, rule: self.rule, found, bound }
    }

    /// Whether the model makes prediction sets.
    pub fn has_set(&self) -> bool {
        !self.bounds.quantiles.is_empty()
    }

    /// Whether a class is in the prediction set: one that holds the true class but for a share of `alpha`, if inputs are like those that
    /// the model was calibrated on.
    pub fn set_has(&self, class: usize) -> bool {
        match (self.probabilities.get(class), self.bounds.quantile(class)) {
            (Some(&probability), Some(quantile)) => self.score(class, probability) <= quantile,
            _ => false,
        }
    }

    /// The classes of the prediction set, the most probable first; none where the model makes no sets.
    pub fn set(&self) -> impl Iterator<Item = usize> + use<'a> {
        let decision = *self;
        // Scores rise with the rank where sets go by it: nothing comes after the first class that isn't in the set.
        let by_rank = self.rank_penalty > 0.0 && self.bounds.quantiles.len() == 1;
        let classes = Ranking::new(self.probabilities).map(move |(class, _)| (class, decision.set_has(class)));
        classes.take_while(move |&(_, has)| has || !by_rank).filter_map(|(class, has)| has.then_some(class))
    }

    /// How little a class fits: what quantiles are of.
    fn score(&self, class: usize, probability: f32) -> f32 {
        if self.rank_penalty == 0.0 {
            return 1.0 - probability;
        }
        let (mut rank, mut sum) = (1, probability);
        for (other, &others) in self.probabilities.iter().enumerate() {
            if comes_before((other, others), (class, probability)) {
                rank += 1;
                sum += others;
            }
        }
        sum + self.rank_penalty * u32::saturating_sub(rank, self.free_ranks) as f32
    }
}

/// Which rule decided, and by what.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Explanation {
    /// What was decided.
    pub outcome: Outcome,
    /// The rule.
    pub rule: Rule,
    /// What the rule looked at; 0 where that is no number.
    pub found: f32,
    /// What it compared that with; 0 where that is no number.
    pub bound: f32,
}

impl Explanation {
    /// Whether the rule compares numbers.
    pub const fn has_numbers(&self) -> bool {
        !matches!(self.rule, Rule::Stale | Rule::Cohort | Rule::List)
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { outcome, rule, found, bound } = *self;
        match rule {
            Rule::Stale => f.write_str("the app says that the model is stale"),
            Rule::Evasion => write!(f, "the signs of evasion, {found}, reach {bound}"),
            Rule::Cohort => f.write_str("the policy doesn't know the cohort"),
            Rule::Energy if found.is_nan() => f.write_str("the model's output is no number"),
            Rule::Energy => write!(f, "the energy, {found:.3}, is beyond {bound:.3}"),
            Rule::Threshold if outcome == Outcome::Answer => {
                write!(f, "the probability, {found:.4}, reaches the threshold of {bound:.4}")
            }
            Rule::Threshold => write!(f, "the probability, {found:.4}, is below the threshold of {bound:.4}"),
            Rule::ScoreThreshold => {
                write!(f, "the probability, {found:.4}, is below {bound:.4}, the least that is shown")
            }
            Rule::List => f.write_str("the lists of classes don't permit this one"),
        }
    }
}
