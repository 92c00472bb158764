//! Two sets of tallies: how far apart, and how probable that is by chance.

use dunlin_protocol::divergence::{chi_square_tail, jensen_shannon, population_stability, total_variation};

use crate::tally::{Shares, Tally, possible};

/// How far a window is from its reference.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Reports of the window.
    pub reports: u64,
    /// The reference's shares.
    pub expected: Vec<f64>,
    /// The window's, as estimated.
    pub seen: Vec<f64>,
    /// A chi-square variable where both come of one distribution.
    pub statistic: f64,
    /// Its degrees of freedom; 0 where the reports are too few for two cells.
    pub freedom: u32,
    /// How probable a statistic as large is then.
    pub chance: f64,
    /// Total variation: the share of answers that moved to other bins.
    pub moved: f64,
    /// Population stability index, for who is used to it.
    pub stability: f64,
    /// Jensen-Shannon divergence, in nats.
    pub divergence: f64,
    /// Devices that would have to lie to make as much of nothing.
    pub liars: u64,
}

/// Compares a window with what was expected of it. In `ordered` metrics, bins that are too small share a cell with a neighbour, else with
/// the next larger one. `None` where a side has no reports, or their bins are unlike.
///
/// The statistic is Wald's: the difference of both estimates, measured by the covariance that it has where both are of one distribution.
/// For exact counts it is Pearson's chi-square of a table of two rows; for a reference that is known well, Pearson's of a window against
/// what is expected of it. Randomized response only widens the covariance.
pub fn compare(reference: &[Tally], window: &[Tally], ordered: bool) -> Option<Comparison> {
    let seen = Shares::of(window)?;
    let expected = Shares::of(reference)?.at_most(REFERENCE * seen.information());
    if seen.estimates.len() != expected.estimates.len() {
        return None;
    }
    let null = common(&expected, &seen);
    let cells = cells(&seen.expected(&null), ordered);
    let freedom = cells.len() as u32 - 1;
    let statistic = statistic(&expected, &seen, &null, &cells);
    let shares = [expected.possible(), seen.possible()];
    let moved = total_variation(&shares[0], &shares[1]);
    Some(Comparison {
        reports: window.iter().map(Tally::reports).sum(),
        statistic,
        freedom,
        chance: chi_square_tail(statistic, freedom),
        moved,
        stability: population_stability(&shares[0], &shares[1], EMPTY),
        divergence: jensen_shannon(&shares[0], &shares[1]),
        liars: (moved / seen.vote()).ceil() as u64,
        expected: shares[0].clone(),
        seen: shares[1].clone(),
    })
}

/// What both would be estimated as if they were the same.
fn common(expected: &Shares, seen: &Shares) -> Vec<f64> {
    let [a, b] = [expected.information(), seen.information()];
    let pooled = expected.estimates.iter().zip(&seen.estimates).map(|(x, y)| (a * x + b * y) / (a + b));
    possible(&pooled.collect::<Vec<_>>())
}

/// Bins that are counted together, so that at least [`LEAST`] reports are expected of each cell. One cell may have fewer, down to [`RARE`]: what a
/// reference never had has no other place.
fn cells(expected: &[f64], ordered: bool) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..expected.len()).collect();
    if !ordered {
        order.sort_by(|&a, &b| expected[a].total_cmp(&expected[b]));
    }
    let mut cells: Vec<Vec<usize>> = order.into_iter().map(|bin| vec![bin]).collect();
    let size = |cell: &[usize]| cell.iter().map(|&bin| expected[bin]).sum::<f64>();
    while cells.len() > 1 {
        let sizes: Vec<f64> = cells.iter().map(|cell| size(cell)).collect();
        let small = sizes.iter().filter(|&&size| size < LEAST).count();
        let least = (0..sizes.len()).min_by(|&a, &b| sizes[a].total_cmp(&sizes[b])).unwrap_or(0);
        if small == 0 || (small == 1 && sizes[least] >= RARE) {
            break;
        }
        // The smaller of both neighbours, which of falling sizes is the next one.
        let neighbours = [least.checked_sub(1), Some(least + 1).filter(|&next| next < sizes.len())];
        let partner = neighbours.into_iter().flatten().min_by(|&a, &b| sizes[a].total_cmp(&sizes[b]));
        let cell = cells.remove(least);
        let partner = partner.map_or(0, |partner| if partner > least { partner - 1 } else { partner });
        cells[partner].extend(cell);
    }
    cells
}

/// `d' C^-1 d` for the cells' differences `d` and their covariance `C` under `null`, without the last cell, which follows from the others.
fn statistic(expected: &Shares, seen: &Shares, null: &[f64], cells: &[Vec<usize>]) -> f64 {
    let bins = null.len();
    let covariance: Vec<f64> =
        expected.covariance(null).iter().zip(seen.covariance(null)).map(|(a, b)| a + b).collect();
    let free = cells.len() - 1;
    let difference = |cell: &Vec<usize>| cell.iter().map(|&bin| seen.estimates[bin] - expected.estimates[bin]).sum();
    let between = |row: &[usize], column: &[usize]| -> f64 {
        row.iter().flat_map(|&r| column.iter().map(move |&c| r * bins + c)).map(|at| covariance[at]).sum()
    };
    let differences: Vec<f64> = cells[..free].iter().map(difference).collect();
    let matrix: Vec<Vec<f64>> =
        cells[..free].iter().map(|row| cells[..free].iter().map(|column| between(row, column)).collect()).collect();
    measured(&matrix, &differences)
}

/// `d' C^-1 d` by Cholesky's decomposition: the squared length of the solution of `L x = d`.
fn measured(matrix: &[Vec<f64>], differences: &[f64]) -> f64 {
    let mut lower = vec![vec![0.0; differences.len()]; differences.len()];
    let mut solution: Vec<f64> = Vec::with_capacity(differences.len());
    for row in 0..differences.len() {
        for column in 0..=row {
            let done: f64 = (0..column).map(|at| lower[row][at] * lower[column][at]).sum();
            let rest = matrix[row][column] - done;
            lower[row][column] =
                if row == column { rest.max(f64::MIN_POSITIVE).sqrt() } else { rest / lower[column][column] };
        }
        let done: f64 = solution.iter().enumerate().map(|(at, x)| lower[row][at] * x).sum();
        solution.push((differences[row] - done) / lower[row][row]);
    }
    solution.iter().fold(0.0, |sum, x| sum + x * x)
}

/// Fewer reports of a cell aren't nearly normal.
const LEAST: f64 = 5.0;

/// Of the one cell that may have fewer.
const RARE: f64 = 1.0;

/// A reference counts for at most so many times the window: more wouldn't make the test sharper, and would hide what it never had.
const REFERENCE: f64 = 10.0;

/// A share that an empty bin is taken for, as evidently has it.
const EMPTY: f64 = 1e-4;
