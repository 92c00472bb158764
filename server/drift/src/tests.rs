use dunlin_protocol::summary::{Baseline, Input, Observation, Schema};

use super::*;
use crate::references::{Origin, reference};

fn exact(counts: &[u64]) -> Tally {
    Tally { epsilon: None, counts: counts.to_vec() }
}

fn question(metric: Metric, reference: &[u64], window: &[u64]) -> Question {
    let cohort = Cohort::default();
    Question { metric, cohort, reference: vec![exact(reference)], window: vec![exact(window)] }
}

#[test]
fn a_finding_is_suspect_if_it_is_neither_chance_nor_small() {
    let cases: [(&[u64], &[u64], bool, &str); 6] = [
        (&[500, 500], &[100, 100], false, "the same"),
        (&[500, 500], &[115, 85], false, "large, and perhaps chance"),
        (&[500, 500], &[140, 60], true, "large, and no chance"),
        (&[5_000_000, 5_000_000], &[5_100_000, 4_900_000], false, "no chance, and small"),
        (&[5_000_000, 5_000_000], &[5_600_000, 4_400_000], true, "no chance, and not small"),
        (&[2000, 0], &[180, 20], true, "what never was"),
    ];
    for (expected, seen, suspect, name) in cases {
        let findings = examine(&[question(Metric::Class, expected, seen)], &Rules::default());
        assert_eq!(findings.len(), 1, "{name}");
        assert_eq!(findings[0].suspect, suspect, "{name}: {findings:?}");
    }
}

#[test]
fn what_cannot_be_compared_has_no_finding() {
    let few = question(Metric::Class, &[500, 500], &[50, 49]);
    let unlike = question(Metric::Class, &[500, 500], &[50, 50, 50]);
    let no_reference = Question { reference: Vec::new(), ..question(Metric::Class, &[1, 1], &[100, 100]) };
    let empty_reference = question(Metric::Class, &[0, 0], &[100, 100]);
    let wrong = Tally { epsilon: Some(f64::NAN), counts: vec![100, 100] };
    let no_epsilon = Question { window: vec![wrong], ..question(Metric::Class, &[500, 500], &[1, 1]) };
    assert_eq!(examine(&[few, unlike, no_reference, empty_reference, no_epsilon], &Rules::default()), []);
    assert_eq!(examine(&[], &Rules::default()), []);
}

#[test]
fn the_more_is_asked_the_more_it_takes() {
    // By itself a chance of about 2 %.
    let odd = question(Metric::Confidence, &[5000, 5000], &[118, 84]);
    let fine = question(Metric::Confidence, &[5000, 5000], &[100, 100]);
    assert!(examine(std::slice::from_ref(&odd), &Rules::default())[0].suspect);
    let mut many = vec![fine; 19];
    many.push(odd);
    assert!(examine(&many, &Rules::default()).iter().all(|finding| !finding.suspect));
}

#[test]
fn bins_that_are_too_small_share_a_cell() {
    // Of 200 reports 4 are expected in each of the last two bins.
    let (reference, window) = ([100, 1000, 820, 40, 40], [10, 100, 82, 4, 4]);
    for ordered in [true, false] {
        let comparison = compare(&[exact(&reference)], &[exact(&window)], ordered).expect("reports");
        assert_eq!((comparison.freedom, comparison.statistic), (3, 0.0), "the last two are one cell");
    }
    // Of an outer and an inner bin 2 each: neighbours take them in, or they are one cell together, which may be small.
    let (reference, window) = ([20, 1000, 20, 960], [2, 100, 10, 88]);
    let freedom = |ordered| compare(&[exact(&reference)], &[exact(&window)], ordered).expect("reports").freedom;
    assert_eq!([freedom(true), freedom(false)], [2, 2]);
    let one = compare(&[exact(&[1000, 0, 0])], &[exact(&[200, 0, 0])], true).expect("reports");
    assert_eq!((one.freedom, one.statistic, one.chance), (0, 0.0, 1.0));
}

#[test]
fn a_liar_has_one_vote() {
    let (reference, window) = ([exact(&[500, 500])], [200_u64, 200]);
    for epsilon in [None, Some(1.0), Some(3.0)] {
        let tally = |counts: [u64; 2]| Tally { epsilon, counts: counts.to_vec() };
        let before = Shares::of(&[tally(window)]).expect("reports");
        let vote = before.vote();
        // 40 devices that would have told the first bin tell the second.
        let after = Shares::of(&[tally([160, 240])]).expect("reports");
        let moved = (after.estimates[1] - before.estimates[1]).abs();
        assert!((moved - 40.0 * vote).abs() < 1e-12, "{epsilon:?}: {moved} {vote}");
        let comparison = compare(&reference, &[tally([160, 240])], false).expect("reports");
        assert!((39..=41).contains(&comparison.liars) || comparison.moved >= 0.5, "{epsilon:?}: {comparison:?}");
    }
}

