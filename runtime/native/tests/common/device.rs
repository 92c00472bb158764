//! A device in simulated time: a driver on some disk, models that are texts, a server that is a map.

use std::collections::VecDeque;

use dunlin_native::{Disk, Driver, Host, Input, ModelFile, Models, Store};
use dunlin_sync::drift::{Divergence, Subject};
use dunlin_sync::fallback;
use dunlin_sync::{
    Activation, Conditions, Config, Event, Failure, Floor, Observation, Place, Reason, Request, Response, Time, Trial,
    When,
};

use super::repository::Repository;

pub const DAY: u64 = 86_400_000;
pub const START: Time = Time(20_000 * DAY);
/// Far after all that is tested.
pub const LATE: u64 = 25_000 * 86_400;

/// What a model says of itself: its version and how it behaves.
pub fn model(version: u32, manner: &str) -> Vec<u8> {
    let mut bytes = format!("v{version} {manner} ").into_bytes();
    // Longer than what a journal takes.
    bytes.extend((0..70_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8 | 0x80));
    bytes
}

pub fn config(repository: &Repository) -> Config {
    Config {
        model: "m".into(),
        factory: 1,
        repository: "https://models.example/repository".into(),
        root: repository.root(),
        floor: Floor::default(),
        cohorts: Vec::new(),
        runtime: 1,
        build: "1.0".into(),
        interval: DAY,
        when: When::default(),
    }
}

/// What a driver leaves to others.
pub struct Hands {
    pub repository: Repository,
    /// Whether requests are answered at all.
    pub answers: bool,
    /// What every request is answered with instead of a file.
    pub instead: Option<Result<Response, Failure>>,
    pub sent: Vec<Request>,
    pub inputs: VecDeque<Input>,
    pub events: Vec<Event>,
    pub cloud: Vec<fallback::Event>,
    /// All that was done, in its order.
    pub log: Vec<String>,
    pub active: Option<Activation>,
    /// What the models say that answer.
    pub texts: Vec<String>,
    pub factory: Vec<u8>,
}

impl Hands {
    pub fn new(repository: Repository) -> Self {
        Self {
            repository,
            answers: true,
            instead: None,
            sent: Vec::new(),
            inputs: VecDeque::new(),
            events: Vec::new(),
            cloud: Vec::new(),
            log: Vec::new(),
            active: None,
            texts: Vec::new(),
            factory: model(1, ""),
        }
    }
}

impl Host for Hands {
    fn send(&mut self, request: Request) {
        self.log.push(format!("send {}", request.url));
        let path = request.url.strip_prefix("https://models.example/repository/").unwrap_or_default();
        let found = self.repository.files.get(path).cloned();
        let status = if found.is_some() { 200 } else { 404 };
        let response = Ok(Response { status, headers: Vec::new(), body: found.unwrap_or_default() });
        if self.answers {
            self.inputs.push_back(Input::Response(request.id, self.instead.clone().unwrap_or(response)));
        }
        self.sent.push(request);
    }

    fn factory(&mut self) -> Option<Vec<u8>> {
        Some(self.factory.clone())
    }

    fn trial(&mut self, trial: Trial, model: ModelFile) -> Result<(), Reason> {
        self.log.push(format!("trial {}", trial.version));
        let text = String::from_utf8_lossy(model.as_ref()).into_owned();
        if text.contains("golden!") { Err(Reason::Golden) } else { Ok(()) }
    }

    fn activate(&mut self, activation: Activation, models: &mut Models<'_>) -> Result<(), Place> {
        let wanted = [Some(activation.first), activation.shadow];
        let mut texts = Vec::new();
        for place in wanted.into_iter().flatten().map(|installed| installed.place) {
            let bytes = match place {
                Place::Factory => self.factory.clone(),
                Place::Slot(slot) => models(slot).map_err(|_| place)?.as_ref().to_vec(),
            };
            if bytes == b"load!" {
                return Err(place);
            }
            texts.push(String::from_utf8_lossy(&bytes).into_owned());
        }
        self.log.push(format!("activate {}", activation.first.version));
        (self.active, self.texts) = (Some(activation), texts);
        Ok(())
    }

    fn subject(&mut self) -> Option<Subject> {
        None
    }

    fn notify(&mut self, event: Event) {
        self.log.push(format!("notify {event:?}"));
        self.events.push(event);
    }

    fn cloud(&mut self, event: fallback::Event) {
        self.log.push(format!("cloud {event:?}"));
        self.cloud.push(event);
    }

    fn diverged(&mut self, divergence: Divergence) {
        panic!("nothing is counted: {divergence:?}");
    }
}

/// A program that runs on a device.
pub struct Device<D> {
    pub driver: Driver<D>,
    pub hands: Hands,
    pub now: Time,
}

impl<D: Disk> Device<D> {
    /// Starts the program.
    pub fn start(store: Store<D>, config: Config, hands: Hands, now: Time) -> std::io::Result<Self> {
        let driver = Driver::open(config.into(), store, [7; 32], now)?;
        let mut device = Self { driver, hands, now };
        let served = device.driver.serve(now, &mut device.hands);
        assert_eq!(served, Ok(()), "it answers");
        device.handle(Input::Conditions(Conditions::default()));
        Ok(device)
    }

    /// Takes something in, and all that follows at once.
    pub fn handle(&mut self, input: Input) {
        self.hands.inputs.push_back(input);
        while let Some(input) = self.hands.inputs.pop_front() {
            self.driver.handle(self.now, input, &mut self.hands);
        }
    }

    /// Goes on for so long.
    pub fn pass(&mut self, milliseconds: u64) {
        let end = self.now.after(milliseconds);
        while let Some(next) = self.driver.next().filter(|&next| next <= end) {
            self.now = self.now.max(next);
            self.handle(Input::Wake);
        }
        self.now = end;
        self.handle(Input::Wake);
    }

    /// The app classifies so many inputs.
    pub fn classify(&mut self, inputs: usize) {
        for _ in 0..inputs {
            let [first, _] = self.hands.texts.as_slice() else { return };
            let agrees = !first.contains("other!");
            self.handle(Input::Observation(Observation { agrees, falls_back: false, latency: 1 }));
        }
    }

    /// The version that answers.
    pub fn answering(&self) -> u32 {
        let version = self.hands.active.expect("a program that runs").first.version;
        assert!(self.hands.texts[0].starts_with(&format!("v{version} ")), "it is the model that it is said to be");
        version
    }
}
