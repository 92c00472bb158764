extern crate std;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::ToString as _;
use alloc::vec;
use alloc::vec::Vec;

use dunlin_protocol::summary::{Batch, Input, Reason, Receipt, Summary, Uuid};

use super::*;
use crate::effect::Request;

mod epsilon;

const HOUR: u64 = 3_600_000;

/// A store and a server that remember, and one thread that does what it is told.
#[derive(Default)]
struct World {
    store: Stored,
    /// Bodies as they came.
    bodies: Vec<Vec<u8>>,
    /// What was counted: ids with their summaries.
    counted: BTreeMap<Uuid, Summary>,
    /// Status of the next answers; 200 when there are none left.
    statuses: VecDeque<u16>,
    store_fails: u32,
    /// Effects that are performed before the power fails.
    power: Option<u32>,
    wake: Option<Time>,
}

impl World {
    fn device(&self, mode: Mode, seed: u8) -> Drift {
        let settings = Settings { mode, server: "https://fleet".into(), token: Some("t".into()) };
        let mut drift = Drift::restore(&self.store, settings, Chance::new([seed; 32]));
        drift.handle_subject(Time(0), subject(1));
        drift
    }

    /// Performs all effects; false when the power failed.
    fn run(&mut self, drift: &mut Drift, now: Time) -> bool {
        for _ in 0..1000 {
            let Some(effect) = drift.poll(now) else { return true };
            if let Some(power) = &mut self.power {
                if *power == 0 {
                    return false;
                }
                *power -= 1;
            }
            match effect {
                Effect::Commit(commit) => {
                    let done = self.commit(&commit);
                    drift.handle_commit(now, commit.id, done);
                }
                Effect::Send(request) => {
                    let answer = self.answer(&request);
                    // The server has it, the device may not learn of it.
                    if self.power == Some(0) {
                        return false;
                    }
                    drift.handle_response(now, request.id, answer);
                }
                Effect::Wake(at) => {
                    assert!(at > now, "woken for nothing");
                    self.wake = Some(at);
                }
                other => panic!("another machine's: {other:?}"),
            }
        }
        panic!("no end of effects");
    }

    fn commit(&mut self, commit: &Commit) -> Result<(), StoreFailure> {
        if self.store_fails > 0 {
            self.store_fails -= 1;
            return Err(StoreFailure::Full);
        }
        for (key, value) in &commit.changes {
            match value {
                Some(value) => self.store.insert(key.clone(), value.clone()),
                None => self.store.remove(key),
            };
        }
        Ok(())
    }

    fn answer(&mut self, request: &Request) -> Result<Response, Failure> {
        assert_eq!((request.url.as_str(), request.method), ("https://fleet/v1/summaries", crate::Method::Post));
        assert!(request.headers.contains(&("authorization", "Bearer t".to_string())));
        self.bodies.push(request.body.clone());
        match self.statuses.pop_front() {
            None => {
                let Batch(summaries) = Batch::parse(&request.body).expect("sound");
                for summary in summaries {
                    let summary = summary.expect("sound");
                    summary.fits(subject(1).baseline.schema()).expect("of the schema");
                    let before = self.counted.insert(summary.id(), summary.clone());
                    assert!(before.is_none_or(|before| before == summary), "other bits under the same id");
                }
                let body = serde_json::to_vec(&Receipt::default()).expect("JSON");
                Ok(Response { status: 200, headers: Vec::new(), body })
            }
            Some(0) => Err(Failure::Broken),
            Some(status) => Ok(Response { status, ..Response::default() }),
        }
    }

    fn days(&self) -> Vec<u32> {
        let mut days: Vec<u32> = self.counted.values().map(Summary::day).collect();
        days.sort_unstable();
        days
    }

    /// Keys of what is kept of answers.
    fn kept(&self) -> usize {
        self.store.keys().filter(|key| !key.starts_with("window/closed")).count()
    }
}

fn local_dp() -> Mode {
    Mode::LocalDp(LocalDp::new(2.0, 1).expect("sound"))
}

fn subject(model: u8) -> Subject {
    let schema = Schema::new(4, Input::Text, Vec::new()).expect("sound");
    Subject { model: Hash([model; 32]), baseline: Baseline::empty(schema), cohort: Cohort::default() }
}

