//! Why a classifier can't be calibrated. Whoever gave the samples or the options is at fault.

use std::fmt;

/// Samples or options that nothing can be fitted to.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum CalibrationError {
    /// Numbers of classes, logits and labels that don't belong together.
    Shape {
        /// How many classes there are.
        classes: usize,
        /// How many logits there are.
        values: usize,
        /// How many labels there are.
        labels: usize,
    },
    /// A label that is no class of the model.
    Label {
        /// The label.
        class: u32,
        /// How many classes the model has.
        classes: usize,
    },
    /// A logit that is NaN or infinite.
    NotFinite {
        /// The sample that it is of.
        sample: usize,
    },
    /// Cohorts that don't belong to the samples.
    Cohorts {
        /// How many samples there are.
        samples: usize,
        /// How many samples have a cohort.
        cohorts: usize,
        /// How many cohorts have a name.
        names: usize,
    },
    /// Fewer samples than can be divided into two parts.
    TooFew {
        /// How many there are.
        samples: usize,
        /// How many it takes.
        needed: usize,
    },
    /// An option that lies outside of its range.
    Option {
        /// The option.
        name: &'static str,
        /// Its value.
        value: f64,
    },
}

impl fmt::Display for CalibrationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape { classes, values, labels } => {
                write!(f, "{values} logits aren't {classes} for each of {labels} labels")
            }
            Self::Label { class, classes } => {
                write!(f, "the label {class} is no class of the model, which has {classes}")
            }
            Self::NotFinite { sample } => {
                write!(
                    f,
                    "the model's output for sample {sample} isn't finite; look at the model, not at its calibration"
                )
            }
            Self::Cohorts { samples, cohorts, names } => {
                write!(
                    f,
                    "{cohorts} cohorts for {samples} samples, with {names} names; give each sample one that has a name"
                )
            }
            Self::TooFew { samples, needed } => write!(f, "{samples} samples can't calibrate; give at least {needed}"),
            Self::Option { name, value } => write!(f, "{name} can't be {value}; it must lie between 0 and 1"),
        }
    }
}

impl std::error::Error for CalibrationError {}
