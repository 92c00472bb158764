//! What a model said of labelled samples.

use std::borrow::Cow;

use super::error::CalibrationError;

/// A model's logits for samples whose class is known: finite, one row a sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Logits<'a> {
    classes: usize,
    values: Cow<'a, [f32]>,
    labels: Cow<'a, [u32]>,
    cohorts: Option<Cohorts<'a>>,
}

/// To which cohort each sample belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Cohorts<'a> {
    names: Cow<'a, [String]>,
    of: Cow<'a, [u32]>,
}

impl<'a> Logits<'a> {
    /// `values` are rows of `classes` logits, one for each of `labels`.
    ///
    /// # Errors
    /// [`CalibrationError`] when the numbers don't fit each other, a label is no class or a logit isn't finite.
    pub fn new(classes: usize, values: &'a [f32], labels: &'a [u32]) -> Result<Self, CalibrationError> {
        if classes == 0 || values.len() != classes.saturating_mul(labels.len()) {
            return Err(CalibrationError::Shape { classes, values: values.len(), labels: labels.len() });
        }
        if let Some(&class) = labels.iter().find(|&&label| label as usize >= classes) {
            return Err(CalibrationError::Label { class, classes });
        }
        if let Some(place) = values.iter().position(|value| !value.is_finite()) {
            return Err(CalibrationError::NotFinite { sample: place / classes });
        }
        Ok(Self { classes, values: Cow::Borrowed(values), labels: Cow::Borrowed(labels), cohorts: None })
    }

    /// The same with cohorts: `of` has for each sample a place in `names`.
    ///
    /// # Errors
    /// [`CalibrationError::Cohorts`] when there is another number of them than of samples, or one has no name.
    pub fn with_cohorts(mut self, names: &'a [String], of: &'a [u32]) -> Result<Self, CalibrationError> {
        if of.len() != self.len() || of.iter().any(|&cohort| cohort as usize >= names.len()) {
            return Err(CalibrationError::Cohorts { samples: self.len(), cohorts: of.len(), names: names.len() });
        }
        self.cohorts = Some(Cohorts { names: Cow::Borrowed(names), of: Cow::Borrowed(of) });
        Ok(self)
    }

    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// How many classes the model has; at least one.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The samples' logits.
    pub fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact(self.classes)
    }

    /// The samples' classes.
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// The cohorts' names; none where samples have no cohorts.
    pub fn cohort_names(&self) -> &[String] {
        self.cohorts.as_ref().map_or(&[], |cohorts| &cohorts.names)
    }

    /// The samples of a cohort, by their places.
    pub fn cohort(&self, cohort: usize) -> Vec<usize> {
        let of = self.cohorts.as_ref().map_or(&[][..], |cohorts| &cohorts.of);
        (0..of.len()).filter(|&sample| of[sample] as usize == cohort).collect()
    }

    /// Some of the samples, in the order of `samples`; panics when there is no such sample.
    pub fn select(&self, samples: &[usize]) -> Logits<'static> {
        let row = |&sample: &usize| &self.values[sample * self.classes..][..self.classes];
        let cohorts = self.cohorts.as_ref().map(|cohorts| Cohorts {
            names: Cow::Owned(cohorts.names.to_vec()),
            of: Cow::Owned(samples.iter().map(|&sample| cohorts.of[sample]).collect()),
        });
        Logits {
            classes: self.classes,
            values: Cow::Owned(samples.iter().flat_map(row).copied().collect()),
            labels: Cow::Owned(samples.iter().map(|&sample| self.labels[sample]).collect()),
            cohorts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_that_do_not_fit_are_errors() {
        let shape = |classes, values, labels| Err(CalibrationError::Shape { classes, values, labels });
        assert_eq!(Logits::new(2, &[0.0; 3], &[0]), shape(2, 3, 1));
        assert_eq!(Logits::new(0, &[], &[]), shape(0, 0, 0));
        assert_eq!(Logits::new(usize::MAX, &[0.0], &[0, 0]), shape(usize::MAX, 1, 2));
        assert_eq!(Logits::new(2, &[0.0; 2], &[2]), Err(CalibrationError::Label { class: 2, classes: 2 }));
        let values = [0.0, 0.0, f32::NAN, 0.0];
        assert_eq!(Logits::new(2, &values, &[0, 1]), Err(CalibrationError::NotFinite { sample: 1 }));
        let (logits, names) = (Logits::new(1, &[0.0], &[0]).expect("sound"), ["one".to_owned()]);
        for of in [&[][..], &[1], &[0, 0]] {
            let expected = CalibrationError::Cohorts { samples: 1, cohorts: of.len(), names: 1 };
            assert_eq!(logits.clone().with_cohorts(&names, of), Err(expected));
        }
    }

    #[test]
    fn selected_samples_keep_label_and_cohort() {
        let names = ["one".to_owned(), "other".to_owned()];
        let logits = Logits::new(2, &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0], &[0, 1, 1]);
        let logits = logits.and_then(|logits| logits.with_cohorts(&names, &[0, 1, 0])).expect("sound");
        let selected = logits.select(&[2, 1]);
        assert_eq!(selected.rows().collect::<Vec<_>>(), [[4.0, 5.0], [2.0, 3.0]]);
        assert_eq!(selected.labels(), [1, 1]);
        assert_eq!([selected.cohort(0), selected.cohort(1)], [[0], [1]]);
    }
}
