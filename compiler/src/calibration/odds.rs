//! Whether cohorts are served alike.

use super::interval::{Interval, wilson};
use super::probabilities::Answers;

/// How often samples of a cohort get a class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// The cohort.
    pub cohort: usize,
    /// How many samples count.
    pub samples: usize,
    /// How many of these were given the class.
    pub given: usize,
    /// Where the true rate lies with a confidence of 95 %: Wilson's interval.
    pub interval: Interval,
}

impl Rate {
    fn new(cohort: usize, given: usize, samples: usize) -> Self {
        Self { cohort, samples, given, interval: wilson(given, samples, 0.95) }
    }

    /// The rate; `None` without samples.
    pub fn rate(&self) -> Option<f64> {
        (self.samples > 0).then(|| self.given as f64 / self.samples as f64)
    }
}

/// The lowest and the highest of the cohorts' rates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gap {
    /// The lowest.
    pub low: Rate,
    /// The highest.
    pub high: Rate,
}

impl Gap {
    /// How far they are apart.
    pub fn size(&self) -> f64 {
        let share = |rate: &Rate| rate.given as f64 / rate.samples as f64;
        share(&self.high) - share(&self.low)
    }

    /// Whether the intervals of the two don't overlap: a gap that is more than noise.
    pub fn is_clear(&self) -> bool {
        self.low.interval.high < self.high.interval.low
    }
}

/// How unlike the odds of a class are between cohorts (Hardt, Price, Srebro: Equality of Opportunity in Supervised Learning, 2016).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassOdds {
    /// The class.
    pub class: usize,
    /// Among samples that are of the class; `None` when no two cohorts have any.
    pub true_positive: Option<Gap>,
    /// Among samples that aren't.
    pub false_positive: Option<Gap>,
}

impl ClassOdds {
    /// The larger of both gaps: the equalized-odds difference. `None` without gaps.
    pub fn difference(&self) -> Option<f64> {
        let sizes = [self.true_positive, self.false_positive].into_iter().flatten().map(|gap| gap.size());
        sizes.reduce(f64::max)
    }
}

/// The odds of each class. `of` has each sample's cohort, of which there are `cohorts`.
pub fn equalized_odds(answers: &Answers, labels: &[u32], classes: usize, of: &[u32], cohorts: usize) -> Vec<ClassOdds> {
    let mut cells = vec![Cell::default(); classes * cohorts];
    let mut samples = vec![0; cohorts];
    for ((&answer, &label), &cohort) in answers.classes.iter().zip(labels).zip(of) {
        let place = |class: u32| cohort as usize * classes + class as usize;
        samples[cohort as usize] += 1;
        cells[place(label)].truth += 1;
        cells[place(answer)].given += 1;
        cells[place(label)].hits += usize::from(answer == label);
    }
    let odds = |class: usize| {
        let rates = |cohort: usize| {
            let Cell { truth, given, hits } = cells[cohort * classes + class];
            (Rate::new(cohort, hits, truth), Rate::new(cohort, given - hits, samples[cohort] - truth))
        };
        let (positive, negative): (Vec<Rate>, Vec<Rate>) = (0..cohorts).map(rates).unzip();
        ClassOdds { class, true_positive: gap(&positive), false_positive: gap(&negative) }
    };
    (0..classes).map(odds).collect()
}

/// How often a class is the truth in a cohort, is answered, and both.
#[derive(Clone, Copy, Default)]
struct Cell {
    truth: usize,
    given: usize,
    hits: usize,
}

fn gap(rates: &[Rate]) -> Option<Gap> {
    let mut known: Vec<(f64, Rate)> = rates.iter().filter_map(|&rate| Some((rate.rate()?, rate))).collect();
    known.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    match known[..] {
        [(_, low), .., (_, high)] => Some(Gap { low, high }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_between_the_lowest_and_the_highest_rate() {
        let labels = [1, 1, 0, 0, 1, 1, 0, 0];
        let classes = vec![1, 1, 0, 0, 1, 0, 1, 0];
        let answers = Answers { classes, confidence: vec![1.0; 8], right: vec![true; 8] };
        let odds = equalized_odds(&answers, &labels, 2, &[0, 0, 0, 0, 1, 1, 1, 1], 2);
        let gap = odds[1].true_positive.expect("two cohorts");
        assert_eq!([gap.low.cohort, gap.high.cohort], [1, 0]);
        assert_eq!([gap.low.rate(), gap.high.rate()], [Some(0.5), Some(1.0)]);
        assert_eq!(odds[1].difference(), Some(0.5));
        assert!(!gap.is_clear(), "two samples say nothing");
    }

    #[test]
    fn a_cohort_without_samples_has_no_rate() {
        let answers = Answers { classes: vec![1, 0], confidence: vec![1.0; 2], right: vec![true; 2] };
        let odds = equalized_odds(&answers, &[1, 1], 2, &[0, 1], 3);
        assert_eq!(odds[1].false_positive, None);
        assert_eq!(odds[1].true_positive.map(|gap| gap.size()), Some(1.0));
        assert_eq!(odds[0].difference(), Some(1.0));
    }

    #[test]
    fn a_gap_in_many_samples_is_clear() {
        let labels = vec![1; 400];
        let classes: Vec<u32> = (0..400).map(|i| u32::from(i % 2 == 0 || i % 8 > 2)).collect();
        let answers = Answers { classes, confidence: vec![1.0; 400], right: vec![true; 400] };
        let of: Vec<u32> = (0..400).map(|i| i % 2).collect();
        let gap = equalized_odds(&answers, &labels, 2, &of, 2)[1].true_positive.expect("two cohorts");
        assert_eq!(gap.high.cohort, 0);
        assert!(gap.is_clear());
    }
}
