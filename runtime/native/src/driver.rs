//! Performs what the machines of `dunlin-sync` ask for: in order, with a store, and with a host for what is no file.

use std::collections::BTreeMap;
use std::fmt;
use std::io;

use dunlin_protocol::oip::Consent;
use dunlin_protocol::summary;
use dunlin_sync::drift::{Divergence, Mode, Subject};
use dunlin_sync::fallback::{self, Question, Ticket};
use dunlin_sync::{
    Activation, Client, Conditions, Effect, Event, Failure, Observation, Place, Reason, Request, Response, Settings,
    Slot, Time, Trial,
};

use crate::disk::Disk;
use crate::model::ModelFile;
use crate::store::Store;

/// What a driver leaves to others.
pub trait Host {
    /// Sends a request, without waiting for the answer, which comes back as [`Input::Response`].
    fn send(&mut self, request: Request);

    /// The bytes of the model that the app ships; `None` where they can't be read.
    fn factory(&mut self) -> Option<Vec<u8>>;

    /// Loads a model and asks it its golden inputs.
    ///
    /// # Errors
    /// [`Reason::Load`], [`Reason::Golden`] or [`Reason::Latency`].
    fn trial(&mut self, trial: Trial, model: ModelFile) -> Result<(), Reason>;

    /// Answers with a model from now on. `models` gives the models in slots.
    ///
    /// # Errors
    /// The place whose model can't be loaded; then nothing has changed.
    fn activate(&mut self, activation: Activation, models: &mut Models<'_>) -> Result<(), Place>;

    /// The model that answers, and who asks it; `None` for a model without a baseline, of whose answers nothing is counted.
    fn subject(&mut self) -> Option<Subject>;

    /// Tells the app what became of updates.
    fn notify(&mut self, event: Event);

    /// Tells the app what became of a question to the cloud.
    fn cloud(&mut self, event: fallback::Event);

    /// Tells the app that this device's answers aren't what they were.
    fn diverged(&mut self, divergence: Divergence);
}

/// Gives the model in a slot.
pub type Models<'a> = dyn FnMut(Slot) -> io::Result<ModelFile> + 'a;

/// What happened.
#[derive(Debug)]
pub enum Input {
    /// A request's answer, or why there is none.
    Response(u64, Result<Response, Failure>),
    /// Two models were asked the same.
    Observation(Observation),
    /// The model at a place can't be used.
    Broken(Place),
    /// What only the host knows of the device has changed.
    Conditions(Conditions),
    /// The app wants a look for updates.
    Check,
    /// The app asks the cloud: by then it is to have an answer.
    Ask(Box<Question>, Time, Told),
    /// People are to look at an answer that wasn't in doubt, of which the model was so sure.
    Audit(Box<Question>, f32),
    /// The app has the answer that came later.
    Done(Ticket),
    /// The user allows more to be sent, or less.
    Consent(Consent),
    /// The model that answers has answered.
    Answered(summary::Observation),
    /// The user agreed to summaries, or to none.
    Summaries(Mode),
    /// Time has passed.
    Wake,
}

/// Takes the ticket under which a question's answer will come.
pub struct Told(pub Box<dyn FnOnce(Ticket) + Send>);

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Told")
    }
}

/// A client of `dunlin-sync` with its store.
#[derive(Debug)]
pub struct Driver<D> {
    client: Client,
    store: Store<D>,
    wake: Option<Time>,
    pending: BTreeMap<u64, Pending>,
    /// Another model answers, of which the count isn't told yet.
    is_new: bool,
}

/// A request that isn't answered yet.
#[derive(Debug)]
struct Pending {
    deadline: Time,
    max_bytes: u64,
}

impl<D: Disk> Driver<D> {
    /// From what the store has. `seed` are 32 random bytes.
    ///
    /// # Errors
    /// What the store's disk says.
    pub fn open(settings: Settings, mut store: Store<D>, seed: [u8; 32], now: Time) -> io::Result<Self> {
        let client = Client::restore(settings, &store.stored()?, seed, now);
        Ok(Self { client, store, wake: None, pending: BTreeMap::new(), is_new: false })
    }

    /// Has the host load the model that answers; another one, if it can't be loaded. Nothing else is begun.
    ///
    /// # Errors
    /// Not even the model can be loaded that the app ships.
    pub fn serve(&mut self, now: Time, host: &mut impl Host) -> Result<(), Place> {
        loop {
            let first = self.client.serving();
            match self.activate(Activation { first, shadow: None, left: None }, host) {
                Ok(()) => return Ok(()),
                Err((Place::Factory, _)) => return Err(Place::Factory),
                Err(broken) => self.handle_broken(now, broken),
            }
            self.perform(now, host);
        }
    }

