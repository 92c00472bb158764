//! A model's heads, and their policies, as `dunlin inspect` shows them.

use std::io::Write;

use dunlin_engine::artifact::{Artifact, ArtifactError, Bounds, HeadSpec};
use dunlin_engine::model::Model;
use serde::Serialize;

use crate::error::CliError;
use crate::model::class_name;
use crate::output;
use crate::table::{Align, Table};

/// An output that is a classifier.
#[derive(Debug, Serialize)]
pub struct HeadInfo {
    /// The output's name.
    pub name: String,
    /// Its place among the outputs.
    pub output: usize,
    /// What it holds.
    pub scoring: String,
    /// How many classes it tells apart.
    pub classes: usize,
    /// Their names.
    pub labels: Vec<String>,
    /// `null` where it wasn't calibrated.
    pub policy: Option<PolicyInfo>,
}

impl HeadInfo {
    /// Reads all heads, the first one first.
    ///
    /// # Errors
    /// [`ArtifactError`] when one is malformed.
    pub fn all(artifact: &Artifact<'_>, model: &Model) -> Result<Vec<Self>, ArtifactError> {
        let names = artifact.names()?;
        let info = |head: HeadSpec| {
            let output = model.outputs.get(head.output).ok_or(ArtifactError::Section { section: "heads" })?;
            let classes = model.tensors[*output].shape.count();
            Ok(Self {
                name: names.value(model.inputs.len() + head.output).to_owned(),
                output: head.output,
                scoring: format!("{:?}", head.scoring).to_lowercase(),
                classes,
                labels: head.labels(artifact.bytes())?.in_locale("").map(str::to_owned).collect(),
                policy: PolicyInfo::of(artifact, &head, classes)?,
            })
        };
        artifact.heads()?.into_iter().map(info).collect()
    }

    /// Shows one after the first.
    ///
    /// # Errors
    /// [`CliError::Stdout`].
    pub fn show(&self, out: &mut dyn Write) -> Result<(), CliError> {
        let Self { name, output, scoring, classes, labels, policy } = self;
        writeln!(out, "head '{name}': output {output} holds {scoring} of {classes} classes")?;
        if !labels.is_empty() {
            writeln!(out, "  labels: {}", output::shortened(labels))?;
        }
        policy.as_ref().map_or(Ok(()), |policy| policy.show(labels, out))
    }
}

/// Everything that the policy has.
#[derive(Debug, Serialize)]
pub struct PolicyInfo {
    samples: u32,
    alpha: f32,
    delta: f32,
    scales: Vec<f32>,
    biases: Vec<f32>,
    /// `null` where nothing is too much.
    evasion: Option<u32>,
    score_threshold: f32,
    /// 0 is all.
    top_k: u32,
    rank_penalty: f32,
    free_ranks: u32,
    allow: Vec<u32>,
    deny: Vec<u32>,
    bounds: BoundsInfo,
    cohorts: Vec<CohortInfo>,
    aurc: f32,
    /// Samples, mean confidence and accuracy of each bin.
    reliability: Vec<[f32; 3]>,
}

/// Where answers begin.
#[derive(Debug, Serialize)]
struct BoundsInfo {
    threshold: f32,
    /// `null` for none.
    energy: Option<f32>,
    /// `null` for a class that is in every set.
    quantiles: Vec<Option<f32>>,
}

/// Where those of a cohort begin.
#[derive(Debug, Serialize)]
struct CohortInfo {
    name: String,
    #[serde(flatten)]
    bounds: BoundsInfo,
}

