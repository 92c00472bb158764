//! Questions to the cloud and summaries.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use dunlin_protocol::hex::Hash;
use dunlin_protocol::oip::{Answer, Consent, Input};
use dunlin_protocol::summary::{Baseline, Cohort, Observation, Reason};
use dunlin_sync::Time;
use dunlin_sync::drift::{self, Divergence, LocalDp, Mode, Subject};
use dunlin_sync::fallback::{self, Config, Event, Outbox, Server, Ticket};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::script::{Object, object};
use crate::{Client, Machines, Start, time, wrong};

#[wasm_bindgen]
extern "C" {
    type Float32Array;
    #[wasm_bindgen(constructor)]
    fn new(values: &[f32]) -> Float32Array;
}

/// What an app wants of both.
#[derive(Debug, Default)]
pub struct Settings {
    cloud: Config,
    drift: drift::Settings,
}

#[wasm_bindgen]
impl Start {
    /// What a user allows, and how questions are asked. `numbers` are the most milliseconds of a request, tries, questions and bytes a day,
    /// hundredths of hedges, and the most questions, bytes and milliseconds of the outbox.
    ///
    /// # Errors
    /// `input` when there are more numbers or fewer, or no such consent.
    pub fn cloud(&mut self, consent: &str, numbers: &[f64]) -> Result<(), JsValue> {
        let &[timeout, tries, questions, bytes, hedges, items, kept, age] = numbers else {
            return Err(wrong("questions have eight numbers"));
        };
        let outbox = Outbox { items: items as usize, bytes: kept as usize, age: age as u64 };
        self.fleet.cloud = Config {
            servers: core::mem::take(&mut self.fleet.cloud.servers),
            consent: level(consent)?,
            timeout: timeout as u64,
            tries: tries as u32,
            questions_per_day: questions as u32,
            bytes_per_day: bytes as u64,
            hedges: hedges as u32,
            // The page draws them.
            audits: 0,
            outbox,
        };
        Ok(())
    }

    /// One more server to ask, and the model there.
    pub fn server(&mut self, url: String, model: String, version: Option<String>, token: Option<String>) {
        self.fleet.cloud.servers.push(Server { url, model, version, token });
    }

    /// Where summaries go, and what their user agreed to: an epsilon and a number of metrics, or an epsilon of 0 for none.
    ///
    /// # Errors
    /// `input` for an epsilon that is out of range.
    pub fn summaries(
        &mut self,
        server: String,
        token: Option<String>,
        epsilon: f64,
        metrics: usize,
    ) -> Result<(), JsValue> {
        self.fleet.drift = drift::Settings { mode: mode(epsilon, metrics)?, server, token };
        Ok(())
    }
}

impl Start {
    pub(crate) fn restore(self, seed: [u8; 32], now: Time) -> Client {
        let Self { config: update, fleet: Settings { cloud: fallback, drift }, stored } = self;
        Client(Machines::restore(dunlin_sync::Settings { update, fallback, drift }, &stored, seed, now))
    }
}

/// A question whose local answer isn't enough.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Question(fallback::Question);

#[wasm_bindgen]
impl Question {
    /// About an answer of a model, by the digest of its file, of the names of its classes. What is asked about isn't in it yet.
    ///
    /// # Errors
    /// `input` for a digest of other than 32 bytes.
    #[wasm_bindgen(constructor)]
    pub fn new(model: &[u8], reason: String, labels: Vec<String>, class: usize, review: bool) -> Result<Self, JsValue> {
        let model = digest(model)?;
        let (input, features) = (None, None);
        Ok(Self(fallback::Question { model, reason, labels, class, input, features, review }))
    }

    /// The input is a text.
    pub fn text(&mut self, text: String) {
        self.0.input = Some(Input::Text(text));
    }

    /// The input is a picture of three bytes a pixel, red first.
    pub fn image(&mut self, height: usize, width: usize, pixels: Vec<u8>) {
        self.0.input = Some(Input::Image { height, width, pixels });
    }

    /// The model's logits.
    pub fn features(&mut self, logits: Vec<f32>) {
        self.0.features = Some(logits);
    }
}

#[wasm_bindgen]
impl Client {
    /// Asks, by a ticket, which is a random UUID. An answer comes as an event within `budget` milliseconds.
    ///
    /// # Errors
    /// `input` when the ticket is no UUID.
    pub fn ask(&mut self, now: f64, ticket: &str, question: Question, budget: f64) -> Result<(), JsValue> {
        let ticket = Ticket::from_text(ticket).ok_or_else(|| wrong("a ticket is a UUID"))?;
        self.0.fallback().ask_by(time(now), ticket, question.0, budget as u64);
        Ok(())
    }

    /// People are to look at an answer that wasn't in doubt, of which the model was so sure.
    pub fn audit(&mut self, now: f64, question: Question, probability: f32) {
        self.0.fallback().audit(time(now), question.0, probability);
    }

    /// The app has the answer that came later.
    pub fn done(&mut self, now: f64, ticket: &str) {
        if let Some(ticket) = Ticket::from_text(ticket) {
            self.0.fallback().done(time(now), ticket);
        }
    }

