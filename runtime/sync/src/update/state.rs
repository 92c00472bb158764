//! What a device knows of its models, and how that changes: the value under the key `state`.
//!
//! A state changes as a whole, by one commit. What may come next from each is decided here, by functions without effects.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use dunlin_protocol::hex::Hash;
use dunlin_protocol::release::{Canary, Release};

use super::canary::Counts;
use super::config::Config;
use super::stored;
use crate::chance::Chance;
use crate::effect::Time;

/// The key of the state.
pub(crate) const KEY: &str = "state";

/// One of the two rooms for models that were fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Slot {
    /// The first.
    A,
    /// The second.
    B,
}

impl Slot {
    /// The key of its bytes in the store.
    pub const fn key(self) -> &'static str {
        match self {
            Self::A => "slot/a",
            Self::B => "slot/b",
        }
    }

    const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// Where a model is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// In the app, which shipped it.
    Factory,
    /// In the store.
    Slot(Slot),
}

/// Why a model was taken back.
pub use dunlin_protocol::summary::Rollback as Reason;

/// A model in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) sha256: Hash,
    pub(crate) version: u32,
}

/// How far a trial is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It is being loaded and asked its golden inputs: a program that finds this when it starts was perhaps ended by it.
    Start,
    /// It answers, beside the model before.
    Canary,
}

/// A model that has to show itself.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Trying {
    pub(crate) slot: Slot,
    pub(crate) stage: Stage,
    pub(crate) canary: Option<Canary>,
    pub(crate) counts: Counts,
    /// How often in a row the program ended while it was being started.
    pub(crate) starts: u32,
    /// How often the program ended since an input was last counted.
    pub(crate) ends: u32,
    /// Whether the program ended as it wanted, which isn't held against the model.
    pub(crate) ended: bool,
    /// Whether it has answered before the program ended.
    pub(crate) answered: bool,
}

impl Trying {
    fn new(slot: Slot, canary: Option<Canary>) -> Self {
        let counts = Counts::default();
        Self { slot, stage: Stage::Start, canary, counts, starts: 0, ends: 0, ended: false, answered: false }
    }

    /// The program starts, and the model is to be started again. Says whether the model is thought to have ended the program.
    pub(crate) fn resume(&mut self) -> bool {
        if !core::mem::take(&mut self.ended) {
            match self.stage {
                Stage::Start => self.starts += 1,
                Stage::Canary => self.ends += 1,
            }
        }
        self.stage = Stage::Start;
        self.starts > MOST_STARTS || self.ends > MOST_ENDS
    }
}

/// A model that isn't taken again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Blocked {
    pub(crate) sha256: Hash,
    pub(crate) reason: Reason,
    pub(crate) day: u32,
    /// The runtime with which it failed.
    pub(crate) runtime: String,
    pub(crate) tries: u32,
}

impl Blocked {
    /// Whether it may be tried again: with another runtime, or after a crash once more, a week later.
    fn is_over(&self, runtime: &str, now: Time) -> bool {
        let again = self.reason == Reason::Crash && self.tries < 2 && now.day() >= self.day.saturating_add(7);
        self.runtime != runtime || again
    }
}

/// Bytes that were fetched on a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spent {
    pub(crate) day: u32,
    pub(crate) bytes: u64,
}

/// All that is known.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct State {
    /// Says in which bucket of a rollout the device is; never sent.
    pub(crate) secret: [u8; 16],
    /// Where the last good model is.
    pub(crate) serving: Place,
    pub(super) a: Option<Held>,
    pub(super) b: Option<Held>,
    pub(crate) trying: Option<Trying>,
    pub(super) blocked: Vec<Blocked>,
    pub(crate) spent: Spent,
    /// When to look for updates next.
    pub(crate) next: Time,
    /// Whether there is a release that only waits for the right conditions.
    pub(crate) waiting: bool,
    /// How often looking failed since it last didn't.
    pub(crate) failures: u32,
    /// Until when what was last seen counts.
    pub(crate) expires: Option<Time>,
    /// The day on which a model was last fetched again because it was lost.
    pub(super) lost: Option<u32>,
}

impl State {
    /// Of a device that has only what the app shipped.
    pub(crate) fn new(chance: &mut Chance, next: Time) -> Self {
        let mut secret = [0; 16];
        secret.copy_from_slice(&chance.bytes()[..16]);
        Self {
            secret,
            serving: Place::Factory,
            a: None,
            b: None,
            trying: None,
            blocked: Vec::new(),
            spent: Spent::default(),
            next,
            waiting: false,
            failures: 0,
            expires: None,
            lost: None,
        }
    }

