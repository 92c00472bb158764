//! Calibration, prediction sets and their measures against other libraries' answers: see conformance/calibration/README.md.

use std::path::Path;

use dunlin_compiler::calibration::{
    Answers, Interval, Logits, Probabilities, Raps, Scaling, area_under_risk_coverage, area_under_roc, binomial_tail,
    clopper_pearson, conformal, equalized_odds, expected_calibration_error, inverse_temperature, reliability,
    risk_coverage, upper_bound, vector_scaling, wilson,
};
use serde::Deserialize;
use std::collections::BTreeMap;

const TOLERANCE: f64 = 1e-6;

#[derive(Deserialize)]
struct Fixtures {
    cases: Vec<Case>,
    shares: Vec<Share>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    classes: usize,
    logits: Vec<f32>,
    labels: Vec<u32>,
    cohorts: Vec<u32>,
    inverse_temperature: Option<f64>,
    vector: Option<Vector>,
    energies: Vec<f64>,
    conformal: Vec<Conformal>,
    raps: Vec<Adaptive>,
    calibration_error: BTreeMap<String, Option<f64>>,
    aurc: Option<f64>,
    auroc: Option<f64>,
    odds: Vec<Option<f64>>,
}

#[derive(Deserialize)]
struct Vector {
    scale: Vec<f64>,
    bias: Vec<f64>,
}

#[derive(Deserialize)]
struct Conformal {
    alpha: f64,
    quantile: Option<f64>,
    by_class: Vec<Option<f64>>,
    sets: Vec<Vec<usize>>,
}

#[derive(Deserialize)]
struct Adaptive {
    alpha: f64,
    lambda: f64,
    k_reg: usize,
    scores: Vec<f64>,
    quantile: Option<f64>,
    sets: Vec<Vec<usize>>,
}

#[derive(Deserialize)]
struct Share {
    part: usize,
    whole: usize,
    wilson: [f64; 2],
    clopper_pearson: [f64; 2],
    upper: f64,
    tail: BTreeMap<String, f64>,
}

fn fixtures() -> Fixtures {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../conformance/calibration/fixtures.json");
    let bytes = std::fs::read(path).expect("the fixtures lie in the repository");
    serde_json::from_slice(&bytes).expect("the fixtures are of this shape")
}

impl Case {
    fn logits(&self) -> Logits<'_> {
        Logits::new(self.classes, &self.logits, &self.labels).expect("the fixtures are sound")
    }

    fn probabilities(&self) -> Probabilities {
        Scaling::identity().probabilities(&self.logits())
    }

    fn answers(&self) -> Answers {
        self.probabilities().answers(&self.labels)
    }
}

/// Numbers that are to be the same, at full scale or relative to it where it is beyond 1.
fn assert_near(found: f64, expected: f64, what: &str) {
    let near = (found - expected).abs() <= TOLERANCE * expected.abs().max(1.0);
    assert!(near || found == expected, "{what}: found {found}, expected {expected}");
}

fn assert_all_near(found: &[f64], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    found.iter().zip(expected).for_each(|(&found, &expected)| assert_near(found, expected, what));
}

fn or_infinite(value: Option<f64>) -> f64 {
    value.unwrap_or(f64::INFINITY)
}

/// Runs over all cases; at least so many have an answer to compare with.
fn compare(at_least: usize, mut check: impl FnMut(&Case) -> usize) {
    let compared: usize = fixtures().cases.iter().map(&mut check).sum();
    assert!(compared >= at_least, "only {compared} comparisons");
}

#[test]
fn temperatures_are_scikit_learns() {
    compare(8, |case| {
        let found = inverse_temperature(&case.logits());
        case.inverse_temperature.map_or(0, |expected| {
            assert_near(found / expected, 1.0, &case.name);
            1
        })
    });
}

#[test]
fn vector_scaling_is_at_scipys_minimum() {
    compare(8, |case| {
        case.vector.as_ref().map_or(0, |expected| {
            let found = vector_scaling(&case.logits());
            assert_all_near(&found.scale, &expected.scale, &case.name);
            assert_all_near(&found.bias, &expected.bias, &case.name);
            1
        })
    });
}

#[test]
fn energies_are_scipys() {
    compare(2000, |case| {
        assert_all_near(case.probabilities().energies(), &case.energies, &case.name);
        case.energies.len()
    });
}

