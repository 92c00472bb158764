//! What a device tells of its days: nothing, unless its user agreed; else one answer's bins a day, by chance the true ones.
//!
//! Answers of a day go into a window: for each metric one of them is kept, any as probably as another, and how many fell into which bin.
//! The counts stay here, for [`Divergence`]. When the day is over in UTC, the [`Aggregation`] makes of the kept answers what leaves the
//! device, once: it is stored before it is sent, the same bytes are sent until a server has them, and then it is deleted. A day is told once,
//! however the clock is set.

mod aggregation;
mod local;
mod queue;
mod window;

#[cfg(test)]
mod tests;

pub use aggregation::{Aggregation, LocalDp, Told, Upload};
pub use local::Divergence;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;

use dunlin_protocol::hex::Hash;
use dunlin_protocol::summary::{Agreement, Baseline, Cohort, Metric, Observation, Rollback, Schema};

use crate::chance::Chance;
use crate::effect::{Commit, Effect, Failure, Ids, Response, StoreFailure, Stored, Time};
use crate::machine::Machine;
use local::Local;
use queue::Queue;
use window::Window;

/// Whether anything is kept and told, and how it is made private.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Mode {
    /// Nothing is kept, and what waited is deleted.
    #[default]
    Off,
    /// To one server, which learns no answer for sure.
    LocalDp(LocalDp),
}

impl Mode {
    fn aggregation(&self) -> Option<&dyn Aggregation> {
        match self {
            Self::Off => None,
            Self::LocalDp(local_dp) => Some(local_dp),
        }
    }
}

/// What a host knows of the place to tell it to.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// What the user agreed to.
    pub mode: Mode,
    /// The server, `https://…`, without a slash at the end.
    pub server: String,
    /// A token of the role `device`, where the server wants one. All devices of an app have the same.
    pub token: Option<String>,
}

/// The model that answers, and who asks it.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The artifact.
    pub model: Hash,
    /// What its answers looked like where all was well: the artifact's section, or [`Baseline::empty`].
    pub baseline: Baseline,
    /// The device's cohort, of what the release allows.
    pub cohort: Cohort,
}

/// Windows, local divergence and what waits to be sent.
#[derive(Debug)]
pub struct Drift {
    settings: Settings,
    chance: Chance,
    subject: Option<Subject>,
    windows: Vec<Window>,
    /// Days that were told or are too late to be, the latest last.
    closed: VecDeque<u32>,
    local: Local,
    queue: Queue,
    diverged: VecDeque<Divergence>,
    ids: Ids,
    /// Changes that aren't on their way to the store yet.
    changes: BTreeMap<String, Option<Vec<u8>>>,
    committing: Option<Commit>,
    /// Since when counts differ from the stored ones.
    dirty: Option<Time>,
    /// The store failed: not before this time again.
    not_before: Time,
    woken_at: Option<Time>,
}

impl Drift {
    /// From what the store has under `window/` and `summary/`; with [`Mode::Off`] that is deleted.
    pub fn restore(stored: &Stored, settings: Settings, chance: Chance) -> Self {
        let mut drift = Self {
            settings,
            chance,
            subject: None,
            windows: Vec::new(),
            closed: VecDeque::new(),
            local: Local::default(),
            queue: Queue::default(),
            diverged: VecDeque::new(),
            ids: Ids::default(),
            changes: BTreeMap::new(),
            committing: None,
            dirty: None,
            not_before: Time(0),
            woken_at: None,
        };
        // What the other machines keep, such as trusted metadata, is none of this one's.
        let own = |key: &String| [QUEUE, WINDOW].iter().any(|prefix| key.starts_with(prefix));
        for (key, value) in stored.iter().filter(|(key, _)| own(key)) {
            if drift.settings.mode == Mode::Off || !drift.take(key, value) {
                drift.changes.insert(key.clone(), None);
            }
        }
        drift
    }

    /// Takes a stored value back; false where it can't be read, or isn't one of these.
    fn take(&mut self, key: &str, value: &[u8]) -> bool {
        match key {
            CLOSED => serde_json::from_slice(value).map(|closed| self.closed = closed).is_ok(),
            LOCAL => serde_json::from_slice(value).map(|local| self.local = local).is_ok(),
            _ if key.starts_with(QUEUE) => self.queue.take(key, value),
            _ => Window::read(key, value).map(|window| self.windows.push(window)).is_some(),
        }
    }

