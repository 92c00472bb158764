//! Counts of what a classifier answered, and how long it took.

/// How often each class got each answer.
#[derive(Clone, Debug)]
pub struct Confusion {
    classes: usize,
    /// Rows are true classes, columns the answers.
    counts: Vec<u64>,
}

impl Confusion {
    /// Counts answers. Panics when a class isn't one of the model's.
    pub fn new(classes: usize, answers: impl IntoIterator<Item = (usize, usize)>) -> Self {
        let mut counts = vec![0; classes * classes];
        for (truth, answer) in answers {
            assert!(truth < classes && answer < classes, "classes are checked before they are counted");
            counts[truth * classes + answer] += 1;
        }
        Self { classes, counts }
    }

    /// The rows: one for each true class.
    pub fn rows(&self) -> impl Iterator<Item = &[u64]> {
        self.counts.chunks(self.classes.max(1))
    }

    /// Samples of a class that were recognized.
    pub fn right(&self, class: usize) -> u64 {
        self.counts[class * self.classes + class]
    }

    /// Samples of a class.
    pub fn support(&self, class: usize) -> u64 {
        self.counts[class * self.classes..][..self.classes].iter().sum()
    }

    /// Samples that got the answer.
    pub fn answers(&self, class: usize) -> u64 {
        self.counts.iter().skip(class).step_by(self.classes).sum()
    }
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
        let confusion = Confusion::new(3, [(0, 0), (0, 1), (1, 1), (1, 1)]);
        let counts = |count: fn(&Confusion, usize) -> u64| [0, 1, 2].map(|class| count(&confusion, class));
        assert_eq!(counts(Confusion::right), [1, 2, 0]);
        assert_eq!(counts(Confusion::support), [2, 2, 0]);
        assert_eq!(counts(Confusion::answers), [1, 3, 0]);
        assert_eq!(confusion.rows().collect::<Vec<_>>(), [[1, 1, 0], [0, 2, 0], [0, 0, 0]]);
        assert_eq!(Confusion::new(0, []).rows().count(), 0);
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