fn answer(class: u32) -> Observation {
    Observation {
        class,
        probability: 0.97,
        margin: 0.95,
        energy: None,
        latency: 50,
        reason: (class == 3).then_some(Reason::Ambiguous),
        unknown: Some(0.0),
        length: Some(60),
        brightness: None,
    }
}

fn at(day: u64, hour: u64) -> Time {
    Time(day * DAY + hour * HOUR)
}

#[test]
fn without_consent_nothing_is_kept_and_nothing_is_told() {
    let mut world = World::default();
    let mut drift = world.device(Mode::Off, 1);
    for hour in 0..100 {
        drift.handle_answer(at(100, hour), &answer(1));
        drift.handle_rollback(at(100, hour), Rollback::Crash);
        drift.flush();
        assert_eq!(drift.poll(at(100, hour)), None);
    }
    assert!(world.run(&mut drift, at(200, 0)) && world.store.is_empty() && world.bodies.is_empty());
}

#[test]
fn what_other_machines_store_is_left_alone() {
    let keys = ["outbox/1", "slot/a", "state", "summary", "tuf/root.json", "tuf/timestamp.json", "window", "windows/1"];
    for mode in [Mode::Off, local_dp()] {
        let store = keys.iter().map(|key| ((*key).into(), b"theirs".to_vec())).collect();
        let mut world = World { store, ..World::default() };
        world.store.insert("window/local".into(), b"broken".to_vec());
        let mut drift = world.device(mode, 1);
        assert!(world.run(&mut drift, at(100, 0)));
        assert_eq!(world.store.keys().collect::<Vec<_>>(), keys);
    }
}

#[test]
fn a_model_that_was_lost_counts_as_none_that_was_given_up() {
    let mut world = World::default();
    let mut drift = world.device(local_dp(), 2);
    drift.handle_rollback(at(100, 1), Rollback::Lost);
    drift.flush();
    assert!(world.run(&mut drift, at(100, 1)) && world.store.is_empty());
    drift.handle_rollback(at(100, 1), Rollback::Golden);
    drift.flush();
    assert!(world.run(&mut drift, at(100, 1)) && !world.store.is_empty());
}

#[test]
fn a_day_is_told_once_after_its_end_and_then_forgotten() {
    let mut world = World::default();
    let mut drift = world.device(local_dp(), 2);
    for hour in 0..24 {
        drift.handle_answer(at(100, hour), &answer(1));
        assert!(world.run(&mut drift, at(100, hour)));
    }
    assert!(world.bodies.is_empty() && world.kept() == 2, "{:?}", world.store.keys());
    // A little after midnight it is closed, and waits for its own minute.
    assert!(world.run(&mut drift, at(101, 0)));
    let due = world.wake.expect("something waits");
    assert!((at(101, 0)..at(101, 6)).contains(&due) && world.bodies.is_empty() && drift.waiting() == 1);
    drift.handle_wake(due);
    assert!(world.run(&mut drift, due));
    assert_eq!((world.days(), drift.waiting()), (vec![100], 0));
    assert_eq!(world.store.keys().collect::<Vec<_>>(), ["window/closed", "window/local"]);
    let summary = world.counted.values().next().expect("counted");
    assert_eq!((summary.bins().count(), summary.epsilon(), summary.model()), (1, 2.0, Hash([1; 32])));
    assert!(world.run(&mut drift, at(110, 0)) && world.bodies.len() == 1);
}

#[test]
fn what_was_randomized_once_is_sent_again_as_it_is() {
    let mut world = World { statuses: [0, 503, 429, 500, 403].into(), ..World::default() };
    let mut drift = world.device(local_dp(), 3);
    drift.handle_answer(at(100, 1), &answer(1));
    for hour in 0..120 {
        // A new process each time, with chance of its own.
        world.run(&mut drift, at(101, hour));
        drift = world.device(local_dp(), 10 + hour as u8);
    }
    assert_eq!(world.days(), [100]);
    assert_eq!(world.bodies.len(), 6);
    assert!(world.bodies.iter().all(|body| *body == world.bodies[0]));
}