    /// What the user agreed to now. Without consent all that waits is deleted; what a server has already stays there.
    pub fn handle_mode(&mut self, now: Time, mode: Mode) {
        self.settings.mode = mode;
        if self.settings.mode != Mode::Off {
            return self.advance(now);
        }
        let windows = self.windows.drain(..).map(|window| window.key());
        let keys = windows.chain(self.queue.clear()).chain([String::from(CLOSED), String::from(LOCAL)]);
        self.changes.extend(keys.map(|key| (key, None)));
        (self.local, self.dirty) = (Local::default(), None);
        self.closed.clear();
        self.diverged.clear();
    }

    /// Another model answers, or another cohort asks; `None` for a model of whose answers nothing is counted.
    pub fn handle_subject(&mut self, now: Time, subject: impl Into<Option<Subject>>) {
        self.advance(now);
        self.subject = subject.into();
    }

    /// The model answered.
    pub fn handle_answer(&mut self, now: Time, observation: &Observation) {
        self.count(now, true, |schema, metric| schema.bin(metric, observation));
    }

    /// The cloud answered the same question as this model. On a day without an answer of the model itself it isn't counted.
    pub fn handle_agreement(&mut self, now: Time, model: Hash, agreement: Agreement) {
        if self.subject.as_ref().is_some_and(|subject| subject.model == model) {
            self.count(now, false, |_, metric| (metric == Metric::Agreement).then(|| agreement.bin()));
        }
    }

    /// This model is given up; another subject follows.
    pub fn handle_rollback(&mut self, now: Time, reason: Rollback) {
        if let Some(bin) = reason.bin() {
            self.count(now, true, |_, metric| (metric == Metric::Rollback).then_some(bin));
        }
    }

    /// Metrics of this device whose answers aren't what they were when the model was calibrated, each once for each local window.
    pub fn poll_divergence(&mut self) -> Option<Divergence> {
        self.diverged.pop_front()
    }

    /// Whether the user agreed to anything.
    pub fn is_on(&self) -> bool {
        self.settings.mode != Mode::Off
    }

    /// Stores at once what is counted, as before the app goes to sleep.
    pub fn flush(&mut self) {
        self.save();
    }

    /// How many summaries wait for a server.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Counts what has a bin, in today's window, which it `opens` where there is none.
    fn count(&mut self, now: Time, opens: bool, bin: impl Fn(&Schema, Metric) -> Option<u8>) {
        self.advance(now);
        let Some(subject) = self.subject.as_ref().filter(|_| self.settings.mode != Mode::Off) else { return };
        let schema = subject.baseline.schema();
        let bins: Vec<(Metric, u8)> =
            schema.metrics().filter_map(|metric| Some((metric, bin(schema, metric)?))).collect();
        self.local.add(subject, &bins);
        self.dirty.get_or_insert(now);
        let day = now.day();
        if self.closed.contains(&day) {
            return;
        }
        let mut place = self.windows.iter().position(|window| window.is_of(day, subject));
        if place.is_none() && opens {
            let number = self.windows.iter().map(Window::number).max().unwrap_or(0) + 1;
            let window = Window::new(number, day, subject);
            self.make_room();
            place = Some(self.windows.len());
            self.windows.push(window);
        }
        if let Some(window) = place.and_then(|place| self.windows.get_mut(place)) {
            bins.iter().for_each(|&(metric, bin)| window.add(metric, bin, &mut self.chance));
        }
    }

    /// Drops the latest of too many windows, which a clock that went wild has left in the future.
    fn make_room(&mut self) {
        if self.windows.len() < WINDOWS {
            return;
        }
        let latest = (0..self.windows.len()).max_by_key(|&index| self.windows[index].day());
        if let Some(window) = latest.map(|index| self.windows.swap_remove(index)) {
            self.changes.insert(window.key(), None);
        }
    }

    /// Closes days that are over, forgets what is too old, stores what has been unsaved for long.
    fn advance(&mut self, now: Time) {
        if self.settings.mode == Mode::Off {
            return;
        }
        let today = now.day();
        while let Some(day) = self.windows.iter().map(Window::day).filter(|&day| day < today).min() {
            self.close(now, day);
        }
        let old = self.queue.forget(today);
        self.changes.extend(old.map(|key| (key, None)));
        if self.dirty.is_some_and(|since| now.since(since) >= SAVE_AFTER || now < since) {
            self.save();
        }
    }

