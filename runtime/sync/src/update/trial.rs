//! Trying a model, keeping it, taking it back.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::Update;
use super::canary::Observation;
use super::event::{Activation, Event, Trial};
use super::state::{Held, Place, Reason, Slot, Stage, State};
use crate::effect::{Effect, Time};

impl Update {
    /// A program that starts: goes on with a trial, or ends it when it seems to have ended the program.
    pub(super) fn resume(&mut self, stored: Option<&State>, now: Time) {
        let mut next = self.state.clone();
        let Some(trying) = &mut next.trying else {
            // Without a state nobody knows what lies in the slots.
            let slots = [Slot::A, Slot::B].map(|slot| (slot.key().into(), None));
            if stored != Some(&next) {
                self.stage(next, if stored.is_none() { slots.into() } else { Vec::new() }, Vec::new());
            }
            return;
        };
        if trying.resume() {
            return self.roll_back(next, Reason::Crash, |_| true, now);
        }
        self.stage_trial(next, Vec::new(), Vec::new());
    }

    /// The program ends as it wants, which says nothing of the model that is tried.
    pub(super) fn end(&mut self) {
        let mut next = self.state.clone();
        let Some(trying) = next.trying.as_mut().filter(|trying| !trying.ended) else { return };
        trying.ended = true;
        self.stage(next, Vec::new(), Vec::new());
    }

    /// Makes it durable that a model is being started, then has it started.
    pub(super) fn stage_trial(&mut self, next: State, changes: Vec<(String, Option<Vec<u8>>)>, mut then: Vec<Effect>) {
        then.extend(trial(&next));
        self.stage(next, changes, then);
    }

    /// Starts the model once more that was started, when it couldn't be made durable that it was. Says whether there is one.
    pub(super) fn starts_again(&mut self) -> bool {
        let trying = self.state.trying.as_ref().filter(|trying| trying.stage == Stage::Start);
        let trial = trying.and_then(|_| trial(&self.state));
        self.testing = trial.is_some();
        self.effects.extend(trial);
        self.testing
    }

    /// The model was started.
    pub(super) fn tested(&mut self, now: Time, outcome: Result<(), Reason>) {
        self.testing = false;
        let mut next = self.state.clone();
        let Some(trying) = next.trying.clone() else { return };
        if let Err(reason) = outcome {
            return self.roll_back(next, reason, |_| true, now);
        }
        next.started();
        let kept = next.trying.is_none();
        let first = self.installed(Place::Slot(trying.slot));
        let version = first.version;
        let shadow = (!kept).then(|| self.installed(next.serving));
        let mut then = vec![Effect::Activate(Activation { first, shadow, left: None })];
        if !trying.answered {
            then.push(Effect::Notify(Event::Activated { version }));
        }
        if kept {
            then.push(Effect::Notify(Event::Kept { version }));
        }
        self.stage(next, Vec::new(), then);
    }

    /// Counts what both models said of an input, and acts on the verdict.
    pub(super) fn judge(&mut self, now: Time, observation: Observation) {
        let mut next = self.state.clone();
        let Some(trying) = next.trying.as_mut().filter(|trying| trying.stage == Stage::Canary) else { return };
        let Some(canary) = trying.canary else { return };
        (trying.ends, trying.ended) = (0, false);
        let place = Place::Slot(trying.slot);
        trying.counts.add(&canary, observation);
        match trying.counts.verdict(&canary) {
            None => self.stage(next, Vec::new(), Vec::new()),
            Some(Ok(())) => {
                next.keep();
                let first = self.installed(place);
                let activation = Activation { first, shadow: None, left: None };
                let kept = Event::Kept { version: first.version };
                self.stage(next, Vec::new(), vec![Effect::Activate(activation), Effect::Notify(kept)]);
            }
            Some(Err(reason)) => self.roll_back(next, reason, |_| true, now),
        }
    }

    /// Takes a model back that the host can't use, or no longer has.
    pub(super) fn take_back_broken(&mut self, now: Time, place: Place, reason: Reason) {
        let mut next = self.state.clone();
        let tried = next.trying.as_ref().is_some_and(|trying| place == Place::Slot(trying.slot));
        if !tried && (place == Place::Factory || place != next.serving) {
            return;
        }
        if !tried {
            next.trying = None;
        }
        self.roll_back(next, reason, |_| true, now);
    }

    /// Goes back, at once and whether or not that can be made durable.
    pub(super) fn roll_back(&mut self, mut next: State, reason: Reason, may: impl Fn(&Held) -> bool, now: Time) {
        let Some((slot, held)) = next.roll_back(reason, may, &self.config, now) else { return };
        self.testing = false;
        self.state = next.clone();
        let first = self.installed(next.serving);
        let told = Event::RolledBack { version: held.version, to: first.version, reason };
        self.effects.push_back(Effect::Activate(Activation { first, shadow: None, left: Some(reason) }));
        self.effects.push_back(Effect::Notify(told));
        self.stage(next, vec![(slot.key().into(), None)], Vec::new());
    }
}

fn trial(state: &State) -> Option<Effect> {
    let trying = state.trying.as_ref()?;
    let version = state.held(Place::Slot(trying.slot))?.version;
    let latency_ms = trying.canary.map(|canary| canary.latency_ms);
    Some(Effect::Trial(Trial { slot: trying.slot, version, latency_ms }))
}
