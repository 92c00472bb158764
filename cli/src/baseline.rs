//! How calibration samples fall into the bins of a fleet's summaries.

use dunlin_client::{Context, decide};
use dunlin_engine::AlignedBytes;
use dunlin_engine::artifact::{Artifact, ArtifactError, Policy, SectionKind, Writer};
use dunlin_engine::classifier::Scores;
use dunlin_engine::task::{Scoring, TaskSpec};
use dunlin_protocol::summary::{Baseline, Cohort, Input, Observation, Reason, Schema};

use crate::dataset::{Collected, Data};
use crate::output;

/// The file with a baseline of these samples, as its policy decides of them; in the place of one that it may have.
///
/// `key` is what the samples' cohorts are told by. Cohorts whose names no summary can have are in no group of their own.
///
/// # Errors
/// [`ArtifactError`] when the file is no artifact with a policy.
pub fn write(file: &[u8], collected: &Collected, data: &Data, key: Option<&str>) -> Result<Vec<u8>, ArtifactError> {
    let aligned = AlignedBytes::from_slice(file);
    let artifact = Artifact::parse(&aligned)?;
    let task = artifact.task()?;
    let policy = artifact.policy(collected.classes)?;
    let mut seen = observe(collected, data, &policy);
    let mut energies: Vec<f32> = seen.iter().filter_map(|observation| observation.energy).collect();
    if task.scoring == Scoring::Probabilities {
        // They have lost what energy measures.
        energies.clear();
        seen.iter_mut().for_each(|observation| observation.energy = None);
    }
    let input = match task.spec {
        TaskSpec::Tensor => Input::Tensor,
        TaskSpec::Image(_) => Input::Picture,
        TaskSpec::Text => Input::Text,
    };
    let schema = Schema::new(collected.classes as u32, input, octiles(energies)).map_err(|_| MALFORMED)?;
    let cohorts: Vec<Cohort> = (0..seen.len()).map(|sample| cohort(collected, sample, key)).collect();
    let everyone = Cohort::default();
    // More cohorts than a baseline has tell nobody apart.
    let baseline = Baseline::count(schema.clone(), seen.iter().zip(&cohorts))
        .or_else(|_| Baseline::count(schema, seen.iter().map(|observation| (observation, &everyone))))
        .map_err(|_| MALFORMED)?;
    let mut writer = Writer::of(&aligned)?;
    writer.replace(SectionKind::Baseline, baseline.json().into_bytes());
    Ok(writer.finish())
}

const MALFORMED: ArtifactError = ArtifactError::Section { section: SectionKind::Baseline.name() };

/// An artifact's baseline, if it has one.
///
/// # Errors
/// [`ArtifactError::Section`] when it is malformed.
pub fn read(artifact: &Artifact<'_>) -> Result<Option<Baseline>, ArtifactError> {
    let Some(section) = artifact.section(SectionKind::Baseline) else { return Ok(None) };
    Baseline::parse(section.bytes).map(Some).map_err(|_| MALFORMED)
}

/// What it counts, for people.
pub fn sentence(baseline: &Baseline) -> String {
    let everyone = Cohort::default();
    let all = baseline.groups().iter().find(|group| *group.cohort() == everyone);
    let samples = output::bytes(all.map_or(0, |group| group.samples() as usize));
    let metrics: Vec<&str> =
        all.into_iter().flat_map(|group| group.metrics().map(|(metric, _)| metric.name())).collect();
    let cohort = |(key, value): (&str, &str)| format!("{key}={value}");
    let cohorts: Vec<String> = baseline.groups().iter().flat_map(|group| group.cohort().pairs().map(cohort)).collect();
    let of = if cohorts.is_empty() { String::new() } else { format!(", cohorts {}", output::shortened(&cohorts)) };
    format!("baseline: {samples} samples in bins of {}{of}", metrics.join(", "))
}

/// What a device would say of each sample.
fn observe(collected: &Collected, data: &Data, policy: &Policy<'_>) -> Vec<Observation> {
    let observation = |(sample, scores): (usize, Scores<'_>)| {
        let probabilities = calibrated(scores.logits, policy);
        let known = Scores { probabilities: &probabilities, ..scores };
        let cohort = collected.cohort(sample).filter(|_| policy.cohorts.clone().next().is_some());
        let context = Context { cohort, stale: false, evasion: scores.signs.evasion(), fallback: true };
        let decision = decide(&known, policy, &context);
        let index = collected.indices[sample];
        Observation {
            class: decision.class as u32,
            probability: decision.probability,
            margin: decision.margin,
            energy: Some(decision.energy),
            latency: collected.times[sample] as u32,
            reason: decision.outcome.reason().and_then(|reason| Reason::named(reason.name())),
            unknown: data.text(index).map(|_| scores.unknown),
            length: data.text(index).map(|text| text.len() as u32),
            brightness: collected.brightness[sample],
        }
    };
    collected.scores().enumerate().map(observation).collect()
}

/// What softmax makes of logits as the policy calibrates them.
fn calibrated(logits: &[f32], policy: &Policy<'_>) -> Vec<f32> {
    let mut values: Vec<f32> =
        logits.iter().enumerate().map(|(class, &logit)| policy.calibration.of(class, logit)).collect();
    let most = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    values.iter_mut().for_each(|value| *value = (*value - most).exp());
    let sum: f32 = values.iter().sum();
    values.iter_mut().for_each(|value| *value /= sum);
    values
}

fn cohort(collected: &Collected, sample: usize, key: Option<&str>) -> Cohort {
    let pair = key.zip(collected.cohort(sample)).map(|(key, value)| (key.to_owned(), value.to_owned()));
    Cohort::new(pair).unwrap_or_default()
}

/// Borders of eight bins with an eighth of the samples each, as far as equal ones let them; none without samples.
fn octiles(mut values: Vec<f32>) -> Vec<f32> {
    values.retain(|value| value.is_finite());
    values.sort_by(f32::total_cmp);
    let mut borders: Vec<f32> = Vec::new();
    for eighth in 1..8 {
        let Some(&value) = values.get(values.len() * eighth / 8) else { return Vec::new() };
        borders.push(borders.last().map_or(value, |&before| value.max(before.next_up())));
    }
    borders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borders_divide_samples_evenly_and_rise_however_equal_these_are() {
        assert_eq!(octiles((0..800).map(|n| n as f32).collect()), [100.0, 200.0, 300.0, 400.0, 500.0, 600.0, 700.0]);
        for values in [vec![1.0], vec![0.0; 50], vec![-1.0, f32::NAN, f32::INFINITY, -1.0, 3.0]] {
            let borders = octiles(values);
            assert!(Schema::new(2, Input::Tensor, borders.clone()).is_ok() && borders.len() == 7, "{borders:?}");
        }
        assert!(octiles(vec![f32::NAN]).is_empty());
    }
}
