//! A session: an app's program starts with what its store has, answers some inputs, and ends. It performs what the client of `dunlin-sync` asks
//! for, as any host does, but for what needs an engine: a release's fault says what would come of that.

use std::sync::Arc;

use dunlin_protocol::summary::{Baseline, Rollback};
use dunlin_sync::drift::{self, Subject};
use dunlin_sync::{
    Activation, Client, Conditions, Config, Effect, Event, Floor, Observation, Request, Settings, Slot, Time, Trial,
    When, fallback,
};
use serde_json::{Value, json};

use super::answers::{Answers, agrees, cohort};
use super::device::{Device, Lie};
use super::dice::Dice;
use super::line::{Line, SITE, Traffic};
use super::release::Release;
use crate::args::{LOCALES, Plan};

/// What all devices have in common.
pub struct World {
    /// What happens.
    pub plan: Plan,
    /// The time at which day 0 begins.
    pub start: Time,
    /// What models answer.
    pub answers: Answers,
    /// What answers look like where all is well.
    pub baseline: Arc<Baseline>,
    /// The model's name.
    pub model: String,
    /// The root of trust.
    pub root: Vec<u8>,
    /// The newest version of artifacts that engines read.
    pub runtime: u32,
    /// Devices' token.
    pub token: String,
    /// What they tell.
    pub mode: drift::Mode,
    /// The way to the server.
    pub line: Arc<Line>,
}

/// What happened in sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// What went over the line.
    pub traffic: Traffic,
    /// How often a program ended between two effects, and was started again.
    pub ends: u64,
    /// How often devices found that their own answers aren't what they were.
    pub diverged: u64,
    /// Inputs that were answered.
    pub inputs: u64,
}

impl Tally {
    /// Both together.
    pub fn add(&mut self, other: &Self) {
        self.traffic.add(&other.traffic);
        self.ends += other.ends;
        self.diverged += other.diverged;
        self.inputs += other.inputs;
    }
}

/// A session that runs.
pub struct Session {
    world: Arc<World>,
    /// All releases, the app's own first.
    releases: Arc<Vec<Arc<Release>>>,
    device: Box<Device>,
    dice: Dice,
    now: Time,
    client: Client,
    active: Activation,
    wake: Option<Time>,
    /// After so many effects the program ends, if it does.
    fuel: Option<u64>,
    tally: Tally,
}

/// The program has ended.
struct Ended;

impl Session {
    /// Starts a device's program.
    pub fn begin(world: Arc<World>, releases: Arc<Vec<Arc<Release>>>, device: Box<Device>, now: Time) -> Self {
        let begun = now.since(world.start);
        let mut dice = Dice::of(world.plan.seed, "session", [device.number, (begun / MINUTE) as u32]);
        let fuel = dice.happens(world.plan.restarts).then(|| dice.below(EFFECTS));
        let client = restore(&world, &device, &mut dice, now);
        let active = Activation { first: client.serving(), shadow: None, left: None };
        let tally = Tally::default();
        let mut session = Self { world, releases, device, dice, now, client, active, wake: None, fuel, tally };
        session.settle_in();
        session
    }

    /// Answers so many inputs.
    pub async fn run(mut self, inputs: u32) -> (Box<Device>, Tally) {
        self.go_on().await;
        for _ in 0..inputs {
            let next = self.now.after(LEAST_PAUSE + self.dice.below(LONGEST / u64::from(inputs)));
            while let Some(wake) = self.wake.take_if(|wake| *wake <= next) {
                self.now = self.now.max(wake);
                self.client.handle_wake(self.now);
                self.go_on().await;
            }
            self.now = self.now.max(next);
            self.answer();
            self.go_on().await;
        }
        self.client.handle_end(self.now);
        self.go_on().await;
        self.device.version = self.active.first.version;
        (self.device, self.tally)
    }

