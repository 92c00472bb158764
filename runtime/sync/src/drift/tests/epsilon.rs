//! What answers reveal, measured.

use super::*;

/// The interval of the logarithm of the ratio of two chances, from counts of `n` each: five standard deviations either way.
fn log_ratio(a: u64, b: u64, n: u64) -> [f64; 2] {
    // Half a count more, so that none has a logarithm too.
    let (a, b, n) = (a as f64 + 0.5, b as f64 + 0.5, n as f64 + 1.0);
    let deviation = (1.0 / a - 1.0 / n + 1.0 / b - 1.0 / n).sqrt();
    let ratio = (a / b).ln();
    [ratio - 5.0 * deviation, ratio + 5.0 * deviation]
}

/// The most that any answer tells two inputs apart, as an interval of epsilon.
fn distinguished(mechanism: &LocalDp, one: &Told<'_>, other: &Told<'_>, n: u64) -> [f64; 2] {
    let mut chance = Chance::new([16; 32]);
    let mut count = |told: &Told<'_>| {
        let mut counts = BTreeMap::<Vec<(Metric, u8)>, u64>::new();
        for _ in 0..n {
            let report = mechanism.report(told, &mut chance).expect("something to tell");
            let summary = Summary::parse(&report).expect("sound");
            *counts.entry(summary.bins().collect()).or_default() += 1;
        }
        counts
    };
    let counts = [count(one), count(other)];
    let outputs: BTreeSet<_> = counts.iter().flat_map(BTreeMap::keys).collect();
    let of = |index: usize, output: &Vec<(Metric, u8)>| counts[index].get(output).copied().unwrap_or(0);
    let pairs = outputs.iter().flat_map(|output| [(of(0, output), of(1, output)), (of(1, output), of(0, output))]);
    pairs.map(|(a, b)| log_ratio(a, b, n)).fold([f64::MIN; 2], |[low, high], [l, h]| [low.max(l), high.max(h)])
}

#[test]
fn no_answer_tells_two_days_apart_by_more_than_epsilon() {
    let cohort = Cohort::default();
    let day = |bins: [Option<u8>; 2]| Told {
        model: Hash([1; 32]),
        day: 100,
        cohort: &cohort,
        bins: vec![(Metric::Class, 4, bins[0]), (Metric::Reason, 3, bins[1])],
    };
    let days = [day([Some(0), Some(0)]), day([Some(3), Some(2)]), day([None, Some(1)]), day([None, None])];
    for (epsilon, metrics) in [(0.5, 1), (1.0, 2), (2.0, 1)] {
        let mechanism = LocalDp::new(epsilon, metrics).expect("sound");
        let mut widest = f64::MIN;
        for other in &days[1..] {
            let [low, high] = distinguished(&mechanism, &days[0], other, 20_000);
            assert!(low <= epsilon, "epsilon {epsilon}, {metrics} metrics: at least {low}");
            widest = widest.max(high);
        }
        // Not less than it may say either, else it would be of less use than it could.
        assert!(widest >= epsilon, "epsilon {epsilon}, {metrics} metrics: at most {widest}");
        // Had it revealed a fifth more, this would be seen.
        let leaky = LocalDp::new(1.2 * epsilon + 0.1, metrics).expect("sound");
        let [low, _] = distinguished(&leaky, &days[0], &days[1], 20_000);
        assert!(low > epsilon, "a leak of {} isn't seen: {low}", leaky.epsilon());
    }
}

#[test]
fn a_whole_day_reveals_no_more_than_epsilon() {
    let n = 12_000;
    let [one, other] = [told(&[0], n, 2.0, 17), told(&[2, 2, 2, 2], n, 2.0, 18)];
    for (bin, (&a, &b)) in one.iter().zip(&other).enumerate() {
        let intervals = [log_ratio(a, b, n), log_ratio(b, a, n)];
        assert!(intervals.iter().all(|[low, _]| *low <= 2.0), "bin {bin}: {one:?} {other:?}");
    }
    assert!(log_ratio(one[0], other[0], n)[1] > 2.0 && log_ratio(one[0], other[0], n)[0] > 1.0, "{one:?} {other:?}");
}
