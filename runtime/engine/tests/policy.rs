//! Policies in a file: what they do to scores, and how they come there.

mod common;

use allocation_counter::measure;
use common::graphs::{self, GRAPHS};
use common::{Sections, fill_inputs};
use dunlin_engine::artifact::{ArtifactError, Bounds, Calibration, LEAST_PROBABILITY, Policy, SectionKind, Writer};
use dunlin_engine::task::{Scoring, Task, TaskSpec};
use dunlin_engine::wire::Put;
use dunlin_engine::{AlignedBytes, Artifact, Classifier, Isa, Limits, ModelError};

const CLASSES: usize = 4;

fn classifier(file: &AlignedBytes) -> Classifier<&[u8]> {
    let mut classifier = Classifier::load(&file[..], Isa::best(), Limits::default()).expect("the file is sound");
    fill_inputs(classifier.session(), 1);
    classifier
}

/// A model of logits with this calibration.
fn calibrated(calibration: Calibration<'_>, classes: usize) -> AlignedBytes {
    let mut sections = graphs::dense(CLASSES, 8).sections();
    sections.set_word(SectionKind::Task, 0, Scoring::Logits as u32);
    let mut writer = Writer::of(&sections.file()).expect("the file is sound");
    AlignedBytes::from_slice(&writer.policy(&Policy { calibration, ..Policy::default() }, classes, &[]).finish())
}

fn softmax(logits: &[f64]) -> Vec<f64> {
    let total: f64 = logits.iter().map(|logit| logit.exp()).sum();
    logits.iter().map(|logit| logit.exp() / total).collect()
}

#[test]
fn probabilities_are_calibrated_and_logits_stay() {
    let bare = calibrated(Calibration::default(), CLASSES);
    let mut bare = classifier(&bare);
    let raw = bare.run().expect("runs").logits.to_vec();
    assert!(raw[0] > raw[3], "{raw:?}");
    for (scales, biases) in
        [(&[][..], &[][..]), (&[0.25], &[]), (&[2.0], &[]), (&[0.5, 1.0, 1.5, 2.0], &[0.5, 0.0, -0.5, 1.0])]
    {
        let file = calibrated(Calibration { scales, biases }, CLASSES);
        let mut classifier = classifier(&file);
        let scores = classifier.run().expect("runs");
        assert_eq!(scores.logits, raw);
        let of = |list: &[f32], class: usize, none| f64::from(*list.get(class).or(list.first()).unwrap_or(&none));
        let logits = raw.iter().enumerate().map(|(c, &l)| f64::from(l) * of(scales, c, 1.0) + of(biases, c, 0.0));
        for (&found, expected) in scores.probabilities.iter().zip(softmax(&logits.collect::<Vec<_>>())) {
            assert!((f64::from(found) - expected).abs() < 1e-6, "{found} {expected} with {scales:?} {biases:?}");
        }
    }
}

#[test]
fn scores_can_be_asked_for_again_beside_the_policy() {
    let file = calibrated(Calibration { scales: &[0.5], biases: &[] }, CLASSES);
    let mut classifier = classifier(&file);
    let first = classifier.run().expect("runs").probabilities.to_vec();
    let (scores, policy) = (classifier.scores(), classifier.policy().expect("sound"));
    assert_eq!((scores.probabilities, policy.calibration.scales), (&first[..], &[0.5][..]));
}