    /// Takes in what happened, and performs what follows from it.
    pub fn handle(&mut self, now: Time, input: Input, host: &mut impl Host) {
        self.tell_subject(now, host);
        match input {
            Input::Response(id, response) => self.handle_response(now, id, response),
            Input::Observation(observation) => self.client.handle_observation(now, observation),
            Input::Broken(place) => self.client.handle_broken(now, place),
            Input::Conditions(conditions) => self.client.handle_conditions(now, conditions),
            Input::Check => self.client.handle_check(now),
            Input::Ask(question, deadline, told) => {
                (told.0)(self.client.fallback().ask(now, *question, deadline.since(now)));
            }
            Input::Audit(question, probability) => self.client.fallback().audit(now, *question, probability),
            Input::Done(ticket) => self.client.fallback().done(now, ticket),
            Input::Consent(consent) => self.client.fallback().set_consent(now, consent),
            Input::Answered(observation) => self.client.drift().handle_answer(now, &observation),
            Input::Summaries(mode) => self.client.drift().handle_mode(now, mode),
            Input::Wake => (),
        }
        self.give_up(now);
        if self.wake.is_some_and(|wake| wake <= now) {
            self.wake = None;
            self.client.handle_wake(now);
        }
        self.perform(now, host);
    }

    /// Stores what isn't stored yet, before the program ends as it wants.
    pub fn close(&mut self, now: Time, host: &mut impl Host) {
        self.client.handle_end(now);
        self.perform(now, host);
    }

    /// When to call [`Driver::handle`] at the latest.
    pub fn next(&self) -> Option<Time> {
        self.pending.values().map(|pending| pending.deadline).chain(self.wake).min()
    }

    /// The machines themselves, to be asked what is known.
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// An answer that is longer than it may be is none, and one that comes too late isn't looked at.
    fn handle_response(&mut self, now: Time, id: u64, response: Result<Response, Failure>) {
        let Some(Pending { max_bytes, .. }) = self.pending.remove(&id) else { return };
        let fits = |response: Response| {
            if response.body.len() as u64 > max_bytes { Err(Failure::TooLong) } else { Ok(response) }
        };
        self.client.handle_response(now, id, response.and_then(fits));
    }

    /// Gives requests up whose time is over, whatever the transport says.
    fn give_up(&mut self, now: Time) {
        while let Some(id) = self.pending.iter().find(|(_, pending)| pending.deadline <= now).map(|(&id, _)| id) {
            self.pending.remove(&id);
            self.client.handle_response(now, id, Err(Failure::Timeout));
        }
    }

    /// Whose answers are counted from now on. Where none are, nobody needs to know the model's digest.
    fn tell_subject(&mut self, now: Time, host: &mut impl Host) {
        if self.is_new && self.client.drift().is_on() {
            self.is_new = false;
            self.client.drift().handle_subject(now, host.subject());
        }
    }

    fn perform(&mut self, now: Time, host: &mut impl Host) {
        while let Some(effect) = self.client.poll(now) {
            match effect {
                Effect::Send(request) => {
                    let deadline = now.after(request.timeout);
                    self.pending.insert(request.id, Pending { deadline, max_bytes: request.max_bytes });
                    host.send(request);
                }
                Effect::Commit(commit) => {
                    let done = self.store.commit(commit.changes);
                    self.client.handle_commit(now, commit.id, done);
                }
                Effect::Read(read) => {
                    let bytes = match read.place {
                        Place::Factory => host.factory(),
                        // What can't be read is fetched.
                        Place::Slot(slot) => self.store.read(slot.key()).ok().flatten(),
                    };
                    self.client.handle_read(now, read.id, bytes);
                }
                Effect::Trial(trial) => {
                    let model = self.store.model(trial.slot.key());
                    let unreadable = |error| if is_lost(&error) { Reason::Lost } else { Reason::Load };
                    let outcome = model.map_err(unreadable).and_then(|model| host.trial(trial, model));
                    self.client.handle_trial(now, outcome);
                }
                Effect::Activate(activation) => {
                    if let Err(broken) = self.activate(activation, host) {
                        self.handle_broken(now, broken);
                    }
                }
                Effect::Notify(event) => host.notify(event),
                Effect::Cloud(event) => host.cloud(event),
                Effect::Diverged(divergence) => host.diverged(divergence),
                Effect::Wake(at) => self.wake = Some(at),
            }
        }
    }

    /// Otherwise the place whose model can't be loaded, and whether its file is gone.
    fn activate(&mut self, activation: Activation, host: &mut impl Host) -> Result<(), (Place, bool)> {
        let (store, mut lost) = (&mut self.store, false);
        let mut models = |slot: Slot| store.model(slot.key()).inspect_err(|error| lost = is_lost(error));
        host.activate(activation, &mut models).map_err(|place| (place, lost))?;
        self.is_new = true;
        Ok(())
    }

    fn handle_broken(&mut self, now: Time, (place, lost): (Place, bool)) {
        if lost { self.client.handle_lost(now, place) } else { self.client.handle_broken(now, place) }
    }
}

fn is_lost(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}
