//! Whether calibration keeps what it promises: a set of samples is divided into a part that calibrates and a part that is held
//! out, again and again, and what was promised from the one is looked for in the other.

pub mod record;
mod set;

pub use set::{Named, Outside, Set};

use dunlin_compiler::calibration::{
    BINS, CalibrationError, FitOptions, Fitted, Logits, Scaling, area_under_roc, conformal, expected_calibration_error,
    fit, reliability, shuffled,
};
use serde::Serialize;

/// How the samples are divided.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How often.
    pub splits: usize,
    /// Which share of them calibrates.
    pub share: f64,
    /// What is promised.
    pub options: FitOptions,
}

/// What came of one division.
#[derive(Clone, Copy, Debug)]
struct Split {
    coverage: f64,
    /// Among the held-out answers that were accepted; 0 when none was.
    error: f64,
    /// Among all accepted answers of the set.
    error_of_all: f64,
    accepts_nothing: bool,
    calibration_error: [f64; 2],
    set_coverage: f64,
    set_size: f64,
}

/// What came of all divisions of a set.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// The set.
    pub set: String,
    /// How many samples it has.
    pub samples: usize,
    /// How many of them calibrate.
    pub calibrating: usize,
    /// How many classes there are.
    pub classes: usize,
    /// Share of right answers in the set.
    pub accuracy: f64,
    /// The promised bound of the error among accepted answers.
    pub alpha: f64,
    /// How often it may be exceeded.
    pub delta: f64,
    /// How often it was: the share of the splits whose held-out accepted answers are wrong more often.
    pub exceeded: f64,
    /// The same with the accepted answers of the whole set, which chance in the held-out part doesn't touch.
    pub exceeded_of_all: f64,
    /// Share of the splits in which nothing could be accepted.
    pub accepts_nothing: f64,
    /// Share of the held-out answers that were accepted: mean, and the 5th and 95th percentile over the splits.
    pub coverage: [f64; 3],
    /// Their error, the same way.
    pub error: [f64; 3],
    /// Expected calibration error of held-out answers before calibration, the same way.
    pub calibration_error_before: [f64; 3],
    /// And after it.
    pub calibration_error_after: [f64; 3],
    /// Share of the held-out samples whose set has the true class.
    pub set_coverage: [f64; 3],
    /// How many classes a set has.
    pub set_size: [f64; 3],
    /// The held-out errors of all splits, for the picture.
    #[serde(skip)]
    pub errors: Vec<f64>,
}

/// Divides a set again and again.
///
/// # Errors
/// [`CalibrationError`] when the set is too small or an option is out of its range.
pub fn simulate(set: &Set, plan: &Plan) -> Result<Outcome, CalibrationError> {
    let logits = set.logits();
    let calibrating = (logits.len() as f64 * plan.share).round() as usize;
    let splits: Vec<Split> =
        (0..plan.splits).map(|seed| split(&logits, calibrating, seed as u64, plan)).collect::<Result<_, _>>()?;
    let share =
        |is: &dyn Fn(&Split) -> bool| splits.iter().filter(|&split| is(split)).count() as f64 / splits.len() as f64;
    let spread = |of: &dyn Fn(&Split) -> f64| spread(splits.iter().map(of).collect());
    let alpha = plan.options.alpha;
    let answers = Scaling::identity().probabilities(&logits).answers(logits.labels());
    Ok(Outcome {
        set: set.name.clone(),
        samples: logits.len(),
        calibrating,
        classes: logits.classes(),
        accuracy: answers.accuracy().unwrap_or(0.0),
        alpha,
        delta: plan.options.delta,
        exceeded: share(&|split| split.error > alpha),
        exceeded_of_all: share(&|split| split.error_of_all > alpha),
        accepts_nothing: share(&|split| split.accepts_nothing),
        coverage: spread(&|split| split.coverage),
        error: spread(&|split| split.error),
        calibration_error_before: spread(&|split| split.calibration_error[0]),
        calibration_error_after: spread(&|split| split.calibration_error[1]),
        set_coverage: spread(&|split| split.set_coverage),
        set_size: spread(&|split| split.set_size),
        errors: splits.iter().map(|split| split.error).collect(),
    })
}

