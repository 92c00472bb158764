//! What scipy, statsmodels and evidently answer: conformance/drift.

use dunlin_drift::{Audit, Shares, Tally, adjusted, compare, quality};
use dunlin_protocol::divergence::{chi_square_quantile, chi_square_tail};
use serde::Deserialize;

#[derive(Deserialize)]
struct Fixtures {
    tails: Vec<(f64, u32, f64)>,
    quantiles: Vec<(f64, u32, f64)>,
    tables: Vec<Table>,
    known: Vec<Known>,
    randomized: Vec<Randomized>,
    discoveries: Vec<Discoveries>,
    quality: Vec<Accuracy>,
}

#[derive(Deserialize)]
struct Table {
    reference: Vec<u64>,
    window: Vec<u64>,
    statistic: f64,
    freedom: u32,
    chance: f64,
    moved: f64,
    stability: f64,
    divergence: f64,
}

#[derive(Deserialize)]
struct Known {
    reference: Vec<u64>,
    window: Vec<u64>,
    statistic: f64,
}

#[derive(Deserialize)]
struct Randomized {
    bins: u32,
    reference: Vec<(Option<f64>, Vec<u64>)>,
    window: Vec<(Option<f64>, Vec<u64>)>,
    seen: Vec<f64>,
    statistic: f64,
    chance: f64,
}

#[derive(Deserialize)]
struct Discoveries {
    chances: Vec<f64>,
    adjusted: Vec<f64>,
}

#[derive(Deserialize)]
struct Accuracy {
    epsilon: Option<f64>,
    counts: Vec<u64>,
    means: Vec<f64>,
    audits: Vec<(f64, bool)>,
    accuracy: f64,
    interval: [f64; 2],
}

fn fixtures() -> Fixtures {
    serde_json::from_str(include_str!("../../../conformance/drift/fixtures.json")).expect("the fixtures are committed")
}

/// Equal to 1e-9 of the answer, or beside tiny answers to 1e-12.
fn same(ours: f64, theirs: f64, what: &str) {
    assert!((ours - theirs).abs() <= 1e-9 * theirs.abs() + 1e-12, "{what}: {ours}, not {theirs}");
}

fn exact(counts: &[u64]) -> Tally {
    Tally { epsilon: None, counts: counts.to_vec() }
}

#[test]
fn tails_and_quantiles_are_those_of_scipy() {
    for (statistic, freedom, tail) in fixtures().tails {
        let ours = chi_square_tail(statistic, freedom);
        assert!((ours / tail - 1.0).abs() < 1e-9, "{statistic} {freedom}: {ours}, not {tail}");
    }
    for (tail, freedom, quantile) in fixtures().quantiles {
        same(chi_square_quantile(tail, freedom), quantile, "quantile");
    }
}

#[test]
fn exact_counts_compare_as_a_table_of_two_rows() {
    for table in fixtures().tables {
        let comparison = compare(&[exact(&table.reference)], &[exact(&table.window)], false).expect("reports");
        assert_eq!(comparison.freedom, table.freedom);
        same(comparison.statistic, table.statistic, "statistic");
        same(comparison.chance, table.chance, "chance");
        same(comparison.moved, table.moved, "total variation");
        same(comparison.stability, table.stability, "population stability index");
        same(comparison.divergence, table.divergence, "Jensen-Shannon divergence");
    }
}

#[test]
fn a_large_reference_comes_near_to_one_that_is_known() {
    for known in fixtures().known {
        let comparison = compare(&[exact(&known.reference)], &[exact(&known.window)], false).expect("reports");
        // It counts for ten windows, so that the statistic is a tenth smaller, but for the pooled shares.
        let ratio = comparison.statistic * 1.1 / known.statistic;
        assert!((0.93..1.07).contains(&ratio), "{ratio}");
    }
}

#[test]
fn randomized_counts_compare_by_their_covariance() {
    for case in fixtures().randomized {
        let tallies = |sides: &[(Option<f64>, Vec<u64>)]| -> Vec<Tally> {
            sides.iter().map(|(epsilon, counts)| Tally { epsilon: *epsilon, counts: counts.clone() }).collect()
        };
        let (reference, window) = (tallies(&case.reference), tallies(&case.window));
        let shares = Shares::of(&window).expect("reports");
        for (&ours, &theirs) in shares.estimates.iter().zip(&case.seen) {
            same(ours, theirs, "estimate");
        }
        for ordered in [false, true] {
            let comparison = compare(&reference, &window, ordered).expect("reports");
            assert_eq!(comparison.freedom, case.bins - 1);
            same(comparison.statistic, case.statistic, "statistic");
            same(comparison.chance, case.chance, "chance");
        }
    }
}

#[test]
fn chances_are_adjusted_as_scipy_and_statsmodels_do() {
    for case in fixtures().discoveries {
        for (ours, theirs) in adjusted(&case.chances).into_iter().zip(case.adjusted) {
            same(ours, theirs, "adjusted");
        }
    }
}

#[test]
fn accuracy_is_estimated_with_its_interval() {
    for case in fixtures().quality {
        let shares = Shares::of(&[Tally { epsilon: case.epsilon, counts: case.counts }]).expect("reports");
        let audits: Vec<Audit> = case.audits.iter().map(|&(confidence, right)| Audit { confidence, right }).collect();
        let ours = quality(&shares, &case.means, &audits).expect("bins fit");
        same(ours.accuracy, case.accuracy.clamp(0.0, 1.0), "accuracy");
        same(ours.interval[0], case.interval[0], "lower end");
        same(ours.interval[1], case.interval[1], "upper end");
    }
}
