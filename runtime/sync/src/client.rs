//! All machines of a device, behind one queue of effects.

use alloc::vec::Vec;

use dunlin_protocol::oip::Consent;

use crate::chance::Chance;
use crate::effect::{Effect, Failure, Response, StoreFailure, Stored, Time};
use crate::fallback::{self, Fallback, Question, Ticket};
use crate::machine::{Lanes, Machine};
use crate::update::{Conditions, Config, Installed, Observation, Place, Reason, Update};

/// What a device does between its answers.
///
/// A host polls effects and performs them in their order, and tells what came of each. It may end at any moment: what was durable is
/// enough to go on from.
#[derive(Debug)]
pub struct Client {
    update: Update,
    fallback: Fallback,
    lanes: Lanes<MACHINES>,
}

/// How many machines there are; a number's remainder says whose it is.
const MACHINES: usize = 2;

impl Client {
    /// From what the store has, which is nothing at first. `seed` are 32 random bytes.
    pub fn restore(config: Config, stored: &Stored, seed: [u8; 32], now: Time) -> Self {
        let mut chance = Chance::new(seed);
        // Without a server and without consent, and with nothing to wait for, until the app says more.
        let fallback = Fallback::restore(fallback::Config::default(), &Stored::new(), Chance::new(chance.bytes()), now);
        let update = Update::restore(config, stored, Chance::new(chance.bytes()), now);
        Self { update, fallback, lanes: Lanes::new() }
    }

    /// One that asks the cloud, too: `seed` are 32 other random bytes.
    pub fn with_fallback(self, config: fallback::Config, stored: &Stored, seed: [u8; 32], now: Time) -> Self {
        Self { fallback: Fallback::restore(config, stored, Chance::new(seed), now), ..self }
    }

    /// What is to be done next; to be asked after each input until there is nothing.
    pub fn poll(&mut self, now: Time) -> Option<Effect> {
        self.lanes.poll(now, [&mut self.update, &mut self.fallback])
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
        self.lanes.wake(now, [&mut self.update, &mut self.fallback]);
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

    /// Asks the cloud: see [`Fallback::ask`].
    pub fn ask(&mut self, now: Time, question: Question, budget: u64) -> Ticket {
        self.fallback.ask(now, question, budget)
    }

    /// The app has an upgrade: see [`Fallback::done`].
    pub fn handle_done(&mut self, now: Time, ticket: Ticket) {
        self.fallback.done(now, ticket);
    }

    /// The user allows more, or less, to be sent to the cloud.
    pub fn handle_consent(&mut self, now: Time, consent: Consent) {
        self.fallback.set_consent(now, consent);
    }

    /// What became of questions to the cloud; to be asked after each input until there is nothing.
    pub fn poll_answer(&mut self) -> Option<fallback::Event> {
        self.fallback.poll_event()
    }

    /// A trial's end; reasons are [`Reason::Load`], [`Reason::Golden`] and [`Reason::Latency`].
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

    fn machine(&mut self, lane: usize) -> &mut dyn Machine {
        match lane {
            0 => &mut self.update,
            _ => &mut self.fallback,
        }
    }
}