    /// Starts the program again, as it ended.
    fn begin_again(&mut self) {
        self.tally.ends += 1;
        self.now = self.now.after(RESTART);
        self.client = restore(&self.world, &self.device, &mut self.dice, self.now);
        self.active = Activation { first: self.client.serving(), shadow: None, left: None };
        self.wake = None;
        self.settle_in();
    }

    /// Tells a client what only its host knows.
    fn settle_in(&mut self) {
        let metered = self.dice.happens(METERED);
        self.client.handle_conditions(self.now, Conditions { metered, charging: true });
        self.tell_subject();
    }

    fn tell_subject(&mut self) {
        let model = self.device.at(self.active.first.place, &self.releases[0]).sha256;
        let baseline = (*self.world.baseline).clone();
        let subject = Subject { model, baseline, cohort: cohort(LOCALES[self.device.locale]) };
        self.client.drift().handle_subject(self.now, subject);
    }

    /// Performs effects until there is none; a program that ends is started again.
    async fn go_on(&mut self) {
        while self.perform_all().await.is_err() {
            self.begin_again();
        }
    }

    async fn perform_all(&mut self) -> Result<(), Ended> {
        while let Some(effect) = self.client.poll(self.now) {
            let ends = self.fuel == Some(0);
            self.fuel = self.fuel.and_then(|fuel| fuel.checked_sub(1));
            // Before the effect, or right after it.
            if ends && self.dice.happens(500) {
                return Err(Ended);
            }
            self.perform(effect).await?;
            if ends {
                return Err(Ended);
            }
        }
        Ok(())
    }

    async fn perform(&mut self, effect: Effect) -> Result<(), Ended> {
        match effect {
            Effect::Send(request) => self.send(request).await,
            Effect::Commit(commit) => {
                commit.changes.into_iter().for_each(|(key, value)| self.store(key, value));
                self.client.handle_commit(self.now, commit.id, Ok(()));
            }
            Effect::Read(read) => {
                let bytes = self.device.at(read.place, &self.releases[0]).bytes.clone();
                self.client.handle_read(self.now, read.id, Some(bytes));
            }
            Effect::Trial(trial) => {
                let outcome = self.try_out(trial)?;
                self.client.handle_trial(self.now, outcome);
            }
            Effect::Activate(activation) => {
                self.active = activation;
                self.tell_subject();
            }
            Effect::Notify(event) => self.note(&event),
            Effect::Diverged(_) => self.tally.diverged += 1,
            Effect::Wake(at) => self.wake = Some(at),
            // There is no cloud to ask.
            Effect::Cloud(_) => (),
        }
        Ok(())
    }

    async fn send(&mut self, mut request: Request) {
        if let Some(lie) = self.device.lie.filter(|_| !request.body.is_empty()) {
            request.body = lied(&request.body, lie, &mut self.dice);
        }
        self.now = self.now.after(LEAST_TRIP + self.dice.below(TRIP));
        let answer = self.world.line.send(self.device.number, &request, &mut self.dice, &mut self.tally.traffic).await;
        self.client.handle_response(self.now, request.id, answer);
    }

    fn store(&mut self, key: String, value: Option<Vec<u8>>) {
        if [Slot::A, Slot::B].iter().any(|slot| slot.key() == key) {
            let known = |bytes: Vec<u8>| self.releases.iter().find(|release| release.bytes == bytes).map(Arc::clone);
            let release = value.map(|bytes| known(bytes).expect("a client stores nothing but what was published"));
            self.device.set_slot(&key, release);
        } else if let Some(value) = value {
            self.device.stored.insert(key, value);
        } else {
            self.device.stored.remove(&key);
        }
    }

