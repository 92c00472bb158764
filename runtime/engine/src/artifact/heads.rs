//! The classifiers that a model's outputs are.

use super::{Artifact, ArtifactError, Calibration, Labels, Policy, SectionKind};
use crate::task::Scoring;
use crate::wire::{Take, Words};
use alloc::vec::Vec;
use core::ops::Range;

/// One of a model's outputs as a classifier of its own: what the artifact says of it, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadSpec {
    /// Which output.
    pub output: usize,
    /// What the output is.
    pub scoring: Scoring,
    /// Where they are; `None` without.
    labels: Option<Range<usize>>,
    policy: Option<Range<usize>>,
}

impl HeadSpec {
    /// Its classes' names; `file` is the artifact's bytes.
    ///
    /// # Errors
    /// [`ArtifactError::Section`] when they are malformed.
    pub fn labels<'a>(&self, file: &'a [u8]) -> Result<Labels<'a>, ArtifactError> {
        let Some(place) = &self.labels else { return Ok(Labels::default()) };
        let labels = file.get(place.clone()).and_then(Labels::parse);
        labels.ok_or(ArtifactError::Section { section: "labels" })
    }

    /// Its calibration and thresholds, if it has so many classes; a policy that changes nothing where it wasn't calibrated.
    ///
    /// # Errors
    /// [`ArtifactError::Section`] when they are malformed, or of another number of classes.
    pub fn policy<'a>(&self, file: &'a [u8], classes: usize) -> Result<Policy<'a>, ArtifactError> {
        let Some(place) = &self.policy else { return Ok(Policy::default()) };
        let policy = file.get(place.clone()).and_then(|bytes| Policy::parse(bytes, classes));
        policy.ok_or(MALFORMED_POLICY)
    }

    /// Whether it has a policy.
    pub fn is_calibrated(&self) -> bool {
        self.policy.is_some()
    }

    /// How its logits are calibrated, if it has so many classes; `None` when that is malformed.
    pub(crate) fn calibration<'a>(&self, file: &'a [u8], classes: usize) -> Option<Calibration<'a>> {
        match &self.policy {
            Some(place) => Calibration::parse(file.get(place.clone())?, classes),
            None => Some(Calibration::default()),
        }
    }
}

impl HeadSpec {
    /// Takes an entry of the section, which ends at `end` in the file.
    fn take(words: &mut Words<'_>, end: usize) -> Self {
        let part = |words: &mut Words<'_>| {
            let len = size_of_val(words.slice());
            let stop = end - words.left();
            (len > 0).then_some(stop - len..stop)
        };
        Self { output: words.word() as usize, scoring: Take::take(words), labels: part(words), policy: part(words) }
    }
}

impl Artifact<'_> {
    /// What the model's outputs are as classifiers: the first one, and those of the section `heads`.
    ///
    /// # Errors
    /// [`ArtifactError::Section`] when that section or the task is malformed.
    pub fn heads(&self) -> Result<Vec<HeadSpec>, ArtifactError> {
        self.heads_after(self.task()?.scoring)
    }

    /// As [`Artifact::heads`], when it is known already what the first output is.
    pub(crate) fn heads_after(&self, scoring: Scoring) -> Result<Vec<HeadSpec>, ArtifactError> {
        let place = |kind| self.section(kind).map(|s| s.offset..s.offset + s.bytes.len());
        let (labels, policy) = (place(SectionKind::Labels), place(SectionKind::Policy));
        let mut heads = alloc::vec![HeadSpec { output: 0, scoring, labels, policy }];
        if let Some(section) = self.section(SectionKind::Heads) {
            let mut words = Words::new(section.bytes);
            for _ in 0..words.count(HEAD_WORDS).ok_or(MALFORMED_HEADS)? {
                heads.push(HeadSpec::take(&mut words, section.offset + section.bytes.len()));
            }
            let rising = heads.is_sorted_by(|one, next| one.output < next.output);
            words.end().filter(|()| rising).ok_or(MALFORMED_HEADS)?;
        }
        Ok(heads)
    }
}

/// Words that a head takes at least.
const HEAD_WORDS: usize = 4;

pub(crate) const MALFORMED_NAMES: ArtifactError = ArtifactError::Section { section: "names" };
pub(crate) const MALFORMED_POLICY: ArtifactError = ArtifactError::Section { section: "policy" };
pub(crate) const MALFORMED_HEADS: ArtifactError = ArtifactError::Section { section: "heads" };