#[test]
fn nothing_is_sent_that_is_not_stored() {
    let mut world = World::default();
    let mut drift = world.device(local_dp(), 4);
    drift.handle_answer(at(100, 1), &answer(1));
    assert!(world.run(&mut drift, at(100, 2)));
    world.store_fails = 3;
    for minute in 0..40 {
        assert!(world.run(&mut drift, at(101, 7).after(minute * 60_000)));
        assert_eq!(world.bodies.is_empty(), minute < 15, "{minute}");
    }
    assert_eq!(world.days(), [100]);
}

#[test]
fn withdrawn_consent_deletes_what_waits() {
    for restarts in [false, true] {
        let mut world = World { statuses: vec![503; 9].into(), ..World::default() };
        let mut drift = world.device(local_dp(), 5);
        for day in 100..104 {
            drift.handle_answer(at(day, 1), &answer(2));
            drift.flush();
            assert!(world.run(&mut drift, at(day, 12)));
        }
        assert!(world.store.len() > 4 && drift.waiting() == 3);
        if restarts {
            drift = world.device(Mode::Off, 6);
        } else {
            drift.handle_mode(at(103, 13), Mode::Off);
        }
        let sent = world.bodies.len();
        assert!(world.run(&mut drift, at(104, 12)));
        assert!(world.store.is_empty(), "{:?}", world.store.keys());
        assert_eq!((drift.waiting(), world.bodies.len()), (0, sent));
        // Agreed to again, counting begins anew.
        drift.handle_mode(at(104, 13), local_dp());
        drift.handle_answer(at(104, 14), &answer(2));
        world.statuses.clear();
        assert!(world.run(&mut drift, at(105, 23)));
        assert_eq!(world.days(), [104]);
    }
}

#[test]
fn consent_withdrawn_while_the_store_writes_leaves_nothing() {
    let world = World::default();
    let mut drift = world.device(local_dp(), 7);
    drift.handle_answer(at(100, 1), &answer(2));
    drift.flush();
    for done in [Ok(()), Err(StoreFailure::Full)] {
        let mut world = World::default();
        let mut drift = world.device(local_dp(), 7);
        drift.handle_answer(at(100, 1), &answer(2));
        let Some(Effect::Commit(commit)) = drift.poll(at(101, 1)) else { panic!("a day to close") };
        drift.handle_mode(at(101, 1), Mode::Off);
        if done.is_ok() {
            world.commit(&commit).expect("fine");
        }
        drift.handle_commit(at(101, 1), commit.id, done);
        assert!(world.run(&mut drift, at(101, 2)) && world.store.is_empty(), "{:?}", world.store);
    }
}

#[test]
fn the_power_may_fail_between_any_two_effects() {
    let mut counted = BTreeSet::new();
    for power in 0..80 {
        let mut world = World { power: Some(power), statuses: [0].into(), ..World::default() };
        let mut seed = 50;
        let mut drift = world.device(local_dp(), seed);
        let mut failed = false;
        for step in 0..30 {
            let now = at(100 + step / 6, 4 * (step % 6));
            drift.handle_answer(now, &answer((step % 4) as u32));
            drift.flush();
            if !world.run(&mut drift, now) {
                (failed, world.power, seed) = (true, None, seed + 1);
                drift = world.device(local_dp(), seed);
                assert!(world.run(&mut drift, now));
            }
        }
        let days = world.days();
        let mut unique = days.clone();
        unique.dedup();
        assert_eq!(days, unique, "a day twice, power {power}");
        // All answers but perhaps one were stored, so that no day is lost.
        assert_eq!(days, [100, 101, 102, 103], "power {power}");
        counted.insert(failed);
    }
    assert_eq!(counted.len(), 2, "some runs failed and some didn't");
}

#[test]
fn however_the_clock_is_set_a_day_counts_once() {
    let cases: &[(&str, &[u64])] = &[
        ("set back by a day", &[100, 101, 100, 100, 101, 102, 103]),
        ("forward and back", &[100, 105, 100, 101, 102, 103, 104, 105, 106, 107]),
        ("far into the future", &[100, 40_000, 100, 101, 102, 103]),
        ("beyond all time", &[100, 4_000_000, 101, 102, 103]),
        ("to the beginning", &[100, 0, 1, 2, 100, 101, 102]),
        ("to and fro", &[100, 101, 100, 101, 100, 101, 102, 101, 102, 103]),
    ];
    for &(name, days) in cases {
        for restarts in [false, true] {
            let mut world = World::default();
            let mut drift = world.device(local_dp(), 8);
            for (index, &day) in days.iter().enumerate() {
                for hour in [1, 12, 23] {
                    drift.handle_answer(at(day, hour), &answer(1));
                    drift.flush();
                    assert!(world.run(&mut drift, at(day, hour)));
                }
                if restarts {
                    drift = world.device(local_dp(), 20 + index as u8);
                }
            }
            let told = world.days();
            let mut unique = told.clone();
            unique.dedup();
            assert_eq!(told, unique, "{name}");
            // Normal days after the clock is right again are told.
            let last = *days.last().expect("days") as u32;
            assert!(told.contains(&(last - 1)), "{name}: {told:?}");
        }
    }
}