    /// What would come of loading a model and asking it its golden inputs.
    fn try_out(&mut self, trial: Trial) -> Result<Result<(), Rollback>, Ended> {
        let release = self.device.at(dunlin_sync::Place::Slot(trial.slot), &self.releases[0]);
        match release.fault {
            Some(Rollback::Crash) => Err(Ended),
            Some(fault @ (Rollback::Load | Rollback::Golden)) => Ok(Err(fault)),
            Some(Rollback::Latency) if trial.latency_ms.is_some() => Ok(Err(Rollback::Latency)),
            _ => Ok(Ok(())),
        }
    }

    fn note(&mut self, event: &Event) {
        let day = self.day();
        if let Event::RolledBack { version, reason, .. } = *event
            && let Some(fate) = self.device.fate(version)
        {
            // A program that ended before this was durable hears it again.
            fate.back.get_or_insert((day, reason));
        }
    }

    /// Answers one input; if there is a shadow, both models do.
    fn answer(&mut self) {
        let (day, locale) = (self.day(), LOCALES[self.device.locale]);
        let drift = self.world.plan.drift.as_ref().filter(|drift| day >= drift.at);
        let drift = drift.filter(|drift| drift.cohort.as_ref().is_none_or(|cohort| cohort == locale));
        let is_other = drift.is_some_and(|drift| self.dice.unit() < drift.share);
        let fault = self.device.at(self.active.first.place, &self.releases[0]).fault;
        let answer = self.world.answers.draw(self.device.locale, is_other, fault, &mut self.dice);
        if self.active.shadow.is_some() {
            let (agrees, falls_back) = (agrees(fault, &mut self.dice), answer.reason.is_some());
            let latency = u64::from(answer.latency);
            self.client.handle_observation(self.now, Observation { agrees, falls_back, latency });
        }
        self.client.drift().handle_answer(self.now, &answer);
        self.tally.inputs += 1;
    }

    fn day(&self) -> u32 {
        self.now.day() - self.world.start.day()
    }
}

fn restore(world: &World, device: &Device, dice: &mut Dice, now: Time) -> Client {
    let locale = LOCALES[device.locale].to_owned();
    let update = Config {
        model: world.model.clone(),
        factory: 1,
        repository: format!("{SITE}/repository"),
        root: world.root.clone(),
        floor: Floor::default(),
        cohorts: vec![locale],
        runtime: world.runtime,
        build: "1".to_owned(),
        interval: DAY,
        when: When::default(),
    };
    let settings = Settings {
        update,
        fallback: fallback::Config::default(),
        drift: drift::Settings { mode: world.mode.clone(), server: SITE.to_owned(), token: Some(world.token.clone()) },
    };
    Client::restore(settings, &device.stored, dice.seed(), now)
}

/// A batch of summaries with other bins than it had.
fn lied(body: &[u8], lie: Lie, dice: &mut Dice) -> Vec<u8> {
    let Ok(mut batch) = serde_json::from_slice::<Value>(body) else { return body.to_vec() };
    let summaries = batch["summaries"].as_array_mut().into_iter().flatten();
    let bins = summaries.filter_map(|summary| summary["bins"].as_object_mut()).flat_map(|bins| bins.values_mut());
    for bin in bins {
        *bin = json!(if lie == Lie::MadeUp { dice.below(MADE_UP) } else { CONSTANT });
    }
    batch.to_string().into_bytes()
}

const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 60 * MINUTE;

/// A program that ends amid its work does so within so many effects.
const EFFECTS: u64 = 40;

/// Milliseconds until a program is started again that ended.
const RESTART: u64 = 5_000;

/// Between two inputs, and from the first to the last.
const LEAST_PAUSE: u64 = 500;
const LONGEST: u64 = 10 * MINUTE;

/// How long a request takes.
const LEAST_TRIP: u64 = 30;
const TRIP: u64 = 400;

/// In how many sessions of a thousand the connection costs.
const METERED: u16 = 300;

/// Made-up bins are below this, which is more than most metrics have.
const MADE_UP: u64 = 12;

/// The bin that a constant liar tells.
const CONSTANT: u64 = 1;
