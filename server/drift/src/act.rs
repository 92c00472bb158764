use crate::{Finding, Streak};

/// What to do, each step more than the one before. A server does the first by itself and suggests the others: who published decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Tell people.
    Alert,
    /// Let devices ask the cloud more often: a higher threshold.
    RaiseFallback,
    /// Give the release to nobody else.
    Hold,
    /// Go back to the release before.
    RollBack,
}

/// How far a release has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Release {
    /// It isn't everyone's yet.
    pub rolling_out: bool,
    /// There is one to go back to.
    pub has_previous: bool,
}

/// What a finding is worth after so many suspect windows in a row; `None` before there is an alert.
///
/// The longer it lasts and the more answers moved, the higher the step. A release that is still going out is held before anything else is
/// asked of it, since that costs nobody anything.
pub fn act(streak: Streak, finding: &Finding, release: Release) -> Option<Action> {
    if !streak.alerts() {
        return None;
    }
    let moved = finding.comparison.moved;
    let lasting = streak.0 >= LASTING;
    Some(if moved >= SEVERE && lasting && release.has_previous {
        Action::RollBack
    } else if release.rolling_out && (moved >= LARGE || lasting) {
        Action::Hold
    } else if moved >= LARGE || lasting {
        Action::RaiseFallback
    } else {
        Action::Alert
    })
}

/// Windows in a row that aren't a bad day.
const LASTING: u32 = 3;

/// Shares of answers that moved.
const LARGE: f64 = 0.15;
const SEVERE: f64 = 0.3;
