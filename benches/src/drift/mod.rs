//! A made-up fleet whose answers drift from a day on, or never, before the server's detection.

pub mod record;

use std::collections::BTreeMap;

use dunlin_drift::references::{Origin, add, reference};
use dunlin_drift::{Question, Rules, Streak, Tally, examine};
use dunlin_protocol::divergence::population_stability;
use dunlin_protocol::summary::{Cohort, Metric, Response};
use serde::Serialize;

/// How a fleet's reports are made private.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Privacy {
    /// What a bin reveals; `None` for exact counts.
    pub epsilon: Option<f64>,
}

/// What is tried.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Reports of each metric in a window.
    pub reports: u64,
    /// How they are made private.
    pub privacy: Privacy,
    /// Windows of a fleet.
    pub windows: usize,
    /// Fleets.
    pub fleets: usize,
    /// The share of answers that move from the surest bins to the most doubtful one, and the window from which on.
    pub drift: Option<(f64, usize)>,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// Reports of each metric in a window.
    pub reports: u64,
    /// How they were made private.
    pub privacy: Privacy,
    /// The share of answers that moved.
    pub moved: f64,
    /// Windows that were looked at: before the drift, if there is one.
    pub quiet_windows: usize,
    /// The share of them with an alert.
    pub false_alerts: f64,
    /// The share of them in which any metric of any cohort was suspect.
    pub false_suspects: f64,
    /// The share of them in which the index of the metric `confidence` of all devices exceeds 0.1, which is a rule of thumb.
    pub thumb: f64,
    /// For 1, 2, ... windows of drift the share of fleets with an alert for it by then.
    pub detected: Vec<f64>,
}

/// Cohorts, with their shares of the fleet.
const LOCALES: [(&str, f64); 3] = [("en", 0.6), ("de", 0.3), ("fr", 0.1)];

/// How the answers of the model fall into bins where all is well: a text model of ten classes, mostly sure.
const METRICS: [(Metric, &[f64]); 10] = [
    (Metric::Class, &[0.25, 0.2, 0.15, 0.1, 0.1, 0.06, 0.05, 0.04, 0.03, 0.02]),
    (Metric::Confidence, &[0.02, 0.03, 0.04, 0.06, 0.1, 0.1, 0.2, 0.45]),
    (Metric::Margin, &[0.02, 0.03, 0.05, 0.1, 0.1, 0.15, 0.25, 0.3]),
    (Metric::Energy, &[0.125; 8]),
    (Metric::Latency, &[0.0, 0.01, 0.1, 0.3, 0.25, 0.15, 0.09, 0.05, 0.03, 0.01, 0.005, 0.005, 0.0, 0.0, 0.0, 0.0]),
    (Metric::Reason, &[0.9, 0.06, 0.02, 0.01, 0.005, 0.0, 0.005]),
    (Metric::Rollback, &[1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]),
    (Metric::Unknown, &[0.5, 0.2, 0.1, 0.1, 0.05, 0.03, 0.015, 0.005]),
    (Metric::Length, &[0.05, 0.15, 0.25, 0.25, 0.15, 0.1, 0.04, 0.01]),
    (Metric::Agreement, &[0.95, 0.04, 0.01]),
];

/// Samples that a baseline has.
const SAMPLES: u64 = 2000;

/// Simulates fleets.
pub fn simulate(plan: &Plan, seed: u64) -> Outcome {
    let mut chance = Chance(seed);
    let (mut quiet, mut alerts, mut suspects, mut thumbs) = (0, 0, 0, 0);
    let drifting = plan.drift.map_or(0, |(_, from)| plan.windows - from);
    let mut detected = vec![0; drifting];
    for _ in 0..plan.fleets {
        let mut fleet = Fleet::new(plan, &mut chance);
        let mut found = false;
        for day in 0..plan.windows {
            let [alert, suspect, thumb] = fleet.day(day, &mut chance);
            match plan.drift {
                Some((_, from)) if day >= from => {
                    found |= alert;
                    detected[day - from] += usize::from(found);
                }
                _ => {
                    quiet += 1;
                    alerts += usize::from(alert);
                    suspects += usize::from(suspect);
                    thumbs += usize::from(thumb);
                }
            }
        }
    }
    let share = |count: usize, of: usize| count as f64 / of.max(1) as f64;
    Outcome {
        reports: plan.reports,
        privacy: plan.privacy,
        moved: plan.drift.map_or(0.0, |(moved, _)| moved),
        quiet_windows: quiet,
        false_alerts: share(alerts, quiet),
        false_suspects: share(suspects, quiet),
        thumb: share(thumbs, quiet),
        detected: detected.into_iter().map(|count| share(count, plan.fleets)).collect(),
    }
}

/// A fleet with its past.
struct Fleet<'a> {
    plan: &'a Plan,
    /// Of all devices and of each locale: for each metric the windows so far.
    past: Vec<(Cohort, Vec<Vec<Vec<Tally>>>)>,
    baselines: Vec<Tally>,
    streaks: BTreeMap<(Metric, Cohort), Streak>,
}