impl PolicyInfo {
    /// Reads a head's policy, if it has one.
    ///
    /// # Errors
    /// [`ArtifactError`] when it is malformed.
    fn of(artifact: &Artifact<'_>, head: &HeadSpec, classes: usize) -> Result<Option<Self>, ArtifactError> {
        if !head.is_calibrated() {
            return Ok(None);
        }
        let policy = head.policy(artifact.bytes(), classes)?;
        let cohort =
            |(name, bounds): (&str, Bounds<'_>)| CohortInfo { name: name.to_owned(), bounds: BoundsInfo::new(bounds) };
        Ok(Some(Self {
            samples: policy.samples,
            alpha: policy.alpha,
            delta: policy.delta,
            scales: policy.calibration.scales.to_vec(),
            biases: policy.calibration.biases.to_vec(),
            evasion: Some(policy.evasion).filter(|&evasion| evasion <= u32::from(u8::MAX)),
            score_threshold: policy.score_threshold,
            top_k: policy.top_k,
            rank_penalty: policy.rank_penalty,
            free_ranks: policy.free_ranks,
            allow: policy.allow.to_vec(),
            deny: policy.deny.to_vec(),
            bounds: BoundsInfo::new(policy.bounds),
            cohorts: policy.cohorts.map(cohort).collect(),
            aurc: policy.aurc,
            reliability: policy.reliability.to_vec(),
        }))
    }

    /// Shows it.
    ///
    /// # Errors
    /// [`CliError::Stdout`].
    pub fn show(&self, labels: &[String], out: &mut dyn Write) -> Result<(), CliError> {
        let [alpha, confidence] = [self.alpha, 1.0 - self.delta].map(|share| output::percent(Some(f64::from(share))));
        let samples = output::bytes(self.samples as usize);
        writeln!(out, "policy: fitted to {samples} samples, for {alpha} of errors with a confidence of {confidence}")?;
        match &self.scales[..] {
            [] => writeln!(out, "  probabilities as the model gives them")?,
            [scale] => writeln!(out, "  temperature {:.4}", 1.0 / scale)?,
            scales => writeln!(out, "  scales and biases of {} classes", scales.len())?,
        }
        writeln!(out, "  {}", self.bounds.sentence())?;
        if let Some(evasion) = self.evasion {
            writeln!(out, "  evasion from {evasion} on")?;
        }
        if self.rank_penalty > 0.0 {
            writeln!(out, "  sets by rank: {} for each beyond {}", self.rank_penalty, self.free_ranks)?;
        }
        if self.score_threshold > 0.0 || self.top_k > 0 {
            let top = if self.top_k == 0 { "all".to_owned() } else { self.top_k.to_string() };
            writeln!(out, "  shown: {top} classes, from a probability of {} on", self.score_threshold)?;
        }
        for (name, list) in [("allowed", &self.allow), ("denied", &self.deny)] {
            if !list.is_empty() {
                let names: Vec<String> = list.iter().map(|&class| class_name(labels, class as usize)).collect();
                writeln!(out, "  {name}: {}", names.join(", "))?;
            }
        }
        if !self.cohorts.is_empty() {
            write!(out, "{}", self.cohort_table())?;
        }
        Ok(())
    }

    fn cohort_table(&self) -> Table {
        let mut table = Table::new(&[("cohort", Align::Left), ("threshold", Align::Right), ("energy", Align::Right)]);
        for CohortInfo { name, bounds } in &self.cohorts {
            let energy = bounds.energy.map_or_else(|| "-".to_owned(), |energy| format!("{energy:.3}"));
            table.row([name.clone(), format!("{:.4}", bounds.threshold), energy]);
        }
        table
    }
}

impl BoundsInfo {
    fn new(bounds: Bounds<'_>) -> Self {
        let finite = |value: f32| Some(value).filter(|value| value.is_finite());
        let quantiles = bounds.quantiles.iter().copied().map(finite).collect();
        Self { threshold: bounds.threshold, energy: finite(bounds.energy), quantiles }
    }

    fn sentence(&self) -> String {
        let energy = self.energy.map_or_else(String::new, |energy| format!(", at an energy of at most {energy:.3}"));
        format!("answers from a probability of {:.4} on{energy}", self.threshold)
    }
}
