//! What a model's numbers are worth, and from where on they are an answer.

use crate::task::Scoring;
#[cfg(feature = "write")]
use crate::wire::{Put, put_text};
use crate::wire::{Take, Words};
#[cfg(feature = "write")]
use alloc::vec::Vec;
use dunlin_kernels::float::math;

/// Calibration, thresholds and lists; borrowed from the artifact.
///
/// The default is that of a model about which nothing is known: its probabilities stay as they are, and any is enough.
#[derive(Clone, Debug)]
pub struct Policy<'a> {
    /// From logits to those that softmax takes.
    pub calibration: Calibration<'a>,
    /// The share of wrong answers that was allowed; also that of prediction sets that miss the class.
    pub alpha: f32,
    /// How likely the samples were to deceive, so that more answers than that are wrong.
    pub delta: f32,
    /// Evasion signs from here on are too many for an answer; beyond 255 they never are.
    pub evasion: u32,
    /// A class less probable than this is neither shown nor answered.
    pub score_threshold: f32,
    /// How many classes are shown; 0 is all.
    pub top_k: u32,
    /// What each rank beyond [`Policy::free_ranks`] adds to a class's score, where prediction sets go by ranks (RAPS); 0 where they don't.
    pub rank_penalty: f32,
    /// Ranks that cost nothing.
    pub free_ranks: u32,
    /// The only classes that are shown and answered; none is all.
    pub allow: &'a [u32],
    /// Classes that are neither shown nor answered.
    pub deny: &'a [u32],
    /// Where the answers begin if nothing is said of an input's cohort.
    pub bounds: Bounds<'a>,
    /// How many samples all this was fitted to.
    pub samples: u32,
    /// Area under the curve of risk over coverage, of these samples.
    pub aurc: f32,
    /// Of these samples, calibrated, for each bin of confidence: how many, their mean confidence, their accuracy.
    pub reliability: &'a [[f32; 3]],
    /// The cohorts that have bounds of their own.
    pub cohorts: Cohorts<'a>,
}

/// From a model's logits to those of which softmax makes probabilities that mean what they say.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Calibration<'a> {
    /// What a logit is multiplied by: a number for all classes, one for each, or none, where nothing is known and nothing changes.
    pub scales: &'a [f32],
    /// What is then added: a number for each class, or none.
    pub biases: &'a [f32],
}

/// Where the answers of a cohort begin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds<'a> {
    /// The least calibrated probability of the most probable class that is enough for an answer.
    pub threshold: f32,
    /// The most energy, `-ln(sum of e^logit)` of calibrated logits, of an input that isn't out of distribution; may be infinite.
    pub energy: f32,
    /// Conformal quantiles: a number for all classes, one for each, or none, where no sets are made.
    pub quantiles: &'a [f32],
}

impl Default for Bounds<'_> {
    fn default() -> Self {
        Self { threshold: 0.0, energy: f32::INFINITY, quantiles: &[] }
    }
}

impl Default for Policy<'_> {
    fn default() -> Self {
        Self {
            calibration: Calibration::default(),
            alpha: 0.0,
            delta: 0.0,
            evasion: u32::MAX,
            score_threshold: 0.0,
            top_k: 0,
            rank_penalty: 0.0,
            free_ranks: 0,
            allow: &[],
            deny: &[],
            bounds: Bounds::default(),
            samples: 0,
            aurc: 0.0,
            reliability: &[],
            cohorts: Cohorts::default(),
        }
    }
}

impl<'a> Policy<'a> {
    /// The section of a model with so many classes.
    pub(crate) fn parse(bytes: &'a [u8], classes: usize) -> Option<Self> {
        let words = &mut Words::new(bytes);
        let mut policy = Self {
            calibration: Calibration::take(words, classes),
            alpha: Take::take(words),
            delta: Take::take(words),
            evasion: Take::take(words),
            score_threshold: Take::take(words),
            top_k: Take::take(words),
            rank_penalty: Take::take(words),
            free_ranks: Take::take(words),
            allow: words.slice(),
            deny: words.slice(),
            bounds: Bounds::take(words, classes),
            samples: Take::take(words),
            aurc: Take::take(words),
            reliability: bytemuck::try_cast_slice(words.slice()).ok()?,
            cohorts: Cohorts::default(),
        };
        policy.cohorts = Cohorts { classes, left: words.count(COHORT_WORDS)?, words: words.clone() };
        for _ in 0..policy.cohorts.left {
            words.text()?;
            Bounds::take(words, classes);
        }
        words.end()?;
        let known = |list: &[u32]| list.iter().all(|&class| (class as usize) < classes);
        (known(policy.allow) && known(policy.deny)).then_some(policy)
    }

