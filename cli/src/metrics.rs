//! How good a classifier is: accuracy, recall, confusion, calibration; and how long it takes.

/// Bins of the calibration error.
const BINS: usize = 15;

/// Counts of what a classifier answered.
#[derive(Clone, Debug)]
pub struct Tally {
    classes: usize,
    /// Rows are true classes, columns the answers.
    confusion: Vec<u64>,
    bins: [Bin; BINS],
}

#[derive(Clone, Copy, Debug, Default)]
struct Bin {
    count: u64,
    right: u64,
    confidence: f64,
}

impl Tally {
    /// Nothing is counted yet.
    pub fn new(classes: usize) -> Self {
        Self { classes, confusion: vec![0; classes * classes], bins: [Bin::default(); BINS] }
    }

    /// Counts an answer with its probability. Panics when a class isn't one of the model's.
    pub fn count(&mut self, truth: usize, answer: usize, probability: f32) {
        assert!(truth < self.classes && answer < self.classes, "classes are checked before they are counted");
        self.confusion[truth * self.classes + answer] += 1;
        let bin = &mut self.bins[((probability * BINS as f32).ceil() as usize).clamp(1, BINS) - 1];
        bin.count += 1;
        bin.right += u64::from(truth == answer);
        bin.confidence += f64::from(probability);
    }

    /// How many answers were counted.
    pub fn samples(&self) -> u64 {
        self.confusion.iter().sum()
    }

    /// Share of right answers; `None` without any answers.
    pub fn accuracy(&self) -> Option<f64> {
        let right = (0..self.classes).map(|class| self.confusion(class, class)).sum();
        share(right, self.samples())
    }

    /// How often the true class `truth` got the answer `answer`.
    pub fn confusion(&self, truth: usize, answer: usize) -> u64 {
        self.confusion[truth * self.classes + answer]
    }

    /// The rows of the confusion matrix: one for each true class.
    pub fn rows(&self) -> impl Iterator<Item = &[u64]> {
        self.confusion.chunks(self.classes.max(1))
    }

    /// Share of the samples of a class that were recognized; `None` for a class without samples.
    pub fn recall(&self, class: usize) -> Option<f64> {
        share(self.confusion(class, class), self.support(class))
    }

    /// Samples of a class.
    pub fn support(&self, class: usize) -> u64 {
        self.confusion[class * self.classes..][..self.classes].iter().sum()
    }

    /// Expected calibration error (Guo et al.: On Calibration of Modern Neural Networks, 2017): the mean distance between
    /// the probability of the answer and the share of right answers, over 15 bins `(m/15, (m+1)/15]` weighted by their samples.
    pub fn calibration_error(&self) -> Option<f64> {
        let distances = self.bins.iter().map(|bin| (bin.right as f64 - bin.confidence).abs());
        let total: f64 = distances.sum();
        let samples = self.samples();
        (samples > 0).then(|| total / samples as f64)
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Measured times in microseconds, sorted.
#[derive(Clone, Debug, Default)]
pub struct Times {
    sorted: Vec<f64>,
}

impl Times {
    /// Sorts them.
    pub fn new(mut micros: Vec<f64>) -> Self {
        micros.sort_by(f64::total_cmp);
        Self { sorted: micros }
    }

    /// The smallest time that at least `percent` percent of all don't exceed (nearest rank); 0 without times.
    pub fn percentile(&self, percent: f64) -> f64 {
        let rank = (percent / 100.0 * self.sorted.len() as f64).ceil() as usize;
        self.sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
    }

    /// The smallest; 0 without times.
    pub fn min(&self) -> f64 {
        self.percentile(0.0)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.sorted.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_right_and_wrong_answers() {
        let mut tally = Tally::new(3);
        for (truth, answer) in [(0, 0), (0, 1), (1, 1), (1, 1)] {
            tally.count(truth, answer, 0.9);
        }
        assert_eq!(tally.samples(), 4);
        assert_eq!(tally.accuracy(), Some(0.75));
        assert_eq!(tally.recall(0), Some(0.5));
        assert_eq!(tally.recall(1), Some(1.0));
        assert_eq!(tally.recall(2), None);
        assert_eq!(tally.confusion(0, 1), 1);
        assert_eq!(tally.rows().nth(1), Some(&[0, 2, 0][..]));
    }

    #[test]
    fn calibration_error_is_the_distance_between_promise_and_truth() {
        let tally = |answers: &[(usize, f32)]| {
            let mut tally = Tally::new(2);
            answers.iter().for_each(|&(answer, p)| tally.count(0, answer, p));
            tally.calibration_error().expect("there are answers")
        };
        assert!(tally(&[(0, 1.0)]) < 1e-9);
        assert!((tally(&[(1, 1.0)]) - 1.0).abs() < 1e-9);
        assert!((tally(&[(0, 0.5), (1, 0.5)])).abs() < 1e-9);
        assert!((tally(&[(0, 0.75), (0, 0.75)]) - 0.25).abs() < 1e-6);
        // Two bins: each off by 0.2 in another direction, and they don't cancel.
        assert!((tally(&[(0, 0.8), (1, 0.2)]) - 0.2).abs() < 1e-6);
        assert_eq!(Tally::new(2).calibration_error(), None);
    }

    #[test]
    fn odd_probabilities_have_a_bin() {
        let mut tally = Tally::new(1);
        for p in [0.0, 1.0, 1.1, f32::NAN, f32::MIN_POSITIVE] {
            tally.count(0, 0, p);
        }
        assert_eq!(tally.samples(), 5);
    }

    #[test]
    fn percentiles_are_nearest_ranks() {
        let times = Times::new((1..=100).rev().map(f64::from).collect());
        assert_eq!(
            [times.min(), times.percentile(50.0), times.percentile(90.0), times.percentile(99.0)],
            [1.0, 50.0, 90.0, 99.0]
        );
        assert_eq!(Times::new(vec![7.0]).percentile(99.0), 7.0);
        assert_eq!(Times::default().percentile(50.0), 0.0);
    }
}
