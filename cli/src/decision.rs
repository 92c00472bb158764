//! What is decided of a classifier's scores, for people and for programs.

use std::io::Write;
use std::path::{Path, PathBuf};

use dunlin_client::{Context, Decision, decide, shown};
use dunlin_engine::Classifier;
use dunlin_engine::artifact::Policy;
use dunlin_engine::classifier::Head;
use dunlin_native::ModelFile;
use serde::Serialize;

use crate::args::{ClassifyArgs, ContextArgs};
use crate::error::CliError;
use crate::heads;
use crate::lists::Lists;
use crate::model::class_name;
use crate::table;

/// How many classes are shown where nobody says.
const SHOWN: usize = 3;

/// Width of a bar.
const BAR: usize = 24;

/// What the user asked for beside the model's policies.
#[derive(Debug)]
pub struct Decider {
    model: PathBuf,
    top: Option<usize>,
    context: ContextArgs,
    heads: Vec<HeadDecider>,
}

/// What is known of a head before anything is classified.
#[derive(Debug)]
struct HeadDecider {
    /// Of one after the first.
    name: Option<String>,
    labels: Vec<String>,
    lists: Lists,
    decides: bool,
}

/// What a head says of an input.
#[derive(Debug, Default, Serialize)]
pub struct Judgement {
    /// Of one after the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    classes: Vec<Class>,
    /// Where the head has a policy, or an option asks for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<Decided>,
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
    /// Reads the options; lists of classes are about the first head.
    ///
    /// # Errors
    /// [`CliError::Class`], [`CliError::Model`] when names, labels or a policy are malformed.
    pub fn new(classifier: &Classifier<ModelFile>, model: &Path, args: &ClassifyArgs) -> Result<Self, CliError> {
        let heads =
            heads::all(classifier).enumerate().map(|(number, head)| HeadDecider::new(number, &head, model, args));
        let heads = heads.collect::<Result<_, _>>()?;
        Ok(Self { model: model.to_owned(), top: args.top, context: args.context.clone(), heads })
    }

    /// The classes to show of the classifier's last input, and what is decided of it: by the first head, and by the others.
    ///
    /// # Errors
    /// [`CliError::Model`] when a policy is malformed.
    pub fn decide(&self, classifier: &Classifier<ModelFile>) -> Result<(Judgement, Vec<Judgement>), CliError> {
        let judged = self.heads.iter().zip(heads::all(classifier)).map(|(own, head)| self.judge(own, &head));
        let mut judged = judged.collect::<Result<Vec<_>, _>>()?;
        let others = judged.split_off(1);
        Ok((judged.remove(0), others))
    }

    fn judge(&self, own: &HeadDecider, head: &Head<'_>) -> Result<Judgement, CliError> {
        let policy = self.changed(&own.lists, heads::policy(head, &self.model)?);
        let scores = &head.scores;
        let class = |(class, probability)| Class { class, label: class_name(&own.labels, class), probability };
        let classes = shown(scores, &policy).map(class).collect();
        let ContextArgs { cohort, stale, no_fallback, .. } = &self.context;
        let evasion = scores.signs.evasion();
        let context = Context { cohort: cohort.as_deref(), stale: *stale, evasion, fallback: !no_fallback };
        let decided = || Decided::new(&decide(scores, &policy, &context), &own.labels, self.context.explain);
        Ok(Judgement { name: own.name.clone(), classes, decision: own.decides.then(decided) })
    }

    /// A policy with what the user wants otherwise.
    fn changed<'a>(&self, lists: &'a Lists, policy: Policy<'a>) -> Policy<'a> {
        let top = self.top.or(Some(policy.top_k as usize).filter(|&top| top > 0)).unwrap_or(SHOWN);
        Policy {
            top_k: u32::try_from(top).unwrap_or(u32::MAX),
            allow: lists.allow.as_deref().unwrap_or(policy.allow),
            deny: lists.deny.as_deref().unwrap_or(policy.deny),
            score_threshold: lists.score_threshold.unwrap_or(policy.score_threshold),
            ..policy
        }
    }
}

impl HeadDecider {
    fn new(number: usize, head: &Head<'_>, model: &Path, args: &ClassifyArgs) -> Result<Self, CliError> {
        heads::policy(head, model)?;
        let name = if number > 0 { Some(heads::name(head, model)?) } else { None };
        let lists = if number > 0 {
            Lists { score_threshold: args.lists.score_threshold, ..Lists::default() }
        } else {
            // Classes are named by what they are called by default, whatever language is shown.
            Lists::new(&args.lists, &heads::labels(head, model, None)?, head.scores.logits.len())?
        };
        let labels = heads::labels(head, model, args.locale.as_deref())?;
        Ok(Self { name, labels, lists, decides: head.is_calibrated() || asks(args) })
    }
}

/// Whether an option only means something for a decision.
fn asks(args: &ClassifyArgs) -> bool {
    let ContextArgs { explain, cohort, stale, no_fallback } = &args.context;
    let lists = !args.lists.allow.is_empty() || !args.lists.deny.is_empty();
    *explain || cohort.is_some() || *stale || *no_fallback || lists || !args.cloud.servers.is_empty()
}

impl Judgement {
    /// Why the cloud is to be asked, and the local answer's class; none where it isn't.
    pub fn falls_back(&self) -> Option<(&'static str, usize)> {
        let decided = self.decision.as_ref().filter(|decided| decided.decision == "fallback")?;
        decided.reason.map(|reason| (reason, decided.class))
    }

    /// Shows it under an input, a further head under its name.
    ///
    /// # Errors
    /// [`CliError::Stdout`].
    pub fn show(&self, out: &mut dyn Write) -> Result<(), CliError> {
        if let Some(name) = &self.name {
            writeln!(out, "  {name}:")?;
        }
        let width = self.classes.iter().map(|class| class.label.chars().count()).max().unwrap_or(0);
        for Class { label, probability, .. } in &self.classes {
            let bar = table::bar(*probability, BAR);
            writeln!(out, "  {label:<width$}  {bar} {:>5.1} %", probability * 100.0)?;
        }
        self.decision.as_ref().map_or(Ok(()), |decision| decision.show(out))
    }
}

impl Decided {
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

    /// Shows it under a head's classes.
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