    /// Makes of a day's windows what is told of it, or nothing if it was told before or nobody would take it any more.
    fn close(&mut self, now: Time, day: u32) {
        let (over, open) = self.windows.drain(..).partition::<Vec<_>, _>(|window| window.day() == day);
        self.windows = open;
        self.changes.extend(over.iter().map(|window| (window.key(), None)));
        self.diverged.extend(self.subject.iter().flat_map(|subject| self.local.close(subject)));
        self.changes.insert(LOCAL.into(), Some(bytes(&self.local)));
        if self.closed.contains(&day) {
            return;
        }
        self.closed.push_back(day);
        if self.closed.len() > DAYS {
            self.closed.pop_front();
        }
        self.changes.insert(CLOSED.into(), Some(bytes(&self.closed)));
        if now.day() - day > MAX_AGE {
            return;
        }
        // One window of a day, so that a change of models or cohorts doesn't tell twice as much.
        let chosen = &over[self.chance.below(over.len() as u64) as usize];
        let aggregation = self.settings.mode.aggregation();
        if let Some(report) = aggregation.and_then(|aggregation| aggregation.report(&chosen.told(), &mut self.chance)) {
            let due = Time(u64::from(day + 1) * DAY).after(self.chance.below(JITTER));
            self.changes.extend(self.queue.push(day, due, report));
        }
    }

    fn save(&mut self) {
        if self.dirty.take().is_some() {
            self.changes.extend(self.windows.iter_mut().filter_map(Window::changed));
            self.changes.insert(LOCAL.into(), Some(bytes(&self.local)));
        }
    }

    /// When there is something to do next.
    fn next(&self, now: Time) -> Option<Time> {
        let midnight = (!self.windows.is_empty()).then(|| Time(u64::from(now.day() + 1) * DAY));
        let save = self.dirty.map(|since| since.after(SAVE_AFTER));
        let again = (!self.changes.is_empty() && self.committing.is_none()).then_some(self.not_before);
        let send = self.queue.next().filter(|_| self.settings.mode != Mode::Off);
        [midnight, save, again, send].into_iter().flatten().min()
    }
}

impl Machine for Drift {
    fn poll(&mut self, now: Time) -> Option<Effect> {
        self.advance(now);
        if self.committing.is_none() && !self.changes.is_empty() && is_over(now, self.not_before, STORE_AGAIN) {
            let changes = core::mem::take(&mut self.changes).into_iter().collect();
            let commit = Commit { id: self.ids.take(), changes };
            self.committing = Some(commit.clone());
            return Some(Effect::Commit(commit));
        }
        if let Some(aggregation) = self.settings.mode.aggregation()
            && let Some(request) = self.queue.send(now, aggregation, &self.settings, &mut self.ids)
        {
            return Some(Effect::Send(request));
        }
        let next = self.next(now);
        if next.is_none() || next == self.woken_at {
            return None;
        }
        self.woken_at = next;
        next.map(Effect::Wake)
    }

    fn handle_response(&mut self, now: Time, id: u64, response: Result<Response, Failure>) {
        if let Some(aggregation) = self.settings.mode.aggregation() {
            let done = self.queue.answered(now, id, response, aggregation, &mut self.chance);
            self.changes.extend(done.map(|key| (key, None)));
        }
    }

    fn handle_commit(&mut self, now: Time, id: u64, done: Result<(), StoreFailure>) {
        let Some(commit) = self.committing.take_if(|commit| commit.id == id) else { return };
        match done {
            Ok(()) => self.queue.stored(&commit.changes),
            Err(_) => {
                self.not_before = now.after(STORE_AGAIN);
                for (key, value) in commit.changes {
                    self.changes.entry(key).or_insert(value);
                }
            }
        }
    }

    fn handle_wake(&mut self, now: Time) {
        self.woken_at = None;
        self.advance(now);
    }
}

/// Whether a pause is over that was this long at most; a clock that was set back doesn't make it longer.
fn is_over(now: Time, pause: Time, most: u64) -> bool {
    now >= pause || pause.since(now) > most
}

fn bytes(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("numbers and texts are JSON")
}

/// How this machine's keys begin in a store.
const QUEUE: &str = "summary/";
const WINDOW: &str = "window/";
const CLOSED: &str = "window/closed";
const LOCAL: &str = "window/local";

const DAY: u64 = 86_400_000;

/// Summaries of days before this many aren't told any more: a server's windows are closed by then.
pub const MAX_AGE: u32 = 14;

/// A summary is sent within so many milliseconds after its day, six hours, so that a fleet doesn't come at once.
const JITTER: u64 = 6 * 3_600_000;

/// Counts that a crash may lose are younger than this.
const SAVE_AFTER: u64 = 30_000;

/// After the store failed.
const STORE_AGAIN: u64 = 300_000;

/// Windows that are open at once: more are a clock gone wild.
const WINDOWS: usize = 16;

/// Closed days that are remembered, several times [`MAX_AGE`].
const DAYS: usize = 64;
