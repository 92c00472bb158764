//! A host in simulated time. It may be ended between any two effects, and within those that take long.

use std::collections::VecDeque;

use dunlin_sync::{
    Activation, Client, Conditions, Config, Effect, Event, Failure, Floor, Installed, Observation, Place, Reason,
    Request, Response, Slot, StoreFailure, Stored, Time, When,
};

use super::repository::{Repository, sha256};

pub const MINUTE: u64 = 60_000;
pub const HOUR: u64 = 60 * MINUTE;
pub const DAY: u64 = 24 * HOUR;
pub const START: Time = Time(20_000 * DAY);
/// Far after all that is tested.
pub const LATE: u64 = 25_000 * 86_400;

/// What the network does.
#[derive(Clone, Debug, PartialEq)]
pub enum Network {
    Up,
    Fails(Failure),
    Says(u16, Option<&'static str>),
}

/// Why a host does no more.
#[derive(Debug, PartialEq)]
pub enum Ended {
    /// It came as far as it was to come.
    Fuel,
    /// A model ended it.
    Crash,
    /// Its user did.
    Closed,
}

/// A device.
pub struct World {
    pub now: Time,
    pub config: Config,
    pub repository: Repository,
    pub network: Network,
    pub conditions: Conditions,
    pub store: Stored,
    /// What the store says to every commit.
    pub store_fails: Option<StoreFailure>,
    pub factory: Vec<u8>,
    pub client: Option<Client>,
    pub active: Activation,
    pub events: Vec<Event>,
    pub requests: Vec<String>,
    pub received: u64,
    pub commits: usize,
    wake: Option<Time>,
    /// So many times it is closed while a model is started.
    pub closes: usize,
    /// So many effects are performed; the next one ends the host, before it is performed or after.
    pub fuel: Option<(usize, bool)>,
    pub performed: usize,
}

impl World {
    /// A device with an app that ships version 1.
    pub fn new(repository: Repository) -> Self {
        let config = Config {
            model: "m".into(),
            factory: 1,
            repository: "https://models.example/repository".into(),
            root: repository.root(),
            floor: Floor::default(),
            cohorts: vec!["de".into()],
            runtime: 1,
            build: "1.0".into(),
            interval: DAY,
            when: When::default(),
        };
        let active = Activation { first: Installed { place: Place::Factory, version: 1 }, shadow: None, left: None };
        let mut world = Self {
            now: START,
            config,
            repository,
            network: Network::Up,
            conditions: Conditions::default(),
            store: Stored::new(),
            store_fails: None,
            factory: model(1, ""),
            client: None,
            active,
            events: Vec::new(),
            requests: Vec::new(),
            received: 0,
            commits: 0,
            wake: None,
            closes: 0,
            fuel: None,
            performed: 0,
        };
        world.start();
        world
    }

    /// Starts the program, again or for the first time.
    pub fn start(&mut self) {
        let stored = self.store.iter().filter(|(key, _)| !key.starts_with("slot/"));
        let stored = stored.map(|(key, value)| (key.clone(), value.clone())).collect();
        let mut client = Client::restore(self.config.clone().into(), &stored, [7; 32], self.now);
        self.active = Activation { first: client.serving(), shadow: None, left: None };
        self.wake = None;
        client.handle_conditions(self.now, self.conditions);
        self.client = Some(client);
        self.check_serving();
    }

    pub fn client(&mut self) -> &mut Client {
        self.client.as_mut().expect("a program that runs")
    }

    /// Goes on for so long. A program that ended is started again at once.
    pub fn pass(&mut self, milliseconds: u64) {
        let end = self.now.after(milliseconds);
        let mut starts = 0;
        while self.run_until(end).is_err() {
            starts += 1;
            assert!(starts < 10, "the program ends again and again");
            self.start();
        }
    }

    /// Goes on until a time, unless the program ends before.
    pub fn run_until(&mut self, end: Time) -> Result<(), Ended> {
        loop {
            self.perform_all()?;
            match self.wake.filter(|&wake| wake <= end) {
                Some(wake) => {
                    self.now = self.now.max(wake);
                    self.wake = None;
                    let (now, conditions) = (self.now, self.conditions);
                    self.client().handle_conditions(now, conditions);
                    self.client().handle_wake(now);
                }
                None => {
                    self.now = end;
                    return Ok(());
                }
            }
        }
    }

    /// Performs effects until there is none.
    pub fn perform_all(&mut self) -> Result<(), Ended> {
        let mut count = 0;
        loop {
            let now = self.now;
            let Some(effect) = self.client().poll(now) else { return Ok(()) };
            count += 1;
            assert!(count < 1000, "effects without an end: {effect:?}");
            let ends = self.fuel.filter(|&(fuel, _)| fuel == self.performed).map(|(_, after)| after);
            if ends == Some(false) {
                return self.end(Ended::Fuel);
            }
            self.performed += 1;
            self.perform(effect)?;
            self.check_serving();
            if ends == Some(true) {
                return self.end(Ended::Fuel);
            }
        }
    }

    /// The program ends as it wants.
    pub fn leave(&mut self) {
        let now = self.now;
        self.client().handle_end(now);
        self.perform_all().expect("it ends no earlier");
    }

    fn end(&mut self, why: Ended) -> Result<(), Ended> {
        self.client = None;
        self.fuel = None;
        Err(why)
    }

