//! What windows are compared with.

use dunlin_protocol::summary::{Baseline, Cohort, Metric};

use crate::Tally;

/// Where a reference came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The samples that the model was calibrated with.
    Calibration,
    /// The model's own first windows in the fleet.
    FirstWindows,
    /// Nothing but "nothing happened".
    Nothing,
}

/// Reports that first windows need to be a reference.
pub const FIRST: u64 = 1000;

/// The most windows that are taken for the first.
pub const MOST_WINDOWS: usize = 14;

/// What a cohort's metric is compared with, and how many of its windows that takes.
///
/// Users differ from calibration samples, so that a fleet's own first windows are preferred as soon as they have [`FIRST`] reports; until
/// then the calibration samples are all there is. That a model is given up isn't usual even at first. `None` where neither is known.
pub fn reference(
    metric: Metric,
    cohort: &Cohort,
    baseline: Option<&Baseline>,
    windows: &[Vec<Tally>],
) -> Option<(Origin, Vec<Tally>, usize)> {
    if metric == Metric::Rollback {
        let bins = windows.iter().flatten().map(|tally| tally.counts.len()).next()?;
        let mut counts = vec![0; bins];
        *counts.first_mut()? = FIRST;
        return Some((Origin::Nothing, vec![Tally { epsilon: None, counts }], 0));
    }
    if let Some((tallies, taken)) = first(windows) {
        return Some((Origin::FirstWindows, tallies, taken));
    }
    let everyone = Cohort::default();
    let counts = baseline?.counts(cohort, metric).or_else(|| baseline?.counts(&everyone, metric))?;
    Some((Origin::Calibration, vec![Tally { epsilon: None, counts: counts.to_vec() }], 0))
}

/// The first windows that have [`FIRST`] reports together, added up.
fn first(windows: &[Vec<Tally>]) -> Option<(Vec<Tally>, usize)> {
    let mut sum: Vec<Tally> = Vec::new();
    for (index, window) in windows.iter().take(MOST_WINDOWS).enumerate() {
        window.iter().for_each(|tally| add(&mut sum, tally));
        if sum.iter().map(Tally::reports).sum::<u64>() >= FIRST {
            return Some((sum, index + 1));
        }
    }
    None
}

/// Adds a tally to those of its epsilon.
pub fn add(sum: &mut Vec<Tally>, tally: &Tally) {
    let alike = |known: &&mut Tally| known.epsilon == tally.epsilon && known.counts.len() == tally.counts.len();
    match sum.iter_mut().find(alike) {
        Some(known) => known.counts.iter_mut().zip(&tally.counts).for_each(|(known, count)| *known += count),
        None => sum.push(tally.clone()),
    }
}