impl<'a> Fleet<'a> {
    fn new(plan: &'a Plan, chance: &mut Chance) -> Self {
        let locale = |name: &str| Cohort::new([("locale".to_owned(), name.to_owned())]).expect("short and plain");
        let cohorts = std::iter::once(Cohort::default()).chain(LOCALES.map(|(name, _)| locale(name)));
        let past = cohorts.map(|cohort| (cohort, vec![Vec::new(); METRICS.len()])).collect();
        let baseline = |(_, shares): &(Metric, &[f64])| Tally { epsilon: None, counts: draw(shares, SAMPLES, chance) };
        Self { plan, past, baselines: METRICS.iter().map(baseline).collect(), streaks: BTreeMap::new() }
    }

    /// A day's reports; whether they raise an alert, whether any metric is suspect, and what a rule of thumb says.
    fn day(&mut self, day: usize, chance: &mut Chance) -> [bool; 3] {
        for (metric, (_, shares)) in METRICS.iter().enumerate() {
            let truth = match self.plan.drift {
                Some((moved, from)) if day >= from && METRICS[metric].0 == Metric::Confidence => shifted(shares, moved),
                _ => shares.to_vec(),
            };
            let mut all: Vec<Tally> = Vec::new();
            for (locale, (_, share)) in LOCALES.iter().enumerate() {
                let reports = (self.plan.reports as f64 * share).round() as u64;
                let tally = told(&truth, reports, self.plan.privacy, chance);
                add(&mut all, &tally);
                self.past[locale + 1].1[metric].push(vec![tally]);
            }
            self.past[0].1[metric].push(all);
        }
        let questions: Vec<Question> = self.questions(day);
        let findings = examine(&questions, &Rules::default());
        let mut alert = false;
        for finding in &findings {
            let streak = self.streaks.entry((finding.metric, finding.cohort.clone())).or_default();
            *streak = streak.after(finding);
            alert |= streak.alerts();
        }
        [alert, findings.iter().any(|finding| finding.suspect), self.thumb(day)]
    }

    fn questions(&self, day: usize) -> Vec<Question> {
        let mut questions = Vec::new();
        for (cohort, metrics) in &self.past {
            for (index, (metric, _)) in METRICS.iter().enumerate() {
                let found = reference(*metric, cohort, None, &metrics[index][..day]);
                // Latency has no baseline.
                let calibrated = (*metric != Metric::Latency).then(|| vec![self.baselines[index].clone()]);
                let known = found.filter(|(origin, ..)| *origin != Origin::Calibration).map(|(_, tallies, _)| tallies);
                if let Some(reference) = known.or(calibrated) {
                    let window = metrics[index][day].clone();
                    questions.push(Question { metric: *metric, cohort: cohort.clone(), reference, window });
                }
            }
        }
        questions
    }

    fn thumb(&self, day: usize) -> bool {
        let index = METRICS.iter().position(|(metric, _)| *metric == Metric::Confidence).expect("it is there");
        let shares = |tally: &Tally| -> Vec<f64> {
            let response = tally.response().expect("sound");
            response.estimate(&tally.counts).iter().map(|estimate| estimate.share).collect()
        };
        let [expected, seen] = [&self.baselines[index], &self.past[0].1[index][day][0]].map(shares);
        population_stability(&expected, &seen, 1e-4) > 0.1
    }
}

/// Moves a share of all answers into the first bin, from the last ones.
pub fn shifted(shares: &[f64], moved: f64) -> Vec<f64> {
    let mut shares = shares.to_vec();
    let mut left = moved;
    for share in shares.iter_mut().rev() {
        let part = left.min(*share);
        *share -= part;
        left -= part;
    }
    shares[0] += moved;
    shares
}

/// What so many devices tell.
fn told(truth: &[f64], reports: u64, privacy: Privacy, chance: &mut Chance) -> Tally {
    let response = match privacy.epsilon {
        None => Response::exact(truth.len()),
        Some(epsilon) => Response::new(truth.len(), epsilon).expect("sound"),
    };
    Tally { epsilon: privacy.epsilon, counts: draw(&response.expected(truth), reports, chance) }
}

/// How often each bin comes in so many draws, by Walker's aliases: a draw takes one of equal columns, then its bin or the other.
fn draw(shares: &[f64], count: u64, chance: &mut Chance) -> Vec<u64> {
    let bins = shares.len();
    let mut columns: Vec<(f64, usize)> =
        shares.iter().enumerate().map(|(bin, share)| (share * bins as f64, bin)).collect();
    let (mut small, mut large): (Vec<usize>, Vec<usize>) = (0..bins).partition(|&bin| columns[bin].0 < 1.0);
    while let (Some(low), Some(&high)) = (small.pop(), large.last()) {
        columns[low].1 = high;
        columns[high].0 -= 1.0 - columns[low].0;
        if columns[high].0 < 1.0 {
            large.pop();
            small.push(high);
        }
    }
    let mut counts = vec![0; bins];
    for _ in 0..count {
        let at = chance.unit() * bins as f64;
        let (keep, other) = columns[at as usize];
        counts[if at.fract() < keep { at as usize } else { other }] += 1;
    }
    counts
}

/// SplitMix64.
struct Chance(u64);

impl Chance {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}