#[test]
fn a_clock_gone_wild_does_not_stop_counting() {
    let mut world = World::default();
    let mut drift = world.device(local_dp(), 9);
    for day in (1000..1100).rev() {
        drift.handle_answer(at(day, 1), &answer(1));
        drift.flush();
        assert!(world.run(&mut drift, at(day, 1)));
    }
    assert!(world.kept() <= WINDOWS + 1);
    for day in 100..103 {
        drift.handle_answer(at(day, 7), &answer(1));
        assert!(world.run(&mut drift, at(day, 7)));
    }
    assert!(world.days().starts_with(&[100, 101]), "{:?}", world.days());
}

#[test]
fn a_day_with_two_models_is_one_summary() {
    let mut world = World::default();
    let mut models = BTreeMap::new();
    for seed in 0..40 {
        let mut drift = world.device(local_dp(), 100 + seed);
        let day = 100 + u64::from(seed);
        drift.handle_answer(at(day, 1), &answer(1));
        drift.handle_rollback(at(day, 2), Rollback::Agreement);
        drift.handle_subject(at(day, 2), subject(2));
        drift.handle_answer(at(day, 3), &answer(1));
        drift.flush();
        assert!(world.run(&mut drift, at(day, 4)));
    }
    for summary in world.counted.values() {
        *models.entry(summary.model()).or_insert(0) += 1;
    }
    assert_eq!(world.days(), (100..139).collect::<Vec<u32>>());
    assert!(models.len() == 2 && models.values().all(|&count| count >= 8), "either by chance: {models:?}");
}

#[test]
fn what_is_too_old_is_not_told() {
    let mut world = World { statuses: vec![503; 1000].into(), ..World::default() };
    let mut drift = world.device(local_dp(), 11);
    drift.handle_answer(at(100, 1), &answer(1));
    assert!(world.run(&mut drift, at(101, 7)) && drift.waiting() == 1);
    assert!(world.run(&mut drift, at(114, 7)) && drift.waiting() == 1);
    assert!(world.run(&mut drift, at(115, 7)) && drift.waiting() == 0);
    // A day that is closed only then isn't told at all.
    drift.handle_answer(at(116, 1), &answer(1));
    assert!(world.run(&mut drift, at(131, 1)) && drift.waiting() == 0);
    assert_eq!(world.kept(), 1, "{:?}", world.store.keys());
}

#[test]
fn broken_bytes_in_the_store_are_thrown_away() {
    let mut world = World::default();
    for key in ["summary/1", "summary/x", "window/closed", "window/local", "window/day-1", "window/what"] {
        world.store.insert(key.into(), b"{\"day\":".to_vec());
    }
    world.store.insert("window/day-2".into(), b"{\"day\":1,\"model\":\"00\",\"cohort\":{},\"cells\":{}}".to_vec());
    world.store.insert("state".into(), b"of another".to_vec());
    let mut drift = world.device(local_dp(), 12);
    drift.handle_answer(at(100, 1), &answer(1));
    assert!(world.run(&mut drift, at(101, 7)));
    assert_eq!(world.days(), [100]);
    assert_eq!(world.store.keys().collect::<Vec<_>>(), ["state", "window/closed", "window/local"]);
}