    fn perform(&mut self, effect: Effect) -> Result<(), Ended> {
        let now = self.now;
        match effect {
            Effect::Send(request) => {
                let response = self.answer(&request);
                self.client().handle_response(now, request.id, response);
            }
            Effect::Commit(commit) => {
                let done = self.store_fails.map_or(Ok(()), Err);
                if done.is_ok() {
                    self.commits += 1;
                    for (key, value) in commit.changes {
                        match value {
                            Some(value) => self.store.insert(key, value),
                            None => self.store.remove(&key),
                        };
                    }
                }
                self.client().handle_commit(now, commit.id, done);
            }
            Effect::Read(read) => {
                let bytes = self.bytes_at(read.place).cloned();
                self.client().handle_read(now, read.id, bytes);
            }
            Effect::Trial(trial) => {
                if self.closes > 0 {
                    self.closes -= 1;
                    self.leave();
                    return self.end(Ended::Closed);
                }
                let bytes = self.bytes_at(Place::Slot(trial.slot)).expect("a model that is tried is there");
                let outcome = match String::from_utf8_lossy(bytes) {
                    text if text.contains("lost!") => Err(Reason::Lost),
                    text if text.contains("crash!") => return self.end(Ended::Crash),
                    text if text.contains("load!") => Err(Reason::Load),
                    text if text.contains("golden!") => Err(Reason::Golden),
                    text if text.contains("slow!") && trial.latency_ms.is_some() => Err(Reason::Latency),
                    _ => Ok(()),
                };
                self.client().handle_trial(now, outcome);
            }
            Effect::Activate(activation) => self.active = activation,
            Effect::Notify(event) => self.events.push(event),
            Effect::Cloud(event) => panic!("nobody was asked: {event:?}"),
            Effect::Diverged(divergence) => panic!("nothing is counted: {divergence:?}"),
            Effect::Wake(time) => self.wake = Some(time),
        }
        Ok(())
    }

    fn answer(&mut self, request: &Request) -> Result<Response, Failure> {
        let path = request.url.strip_prefix("https://models.example/repository/").expect("the repository's address");
        self.requests.push(path.to_owned());
        match &self.network {
            Network::Fails(failure) => return Err(*failure),
            Network::Says(status, wait) => {
                let headers = wait.iter().map(|wait| ("retry-after".to_owned(), (*wait).to_owned())).collect();
                return Ok(Response { status: *status, headers, body: Vec::new() });
            }
            Network::Up => (),
        }
        let Some(body) = self.repository.files.get(path).cloned() else {
            return Ok(Response { status: 404, ..Response::default() });
        };
        self.received += body.len() as u64;
        if body.len() as u64 > request.max_bytes {
            Err(Failure::TooLong)
        } else {
            Ok(Response { status: 200, headers: Vec::new(), body })
        }
    }

    /// The app classifies so many inputs.
    pub fn classify(&mut self, inputs: usize) {
        for _ in 0..inputs {
            if let Err(ended) = self.classify_one() {
                assert_eq!(ended, Ended::Fuel);
                self.start();
            }
        }
    }

    /// The app classifies an input; if there is a shadow, both models do.
    pub fn classify_one(&mut self) -> Result<(), Ended> {
        let text = String::from_utf8_lossy(self.bytes_at(self.active.first.place).expect("a model")).into_owned();
        if text.contains("dies!") {
            return self.end(Ended::Crash);
        }
        if self.active.shadow.is_some() {
            let observation = Observation {
                agrees: !text.contains("other!"),
                falls_back: text.contains("unsure!"),
                latency: if text.contains("late!") { 300_000 } else { 1000 },
            };
            let now = self.now;
            self.client().handle_observation(now, observation);
        }
        self.perform_all()
    }

    pub fn bytes_at(&self, place: Place) -> Option<&Vec<u8>> {
        match place {
            Place::Factory => Some(&self.factory),
            Place::Slot(slot) => self.store.get(slot.key()),
        }
    }

    /// The version that answers.
    pub fn answering(&self) -> u32 {
        let text = String::from_utf8_lossy(self.bytes_at(self.active.first.place).expect("a model")).into_owned();
        let version = text[1..].split(' ').next().and_then(|version| version.parse().ok()).expect("a version");
        assert_eq!(version, self.active.first.version);
        version
    }

    pub fn take_events(&mut self) -> VecDeque<Event> {
        std::mem::take(&mut self.events).into()
    }

    /// The device can answer, whatever happens now.
    fn check_serving(&self) {
        let state: serde_json::Value = match self.store.get("state") {
            // A test may have broken it.
            Some(bytes) => serde_json::from_slice(bytes).unwrap_or_default(),
            None => return,
        };
        let whole = |slot: &str| {
            let held = state[slot]["sha256"].as_str().expect("a slot that is said to hold a model");
            let bytes = self.store.get(&format!("slot/{slot}")).expect("the bytes of a model that is held");
            assert_eq!(sha256(bytes), held);
        };
        for slot in ["a", "b"] {
            if !state[slot].is_null() {
                whole(slot);
            }
        }
        if let Some(slot @ ("a" | "b")) = state["serving"].as_str() {
            whole(slot);
        }
        assert!(self.bytes_at(self.active.first.place).is_some(), "what answers is there");
    }
}

/// A model of a version; `manner` says how it behaves. It shares much with those of other versions.
pub fn model(version: u32, manner: &str) -> Vec<u8> {
    let mut bytes = format!("v{version} {manner} ").into_bytes();
    bytes.extend((0..4000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8 | 0x80));
    bytes
}

pub const SLOT_A: Place = Place::Slot(Slot::A);
pub const SLOT_B: Place = Place::Slot(Slot::B);
