//! A classifier that keeps itself up to date.

mod models;
mod question;
mod thread;
mod transport;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

use dunlin_client::{Context, Outcome};
use dunlin_engine::classifier::ClassifyError;
use dunlin_engine::task::Pixels;
use dunlin_engine::{Limits, ModelError};
use dunlin_protocol::oip::Consent;
use dunlin_protocol::summary::Cohort;
use dunlin_sync::drift::{self, Divergence, Mode};
use dunlin_sync::fallback::{self, Audits, Question, Ticket};
use dunlin_sync::{Chance, Conditions, Config, Event, Installed, Settings, Time};

use crate::driver::{Driver, Input, Told};
use crate::model::ModelFile;
use crate::store::Store;
pub use models::Loaded;
use models::{ModelHost, Serving};
pub use question::Cloud;
use question::Doubt;
use thread::Message;
pub use transport::{Done, Transport};

/// A classifier that keeps itself up to date.
///
/// Any thread may ask it; answers come one after the other, and never wait for files or the network. A thread of its own looks for
/// updates, tries them, keeps them or takes them back; it ends when this is dropped, which waits for what it is doing, a trial at most.
#[derive(Debug)]
pub struct Client {
    serving: Arc<Mutex<Serving>>,
    /// Whether answers are counted.
    counts: Arc<AtomicBool>,
    audits: Mutex<Audits>,
    thread: Sender<Message>,
    joined: Option<JoinHandle<()>>,
}

/// What a client is made of.
pub struct Options {
    /// The client's own folder, which is made where there is none. Only one client may have it open.
    pub folder: PathBuf,
    /// The model that the app ships; its version is that of `config`.
    pub factory: ModelFile,
    /// What the app wants of updates.
    pub config: Config,
    /// What it wants of questions to the cloud; by default there is nobody to ask.
    pub cloud: fallback::Config,
    /// What it tells a server of its days; by default nothing.
    pub drift: drift::Settings,
    /// Whose answers those are: at most three coarse words, of what the publisher allows.
    pub cohort: Cohort,
    /// How much memory a model may take.
    pub limits: Limits,
    /// Sends requests.
    pub transport: Box<dyn Transport>,
    /// Says how the device is doing, whenever that matters; from the client's thread.
    pub conditions: Box<dyn Fn() -> Conditions + Send>,
    /// Is told what happens, from the client's thread.
    pub events: Box<dyn Fn(Happened) + Send>,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("folder", &self.folder).field("config", &self.config).finish_non_exhaustive()
    }
}

/// What a client's app is told.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Happened {
    /// Of updates.
    Update(Event),
    /// Of questions to the cloud.
    Cloud(fallback::Event),
    /// This device's answers aren't what they were.
    Diverged(Divergence),
}

/// An input.
#[derive(Clone, Copy, Debug)]
pub enum Ask<'a> {
    /// A text.
    Text(&'a str),
    /// A picture.
    Pixels(&'a Pixels<'a>),
    /// All values of a model's only input.
    Values(&'a [f32]),
}

/// What a client says of an input.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// What is to be done.
    pub outcome: Outcome,
    /// The most probable class.
    pub class: usize,
    /// Its name, if the model has names.
    pub label: Option<String>,
    /// Its calibrated probability.
    pub probability: f32,
    /// By how much it is more probable than the next one.
    pub margin: f32,
    /// How unlike the model's inputs the input is: the higher, the less like them.
    pub energy: f32,
    /// The version of the model that said so.
    pub version: u32,
}

/// Why a client can't be opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// The folder can't be used, or another client has it open (`WouldBlock`). The app or the device.
    Folder(io::Error),
    /// The model that the app ships can't be loaded. The app.
    Factory(ModelError),
    /// The system has no randomness, or no thread. The device.
    System(io::Error),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(error) if error.kind() == io::ErrorKind::WouldBlock => {
                f.write_str("another client has the folder open: close it, or use another folder")
            }
            Self::Folder(error) => write!(f, "the client's folder can't be used: {error}"),
            Self::Factory(error) => write!(f, "the model that the app ships can't be loaded: {error}"),
            Self::System(error) => write!(f, "the system gives neither chance nor a thread: {error}"),
        }
    }
}

impl std::error::Error for OpenError {}

