//! Whether a fleet's answers are still those that they were: pure functions of counts.
//!
//! A [`Tally`] counts devices, one vote each. For each metric and cohort of a window [`examine`] compares the window's tallies with those of a
//! [reference](references): the statistic takes what randomized response, the window's size and the reference's size leave to chance, so that thresholds
//! follow the number of reports. A finding is suspect if it is no chance among all that were asked of the window, and matters. [`Streak`] wants
//! that of windows in a row before [`act`] says what to do.

mod act;
mod compare;
mod discovery;
mod quality;
pub mod references;
mod tally;

pub use act::{Action, Release, act};
pub use compare::{Comparison, compare};
pub use discovery::adjusted;
pub use quality::{Audit, Quality, quality};
pub use tally::{Shares, Tally};

use dunlin_protocol::summary::{Cohort, Metric};

/// What a finding has to reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// Which share of a window's suspects may be chance.
    pub alpha: f64,
    /// The least share of answers that moved to other bins, as total variation of the estimates.
    pub floor: f64,
    /// The fewest reports of a window that are compared.
    pub least: u64,
}

impl Default for Rules {
    fn default() -> Self {
        Self { alpha: 0.05, floor: 0.05, least: 100 }
    }
}

/// What is asked of a window.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// Which metric.
    pub metric: Metric,
    /// Of which cohort: one key and value, or nobody in particular.
    pub cohort: Cohort,
    /// What was expected.
    pub reference: Vec<Tally>,
    /// The window's reports, by what they reveal.
    pub window: Vec<Tally>,
}

/// The answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Which metric.
    pub metric: Metric,
    /// Of which cohort.
    pub cohort: Cohort,
    /// Both sides and how far they are apart.
    pub comparison: Comparison,
    /// How probable as much is by chance, among all that was asked of the window.
    pub adjusted: f64,
    /// Neither chance nor small.
    pub suspect: bool,
}

/// Compares all of a window. What has too few reports, or no reference, has no finding.
pub fn examine(questions: &[Question], rules: &Rules) -> Vec<Finding> {
    let compared = |question: &Question| {
        let reports: u64 = question.window.iter().map(Tally::reports).sum();
        let enough = reports >= rules.least && !question.reference.is_empty();
        let comparison =
            enough.then(|| compare(&question.reference, &question.window, is_ordered(question.metric)))??;
        Some((question.metric, question.cohort.clone(), comparison))
    };
    let compared: Vec<_> = questions.iter().filter_map(compared).collect();
    let chances: Vec<f64> = compared.iter().map(|(_, _, comparison)| comparison.chance).collect();
    let finding = |((metric, cohort, comparison), adjusted): ((Metric, Cohort, Comparison), f64)| {
        let suspect = adjusted <= rules.alpha && comparison.moved >= rules.floor;
        Finding { metric, cohort, comparison, adjusted, suspect }
    };
    compared.into_iter().zip(adjusted(&chances)).map(finding).collect()
}

/// Whether neighbouring bins are alike.
fn is_ordered(metric: Metric) -> bool {
    !matches!(metric, Metric::Class | Metric::Reason | Metric::Rollback | Metric::Agreement)
}

/// How many windows in a row a metric of a cohort has been suspect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Streak(pub u32);

impl Streak {
    /// After one window more.
    pub fn after(self, finding: &Finding) -> Self {
        if finding.suspect { Self(self.0.saturating_add(1)) } else { Self(0) }
    }

    /// One window may be anything: two in a row are an alert.
    pub fn alerts(self) -> bool {
        self.0 >= 2
    }
}

#[cfg(test)]
mod tests;
