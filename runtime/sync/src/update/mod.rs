//! Signed updates of one model: looks for releases, fetches, tries, keeps or takes back.
//!
//! Whatever is decided is durable before it is acted on, so that a program may end between any two effects. A model passes these stages:
//!
//! ```text
//! listed, and this device is admitted    -> Found
//! fetched, whole or as a patch, hash right -> one commit: bytes and `trying: start`; Downloaded
//! loads, golden outputs right            -> commit: `trying: canary`; answers, the model before beside it; Activated
//! enough inputs seen, all bounds kept    -> commit: it is the good one; Kept
//! any of these fails                     -> back to the good one at once, commit: blocked with a reason; RolledBack
//! ```
//!
//! `trying: start` found at the beginning a second time means that starting the model ended the program, unless the host says that it ended
//! as it wanted ([`Update::handle_end`]).

mod canary;
mod choose;
mod config;
mod event;
mod fetch;
mod look;
mod state;
mod stored;
mod trial;

pub use canary::Observation;
pub use config::{Conditions, Config, Floor, When};
pub use event::{Activation, Event, Fault, Installed, Trial};
pub use state::{Place, Reason, Slot};

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use dunlin_protocol::hex::Hash;

use crate::chance::Chance;
use crate::effect::{Commit, Effect, Failure, Ids, Response, StoreFailure, Stored, Time};
use crate::machine::Machine;
use fetch::Fetch;
use look::Look;
use state::{Listed, State};

/// The machine of updates.
#[derive(Debug)]
pub struct Update {
    config: Config,
    chance: Chance,
    conditions: Conditions,
    /// What is durable, but for what a failed commit was to say of a model that was taken back.
    state: State,
    /// The metadata that is trusted, by its keys in the store.
    metadata: Stored,
    task: Task,
    staged: Option<Staged>,
    /// A release that is to be fetched.
    wanted: Option<Listed>,
    /// The release that the app was told of last.
    found: Option<Hash>,
    /// Whether the host is trying the model of `state.trying`.
    testing: bool,
    /// What happened and waits for the commit that is under way.
    inputs: VecDeque<Input>,
    /// The day on which nothing more may be fetched.
    exhausted: Option<u32>,
    /// Whether the app asked for a look at once.
    asked: bool,
    told_stale: bool,
    announced: Option<Time>,
    ids: Ids,
    effects: VecDeque<Effect>,
}

/// What is under way. A commit may be besides.
#[derive(Debug)]
enum Task {
    Idle,
    Look(Look),
    Fetch(Box<Fetch>),
}

/// What happened.
#[derive(Debug)]
enum Input {
    Response(u64, Result<Response, Failure>),
    Read(u64, Option<Vec<u8>>),
    Trial(Result<(), Reason>),
    Observation(Observation),
    Broken(Place, Reason),
    End,
}

/// A commit that is under way, and what holds when it is durable.
#[derive(Debug)]
struct Staged {
    id: u64,
    state: Option<State>,
    /// Changes of what is trusted.
    metadata: Vec<(String, Option<Vec<u8>>)>,
    /// Effects that wait for it.
    then: Vec<Effect>,
}

impl Update {
    /// From what the store has; a device without a state gets one.
    pub fn restore(config: Config, stored: &Stored, mut chance: Chance, now: Time) -> Self {
        let mut metadata = Stored::new();
        for (key, value) in stored.iter().filter(|(key, _)| key.starts_with(look::PREFIX)) {
            metadata.insert(key.clone(), value.clone());
        }
        let found = stored.get(state::KEY).and_then(|bytes| State::parse(bytes));
        let first = now.after(chance.below(config.interval / FIRST));
        let mut state = found.clone().unwrap_or_else(|| State::new(&mut chance, first));
        state.prefer_factory(&config);
        let mut update = Self {
            config,
            chance,
            conditions: Conditions { metered: true, charging: false },
            state,
            metadata,
            task: Task::Idle,
            staged: None,
            wanted: None,
            found: None,
            testing: false,
            inputs: VecDeque::new(),
            exhausted: None,
            asked: false,
            told_stale: false,
            announced: None,
            ids: Ids::default(),
            effects: VecDeque::new(),
        };
        update.resume(found.as_ref(), now);
        update
    }

    /// The model that answers when the program starts, and whenever none is on trial.
    pub fn serving(&self) -> Installed {
        self.installed(self.state.serving)
    }