    /// The user allows more to be sent, or less.
    ///
    /// # Errors
    /// `input` when there is no such consent.
    pub fn consent(&mut self, now: f64, consent: &str) -> Result<(), JsValue> {
        self.0.fallback().set_consent(time(now), level(consent)?);
        Ok(())
    }

    /// The user agreed to summaries, or with an epsilon of 0 to none.
    ///
    /// # Errors
    /// `input` for an epsilon that is out of range.
    pub fn summaries(&mut self, now: f64, epsilon: f64, metrics: usize) -> Result<(), JsValue> {
        self.0.drift().handle_mode(time(now), mode(epsilon, metrics)?);
        Ok(())
    }

    /// Whether answers are counted.
    pub fn counts(&mut self) -> bool {
        self.0.drift().is_on()
    }

    /// Whose answers are counted from now on: a model's, by the digest of its file, with its baseline, of a device in a cohort (keys, each with
    /// its value after it). Without a baseline that can be read, nobody's.
    ///
    /// # Errors
    /// `input` for a digest of other than 32 bytes, or no cohort.
    pub fn subject(
        &mut self,
        now: f64,
        model: &[u8],
        baseline: Option<Vec<u8>>,
        cohort: Vec<String>,
    ) -> Result<(), JsValue> {
        let mut words = cohort.into_iter();
        let mut pairs = BTreeMap::new();
        while let (Some(key), Some(value)) = (words.next(), words.next()) {
            pairs.insert(key, value);
        }
        let cohort = Cohort::new(pairs).map_err(|error| wrong(&error.to_string()))?;
        let model = digest(model)?;
        let baseline = baseline.and_then(|json| Baseline::parse(&json).ok());
        self.0.drift().handle_subject(time(now), baseline.map(|baseline| Subject { model, baseline, cohort }));
        Ok(())
    }

    /// An answer to be counted, and why it wasn't given. `numbers` are the class, its probability, the margin, the energy, microseconds, the
    /// share of unknown tokens, a text's bytes and a picture's brightness; what isn't there is no number.
    ///
    /// # Errors
    /// `input` when there are more numbers or fewer.
    pub fn counted(&mut self, now: f64, numbers: &[f64], reason: Option<String>) -> Result<(), JsValue> {
        let &[class, probability, margin, energy, latency, unknown, length, brightness] = numbers else {
            return Err(wrong("an answer has eight numbers"));
        };
        let there = |number: f64| Some(number).filter(|number| !number.is_nan());
        let observation = Observation {
            class: class as u32,
            probability: probability as f32,
            margin: margin as f32,
            energy: there(energy).map(|number| number as f32),
            latency: latency as u32,
            reason: reason.and_then(|reason| Reason::named(&reason)),
            unknown: there(unknown).map(|number| number as f32),
            length: there(length).map(|number| number as u32),
            brightness: there(brightness).map(|number| number as f32),
        };
        self.0.drift().handle_answer(time(now), &observation);
        Ok(())
    }
}

fn digest(bytes: &[u8]) -> Result<Hash, JsValue> {
    bytes.try_into().map(Hash).map_err(|_| wrong("a digest has 32 bytes"))
}

fn level(consent: &str) -> Result<Consent, JsValue> {
    Consent::from_name(consent).ok_or_else(|| wrong("consent is none, features or input"))
}

fn mode(epsilon: f64, metrics: usize) -> Result<Mode, JsValue> {
    if epsilon == 0.0 {
        return Ok(Mode::Off);
    }
    let mode = LocalDp::new(epsilon, metrics).map(Mode::LocalDp);
    mode.ok_or_else(|| wrong("an epsilon is from 0.01 to 10, of one metric at least"))
}

/// What became of a question.
pub fn asked(event: &Event) -> Object {
    let told = |kind: &str, ticket: &Ticket| {
        let object = object(kind);
        object.set_text("ticket", &ticket.to_string());
        object
    };
    match event {
        Event::Answered { ticket, answer } => answered(told("answered", ticket), answer),
        Event::Upgrade { ticket, answer } => answered(told("upgrade", ticket), answer),
        Event::Local { ticket, why, later } => {
            let object = told("local", ticket);
            object.set_text("why", why.name());
            object.set_number("later", f64::from(u8::from(*later)));
            object
        }
        Event::Kept { ticket } => told("waiting", ticket),
        Event::Dropped { ticket, why } => {
            let object = told("dropped", ticket);
            object.set_text("why", why.name());
            object
        }
        Event::Damaged { items } => {
            let object = object("damaged");
            object.set_number("items", *items as f64);
            object
        }
        // Summaries count it, and what a later version may tell is nothing that this one knows.
        _ => object("agreement"),
    }
}

fn answered(object: Object, answer: &Answer) -> Object {
    object.set_number("index", answer.class as f64);
    object.set("probabilities", &Float32Array::new(&answer.probabilities));
    object
}

/// A metric that isn't what it was.
pub fn diverged(divergence: &Divergence) -> Object {
    let object = object("diverged");
    object.set_text("metric", divergence.metric.name());
    object.set_number("answers", divergence.answers as f64);
    object.set_number("divergence", divergence.divergence);
    object.set_number("threshold", divergence.threshold);
    object
}
