//! The models that are loaded: one that answers, one beside it, one that is tried.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

use dunlin_client::{Context, Outcome, decide};
use dunlin_engine::artifact::{Artifact, SectionKind};
use dunlin_engine::classifier::ClassifyError;
use dunlin_engine::task::Scoring;
use dunlin_engine::{Classifier, Isa, Limits, ModelError, Scores};
use dunlin_protocol::hex::Hash;
use dunlin_protocol::summary::{self, Baseline, Cohort};
use dunlin_sync::drift::{Divergence, Subject};
use dunlin_sync::fallback;
use dunlin_sync::{Activation, Event, Installed, Observation, Place, Reason, Request, Time, Trial};
use sha2::{Digest, Sha256};

use super::thread::Message;
use super::transport::Transport;
use super::{Answer, Ask, Happened, lock};
use crate::driver::{Host, Input, Models};
use crate::model::ModelFile;

/// A model's bytes, which are loaded perhaps more than once.
#[derive(Clone, Debug)]
pub struct Shared {
    file: Arc<ModelFile>,
    /// Taken when somebody asks for it: it takes as long as reading all of the file.
    digest: Arc<OnceLock<Hash>>,
}

impl Shared {
    fn new(file: Arc<ModelFile>) -> Self {
        Self { file, digest: Arc::default() }
    }

    pub fn digest(&self) -> Hash {
        *self.digest.get_or_init(|| Hash(Sha256::digest(self.as_ref()).into()))
    }
}

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        (*self.file).as_ref()
    }
}

/// A model that is loaded.
#[derive(Debug)]
pub struct Loaded {
    installed: Installed,
    file: Shared,
    classifier: Classifier<Shared>,
}

impl Loaded {
    fn load(installed: Installed, file: Arc<ModelFile>, limits: Limits) -> Result<Self, ModelError> {
        let file = Shared::new(file);
        let classifier = Classifier::load(file.clone(), Isa::best(), limits)?;
        Ok(Self { installed, file, classifier })
    }

    /// Which model it is.
    pub const fn installed(&self) -> Installed {
        self.installed
    }

    /// The model itself, with what it said last.
    pub const fn classifier(&self) -> &Classifier<impl AsRef<[u8]> + use<>> {
        &self.classifier
    }

    pub(super) const fn file(&self) -> &Shared {
        &self.file
    }

