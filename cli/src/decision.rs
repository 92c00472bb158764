//! What is decided of a classifier's scores, for people and for programs.

use std::io::Write;

use dunlin_client::{Context, Decision, decide, shown};
use dunlin_engine::Classifier;
use dunlin_engine::artifact::Policy;
use dunlin_native::ModelFile;
use serde::Serialize;

use crate::args::{ClassifyArgs, ContextArgs};
use crate::error::CliError;
use crate::lists::Lists;
use crate::model::class_name;

/// How many classes are shown where nobody says.
const SHOWN: usize = 3;

/// What the user asked for beside the model's policy.
#[derive(Debug)]
pub struct Decider {
    decides: bool,
    top: Option<usize>,
    lists: Lists,
    context: ContextArgs,
}

/// One of the classes that are shown.
#[derive(Debug, Serialize)]
pub struct Class {
    /// Its number.
    pub class: usize,
    /// Its name.
    pub label: String,
    /// Its calibrated probability.
    pub probability: f32,
}

/// A decision.
#[derive(Debug, Serialize)]
pub struct Decided {
    /// `answer`, `fallback` or `abstain`.
    decision: &'static str,
    /// Why it isn't an answer; `null` where it is.
    reason: Option<&'static str>,
    class: usize,
    label: String,
    /// Calibrated; `null` where it is no number, as the next two.
    probability: Option<f32>,
    margin: Option<f32>,
    energy: Option<f32>,
    /// The classes of the prediction set, the most probable first; `null` where the model makes no sets.
    set: Option<Vec<SetClass>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<Rule>,
}

/// A class of a prediction set.
#[derive(Debug, Serialize)]
struct SetClass {
    class: usize,
    label: String,
}

/// The rule that made the decision.
#[derive(Debug, Serialize)]
struct Rule {
    name: &'static str,
    /// What the rule looked at and compared; `null` where these are no numbers.
    found: Option<f32>,
    bound: Option<f32>,
    explanation: String,
}

impl Decider {
    /// Reads the options; `labels` are those by which classes are named there.
    ///
    /// # Errors
    /// [`CliError::Class`], [`CliError::Model`] when the policy is malformed.
    pub fn new(
        classifier: &mut Classifier<ModelFile>,
        args: &ClassifyArgs,
        labels: &[String],
        decides: bool,
    ) -> Result<Self, CliError> {
        let classes = crate::dataset::classes(classifier);
        let lists = Lists::new(&args.lists, labels, classes)?;
        classifier.policy().map_err(|error| CliError::artifact("the model", error))?;
        Ok(Self { decides, top: args.top, lists, context: args.context.clone() })
    }

    /// The classes to show of the classifier's last input, and what is decided of it.
    ///
    /// # Errors
    /// [`CliError::Model`] when the policy is malformed.
    pub fn decide(
        &self,
        classifier: &Classifier<ModelFile>,
        labels: &[String],
    ) -> Result<(Vec<Class>, Option<Decided>), CliError> {
        let (scores, policy) = (classifier.scores(), classifier.policy());
        let policy = self.changed(policy.map_err(|error| CliError::artifact("the model", error))?);
        let class = |(class, probability)| Class { class, label: class_name(labels, class), probability };
        let classes = shown(&scores, &policy).map(class).collect();
        let ContextArgs { cohort, stale, no_fallback, .. } = &self.context;
        let evasion = scores.signs.evasion();
        let context = Context { cohort: cohort.as_deref(), stale: *stale, evasion, fallback: !no_fallback };
        let decided = || Decided::new(&decide(&scores, &policy, &context), labels, self.context.explain);
        Ok((classes, self.decides.then(decided)))
    }

    /// The model's policy with what the user wants otherwise.
    fn changed<'a>(&'a self, policy: Policy<'a>) -> Policy<'a> {
        let top = self.top.or(Some(policy.top_k as usize).filter(|&top| top > 0)).unwrap_or(SHOWN);
        Policy {
            top_k: u32::try_from(top).unwrap_or(u32::MAX),
            allow: self.lists.allow.as_deref().unwrap_or(policy.allow),
            deny: self.lists.deny.as_deref().unwrap_or(policy.deny),
            score_threshold: self.lists.score_threshold.unwrap_or(policy.score_threshold),
            ..policy
        }
    }
}

impl Decided {
    /// Why the cloud is to be asked, and the local answer's class; none where it isn't.
    pub fn falls_back(&self) -> Option<(&'static str, usize)> {
        self.reason.filter(|_| self.decision == "fallback").map(|reason| (reason, self.class))
    }

    fn new(decision: &Decision<'_>, labels: &[String], explain: bool) -> Self {
        let number = |value: f32| Some(value).filter(|value| value.is_finite());
        let explanation = decision.explain();
        let [found, bound] =
            [explanation.found, explanation.bound].map(|value| number(value).filter(|_| explanation.has_numbers()));
        let rule = Rule { name: explanation.rule.name(), found, bound, explanation: explanation.to_string() };
        let class = |class| SetClass { class, label: class_name(labels, class) };
        Self {
            decision: decision.outcome.name(),
            reason: decision.outcome.reason().map(|reason| reason.name()),
            class: decision.class,
            label: class_name(labels, decision.class),
            probability: number(decision.probability),
            margin: number(decision.margin),
            energy: number(decision.energy),
            set: decision.has_set().then(|| decision.set().map(class).collect()),
            rule: explain.then_some(rule),
        }
    }

    /// Shows it under an input's classes.
    ///
    /// # Errors
    /// [`CliError::Stdout`].
    pub fn show(&self, out: &mut dyn Write) -> Result<(), CliError> {
        let Self { decision, reason, label, probability, margin, .. } = self;
        write!(out, "  {decision}: ")?;
        match reason {
            None => write!(out, "{label}")?,
            Some(reason) => write!(out, "{reason}")?,
        }
        if let (Some(probability), Some(margin)) = (probability, margin) {
            write!(out, ", probability {probability:.3}, margin {margin:.3}")?;
        }
        if let Some(set) = &self.set {
            let labels: Vec<&str> = set.iter().map(|class| &class.label[..]).collect();
            write!(out, ", set {{{}}}", labels.join(", "))?;
        }
        writeln!(out)?;
        if let Some(Rule { name, explanation, .. }) = &self.rule {
            writeln!(out, "  rule {name}: {explanation}")?;
        }
        Ok(())
    }
}