fn split(all: &Logits<'_>, calibrating: usize, seed: u64, plan: &Plan) -> Result<Split, CalibrationError> {
    let order = shuffled(all.len(), seed);
    let (calibration, held_out) = order.split_at(calibrating.min(order.len()));
    let held_out = all.select(held_out);
    let fitted = fit(&all.select(calibration), &FitOptions { seed, ..plan.options })?;
    let [coverage, error] = accepted(&fitted, &held_out);
    let [_, error_of_all] = accepted(&fitted, all);
    let calibration_error = [&Scaling::identity(), &fitted.scaling].map(|scaling| {
        let answers = scaling.probabilities(&held_out).answers(held_out.labels());
        expected_calibration_error(&reliability(&answers, BINS)).unwrap_or(0.0)
    });
    let [set_coverage, set_size] = sets(&fitted, &held_out);
    let accepts_nothing = fitted.all.acceptance.threshold.is_none();
    Ok(Split { coverage, error, error_of_all, accepts_nothing, calibration_error, set_coverage, set_size })
}

/// The share of the answers that are accepted, and the share of these that are wrong.
fn accepted(fitted: &Fitted, logits: &Logits<'_>) -> [f64; 2] {
    let (answers, accepted) = fitted.answers(logits);
    let count = accepted.iter().filter(|&&accepted| accepted).count();
    let errors = accepted.iter().zip(&answers.right).filter(|&(&accepted, &right)| accepted && !right).count();
    [count as f64 / accepted.len().max(1) as f64, errors as f64 / count.max(1) as f64]
}

/// The share of the samples whose set has the true class, and the mean size of sets.
fn sets(fitted: &Fitted, logits: &Logits<'_>) -> [f64; 2] {
    let probabilities = fitted.scaling.probabilities(logits);
    let quantiles: Vec<f64> = fitted.all.quantiles.iter().copied().map(f64::from).collect();
    let (mut hits, mut members) = (0, 0);
    for (row, &label) in probabilities.rows().zip(logits.labels()) {
        let set = match (fitted.raps, fitted.all.raps) {
            (Some(raps), Some(quantile)) => raps.set(row, quantile.into()),
            _ => conformal::set(row, &quantiles),
        };
        hits += usize::from(set.contains(&(label as usize)));
        members += set.len();
    }
    [hits, members].map(|count| count as f64 / logits.len().max(1) as f64)
}

/// Mean, 5th and 95th percentile.
fn spread(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values[((share * values.len() as f64) as usize).min(values.len() - 1)];
    [values.iter().sum::<f64>() / values.len() as f64, at(0.05), at(0.95)]
}

/// How well scores tell samples of another kind from a set's own.
#[derive(Clone, Debug, Serialize)]
pub struct Apart {
    /// The set.
    pub set: String,
    /// The samples of another kind.
    pub outside: String,
    /// How many these are.
    pub samples: usize,
    /// Area under the curve of the energy of calibrated logits.
    pub energy: f64,
    /// Of one minus the calibrated probability of the answer.
    pub probability: f64,
    /// Of minus the largest logit.
    pub logit: f64,
}

/// Holds samples of another kind against a set, whose own samples calibrate.
///
/// # Errors
/// [`CalibrationError`] when the samples don't fit the set's model.
pub fn apart(set: &Set, outside: &Outside, options: &FitOptions) -> Result<Apart, CalibrationError> {
    let inside = set.logits();
    let labels = vec![0; outside.values.len() / inside.classes()];
    let outside_logits = Logits::new(inside.classes(), &outside.values, &labels)?;
    let scaling = fit(&inside, options)?.scaling;
    let parts = [&outside_logits, &inside];
    let area = |score: &dyn Fn(&Logits<'_>) -> Vec<f64>| {
        let [higher, lower] = parts.map(score);
        area_under_roc(&higher, &lower).unwrap_or(0.0)
    };
    let highest = |row: &[f32]| row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    Ok(Apart {
        set: set.name.clone(),
        outside: outside.name.clone(),
        samples: labels.len(),
        energy: area(&|logits| scaling.probabilities(logits).energies().to_vec()),
        probability: area(&|logits| {
            let answers = scaling.probabilities(logits).answers(logits.labels());
            answers.confidence.iter().map(|confidence| -confidence).collect()
        }),
        logit: area(&|logits| logits.rows().map(|row| -f64::from(highest(row))).collect()),
    })
}