/// Runs a day with these classes on many devices, and counts what they told of classes.
fn told(classes: &[u32], devices: u64, epsilon: f64, seed: u8) -> Vec<u64> {
    let mut counts = vec![0; 4];
    let mut chance = Chance::new([seed; 32]);
    for _ in 0..devices {
        let settings =
            Settings { mode: Mode::LocalDp(LocalDp::new(epsilon, 1).expect("sound")), ..Settings::default() };
        let mut drift = Drift::restore(&Stored::new(), settings, Chance::new(chance.bytes()));
        drift.handle_subject(at(100, 1), subject(1));
        classes.iter().for_each(|&class| drift.handle_answer(at(100, 1), &answer(class)));
        let Some(Effect::Commit(commit)) = drift.poll(at(101, 0)) else { panic!("a day to close") };
        let report = commit.changes.iter().find(|(key, _)| key.starts_with(QUEUE)).expect("a report");
        let waiting: serde_json::Value = serde_json::from_slice(report.1.as_ref().expect("a value")).expect("JSON");
        let summary = Summary::parse(waiting["report"].as_str().expect("a report").as_bytes()).expect("sound");
        for (_, bin) in summary.bins().filter(|(metric, _)| *metric == Metric::Class) {
            counts[usize::from(bin)] += 1;
        }
    }
    counts
}

#[test]
fn each_answer_of_a_day_is_kept_as_often_as_another() {
    // With an epsilon of 10 and four bins nearly always the true one is told.
    let counts = told(&[0, 1, 2, 2, 0, 3], 20_000, 10.0, 13);
    let total: u64 = counts.iter().sum();
    // One metric of nine.
    assert!((2000..2450).contains(&total), "{total}");
    for (count, share) in counts.iter().zip([2.0, 1.0, 2.0, 1.0].map(|share| share / 6.0)) {
        let (expected, total) = (share * total as f64, total as f64);
        // Four standard deviations.
        let off = 4.0 * (total * share * (1.0 - share)).sqrt();
        assert!((*count as f64 - expected).abs() < off, "{counts:?}");
    }
}

#[test]
fn cloud_and_rollback_have_a_bin_for_nothing() {
    let mut drift = World::default().device(local_dp(), 14);
    drift.handle_agreement(at(100, 0), Hash([1; 32]), Agreement::Other);
    assert!(drift.windows.is_empty(), "alone it opens no window");
    drift.handle_answer(at(100, 1), &answer(1));
    let bin = |drift: &Drift, wanted| {
        let told = drift.windows[0].told();
        told.bins.iter().find(|(metric, ..)| *metric == wanted).and_then(|(_, _, bin)| *bin)
    };
    assert_eq!([Metric::Agreement, Metric::Rollback].map(|metric| bin(&drift, metric)), [Some(0), Some(0)]);
    drift.handle_agreement(at(100, 2), Hash([1; 32]), Agreement::Other);
    drift.handle_agreement(at(100, 2), Hash([9; 32]), Agreement::Same);
    drift.handle_rollback(at(100, 2), Rollback::Withdrawn);
    assert_eq!([Metric::Agreement, Metric::Rollback].map(|metric| bin(&drift, metric)), [Some(2), Some(7)]);
    assert_eq!(bin(&drift, Metric::Energy), None);
}

#[test]
fn a_device_notices_that_its_own_answers_changed() {
    let schema = subject(1).baseline.schema().clone();
    let samples: Vec<Observation> = (0..2000).map(|sample| answer(sample % 4)).collect();
    let everyone = Cohort::default();
    let baseline = Baseline::count(schema, samples.iter().map(|sample| (sample, &everyone))).expect("one cohort");
    let run = |classes: &dyn Fn(u64) -> u32, days: u64| {
        let world = World::default();
        let mut drift = world.device(local_dp(), 15);
        drift.handle_subject(at(100, 0), Subject { baseline: baseline.clone(), ..subject(1) });
        for number in 0..days * 60 {
            drift.handle_answer(at(100 + number / 60, number / 10 % 6), &answer(classes(number)));
        }
        drift.poll(at(100 + days, 0));
        core::iter::from_fn(|| drift.poll_divergence()).collect::<Vec<_>>()
    };
    assert_eq!(run(&|number| (number % 4) as u32, 10), []);
    assert_eq!(run(&|_| 3, 1), [], "too few to tell");
    let found = run(&|number| if number % 3 > 0 { 3 } else { (number % 4) as u32 }, 2);
    let metrics: Vec<Metric> = found.iter().map(|divergence| divergence.metric).collect();
    assert_eq!(metrics, [Metric::Class, Metric::Reason]);
    assert!(found.iter().all(|found| found.answers == 120 && found.divergence > found.threshold));
}