    /// What this model says, with the time it took.
    fn ask(&mut self, ask: Ask<'_>) -> Result<u64, ClassifyError> {
        let begin = Instant::now();
        match ask {
            Ask::Text(text) => self.classifier.classify_text(text).map(|_| ()),
            Ask::Pixels(pixels) => self.classifier.classify_pixels(pixels).map(|_| ()),
            Ask::Values(values) => {
                self.classifier.classify_values(values.len(), |slots| slots.copy_from_slice(values)).map(|_| ())
            }
        }?;
        Ok(u64::try_from(begin.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// What is to be done about what it said last.
    pub fn answer(&self, context: &Context<'_>) -> Answer {
        let scores: Scores<'_> = self.classifier.scores();
        // It was read when the model was loaded.
        let policy = self.classifier.policy().unwrap_or_default();
        let context = Context { evasion: context.evasion.max(scores.signs.evasion()), ..*context };
        let decision = decide(&scores, &policy, &context);
        let labels = self.classifier.labels().ok();
        let label = labels.and_then(|labels| labels.name(decision.class).map(str::to_owned));
        Answer {
            outcome: decision.outcome,
            class: decision.class,
            label: label.filter(|label| !label.is_empty()),
            probability: decision.probability,
            margin: decision.margin,
            energy: decision.energy,
            version: self.installed.version,
        }
    }

    /// What a summary counts of its last answer.
    fn counted(&self, ask: Ask<'_>, answer: &Answer, latency: u64) -> summary::Observation {
        let text = if let Ask::Text(text) = ask { Some(text) } else { None };
        summary::Observation {
            class: answer.class as u32,
            probability: answer.probability,
            margin: answer.margin,
            // Probabilities have lost what energy measures.
            energy: (self.classifier.scoring() != Scoring::Probabilities).then_some(answer.energy),
            latency: u32::try_from(latency).unwrap_or(u32::MAX),
            reason: answer.outcome.reason().and_then(|reason| summary::Reason::named(reason.name())),
            unknown: text.map(|_| self.classifier.scores().unknown),
            length: text.map(|text| u32::try_from(text.len()).unwrap_or(u32::MAX)),
            brightness: if let Ask::Pixels(pixels) = ask { Some(pixels.brightness()) } else { None },
        }
    }
}

/// The models that are asked.
#[derive(Debug)]
pub struct Serving {
    /// The one that answers, then one that is asked as well, of which nothing is shown. None before the first activation.
    models: Vec<Loaded>,
    expires: Option<Time>,
    /// Whether answers are counted.
    counts: Arc<AtomicBool>,
}

impl Serving {
    /// The model whose answer counts, and what the client's thread is to know.
    pub fn classify(&mut self, ask: Ask<'_>, context: &Context<'_>) -> (Result<&Loaded, ClassifyError>, Vec<Input>) {
        let (answered, inputs) = self.ask(ask, context);
        (answered.map(|place| &self.models[place]), inputs)
    }

    /// The place of that model.
    fn ask(&mut self, ask: Ask<'_>, context: &Context<'_>) -> (Result<usize, ClassifyError>, Vec<Input>) {
        let (first, rest) = self.models.split_first_mut().expect("a client that is open has a model");
        let answer = first.ask(ask).map(|latency| (first.answer(context), latency));
        let answered = answer.as_ref().ok().filter(|_| self.counts.load(Ordering::Relaxed));
        let answered = answered.map(|(answer, latency)| Input::Answered(first.counted(ask, answer, *latency)));
        let mut inputs = Vec::from_iter(answered);
        let Some(shadow) = rest.first_mut() else { return (answer.map(|_| 0), inputs) };
        let before = shadow.ask(ask).map(|_| shadow.answer(context));
        match (answer, before) {
            (Ok((answer, latency)), Ok(before)) => {
                // What the app says of the model's age, or of the cloud, is no fault of the model's.
                let fair = Context { stale: false, fallback: true, ..*context };
                let falls_back = first.answer(&fair).outcome != Outcome::Answer;
                let agrees = answer.class == before.class;
                inputs.push(Input::Observation(Observation { agrees, falls_back, latency }));
                (Ok(0), inputs)
            }
            // A model that can't take what the one before can isn't a newer version of it.
            (Err(_), Ok(_)) => (Ok(1), vec![Input::Broken(first.installed.place)]),
            (answer, Err(_)) => (answer.map(|_| 0), inputs),
        }
    }

    /// A model that isn't there yet; `counts` says whether answers are counted.
    pub fn new(counts: Arc<AtomicBool>) -> Self {
        Self { models: Vec::new(), expires: None, counts }
    }

    /// The model that answers.
    pub fn first(&self) -> &Loaded {
        self.models.first().expect("a client that is open has a model")
    }

    pub fn is_stale(&self, now: Time) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    pub fn set_expiry(&mut self, expires: Option<Time>) {
        self.expires = expires;
    }
}

/// What a driver leaves to the client: models, requests, events.
pub struct ModelHost {
    pub factory: Arc<ModelFile>,
    pub limits: Limits,
    /// Whose answers summaries are about.
    pub cohort: Cohort,
    pub serving: Arc<Mutex<Serving>>,
    /// A model that was tried, until it answers.
    pub candidate: Option<Loaded>,
    /// Why the model couldn't be loaded that the app ships.
    pub fault: Option<ModelError>,
    pub transport: Box<dyn Transport>,
    pub events: Box<dyn Fn(Happened) + Send>,
    pub thread: Sender<Message>,
}

impl ModelHost {
    /// Loads what isn't loaded.
    fn load(&mut self, installed: Installed, models: &mut Models<'_>) -> Result<Loaded, Place> {
        let broken = installed.place;
        let file = match broken {
            Place::Factory => self.factory.clone(),
            Place::Slot(slot) => Arc::new(models(slot).map_err(|_| broken)?),
        };
        let loaded = Loaded::load(installed, file, self.limits);
        loaded.map_err(|fault| {
            self.fault = Some(fault);
            broken
        })
    }
}

impl Host for ModelHost {
    fn send(&mut self, request: Request) {
        let (id, thread) = (request.id, self.thread.clone());
        // A client that is gone waits for no answer.
        let done = move |response| drop(thread.send(Message::Input(Input::Response(id, response))));
        self.transport.send(request, Box::new(done));
    }

    fn factory(&mut self) -> Option<Vec<u8>> {
        Some((*self.factory).as_ref().to_vec())
    }

    fn trial(&mut self, trial: Trial, model: ModelFile) -> Result<(), Reason> {
        let installed = Installed { place: Place::Slot(trial.slot), version: trial.version };
        let mut loaded = Loaded::load(installed, Arc::new(model), self.limits).map_err(|_| Reason::Load)?;
        let golden = golden(&mut loaded)?;
        let slow = |most: u32| golden.is_some_and(|latency| latency > u64::from(most) * 1000);
        if trial.latency_ms.is_some_and(slow) {
            return Err(Reason::Latency);
        }
        self.candidate = Some(loaded);
        Ok(())
    }

    fn activate(&mut self, activation: Activation, models: &mut Models<'_>) -> Result<(), Place> {
        let wanted = [Some(activation.first), activation.shadow];
        let mut ready: Vec<Loaded> = self.candidate.take().into_iter().collect();
        for installed in wanted.into_iter().flatten() {
            let is_there = |loaded: &Loaded| loaded.installed == installed;
            if !ready.iter().any(is_there) && !lock(&self.serving).models.iter().any(is_there) {
                ready.push(self.load(installed, models)?);
            }
        }
        let mut serving = lock(&self.serving);
        ready.append(&mut serving.models);
        let take =
            |installed| ready.iter().position(|loaded| loaded.installed == installed).map(|at| ready.swap_remove(at));
        serving.models = wanted.into_iter().flatten().filter_map(take).collect();
        Ok(())
    }

    fn subject(&mut self) -> Option<Subject> {
        let file = lock(&self.serving).models.first()?.file.clone();
        let artifact = Artifact::parse(file.as_ref()).ok()?;
        let baseline = Baseline::parse(artifact.section(SectionKind::Baseline)?.bytes).ok()?;
        Some(Subject { model: file.digest(), baseline, cohort: self.cohort.clone() })
    }

    fn notify(&mut self, event: Event) {
        (self.events)(Happened::Update(event));
    }

    fn cloud(&mut self, event: fallback::Event) {
        (self.events)(Happened::Cloud(event));
    }

    fn diverged(&mut self, divergence: Divergence) {
        (self.events)(Happened::Diverged(divergence));
    }
}

/// Asks a model its golden inputs; gives the median of the microseconds that one took.
fn golden(loaded: &mut Loaded) -> Result<Option<u64>, Reason> {
    let session = loaded.classifier.session();
    let artifact = Artifact::parse(session.file()).map_err(|_| Reason::Load)?;
    artifact.verify_weights().map_err(|_| Reason::Load)?;
    let golden = artifact.golden().map_err(|_| Reason::Load)?;
    let mut times = Vec::new();
    // The first time a model runs it isn't in memory yet.
    for golden in golden.iter().chain(&golden) {
        let begin = Instant::now();
        if !session.is_golden(golden).map_err(|_| Reason::Golden)? {
            return Err(Reason::Golden);
        }
        times.push(u64::try_from(begin.elapsed().as_micros()).unwrap_or(u64::MAX));
    }
    times.sort_unstable();
    Ok(times.get(times.len() / 2).copied())
}
