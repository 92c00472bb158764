//! A device with a clock of its own: the native driver with its store, real models and the real server, at times that a test says.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use dunlin_engine::{Classifier, Isa, Limits};
use dunlin_native::{Driver, Folder, Host, Http, Input, ModelFile, Models, Store};
use dunlin_sync::drift::{Divergence, Subject};
use dunlin_sync::{
    Activation, Conditions, Config, Event, Failure, Place, Reason, Request, Settings, Time, Trial, fallback,
};

/// The device.
pub struct Away {
    driver: Driver<Folder>,
    hands: Hands,
    now: Time,
}

/// What the driver leaves to others.
struct Hands {
    http: Http,
    is_online: bool,
    factory: PathBuf,
    answers: VecDeque<Input>,
    events: Vec<Event>,
    answering: Option<(u32, Classifier<ModelFile>)>,
}

impl Away {
    /// Starts it at a time.
    pub fn start(folder: &Path, factory: &Path, config: Config, now: Time) -> Self {
        let store = Store::open(folder).expect("a store");
        let mut hands = Hands {
            http: Http::new(),
            is_online: true,
            factory: factory.to_owned(),
            answers: VecDeque::new(),
            events: Vec::new(),
            answering: None,
        };
        let mut driver = Driver::open(Settings::from(config), store, [9; 32], now).expect("its files can be read");
        driver.serve(now, &mut hands).expect("the app's model");
        let mut device = Self { driver, hands, now };
        device.handle(Input::Conditions(Conditions::default()));
        device
    }

    /// Whether requests reach anyone from now on.
    pub fn set_online(&mut self, is_online: bool) {
        self.hands.is_online = is_online;
    }

    /// Lives on until a time.
    pub fn live_until(&mut self, end: Time) {
        while let Some(next) = self.driver.next().filter(|&next| next <= end) {
            self.now = self.now.max(next);
            self.handle(Input::Wake);
        }
        self.now = end;
    }

    /// What the app was told since it was last asked.
    pub fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.hands.events)
    }

    /// What it says of a text, and by which version.
    pub fn ask(&mut self, text: &str) -> (u32, usize) {
        let (version, classifier) = self.hands.answering.as_mut().expect("a model answers");
        classifier.classify_text(text).expect("a model for texts");
        (*version, classifier.scores().best().expect("a class"))
    }

    fn handle(&mut self, input: Input) {
        self.driver.handle(self.now, input, &mut self.hands);
        while let Some(answer) = self.hands.answers.pop_front() {
            self.driver.handle(self.now, answer, &mut self.hands);
        }
    }
}

fn load(model: ModelFile) -> Option<Classifier<ModelFile>> {
    Classifier::load(model, Isa::best(), Limits::default()).ok()
}

impl Host for Hands {
    fn send(&mut self, request: Request) {
        let answer = if self.is_online { self.http.send(&request) } else { Err(Failure::Connect) };
        self.answers.push_back(Input::Response(request.id, answer));
    }

    fn factory(&mut self) -> Option<Vec<u8>> {
        std::fs::read(&self.factory).ok()
    }

    fn trial(&mut self, _: Trial, model: ModelFile) -> Result<(), Reason> {
        load(model).map(drop).ok_or(Reason::Load)
    }

    fn activate(&mut self, activation: Activation, models: &mut Models<'_>) -> Result<(), Place> {
        let place = activation.first.place;
        let model = match place {
            Place::Factory => ModelFile::open(&self.factory),
            Place::Slot(slot) => models(slot),
        };
        let classifier = model.ok().and_then(load).ok_or(place)?;
        self.answering = Some((activation.first.version, classifier));
        Ok(())
    }

    fn subject(&mut self) -> Option<Subject> {
        None
    }

    fn notify(&mut self, event: Event) {
        self.events.push(event);
    }

    fn cloud(&mut self, event: fallback::Event) {
        panic!("nobody was asked: {event:?}");
    }

    fn diverged(&mut self, divergence: Divergence) {
        panic!("nothing is counted: {divergence:?}");
    }
}