    /// Whether a class may be shown and answered.
    pub fn permits(&self, class: usize) -> bool {
        let class = class as u32;
        !self.deny.contains(&class) && (self.allow.is_empty() || self.allow.contains(&class))
    }

    /// Where a cohort's answers begin. Without a name the general bounds hold, and for a model that doesn't tell cohorts apart; `None` for
    /// a cohort that wasn't among the samples.
    pub fn bounds_of(&self, cohort: Option<&str>) -> Option<Bounds<'a>> {
        match cohort {
            Some(wanted) if self.cohorts.left > 0 => {
                self.cohorts.clone().find(|&(name, _)| name == wanted).map(|(_, bounds)| bounds)
            }
            _ => Some(self.bounds),
        }
    }
}

#[cfg(feature = "write")]
impl Policy<'_> {
    /// The section, for a model with so many classes, with these cohorts; those of `self` aren't written.
    pub(super) fn words(&self, classes: usize, cohorts: &[(&str, Bounds<'_>)]) -> Vec<u32> {
        let mut words = alloc::vec![classes as u32];
        put_list(self.calibration.scales, &mut words);
        put_list(self.calibration.biases, &mut words);
        [self.alpha, self.delta].put(&mut words);
        self.evasion.put(&mut words);
        self.score_threshold.put(&mut words);
        self.top_k.put(&mut words);
        self.rank_penalty.put(&mut words);
        self.free_ranks.put(&mut words);
        put_list(self.allow, &mut words);
        put_list(self.deny, &mut words);
        self.bounds.put(&mut words);
        self.samples.put(&mut words);
        self.aurc.put(&mut words);
        put_list(self.reliability.as_flattened(), &mut words);
        words.push(cohorts.len() as u32);
        for (name, bounds) in cohorts {
            put_text(name, &mut words);
            bounds.put(&mut words);
        }
        words
    }
}

#[cfg(feature = "write")]
impl Put for Bounds<'_> {
    fn put(&self, out: &mut Vec<u32>) {
        [self.threshold, self.energy].put(out);
        put_list(self.quantiles, out);
    }
}

#[cfg(feature = "write")]
fn put_list(list: &[impl Put], out: &mut Vec<u32>) {
    out.push(list.len() as u32);
    list.iter().for_each(|value| value.put(out));
}

impl<'a> Calibration<'a> {
    /// The beginning of the section of a model with so many classes.
    pub(crate) fn parse(bytes: &'a [u8], classes: usize) -> Option<Self> {
        Words::new(bytes).read_with(|words| Self::take(words, classes))
    }

    fn take(words: &mut Words<'a>, classes: usize) -> Self {
        if words.word() as usize != classes {
            words.reject(());
        }
        Self { scales: per_class(words, classes), biases: per_class(words, classes) }
    }

    /// A class's logit as softmax is to take it.
    pub fn of(&self, class: usize, logit: f32) -> f32 {
        logit * of_class(self.scales, class).unwrap_or(1.0) + of_class(self.biases, class).unwrap_or(0.0)
    }

    /// The energy of the calibrated logits, `-ln(sum of e^logit)`, by one class's logit and the probability that it came to have.
    pub fn energy(&self, class: usize, logit: f32, probability: f32) -> f32 {
        math::ln(probability) - self.of(class, logit)
    }

    /// From a model's output to what softmax is to take. Of a model that gives probabilities, their logarithms are the logits.
    pub(crate) fn apply(&self, scoring: Scoring, output: &mut [f32]) {
        for (class, value) in output.iter_mut().enumerate() {
            if scoring == Scoring::Probabilities {
                *value = math::ln(math::max(*value, LEAST_PROBABILITY));
            }
            *value = self.of(class, *value);
        }
    }
}