#[test]
fn two_windows_in_a_row_are_an_alert_and_lasting_ones_are_more() {
    let finding = |moved: f64, suspect| {
        let mut finding = examine(&[question(Metric::Class, &[500, 500], &[140, 60])], &Rules::default()).remove(0);
        (finding.comparison.moved, finding.suspect) = (moved, suspect);
        finding
    };
    let release = Release { rolling_out: false, has_previous: true };
    let out = Release { rolling_out: true, has_previous: true };
    let cases = [
        (1, 0.5, out, None),
        (2, 0.1, release, Some(Action::Alert)),
        (2, 0.1, out, Some(Action::Alert)),
        (2, 0.2, release, Some(Action::RaiseFallback)),
        (2, 0.5, out, Some(Action::Hold)),
        (3, 0.1, release, Some(Action::RaiseFallback)),
        (3, 0.1, out, Some(Action::Hold)),
        (3, 0.5, release, Some(Action::RollBack)),
        (3, 0.5, Release::default(), Some(Action::RaiseFallback)),
    ];
    for (windows, moved, release, action) in cases {
        let finding = finding(moved, true);
        let streak = (0..windows).fold(Streak::default(), |streak, _| streak.after(&finding));
        assert_eq!(act(streak, &finding, release), action, "{windows} windows, {moved}");
        assert_eq!(streak.after(&self::examine_nothing(&finding)), Streak(0));
    }
}

fn examine_nothing(finding: &Finding) -> Finding {
    Finding { suspect: false, ..finding.clone() }
}

#[test]
fn the_fleets_own_first_windows_come_before_calibration() {
    let schema = Schema::new(2, Input::Tensor, Vec::new()).expect("sound");
    let sample = Observation {
        class: 1,
        probability: 0.9,
        margin: 0.8,
        energy: None,
        latency: 1,
        reason: None,
        unknown: None,
        length: None,
        brightness: None,
    };
    let (everyone, german) = (Cohort::default(), Cohort::new([("locale".to_owned(), "de".to_owned())]).expect("sound"));
    let baseline = Baseline::count(schema, [(&sample, &everyone)]).expect("one cohort");
    let window = |count| vec![Tally { epsilon: Some(1.0), counts: vec![count, count] }];
    let ask = |metric, cohort, windows: &[Vec<Tally>]| reference(metric, cohort, Some(&baseline), windows);
    assert_eq!(ask(Metric::Class, &german, &[window(400)]), Some((Origin::Calibration, vec![exact(&[0, 1])], 0)));
    let first = Tally { epsilon: Some(1.0), counts: vec![700, 700] };
    let windows = [window(400), window(300), window(1)];
    assert_eq!(ask(Metric::Class, &german, &windows), Some((Origin::FirstWindows, vec![first], 2)));
    assert_eq!(ask(Metric::Latency, &german, &[window(400)]), None, "no machine but the user's own has its latency");
    assert_eq!(reference(Metric::Class, &german, None, &[window(400)]), None);
    let (origin, tallies, _) = ask(Metric::Rollback, &german, &windows).expect("known");
    assert_eq!((origin, tallies), (Origin::Nothing, vec![exact(&[1000, 0])]));
}

#[test]
fn quality_needs_audits_to_notice_that_confidences_are_wrong() {
    let shares = Shares::of(&[exact(&[0, 1000])]).expect("reports");
    let means = [0.5, 0.9];
    let audit = |right| Audit { confidence: 0.9, right };
    let audits: Vec<Audit> = (0..100).map(|index| audit(index % 2 == 0)).collect();
    let said = quality(&shares, &means, &audits[..29]).expect("bins fit");
    assert_eq!((said.accuracy, said.audits), (0.9, 0));
    let known = quality(&shares, &means, &audits).expect("bins fit");
    assert!((known.accuracy - 0.5).abs() < 1e-12 && known.audits == 100, "{known:?}");
    assert!(known.interval[0] > 0.35 && known.interval[1] < 0.65, "{known:?}");
    assert_eq!(quality(&shares, &[0.5], &[]), None);
}
