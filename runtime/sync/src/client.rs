//! All machines of a device, behind one queue of effects.

use alloc::vec::Vec;

use dunlin_protocol::summary::Agreement;

use crate::chance::Chance;
use crate::drift::{self, Drift};
use crate::effect::{Effect, Failure, Response, StoreFailure, Stored, Time};
use crate::fallback::{self, Fallback};
use crate::machine::{Lanes, Machine};
use crate::update::{Activation, Conditions, Config, Installed, Observation, Place, Reason, Update};

/// What a device does between its answers.
///
/// A host polls effects and performs them in their order, and tells what came of each. It may end at any moment: what was durable is
/// enough to go on from.
#[derive(Debug)]
pub struct Client {
    update: Update,
    fallback: Fallback,
    drift: Drift,
    lanes: Lanes<MACHINES>,
}

/// What an app wants of each machine.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Of updates.
    pub update: Config,
    /// Of questions to the cloud; by default there is nobody to ask.
    pub fallback: fallback::Config,
    /// Of summaries; by default nothing is kept, and nothing told.
    pub drift: drift::Settings,
}

impl From<Config> for Settings {
    /// Updates and nothing else.
    fn from(update: Config) -> Self {
        Self { update, fallback: fallback::Config::default(), drift: drift::Settings::default() }
    }
}

/// How many machines there are; a number's remainder says whose it is.
const MACHINES: usize = 3;

impl Client {
    /// From what the store has, which is nothing at first. `seed` are 32 random bytes.
    pub fn restore(settings: Settings, stored: &Stored, seed: [u8; 32], now: Time) -> Self {
        let mut seeds = Chance::new(seed);
        let mut chance = || Chance::new(seeds.bytes());
        Self {
            update: Update::restore(settings.update, stored, chance(), now),
            fallback: Fallback::restore(settings.fallback, stored, chance(), now),
            drift: Drift::restore(stored, settings.drift, chance()),
            lanes: Lanes::new(),
        }
    }

    /// What is to be done next; to be asked after each input until there is nothing.
    pub fn poll(&mut self, now: Time) -> Option<Effect> {
        if let Some(event) = self.fallback.poll_event() {
            self.count_agreement(now, &event);
            return Some(Effect::Cloud(event));
        }
        let effect = self.lanes.poll(now, [&mut self.update, &mut self.fallback, &mut self.drift]);
        if let Some(Effect::Activate(Activation { left: Some(reason), .. })) = &effect {
            // Before the host says that another model answers: it is the one that is left of which this is told.
            self.drift.handle_rollback(now, *reason);
        }
        effect.or_else(|| self.drift.poll_divergence().map(Effect::Diverged))
    }

    /// A request's answer, or why there is none.
    pub fn handle_response(&mut self, now: Time, id: u64, response: Result<Response, Failure>) {
        let (lane, id) = Lanes::<MACHINES>::inward(id);
        self.machine(lane).handle_response(now, id, response);
    }

    /// A commit is durable, or didn't happen.
    pub fn handle_commit(&mut self, now: Time, id: u64, done: Result<(), StoreFailure>) {
        let (lane, id) = Lanes::<MACHINES>::inward(id);
        self.machine(lane).handle_commit(now, id, done);
    }

    /// It is the time that the last [`Effect::Wake`] named, or later.
    pub fn handle_wake(&mut self, now: Time) {
        self.lanes.wake(now, [&mut self.update, &mut self.fallback, &mut self.drift]);
    }

    /// A model's bytes, or `None` where they can't be read.
    pub fn handle_read(&mut self, now: Time, id: u64, bytes: Option<Vec<u8>>) {
        self.update.handle_read(now, Lanes::<MACHINES>::inward(id).1, bytes);
    }

    /// The device's connection and power, or that they have changed. Until they are known, the worst is assumed.
    pub fn handle_conditions(&mut self, now: Time, conditions: Conditions) {
        self.update.handle_conditions(now, conditions);
    }

    /// The app wants a look for updates now.
    pub fn handle_check(&mut self, now: Time) {
        self.update.handle_check(now);
    }

    /// A trial's end; reasons are [`Reason::Load`], [`Reason::Golden`], [`Reason::Latency`] and [`Reason::Lost`].
    pub fn handle_trial(&mut self, now: Time, outcome: Result<(), Reason>) {
        self.update.handle_trial(now, outcome);
    }

    /// Two models were asked the same.
    pub fn handle_observation(&mut self, now: Time, observation: Observation) {
        self.update.handle_observation(now, observation);
    }

    /// The host can't load, or run, the model that is at a place.
    pub fn handle_broken(&mut self, now: Time, place: Place) {
        self.update.handle_broken(now, place);
    }

    /// The bytes of the model at a place are gone, or aren't those any more that were stored. It isn't blamed, and is fetched again.
    pub fn handle_lost(&mut self, now: Time, place: Place) {
        self.update.handle_lost(now, place);
    }

    /// The program ends as it wants: stores what isn't stored yet, and that this is no fault of a model on trial. A host that goes on after
    /// all needn't say so.
    pub fn handle_end(&mut self, now: Time) {
        self.update.handle_end(now);
        self.drift.flush();
    }

    /// The model that answers when the program starts, and whenever none is on trial.
    pub fn serving(&self) -> Installed {
        self.update.serving()
    }

    /// Until when what was last seen of the repository counts; `None` before anything was.
    pub const fn expires(&self) -> Option<Time> {
        self.update.expires()
    }

    /// Whether what was last seen of the repository counts no longer: no update can be had, and the model answers on.
    pub fn is_stale(&self, now: Time) -> bool {
        self.update.is_stale(now)
    }

    /// Questions to the cloud, to ask one. What follows comes from [`Client::poll`].
    pub const fn fallback(&mut self) -> &mut Fallback {
        &mut self.fallback
    }

    /// Summaries, to count an answer, or to be told what a user agreed to. What follows comes from [`Client::poll`].
    pub const fn drift(&mut self) -> &mut Drift {
        &mut self.drift
    }

    /// What the cloud said of a model counts among its answers.
    fn count_agreement(&mut self, now: Time, event: &fallback::Event) {
        if let fallback::Event::Agreement { model, agrees } = event {
            let agreement = if *agrees { Agreement::Same } else { Agreement::Other };
            self.drift.handle_agreement(now, *model, agreement);
        }
    }

    fn machine(&mut self, lane: usize) -> &mut dyn Machine {
        match lane {
            0 => &mut self.update,
            1 => &mut self.fallback,
            _ => &mut self.drift,
        }
    }
}