impl<'a> Bounds<'a> {
    fn take(words: &mut Words<'a>, classes: usize) -> Self {
        Self { threshold: Take::take(words), energy: Take::take(words), quantiles: per_class(words, classes) }
    }

    /// A class's conformal quantile; `None` where no sets are made.
    pub fn quantile(&self, class: usize) -> Option<f32> {
        of_class(self.quantiles, class)
    }
}

/// Cohorts by name, with where their answers begin.
#[derive(Clone, Debug)]
pub struct Cohorts<'a> {
    classes: usize,
    left: usize,
    /// Read once before.
    words: Words<'a>,
}

impl Default for Cohorts<'_> {
    fn default() -> Self {
        Self { classes: 0, left: 0, words: Words::new(&[]) }
    }
}

impl<'a> Iterator for Cohorts<'a> {
    type Item = (&'a str, Bounds<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        Some((self.words.text()?, Bounds::take(&mut self.words, self.classes)))
    }
}

/// A model's own probability is taken for no less, for nothing is impossible.
pub const LEAST_PROBABILITY: f32 = 1e-6;

/// Words that a cohort takes at least.
const COHORT_WORDS: usize = 4;

/// A list with a number for all classes, one for each, or none.
fn per_class<'a>(words: &mut Words<'a>, classes: usize) -> &'a [f32] {
    let list: &[f32] = bytemuck::cast_slice(words.slice());
    let fits = list.len() <= 1 || list.len() == classes;
    if fits && !list.iter().any(|number| number.is_nan()) { list } else { words.reject(&[]) }
}

/// What such a list has for a class; `None` when it has nothing for any.
fn of_class(list: &[f32], class: usize) -> Option<f32> {
    list.get(class).or(list.first()).copied()
}

#[cfg(all(test, feature = "write"))]
mod tests {
    use super::*;
    use dunlin_kernels::AlignedBytes;

    const NAMED: [(&str, Bounds<'_>); 2] = [
        ("de", Bounds { threshold: 0.5, energy: 2.0, quantiles: &[0.9] }),
        ("gl\u{e9}n", Bounds { threshold: f32::INFINITY, energy: f32::INFINITY, quantiles: &[0.1, 0.2, 0.3] }),
    ];

    fn policy() -> Policy<'static> {
        Policy {
            calibration: Calibration { scales: &[0.5, 1.0, 2.0], biases: &[0.25, 0.0, -1.0] },
            alpha: 0.02,
            delta: 0.05,
            evasion: 200,
            score_threshold: 0.1,
            top_k: 2,
            rank_penalty: 0.01,
            free_ranks: 1,
            allow: &[0, 2],
            deny: &[2],
            bounds: Bounds { threshold: 0.75, energy: -1.5, quantiles: &[0.5] },
            samples: 100,
            aurc: 0.125,
            reliability: &[[60.0, 0.4, 0.5], [40.0, 0.9, 0.875]],
            cohorts: Cohorts::default(),
        }
    }