    /// The model at a place.
    pub fn installed(&self, place: Place) -> Installed {
        Installed { place, version: self.state.version_at(place, &self.config) }
    }

    /// Until when what was last seen of the repository counts; `None` before anything was.
    pub const fn expires(&self) -> Option<Time> {
        self.state.expires
    }

    /// Whether what was last seen of the repository counts no longer.
    pub fn is_stale(&self, now: Time) -> bool {
        self.state.expires.is_some_and(|expires| now >= expires)
    }

    /// The device's connection and power, or that they have changed. Until they are known, the worst is assumed.
    pub fn handle_conditions(&mut self, now: Time, conditions: Conditions) {
        self.conditions = conditions;
        self.advance(now);
    }

    /// The app wants a look for updates now.
    pub fn handle_check(&mut self, now: Time) {
        self.asked = true;
        self.advance(now);
    }

    /// A model's bytes, or `None` where they can't be read.
    pub fn handle_read(&mut self, now: Time, id: u64, bytes: Option<Vec<u8>>) {
        self.handle(now, Input::Read(id, bytes));
    }

    /// A [`Trial`]'s end.
    ///
    /// Reasons are [`Reason::Load`], [`Reason::Golden`], [`Reason::Latency`] and [`Reason::Lost`].
    pub fn handle_trial(&mut self, now: Time, outcome: Result<(), Reason>) {
        self.handle(now, Input::Trial(outcome));
    }

    /// Two models were asked the same, as the last [`Activation`] wants.
    pub fn handle_observation(&mut self, now: Time, observation: Observation) {
        self.handle(now, Input::Observation(observation));
    }

    /// The host can't load, or run, the model that is at a place. Unless a commit is under way, it is known at once what answers instead.
    pub fn handle_broken(&mut self, now: Time, place: Place) {
        self.handle(now, Input::Broken(place, Reason::Load));
    }

    /// The bytes of the model at a place are gone, or aren't those any more that were stored. As [`Update::handle_broken`], but the model
    /// isn't blamed, and is fetched again.
    pub fn handle_lost(&mut self, now: Time, place: Place) {
        self.handle(now, Input::Broken(place, Reason::Lost));
    }

    /// The program ends as it wants. Once the commit that may follow is durable, a model on trial isn't held responsible for that; a host
    /// that goes on after all needn't say so.
    pub fn handle_end(&mut self, now: Time) {
        self.handle(now, Input::End);
    }

    fn handle(&mut self, now: Time, input: Input) {
        self.inputs.push_back(input);
        self.advance(now);
    }

    /// Does what can be done now.
    fn advance(&mut self, now: Time) {
        while self.staged.is_none() {
            let Some(input) = self.inputs.pop_front() else { break };
            self.take_in(now, input);
        }
        if self.staged.is_none() && !self.testing {
            match &self.task {
                Task::Idle if self.is_due(now) => self.look(now),
                Task::Idle if self.may_fetch(now) => self.fetch(now),
                Task::Look(_) => self.look_on(now),
                Task::Idle | Task::Fetch(_) => (),
            }
        }
        if self.is_stale(now) && !self.told_stale {
            self.told_stale = true;
            self.effects.push_back(Effect::Notify(Event::Stale));
        }
        self.schedule();
    }

    fn take_in(&mut self, now: Time, input: Input) {
        match (input, &self.task) {
            (Input::Response(id, response), Task::Look(look)) if look.awaits(id) => self.looked(now, response),
            (Input::Response(id, response), Task::Fetch(fetch)) if fetch.awaits(id) => self.fetched(now, response),
            (Input::Read(id, bytes), Task::Fetch(fetch)) if fetch.awaits(id) => self.read(now, bytes),
            (Input::Trial(outcome), _) if self.testing => self.tested(now, outcome),
            (Input::Observation(observation), _) => self.judge(now, observation),
            (Input::Broken(place, reason), _) => self.take_back_broken(now, place, reason),
            (Input::End, _) => self.end(),
            // An answer that nobody waits for any longer.
            (Input::Response(..) | Input::Read(..) | Input::Trial(_), _) => (),
        }
    }

    /// Whether it is time for a look; also when the clock was set back far.
    fn is_due(&self, now: Time) -> bool {
        let waits = self.state.waiting && self.wanted.is_none() && self.config.when.permits(self.conditions);
        self.asked || waits || now >= self.state.next || self.state.next.since(now) > 2 * self.config.interval
    }