#[test]
fn conformal_quantiles_and_sets_are_torchcps() {
    compare(40, |case| {
        let probabilities = case.probabilities();
        let scores = conformal::scores(&probabilities, &case.labels);
        for expected in &case.conformal {
            let what = format!("{} at {}", case.name, expected.alpha);
            let quantile = conformal::quantile(&scores, expected.alpha);
            assert_near(quantile, or_infinite(expected.quantile), &what);
            let by_class = conformal::quantiles_by_class(&scores, &case.labels, case.classes, expected.alpha);
            let all: Vec<f64> = expected.by_class.iter().copied().map(or_infinite).collect();
            assert_all_near(&by_class, &all, &what);
            let sets: Vec<_> = probabilities.rows().map(|row| conformal::set(row, &[quantile])).collect();
            assert_eq!(sets, expected.sets, "{what}");
        }
        case.conformal.len()
    });
}

#[test]
fn adaptive_scores_quantiles_and_sets_are_torchcps() {
    compare(60, |case| {
        let probabilities = case.probabilities();
        for expected in &case.raps {
            let what = format!("{} at {} with {}", case.name, expected.alpha, expected.lambda);
            let raps = Raps { lambda: expected.lambda, k_reg: expected.k_reg };
            let scores = raps.scores(&probabilities, &case.labels);
            assert_all_near(&scores, &expected.scores, &what);
            let quantile = conformal::quantile(&scores, expected.alpha);
            assert_near(quantile, or_infinite(expected.quantile), &what);
            for (row, set) in probabilities.rows().zip(&expected.sets) {
                for (class, score) in raps.ranked(row) {
                    // Sums of all classes are 1 but for rounding, and so may be the quantile.
                    let clear = (score - quantile).abs() > 1e-9;
                    let [found, expected] = [score <= quantile, set.contains(&class)];
                    assert!(found == expected || !clear, "{what}: class {class} of {set:?}, {score} to {quantile}");
                }
            }
        }
        case.raps.len()
    });
}

#[test]
fn calibration_errors_are_netcals() {
    compare(24, |case| {
        let answers = case.answers();
        let check = |(bins, expected): (&String, &Option<f64>)| {
            let bins = bins.parse().expect("a number of bins");
            let found = expected_calibration_error(&reliability(&answers, bins)).expect("there are answers");
            expected.map(|expected| assert_near(found, expected, &format!("{} in {bins} bins", case.name)))
        };
        case.calibration_error.iter().filter_map(check).count()
    });
}

#[test]
fn areas_under_curves_are_mapies() {
    compare(24, |case| {
        let answers = case.answers();
        let risk = case.aurc.map(|expected| {
            let found = area_under_risk_coverage(&risk_coverage(&answers)).expect("there are answers");
            assert_near(found, expected, &case.name);
        });
        let roc = case.auroc.map(|expected| {
            let of = |right: bool| {
                let pairs = answers.confidence.iter().zip(&answers.right);
                pairs.filter(|&(_, &is)| is == right).map(|(&confidence, _)| confidence).collect::<Vec<f64>>()
            };
            assert_near(area_under_roc(&of(true), &of(false)).expect("both kinds"), expected, &case.name);
        });
        risk.into_iter().chain(roc).count()
    });
}

#[test]
fn equalized_odds_are_fairlearns() {
    compare(30, |case| {
        let cohorts = 1 + case.cohorts.iter().max().map_or(0, |&cohort| cohort as usize);
        let found = equalized_odds(&case.answers(), &case.labels, case.classes, &case.cohorts, cohorts);
        assert_eq!(found.len(), case.odds.len());
        let check = |(odds, expected): (&dunlin_compiler::calibration::ClassOdds, &Option<f64>)| {
            expected.map(|expected| assert_near(odds.difference().expect("all kinds"), expected, &case.name))
        };
        found.iter().zip(&case.odds).filter_map(check).count()
    });
}

#[test]
fn intervals_are_scipys() {
    for share in fixtures().shares {
        let Share { part, whole, .. } = share;
        let what = format!("{part} of {whole}");
        for (found, expected) in
            [(wilson(part, whole, 0.95), share.wilson), (clopper_pearson(part, whole, 0.95), share.clopper_pearson)]
        {
            let Interval { low, high } = found;
            assert_all_near(&[low, high], &expected, &what);
        }
        assert_near(upper_bound(part, whole, 0.05), share.upper, &what);
        for (chance, expected) in share.tail {
            let chance = chance.parse().expect("a number");
            assert_near(binomial_tail(part, whole, chance), expected, &what);
        }
    }
}
