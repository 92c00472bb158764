//! What makes a classifier's probabilities mean what they say, and says when not to believe them. Host only; a device gets what is
//! fitted here as numbers in its policy.
//!
//! [`fit`] goes from [`Logits`], the model's own output for labelled samples, to all that a policy needs. Each of its parts
//! is a function of its own: [`inverse_temperature`] and [`vector_scaling`] calibrate, [`conformal`] and [`Raps`] make prediction sets,
//! [`acceptance`] bounds the error among accepted answers. [`reliability`], [`risk_coverage`], [`equalized_odds`] and the intervals
//! say how good the outcome is.
//!
//! A model that ends with softmax gives probabilities instead of logits: their logarithms are logits.

pub mod acceptance;
pub mod conformal;
mod error;
mod fit;
mod interval;
mod logits;
mod odds;
mod probabilities;
mod raps;
mod reliability;
mod selective;
mod special;
mod temperature;
mod vector;

pub use acceptance::Acceptance;
pub use error::CalibrationError;
pub use fit::{BINS, FitOptions, Fitted, MANY_CLASSES, Method, Rules, fit, shuffled};
pub use interval::{Interval, binomial_tail, clopper_pearson, upper_bound, wilson};
pub use logits::Logits;
pub use odds::{ClassOdds, Gap, Rate, equalized_odds};
pub use probabilities::{Answers, Probabilities, Scaling};
pub use raps::Raps;
pub use reliability::{Bin, expected_calibration_error, reliability};
pub use selective::{RiskPoint, area_under_risk_coverage, area_under_roc, risk_coverage};
pub use temperature::inverse_temperature;
pub use vector::vector_scaling;