impl Client {
    /// Opens a client: what was last good answers at once.
    ///
    /// Reads and loads a model, so not on an app's main thread.
    ///
    /// # Errors
    /// [`OpenError`]
    pub fn open(options: Options) -> Result<Self, OpenError> {
        let Options { folder, factory, config, cloud, drift, cohort, limits, transport, conditions, events } = options;
        let store = Store::open(&folder).map_err(OpenError::Folder)?;
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| OpenError::System(error.into()))?;
        let now = now();
        let counts = Arc::new(AtomicBool::new(drift.mode != Mode::Off));
        let mut seeds = Chance::new(seed);
        let audits = Mutex::new(Audits::new(cloud.audits, Chance::new(seeds.bytes())));
        let settings = Settings { update: config, fallback: cloud, drift };
        let mut driver = Driver::open(settings, store, seeds.bytes(), now).map_err(OpenError::Folder)?;
        let (sender, receiver) = channel();
        let serving = Arc::new(Mutex::new(Serving::new(Arc::clone(&counts))));
        let mut host = ModelHost {
            factory: Arc::new(factory),
            limits,
            cohort,
            serving: Arc::clone(&serving),
            candidate: None,
            fault: None,
            transport,
            events,
            thread: sender.clone(),
        };
        if driver.serve(now, &mut host).is_err() {
            let fault = host.fault.expect("the app's model is at hand, so that it was its loading that failed");
            return Err(OpenError::Factory(fault));
        }
        let body = move || thread::run(driver, host, conditions, &receiver);
        let joined = std::thread::Builder::new().name("dunlin".into()).spawn(body).map_err(OpenError::System)?;
        Ok(Self { serving, counts, audits, thread: sender, joined: Some(joined) })
    }

    /// Answers.
    ///
    /// `context` says what only the app knows; its signs of evasion are found here. While a new model is on trial, both are asked.
    ///
    /// # Errors
    /// The input doesn't fit the model.
    pub fn classify(&self, ask: Ask<'_>, context: &Context<'_>) -> Result<Answer, ClassifyError> {
        self.classify_with(ask, context, |loaded| loaded.answer(context))
    }

    /// Answers with what `read` makes of all that the model said. Nobody else is answered until it has.
    ///
    /// # Errors
    /// As [`Client::classify`].
    pub fn classify_with<T>(
        &self,
        ask: Ask<'_>,
        context: &Context<'_>,
        read: impl FnOnce(&Loaded) -> T,
    ) -> Result<T, ClassifyError> {
        let (answer, inputs) = {
            let mut serving = lock(&self.serving);
            let (said, inputs) = serving.classify(ask, context);
            (said.map(read), inputs)
        };
        inputs.into_iter().for_each(|input| self.tell(Message::Input(input)));
        answer
    }

    /// As [`Client::classify_with`], and asks the cloud where the outcome is a fallback: what follows is that of [`Client::ask`], otherwise `told`
    /// is never called. Where people may look at it, some of the answers are sent to them as well ([`fallback::Config::audits`]).
    ///
    /// # Errors
    /// As [`Client::classify`].
    pub fn classify_or_ask<T>(
        &self,
        ask: Ask<'_>,
        context: &Context<'_>,
        cloud: Cloud,
        told: impl FnOnce(Ticket) + Send + 'static,
        read: impl FnOnce(&Loaded) -> T,
    ) -> Result<T, ClassifyError> {
        let audited = cloud.review && lock(&self.audits).draw();
        let read = |loaded: &Loaded| (read(loaded), Doubt::of(loaded, context, audited));
        let (answer, doubt) = self.classify_with(ask, context, read)?;
        match doubt.map(|doubt| (doubt.audit(), doubt.question(ask, cloud.review))) {
            Some((None, question)) => self.ask(question, cloud.budget, told),
            Some((Some(probability), question)) => {
                self.tell(Message::Input(Input::Audit(question.into(), probability)));
            }
            None => (),
        }
        Ok(answer)
    }

    /// What `read` makes of the model that answers.
    pub fn model<T>(&self, read: impl FnOnce(&Loaded) -> T) -> T {
        read(lock(&self.serving).first())
    }

    /// Asks the cloud. The cloud's answer, or that the local one stands, comes as an event within `budget` milliseconds, and perhaps a
    /// better answer later; `told` gets the ticket that they have, from the client's thread.
    pub fn ask(&self, question: Question, budget: u64, told: impl FnOnce(Ticket) + Send + 'static) {
        let deadline = now().after(budget);
        self.tell(Message::Input(Input::Ask(question.into(), deadline, Told(Box::new(told)))));
    }

    /// The app has the cloud's later answer, which needn't be told again.
    pub fn done(&self, ticket: Ticket) {
        self.tell(Message::Input(Input::Done(ticket)));
    }

    /// The user allows more to be sent, or less.
    pub fn set_consent(&self, consent: Consent) {
        self.tell(Message::Input(Input::Consent(consent)));
    }

    /// The user agreed to summaries, or withdrew that: then what waits to be sent is deleted.
    pub fn set_summaries(&self, mode: Mode) {
        self.counts.store(mode != Mode::Off, Ordering::Relaxed);
        self.tell(Message::Input(Input::Summaries(mode)));
    }

    /// Looks for updates now, rather than when it is time.
    pub fn check(&self) {
        self.tell(Message::Input(Input::Check));
    }

    /// Asks for the device's conditions anew, since they changed.
    pub fn conditions_changed(&self) {
        self.tell(Message::Conditions);
    }

    /// The model that answers.
    pub fn installed(&self) -> Installed {
        self.model(Loaded::installed)
    }

    /// Whether what was last seen of the repository counts no longer; [`Event::Stale`] says when that begins. The model answers on; an app
    /// that thinks otherwise says so in the context.
    pub fn is_stale(&self) -> bool {
        lock(&self.serving).is_stale(now())
    }

    /// A thread that is gone looks for no updates; the app still has its answers.
    fn tell(&self, message: Message) {
        let _ = self.thread.send(message);
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.tell(Message::Stop);
        // A host's callback may hold the last reference: its thread can't wait for its own end.
        let other = |thread: &JoinHandle<()>| thread.thread().id() != std::thread::current().id();
        if let Some(thread) = self.joined.take().filter(other) {
            // One that panicked is gone as well.
            let _ = thread.join();
        }
    }
}

/// What a panic left behind is whole: nothing is changed in parts.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn now() -> Time {
    // A clock before 1970 stands at its beginning.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