    /// Says when to go on.
    fn schedule(&mut self) {
        let expires = self.state.expires.filter(|_| !self.told_stale);
        let tomorrow = self.exhausted.map(|day| Time((u64::from(day) + 1) * DAY)).filter(|_| self.wanted.is_some());
        let wake = [Some(self.state.next), expires, tomorrow].into_iter().flatten().min();
        // While something is under way, its end leads on.
        let idle = matches!(self.task, Task::Idle) && self.staged.is_none() && !self.testing;
        if let Some(at) = wake.filter(|&at| idle && self.announced != Some(at)) {
            self.announced = Some(at);
            self.effects.push_back(Effect::Wake(at));
        }
    }

    /// Makes a state durable, and with it other values; then come the effects that wait for it.
    fn stage(&mut self, state: State, mut changes: Vec<(String, Option<Vec<u8>>)>, then: Vec<Effect>) {
        changes.push((state::KEY.to_string(), Some(state.bytes())));
        self.commit(Staged { id: 0, state: Some(state), metadata: Vec::new(), then }, changes);
    }

    fn commit(&mut self, mut staged: Staged, changes: Vec<(String, Option<Vec<u8>>)>) {
        debug_assert!(self.staged.is_none(), "one commit after the other");
        let id = self.ids.take();
        staged.id = id;
        self.staged = Some(staged);
        self.effects.push_back(Effect::Commit(Commit { id, changes }));
    }

    /// A look or a fetch failed: says so, and tries again later, the later the more often that happened.
    fn fail(&mut self, now: Time, fault: Fault, wait: Option<u64>) {
        self.task = Task::Idle;
        self.wanted = None;
        self.asked = false;
        let mut next = self.state.clone();
        self.put_off(&mut next, now, wait.unwrap_or(0));
        self.stage(next, Vec::new(), vec![Effect::Notify(Event::Failed(fault))]);
    }

    /// The next look is some time later, the more so the more often it failed.
    fn put_off(&mut self, state: &mut State, now: Time, wait: u64) {
        let longest = BACKOFF.checked_shl(state.failures).unwrap_or(u64::MAX).min(self.config.interval);
        let wait = wait.min(self.config.interval) + LEAST_WAIT.min(longest);
        state.next = now.after(wait + self.chance.below(longest));
        state.failures = state.failures.saturating_add(1).min(32);
        state.waiting = false;
    }

    /// Nothing of a commit holds but what was taken back. Tries again later; until then that can't be made durable either.
    fn not_stored(&mut self, now: Time, failure: StoreFailure) {
        self.task = Task::Idle;
        self.wanted = None;
        self.asked = false;
        let mut state = self.state.clone();
        self.put_off(&mut state, now, 0);
        self.state = state;
        self.effects.push_back(Effect::Notify(Event::Failed(Fault::Store(failure))));
    }
}

impl Machine for Update {
    fn poll(&mut self, _: Time) -> Option<Effect> {
        self.effects.pop_front()
    }

    fn handle_response(&mut self, now: Time, id: u64, response: Result<Response, Failure>) {
        self.handle(now, Input::Response(id, response));
    }

    fn handle_commit(&mut self, now: Time, id: u64, done: Result<(), StoreFailure>) {
        let Some(staged) = self.staged.take_if(|staged| staged.id == id) else { return };
        match done {
            Ok(()) => {
                for (key, value) in staged.metadata {
                    match value {
                        Some(value) => self.metadata.insert(key, value),
                        None => self.metadata.remove(&key),
                    };
                }
                if let Some(state) = staged.state {
                    self.state = state;
                }
                self.testing |= staged.then.iter().any(|effect| matches!(effect, Effect::Trial(_)));
                self.effects.extend(staged.then);
            }
            Err(failure) => self.not_stored(now, failure),
        }
        self.advance(now);
    }

    fn handle_wake(&mut self, now: Time) {
        self.announced = None;
        self.advance(now);
    }
}

/// The first look is within this part of the interval.
const FIRST: u64 = 24;
/// Milliseconds within which a look that failed is tried again; twice that after another failure, and so on.
const BACKOFF: u64 = 60_000;
const LEAST_WAIT: u64 = 10_000;
const DAY: u64 = 86_400_000;
