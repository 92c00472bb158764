//! Calibrated probabilities, and what is read from them.

use super::logits::Logits;

/// How logits become calibrated ones: `scale * logit + bias`.
#[derive(Clone, Debug, PartialEq)]
pub struct Scaling {
    /// One for all classes, which is 1 / temperature, or one for each.
    pub scale: Vec<f64>,
    /// None, or one for each class.
    pub bias: Vec<f64>,
}

impl Scaling {
    /// Logits as they are.
    pub fn identity() -> Self {
        Self::temperature(1.0)
    }

    /// All logits by one temperature.
    pub fn temperature(temperature: f64) -> Self {
        Self { scale: vec![temperature.recip()], bias: Vec::new() }
    }

    /// The same with each value as an f32 has it, so that a device, which computes in f32, starts from equal numbers.
    pub fn rounded(&self) -> Self {
        let round = |values: &[f64]| values.iter().map(|&value| f64::from(value as f32)).collect();
        Self { scale: round(&self.scale), bias: round(&self.bias) }
    }

    /// A row's calibrated logits.
    pub fn apply<'a>(&'a self, row: &'a [f32]) -> impl Iterator<Item = f64> + 'a {
        let scale = |class: usize| self.scale[if self.scale.len() == 1 { 0 } else { class }];
        let bias = |class: usize| self.bias.get(class).copied().unwrap_or(0.0);
        row.iter().enumerate().map(move |(class, &logit)| f64::from(logit) * scale(class) + bias(class))
    }

    /// Softmax of the calibrated logits, and their energies.
    pub fn probabilities(&self, logits: &Logits<'_>) -> Probabilities {
        let mut values = Vec::with_capacity(logits.len() * logits.classes());
        let mut energies = Vec::with_capacity(logits.len());
        for row in logits.rows() {
            let start = values.len();
            values.extend(self.apply(row));
            energies.push(-softmax(&mut values[start..]));
        }
        Probabilities { classes: logits.classes(), values, energies }
    }
}

/// Makes probabilities of logits, in place; returns the logarithm of the sum of their exponentials.
pub(super) fn softmax(row: &mut [f64]) -> f64 {
    let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    row.iter_mut().for_each(|value| *value = (*value - max).exp());
    let sum: f64 = row.iter().sum();
    row.iter_mut().for_each(|value| *value /= sum);
    max + sum.ln()
}

/// Probabilities of the classes, one row a sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Probabilities {
    classes: usize,
    values: Vec<f64>,
    energies: Vec<f64>,
}

impl Probabilities {
    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.energies.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.energies.is_empty()
    }

    /// How many classes there are.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The samples' rows.
    pub fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.values.chunks_exact(self.classes)
    }

    /// Each sample's energy: minus the logarithm of the sum of the exponentials of its calibrated logits (Liu et al.:
    /// Energy-based Out-of-distribution Detection, 2020). High where nothing speaks for any class.
    pub fn energies(&self) -> &[f64] {
        &self.energies
    }

    /// The answers: each sample's most probable class, the first of equals, held against its label.
    pub fn answers(&self, labels: &[u32]) -> Answers {
        let mut answers = Answers::default();
        for (row, &label) in self.rows().zip(labels) {
            let class = best(row);
            answers.classes.push(class as u32);
            answers.confidence.push(row[class]);
            answers.right.push(class == label as usize);
        }
        answers
    }
}

/// The place of the largest value, the first of equals.
pub(super) fn best(row: &[f64]) -> usize {
    (1..row.len()).fold(0, |best, class| if row[class] > row[best] { class } else { best })
}

/// What a classifier answered, and whether that was right; each vector has one element a sample.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answers {
    /// The classes that were answered.
    pub classes: Vec<u32>,
    /// Their calibrated probabilities.
    pub confidence: Vec<f64>,
    /// Whether they are the true classes.
    pub right: Vec<bool>,
}

impl Answers {
    /// Share of right answers; `None` without any.
    pub fn accuracy(&self) -> Option<f64> {
        let right = self.right.iter().filter(|&&right| right).count();
        (!self.right.is_empty()).then(|| right as f64 / self.right.len() as f64)
    }
}