/// The graph's outputs are no probabilities, which is the same to the classifier; only some of them are positive.
#[test]
fn logarithms_of_a_models_own_probabilities_are_calibrated() {
    let with = |scales| {
        let file = calibrated(Calibration { scales, biases: &[] }, CLASSES);
        let mut writer = Writer::of(&file).expect("sound");
        let mut task = Vec::new();
        Task { scoring: Scoring::Probabilities, spec: TaskSpec::Tensor }.put(&mut task);
        let task = task.iter().flat_map(|word| word.to_le_bytes()).collect();
        AlignedBytes::from_slice(&writer.replace(SectionKind::Task, task).finish())
    };
    let (bare, scaled) = (with(&[]), with(&[0.5]));
    let (mut bare, mut scaled) = (classifier(&bare), classifier(&scaled));
    let bare = bare.run().expect("runs");
    assert_eq!(bare.probabilities, bare.logits);
    let scaled = scaled.run().expect("runs");
    assert_eq!(scaled.logits, bare.logits);
    let least = f64::from(LEAST_PROBABILITY);
    let logits: Vec<f64> = bare.logits.iter().map(|&p| 0.5 * f64::from(p).max(least).ln()).collect();
    for (&found, expected) in scaled.probabilities.iter().zip(softmax(&logits)) {
        assert!((f64::from(found) - expected).abs() < 1e-6, "{found} {expected}");
    }
}

#[test]
fn a_calibration_of_another_model_is_refused() {
    for classes in [0, 3, 5] {
        let file = calibrated(Calibration { scales: &[0.5], biases: &[] }, classes);
        let refused = Classifier::load(&file[..], Isa::best(), Limits::default()).map(|_| ());
        assert_eq!(refused, Err(ModelError::Artifact(ArtifactError::Section { section: "policy" })), "{classes}");
    }
}

#[test]
fn a_policy_comes_into_a_file_and_leaves_the_rest_as_it_was() {
    for (name, graph) in GRAPHS {
        let bare = graph().sections().file();
        let policy = Policy { alpha: 0.25, ..Policy::default() };
        let once = Writer::of(&bare).expect("sound").policy(&policy, 7, &[("x", Bounds::default())]).finish();
        let once = AlignedBytes::from_slice(&once);
        assert_eq!(all_but_policy(&once), all_but_policy(&bare), "{name}");
        let twice = Writer::of(&once).expect("sound").policy(&policy, 7, &[]).finish();
        let twice = AlignedBytes::from_slice(&twice);
        assert_eq!(all_but_policy(&twice), all_but_policy(&bare), "{name}");
        let read = Artifact::parse(&twice).expect("sound").policy(7).expect("sound");
        assert_eq!((read.alpha, read.cohorts.count()), (0.25, 0), "{name}: the second one");
        let back = Writer::of(&twice).expect("sound").policy(&policy, 7, &[("x", Bounds::default())]).finish();
        assert_eq!(back, once[..], "{name}");
    }
}

fn all_but_policy(file: &AlignedBytes) -> Vec<(SectionKind, Vec<u8>)> {
    let artifact = Artifact::parse(file).expect("sound");
    let mut sections: Vec<_> = artifact.sections().map(|s| (s.offset, s.kind, s.bytes.to_vec())).collect();
    sections.sort_by_key(|&(offset, ..)| offset);
    let sections = sections.into_iter().map(|(_, kind, bytes)| (kind, bytes));
    sections.filter(|(kind, _)| *kind != SectionKind::Policy).collect()
}

/// A file of a later version may have a section that this one skips.
#[test]
fn sections_that_nobody_knows_survive() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/formats/vectors");
    let file = std::fs::read(format!("{folder}/good_unknown_optional_section.dunlin")).expect("shipped");
    let file = AlignedBytes::from_slice(&file);
    assert_eq!(Writer::of(&file).expect("sound").finish(), file[..]);
    let more = Writer::of(&file).expect("sound").policy(&Policy::default(), CLASSES, &[]).finish();
    assert_eq!(more[12], file[12] + 1, "one section more");
    assert!(Artifact::parse(&AlignedBytes::from_slice(&more)).is_ok());
}

#[test]
fn calibrating_allocates_nothing() {
    for sections in [graphs::dense(CLASSES, 8).sections().with_policy(), bare_logits()] {
        let file = sections.file();
        let mut classifier = classifier(&file);
        let taken = measure(|| assert!(classifier.run().is_ok() && classifier.policy().is_ok()));
        assert_eq!(taken.count_total, 0);
    }
}

fn bare_logits() -> Sections {
    let mut sections = graphs::dense(CLASSES, 8).sections();
    sections.set_word(SectionKind::Task, 0, Scoring::Logits as u32);
    sections
}