    /// From what was stored; `None` when that is nothing that this version reads, as after a later one.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let state = stored::read(bytes)?;
        let held = |place| matches!(place, Place::Factory) || state.held(place).is_some();
        let trying = |trying: &Trying| held(Place::Slot(trying.slot)) && Place::Slot(trying.slot) != state.serving;
        let sound = held(state.serving) && state.trying.as_ref().is_none_or(trying);
        sound.then_some(state)
    }

    /// What is stored.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        stored::write(self)
    }

    /// What is in a slot; `None` of the factory.
    pub(crate) const fn held(&self, place: Place) -> Option<Held> {
        match place {
            Place::Factory => None,
            Place::Slot(Slot::A) => self.a,
            Place::Slot(Slot::B) => self.b,
        }
    }

    fn hold(&mut self, slot: Slot, held: Option<Held>) {
        match slot {
            Slot::A => self.a = held,
            Slot::B => self.b = held,
        }
    }

    /// The version of the model at a place.
    pub(crate) fn version_at(&self, place: Place, config: &Config) -> u32 {
        self.held(place).map_or(config.factory, |held| held.version)
    }

    /// The slot that a new model goes to.
    pub(crate) fn free(&self) -> Slot {
        match self.serving {
            Place::Slot(slot) => slot.other(),
            Place::Factory => Slot::A,
        }
    }

    /// An app that ships a newer model than was fetched, or at least one that is as new: goes back to that one.
    pub(crate) fn prefer_factory(&mut self, config: &Config) {
        let older = |held: Option<Held>| held.is_none_or(|held| held.version <= config.factory);
        if self.trying.as_ref().is_some_and(|trying| older(self.held(Place::Slot(trying.slot)))) {
            self.trying = None;
        }
        if self.serving != Place::Factory && older(self.held(self.serving)) {
            self.serving = Place::Factory;
        }
    }

    /// A model is in its slot, and is to be started.
    pub(crate) fn start(&mut self, slot: Slot, held: Held, canary: Option<Canary>) {
        self.hold(slot, Some(held));
        self.trying = Some(Trying::new(slot, canary));
    }

    /// The model that was started does what it should: it answers, for good if nothing more is asked of it.
    pub(crate) fn started(&mut self) {
        match &mut self.trying {
            Some(trying) if trying.canary.is_some() => {
                (trying.stage, trying.starts, trying.ended, trying.answered) = (Stage::Canary, 0, false, true);
            }
            _ => self.keep(),
        }
    }

    /// The model has shown itself.
    pub(crate) fn keep(&mut self) {
        if let Some(trying) = self.trying.take() {
            self.serving = Place::Slot(trying.slot);
        }
    }

    /// Goes back from the model that is tried, or else from the one that answers: to the other slot's if that `may` answer, or to the
    /// factory's. Gives the slot that was left, whose bytes are no longer wanted; `None` where there is nothing to go back from.
    pub(crate) fn roll_back(
        &mut self,
        reason: Reason,
        may: impl Fn(&Held) -> bool,
        config: &Config,
        now: Time,
    ) -> Option<(Slot, Held)> {
        let spare = self.spare().filter(|(_, held)| held.version > config.factory && may(held));
        let slot = match (self.trying.take(), self.serving) {
            (Some(trying), _) => trying.slot,
            (None, Place::Factory) => return None,
            (None, Place::Slot(slot)) => {
                self.serving = spare.map_or(Place::Factory, |(slot, _)| Place::Slot(slot));
                slot
            }
        };
        let held = self.held(Place::Slot(slot))?;
        self.hold(slot, None);
        match reason {
            Reason::Withdrawn => (),
            Reason::Lost => self.lose(now),
            reason => self.block(held.sha256, reason, config, now),
        }
        Some((slot, held))
    }

    /// A model's bytes are gone: looks for it at once, but not again and again where nothing lasts.
    const fn lose(&mut self, now: Time) {
        if !matches!(self.lost, Some(day) if day == now.day()) {
            (self.lost, self.next) = (Some(now.day()), now);
        }
    }

    fn block(&mut self, sha256: Hash, reason: Reason, config: &Config, now: Time) {
        let before = self.blocked.iter().position(|blocked| blocked.sha256 == sha256);
        let before = before.map(|index| self.blocked.remove(index));
        let tries = before.filter(|before| before.runtime == config.build).map_or(0, |before| before.tries) + 1;
        if self.blocked.len() == MOST_BLOCKED {
            self.blocked.remove(0);
        }
        self.blocked.push(Blocked { sha256, reason, day: now.day(), runtime: config.build.to_string(), tries });
    }

    /// Whether a model may be taken as far as its history goes.
    pub(crate) fn may_try(&self, sha256: &Hash, config: &Config, now: Time) -> bool {
        let blocked = self.blocked.iter().find(|blocked| blocked.sha256 == *sha256);
        blocked.is_none_or(|blocked| blocked.is_over(&config.build, now))
    }

    /// The other slot's model, if it may answer again: one that was good before.
    pub(crate) fn spare(&self) -> Option<(Slot, Held)> {
        let slot = self.free();
        let tried = self.trying.as_ref().is_some_and(|trying| trying.slot == slot);
        self.held(Place::Slot(slot)).filter(|_| !tried).map(|held| (slot, held))
    }

    /// Bytes that may still be fetched today.
    pub(crate) const fn allowance(&self, per_day: u64, now: Time) -> u64 {
        if self.spent.day == now.day() { per_day.saturating_sub(self.spent.bytes) } else { per_day }
    }

    /// Bytes were fetched.
    pub(crate) const fn spend(&mut self, bytes: u64, now: Time) {
        if self.spent.day != now.day() {
            self.spent = Spent { day: now.day(), bytes: 0 };
        }
        self.spent.bytes = self.spent.bytes.saturating_add(bytes);
    }
}

/// A release with the file that it is of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Listed {
    pub(crate) release: Release,
    pub(crate) sha256: Hash,
    pub(crate) length: u64,
}

const MOST_BLOCKED: usize = 32;
/// How often in a row a program may end while the model is being started before the model is thought to have ended it.
const MOST_STARTS: u32 = 1;
/// How often it may end without an input having been counted.
const MOST_ENDS: u32 = 3;