    fn section(policy: &Policy<'_>, cohorts: &[(&str, Bounds<'_>)]) -> AlignedBytes {
        let words = policy.words(3, cohorts);
        AlignedBytes::from_slice(bytemuck::cast_slice(&words))
    }

    #[test]
    fn what_is_written_is_read() {
        let (written, bytes) = (policy(), section(&policy(), &NAMED));
        let read = Policy::parse(&bytes, 3).expect("sound");
        let without_cohorts = Policy { cohorts: Cohorts::default(), ..read.clone() };
        assert_eq!(alloc::format!("{without_cohorts:?}"), alloc::format!("{written:?}"));
        assert!(read.cohorts.eq(NAMED));
        assert_eq!(Calibration::parse(&bytes, 3), Some(written.calibration));
    }

    #[test]
    fn lists_are_for_all_classes_for_each_or_for_none() {
        for (scales, biases, expected) in [
            (&[][..], &[][..], [1.0, -2.0, 4.0]),
            (&[0.5], &[], [0.5, -1.0, 2.0]),
            (&[0.5, 1.0, 2.0], &[], [0.5, -2.0, 8.0]),
            (&[0.5], &[1.0, 0.0, -1.0], [1.5, -1.0, 1.0]),
        ] {
            let mut logits = [1.0, -2.0, 4.0];
            Calibration { scales, biases }.apply(Scoring::Logits, &mut logits);
            assert_eq!(logits, expected, "{scales:?} {biases:?}");
        }
        let mut probabilities = [1.0, 0.0, f32::NAN];
        Calibration { scales: &[2.0], biases: &[] }.apply(Scoring::Probabilities, &mut probabilities);
        assert_eq!(probabilities[..2], [0.0, 2.0 * LEAST_PROBABILITY.ln()]);
        assert!(probabilities[2].is_nan(), "nothing hides what is no number");
        let bounds = Bounds { quantiles: &[0.1, 0.2, 0.3], ..Bounds::default() };
        assert_eq!([0, 1, 2].map(|class| bounds.quantile(class)), [Some(0.1), Some(0.2), Some(0.3)]);
        assert_eq!(Bounds { quantiles: &[0.1], ..bounds }.quantile(2), Some(0.1));
        assert_eq!(Bounds::default().quantile(0), None);
    }

    #[test]
    fn lists_of_another_length_and_unknown_classes_are_rejected() {
        let (two, nan) = ([1.0, 2.0], [1.0, f32::NAN, 1.0]);
        let wrong = [
            Policy { calibration: Calibration { scales: &two, biases: &[] }, ..policy() },
            Policy { calibration: Calibration { scales: &[1.0], biases: &two }, ..policy() },
            Policy { calibration: Calibration { scales: &nan, biases: &[] }, ..policy() },
            Policy { bounds: Bounds { quantiles: &two, ..Bounds::default() }, ..policy() },
            Policy { bounds: Bounds { quantiles: &nan, ..Bounds::default() }, ..policy() },
            Policy { bounds: Bounds { threshold: f32::NAN, ..Bounds::default() }, ..policy() },
            Policy { bounds: Bounds { energy: f32::NAN, ..Bounds::default() }, ..policy() },
            Policy { score_threshold: f32::NAN, ..policy() },
            Policy { allow: &[3], ..policy() },
            Policy { deny: &[0, u32::MAX], ..policy() },
        ];
        for (index, policy) in wrong.iter().enumerate() {
            assert!(Policy::parse(&section(policy, &[]), 3).is_none(), "{index}");
        }
        let cohort = [("x", Bounds { quantiles: &two, ..Bounds::default() })];
        assert!(Policy::parse(&section(&policy(), &cohort), 3).is_none());
    }

    #[test]
    fn a_section_of_another_model_or_length_is_rejected() {
        let bytes = section(&policy(), &NAMED);
        for classes in [0, 1, 2, 4] {
            assert!(Policy::parse(&bytes, classes).is_none() && Calibration::parse(&bytes, classes).is_none());
        }
        for length in 0..bytes.len() {
            assert!(Policy::parse(&bytes[..length], 3).is_none(), "cut at {length}");
        }
        let longer = AlignedBytes::from_slice(&[&bytes[..], &[0; 4]].concat());
        assert!(Policy::parse(&longer, 3).is_none());
    }

    #[test]
    fn cohorts_have_their_bounds_and_strangers_none() {
        let bytes = section(&policy(), &NAMED);
        let read = Policy::parse(&bytes, 3).expect("sound");
        assert_eq!(read.bounds_of(None), Some(policy().bounds));
        assert_eq!(read.bounds_of(Some("de")), Some(NAMED[0].1));
        assert_eq!(read.bounds_of(Some("gl\u{e9}n")), Some(NAMED[1].1));
        for stranger in ["", "d", "DE", "fr"] {
            assert_eq!(read.bounds_of(Some(stranger)), None, "{stranger}");
        }
        assert_eq!(policy().bounds_of(Some("de")), Some(policy().bounds), "a model that doesn't tell cohorts apart");
    }

    #[test]
    fn classes_are_permitted_by_both_lists() {
        let cases: [(&[u32], &[u32], [bool; 3]); 4] = [
            (&[], &[], [true, true, true]),
            (&[0, 2], &[], [true, false, true]),
            (&[], &[0, 2], [false, true, false]),
            (&[0, 2], &[2], [true, false, false]),
        ];
        for (allow, deny, expected) in cases {
            let policy = Policy { allow, deny, ..Policy::default() };
            assert_eq!([0, 1, 2].map(|class| policy.permits(class)), expected, "{allow:?} {deny:?}");
        }
    }
}
