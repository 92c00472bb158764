//! What is decided, case by case.

mod common;

use allocation_counter::measure;
use common::{cohorts, policy, scores};
use dunlin_client::Outcome::{Abstain, Answer, Fallback};
use dunlin_client::{Context, Decision, Outcome, Reason, Rule, decide, shown};
use dunlin_engine::Scores;
use dunlin_engine::artifact::{Bounds, Calibration, Policy};
use std::collections::BTreeSet;

/// Of the second class, 0.7; the third has 0.2.
const LIKELY: [f32; 3] = [0.1, 0.7, 0.2];

const CLOUD: Context<'_> = Context { cohort: None, stale: false, evasion: 0, fallback: true };

type Change = fn(&mut Policy<'static>, &mut Context<'static>);
type Case = (&'static str, Change, Rule, Outcome);

/// Bounds are on the side of the answer.
const CASES: &[Case] = &[
    ("all is well", |_, _| {}, Rule::Threshold, Answer),
    ("stale", |_, c| c.stale = true, Rule::Stale, Fallback(Reason::StaleModel)),
    ("evasion at the bound", |_, c| c.evasion = 100, Rule::Evasion, Fallback(Reason::Evasion)),
    ("evasion below the bound", |_, c| c.evasion = 99, Rule::Threshold, Answer),
    ("evasion without a bound", |p, c| (p.evasion, c.evasion) = (256, 255), Rule::Threshold, Answer),
    ("energy at the bound", |p, _| p.bounds.energy = energy(), Rule::Threshold, Answer),
    (
        "energy beyond it",
        |p, _| p.bounds.energy = energy().next_down(),
        Rule::Energy,
        Fallback(Reason::OutOfDistribution),
    ),
    ("probability at the threshold", |p, _| p.bounds.threshold = 0.7, Rule::Threshold, Answer),
    (
        "probability below it",
        |p, _| p.bounds.threshold = 0.7_f32.next_up(),
        Rule::Threshold,
        Fallback(Reason::Ambiguous),
    ),
    ("probability at the score threshold", |p, _| p.score_threshold = 0.7, Rule::Threshold, Answer),
    (
        "probability below the score threshold",
        |p, _| p.score_threshold = 0.71,
        Rule::ScoreThreshold,
        Abstain(Reason::Policy),
    ),
    ("denied", |p, _| p.deny = &[1], Rule::List, Abstain(Reason::Policy)),
    ("another class denied", |p, _| p.deny = &[0, 2], Rule::Threshold, Answer),
    ("not allowed", |p, _| p.allow = &[0, 2], Rule::List, Abstain(Reason::Policy)),
    ("allowed", |p, _| p.allow = &[1], Rule::Threshold, Answer),
    ("allowed and denied", |p, _| (p.allow, p.deny) = (&[1], &[1]), Rule::List, Abstain(Reason::Policy)),
    ("a cohort where none are told apart", |_, c| c.cohort = Some("de"), Rule::Threshold, Answer),
    ("a cohort that is known", |p, c| (p.cohorts, c.cohort) = (cohorts(), Some("lax")), Rule::Threshold, Answer),
    (
        "a stricter cohort",
        |p, c| (p.cohorts, c.cohort) = (cohorts(), Some("strict")),
        Rule::Threshold,
        Fallback(Reason::Ambiguous),
    ),
    (
        "a cohort of other energy",
        |p, c| (p.cohorts, c.cohort) = (cohorts(), Some("cold")),
        Rule::Energy,
        Fallback(Reason::OutOfDistribution),
    ),
    ("a stranger", |p, c| (p.cohorts, c.cohort) = (cohorts(), Some("")), Rule::Cohort, Fallback(Reason::UnknownCohort)),
    ("no cohort named", |p, _| p.cohorts = cohorts(), Rule::Threshold, Answer),
];

fn energy() -> f32 {
    decide(&scores(&LIKELY), &policy(), &CLOUD).energy
}

#[test]
fn the_first_rule_that_fires_decides() {
    for (name, change, rule, outcome) in CASES {
        let (mut policy, mut context) = (policy(), CLOUD);
        change(&mut policy, &mut context);
        let decision = decide(&scores(&LIKELY), &policy, &context);
        assert_eq!((decision.outcome, decision.explain().rule), (*outcome, *rule), "{name}");
        assert_eq!((decision.class, decision.probability), (1, 0.7), "{name}");
        assert!((decision.margin - 0.5).abs() < 1e-6, "{name}");
        let without = decide(&scores(&LIKELY), &policy, &Context { fallback: false, ..context });
        let expected = outcome.reason().map_or(Answer, Abstain);
        assert_eq!(without.outcome, expected, "{name}, without a cloud");
    }
}

/// From the last to the first: each rule is made to fire on top of those behind it.
#[test]
fn rules_are_asked_in_their_order() {
    let (mut policy, mut context) = (policy(), CLOUD);
    let steps: [(Change, Rule); 7] = [
        (|p, _| p.deny = &[1], Rule::List),
        (|p, _| p.score_threshold = 0.8, Rule::ScoreThreshold),
        (|p, _| p.bounds.threshold = 0.9, Rule::Threshold),
        (|p, _| p.bounds.energy = f32::NEG_INFINITY, Rule::Energy),
        (|p, c| (p.cohorts, c.cohort) = (cohorts(), Some("nobody")), Rule::Cohort),
        (|_, c| c.evasion = 255, Rule::Evasion),
        (|_, c| c.stale = true, Rule::Stale),
    ];
    for (step, rule) in steps {
        step(&mut policy, &mut context);
        let decision = decide(&scores(&LIKELY), &policy, &context);
        assert_eq!(decision.explain().rule, rule);
        assert_eq!(decision.outcome.reason(), Some(rule.reason()));
    }
    assert_eq!(steps.map(|(_, rule)| rule).iter().rev().copied().collect::<Vec<_>>(), Rule::ALL);
}

#[test]
fn a_model_of_which_nothing_is_known_answers() {
    let decision = decide(&scores(&[0.4, 0.35, 0.25]), &Policy::default(), &Context::default());
    assert_eq!((decision.outcome, decision.class, decision.has_set()), (Answer, 0, false));
    assert_eq!((decision.set().count(), decision.set_has(0)), (0, false));
}

#[test]
fn what_is_no_number_is_never_an_answer() {
    let nan = f32::NAN;
    for probabilities in [&[nan, nan, nan][..], &[nan, 0.7, 0.3], &[0.7, nan, 0.3], &[0.7, 0.3, nan], &[]] {
        let scores = Scores::new(probabilities, probabilities);
        let decision = decide(&scores, &Policy::default(), &CLOUD);
        assert_eq!(decision.outcome, Fallback(Reason::OutOfDistribution), "{probabilities:?}");
        assert!(decision.probability.is_nan());
        assert_eq!(decision.explain().to_string(), "the model's output is no number");
    }
    let logits = [nan, 1.0];
    let decision = decide(&Scores::new(&[0.9, 0.1], &logits), &Policy::default(), &CLOUD);
    assert_eq!(decision.outcome, Fallback(Reason::OutOfDistribution));
}

#[test]
fn energy_is_that_of_the_calibrated_logits() {
    let logits = [2.0_f32, -1.0, 0.5, 1.9];
    let scales = [0.5_f32, 1.0, 2.0, 0.25];
    for (scales, biases) in [(&[][..], &[][..]), (&[0.5], &[]), (&scales, &[0.5, 0.0, 1.0, -1.0])] {
        let calibration = Calibration { scales, biases };
        let exact: Vec<f64> = logits.iter().enumerate().map(|(c, &l)| f64::from(calibration.of(c, l)).exp()).collect();
        let total: f64 = exact.iter().sum();
        let probabilities: Vec<f32> = exact.iter().map(|e| (e / total) as f32).collect();
        let scores = Scores::new(&probabilities, &logits);
        let decision = decide(&scores, &Policy { calibration, ..Policy::default() }, &CLOUD);
        assert!((f64::from(decision.energy) + total.ln()).abs() < 1e-5, "{} {}", decision.energy, total.ln());
    }
}

#[test]
fn the_first_of_equals_is_the_class_and_has_no_margin() {
    let cases: [(&[f32], usize, f32); 5] = [
        (&[0.25, 0.25, 0.25, 0.25], 0, 0.0),
        (&[0.2, 0.4, 0.4], 1, 0.0),
        (&[0.5, 0.2, 0.3], 0, 0.2),
        (&[0.2, 0.3, 0.5], 2, 0.2),
        (&[0.75], 0, 0.75),
    ];
    for (probabilities, class, margin) in cases {
        let decision = decide(&scores(probabilities), &Policy::default(), &CLOUD);
        assert_eq!(decision.class, class, "{probabilities:?}");
        assert!((decision.margin - margin).abs() < 1e-6, "{probabilities:?}");
    }
}

/// Classes of a set, which is asked for twice: as a list and one by one.
fn set(decision: &Decision<'_>) -> Vec<usize> {
    let listed: Vec<usize> = decision.set().collect();
    let asked: BTreeSet<usize> = (0..9).filter(|&class| decision.set_has(class)).collect();
    assert_eq!(listed.iter().copied().collect::<BTreeSet<_>>(), asked);
    listed
}

#[test]
fn sets_have_the_classes_below_their_quantiles() {
    let cases: [(&[f32], &[usize]); 7] = [
        (&[0.5], &[1]),
        (&[0.25], &[]),
        (&[0.75], &[1, 2]),
        (&[0.75_f32.next_down()], &[1]),
        (&[1.0], &[1, 2, 0, 3]),
        (&[0.9375, 0.4, 0.7, f32::INFINITY], &[0, 3]),
        (&[f32::NEG_INFINITY], &[]),
    ];
    for (quantiles, expected) in cases {
        let policy = Policy { bounds: Bounds { quantiles, ..policy().bounds }, ..policy() };
        let scores = scores(&[0.125, 0.5, 0.25, 0.125]);
        let decision = decide(&scores, &policy, &CLOUD);
        assert!(decision.has_set());
        assert_eq!(set(&decision), expected, "{quantiles:?}");
    }
}

/// Sums and penalties without a rounding error: by rank 0.5, 0.75 + 0.25, 0.875 + 0.5, 1 + 0.75.
#[test]
fn sets_by_rank_have_the_first_classes() {
    let cases: [(f32, &[usize]); 8] = [
        (0.25, &[]),
        (0.5, &[1]),
        (0.99, &[1]),
        (1.0, &[1, 2]),
        (1.374, &[1, 2]),
        (1.375, &[1, 2, 0]),
        (1.75, &[1, 2, 0, 3]),
        (f32::INFINITY, &[1, 2, 0, 3]),
    ];
    for (quantile, expected) in cases {
        let quantiles = [quantile];
        let bounds = Bounds { quantiles: &quantiles, ..policy().bounds };
        let policy = Policy { bounds, rank_penalty: 0.25, free_ranks: 1, ..policy() };
        let scores = scores(&[0.125, 0.5, 0.25, 0.125]);
        assert_eq!(set(&decide(&scores, &policy, &CLOUD)), expected, "{quantile}");
    }
}

#[test]
fn cohorts_have_sets_of_their_own_and_strangers_the_general_ones() {
    let policy = Policy { cohorts: cohorts(), ..policy() };
    for (cohort, expected) in [(None, 1), (Some("lax"), 3), (Some("nobody"), 1)] {
        let scores = scores(&LIKELY);
        let decision = decide(&scores, &policy, &Context { cohort, ..CLOUD });
        assert_eq!(decision.set().count(), expected, "{cohort:?}");
    }
}

#[test]
fn what_is_shown_is_permitted_probable_and_little() {
    let all = Policy::default();
    let cases: [(Policy<'_>, &[usize]); 7] = [
        (all.clone(), &[1, 2, 0, 3]),
        (Policy { top_k: 2, ..all.clone() }, &[1, 2]),
        (Policy { score_threshold: 0.25, ..all.clone() }, &[1, 2]),
        (Policy { score_threshold: 0.26, ..all.clone() }, &[1]),
        (Policy { deny: &[1], ..all.clone() }, &[2, 0, 3]),
        (Policy { deny: &[1], top_k: 1, ..all.clone() }, &[2]),
        (Policy { allow: &[0, 3], score_threshold: 0.125, top_k: 9, ..all.clone() }, &[0, 3]),
    ];
    for (policy, expected) in cases {
        let scores = scores(&[0.125, 0.5, 0.25, 0.125]);
        assert!(shown(&scores, &policy).map(|(class, _)| class).eq(expected.iter().copied()), "{policy:?}");
    }
}

#[test]
fn an_app_may_ask_for_another_number_of_classes() {
    let scores = scores(&[0.1; 10]);
    for (top_k, asked, expected) in
        [(0, None, 5), (3, None, 3), (9, None, 9), (3, Some(4), 4), (3, Some(0), 0), (0, Some(u32::MAX), 9)]
    {
        let policy = Policy { top_k, deny: &[2], ..policy() };
        assert_eq!(shown(&scores, &policy).at_most(asked).count(), expected, "{top_k} {asked:?}");
    }
}

#[test]
fn explanations_have_the_numbers() {
    let cases: [(Change, &str); 8] = [
        (|_, _| {}, "the probability, 0.7000, reaches the threshold of 0.6000"),
        (|p, _| p.bounds.threshold = 0.75, "the probability, 0.7000, is below the threshold of 0.7500"),
        (|p, _| p.score_threshold = 0.75, "the probability, 0.7000, is below 0.7500, the least that is shown"),
        (|p, _| p.bounds.energy = -3.0, "the energy, -2.000, is beyond -3.000"),
        (|_, c| c.evasion = 120, "the signs of evasion, 120, reach 100"),
        (|_, c| c.stale = true, "the app says that the model is stale"),
        (|p, _| p.deny = &[1], "the lists of classes don't permit this one"),
        (|p, c| (p.cohorts, c.cohort) = (cohorts(), Some("x")), "the policy doesn't know the cohort"),
    ];
    for (change, expected) in cases {
        let (mut policy, mut context) = (policy(), CLOUD);
        change(&mut policy, &mut context);
        assert_eq!(decide(&scores(&LIKELY), &policy, &context).explain().to_string(), expected);
    }
}

#[test]
fn names_are_those_of_all_languages() {
    let names = Reason::ALL.map(Reason::name);
    let expected = ["ambiguous", "out_of_distribution", "evasion", "stale_model", "unknown_cohort", "policy"];
    assert_eq!(names, expected);
    let outcomes = [Answer, Fallback(Reason::Policy), Abstain(Reason::Evasion)];
    assert_eq!(outcomes.map(Outcome::name), ["answer", "fallback", "abstain"]);
    assert_eq!(outcomes.map(Outcome::reason), [None, Some(Reason::Policy), Some(Reason::Evasion)]);
    let rules = ["stale", "evasion", "cohort", "energy", "threshold", "score_threshold", "list"];
    assert_eq!(Rule::ALL.map(Rule::name), rules);
}

#[test]
fn deciding_allocates_nothing() {
    let policy = Policy { cohorts: cohorts(), rank_penalty: 0.01, ..policy() };
    let scores = scores(&LIKELY);
    let taken = measure(|| {
        for cohort in [None, Some("strict"), Some("nobody")] {
            let decision = decide(&scores, &policy, &Context { cohort, ..CLOUD });
            assert!(decision.set().count() <= 3 && decision.explain().bound >= 0.0);
            assert!(shown(&scores, &policy).count() == 3);
        }
    });
    assert_eq!(taken.count_total, 0);
}
