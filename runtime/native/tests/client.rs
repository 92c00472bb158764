//! The client with real models: it answers while it fetches, tries and takes back.

mod common;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::device::LATE;
use common::repository::Repository;
use dunlin_client::{Context, Outcome};
use dunlin_engine::artifact::{SectionKind, Writer};
use dunlin_engine::classifier::ClassifyError;
use dunlin_engine::{AlignedBytes, Limits};
use dunlin_native::{Ask, Client, Cloud, Done, Happened, ModelFile, OpenError, Options, Store, Transport};
use dunlin_protocol::hex::Hash;
use dunlin_protocol::oip::Consent;
use dunlin_protocol::summary::{Baseline, Cohort, Input, Schema};
use dunlin_sync::drift::{LocalDp, Mode};
use dunlin_sync::{Conditions, Event, Failure, Place, Reason, Request, Response};
use dunlin_sync::{drift, fallback};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Answers from a repository, on another thread.
struct Served(Arc<Mutex<Repository>>);

impl Transport for Served {
    fn send(&self, request: Request, done: Done) {
        let repository = Arc::clone(&self.0);
        std::thread::spawn(move || {
            let Some(path) = request.url.strip_prefix("https://models.example/repository/") else {
                return done(Err(Failure::Connect));
            };
            let body = repository.lock().expect("no panic").files.get(path).cloned();
            let status = if body.is_some() { 200 } else { 404 };
            done(Ok(Response { status, headers: Vec::new(), body: body.unwrap_or_default() }));
        });
    }
}

struct Phone {
    folder: tempfile::TempDir,
    repository: Arc<Mutex<Repository>>,
}

impl Phone {
    fn new() -> Self {
        let repository = Arc::new(Mutex::new(Repository::new(LATE)));
        Self { folder: tempfile::tempdir().expect("a folder"), repository }
    }

    fn publish(&self, version: u32, model: &[u8], more: Value) {
        let mut repository = self.repository.lock().expect("no panic");
        repository.add(version, model, more);
        repository.publish(LATE);
    }

    fn options(&self) -> (Options, Receiver<Event>) {
        let (sender, events) = channel();
        let options = Options {
            folder: self.folder.path().join("client"),
            factory: ModelFile::open(&model("sms_spam")).expect("a model"),
            config: common::device::config(&self.repository.lock().expect("no panic")),
            limits: Limits::default(),
            transport: Box::new(Served(Arc::clone(&self.repository))),
            conditions: Box::new(Conditions::default),
            cloud: fallback::Config::default(),
            drift: drift::Settings::default(),
            cohort: Cohort::default(),
            events: Box::new(move |happened| {
                if let Happened::Update(event) = happened {
                    drop(sender.send(event));
                }
            }),
        };
        (options, events)
    }

    fn open(&self) -> (Client, Receiver<Event>) {
        let (options, events) = self.options();
        (Client::open(options).expect("a client"), events)
    }
}

fn model(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../models/{name}/{name}.dunlin"))
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(model(name)).expect("a model")
}

fn next(events: &Receiver<Event>) -> Event {
    events.recv_timeout(Duration::from_secs(120)).expect("an event before the test is given up")
}

fn canary() -> Value {
    json!({"canary": {"inputs": 5, "agreement": 800, "fallback": 1000, "latency_ms": 10_000}})
}

const TEXTS: [&str; 3] = ["See you at seven then", "WINNER!! Claim your free prize now, call 09061701461", "ok"];

#[test]
fn it_answers_all_the_while_and_keeps_what_does_and_leaves_what_does_not() {
    let phone = Phone::new();
    let (client, events) = phone.open();
    let ask =
        |client: &Client, n: usize| client.classify(Ask::Text(TEXTS[n % 3]), &Context::default()).expect("an answer");
    let before: Vec<_> = (0..3).map(|n| ask(&client, n)).collect();
    assert_eq!((before[0].version, before[0].label.as_deref()), (1, Some("ham")));
    assert_eq!((before[1].label.as_deref(), before[1].outcome), (Some("spam"), Outcome::Answer));
    let wrong = client.classify(Ask::Values(&[0.0]), &Context::default());
    assert!(matches!(wrong, Err(ClassifyError::Task { .. })), "{wrong:?}");

    phone.publish(2, &bytes("sms_spam"), canary());
    client.check();
    assert_eq!(next(&events), Event::Found { version: 2 });
    assert!(matches!(next(&events), Event::Downloaded { version: 2, .. }));
    assert_eq!(next(&events), Event::Activated { version: 2 });
    for n in 0..5 {
        let answer = ask(&client, n);
        assert_eq!(
            (answer.version, answer.class, answer.probability),
            (2, before[n % 3].class, before[n % 3].probability)
        );
    }
    assert_eq!(next(&events), Event::Kept { version: 2 });

    // It takes texts as well, but says something else.
    phone.publish(3, &bytes("language_id"), canary());
    client.check();
    assert_eq!(next(&events), Event::Found { version: 3 });
    assert!(matches!(next(&events), Event::Downloaded { version: 3, .. }));
    assert_eq!(next(&events), Event::Activated { version: 3 });
    ask(&client, 1);
    ask(&client, 1);
    assert_eq!(next(&events), Event::RolledBack { version: 3, to: 2, reason: Reason::Agreement });
    assert_eq!(ask(&client, 1).version, 2);

    // It takes pictures: the model before answers what it can't.
    phone.publish(4, &bytes("cifar10"), canary());
    client.check();
    assert_eq!(next(&events), Event::Found { version: 4 });
    assert!(matches!(next(&events), Event::Downloaded { version: 4, .. }));
    assert_eq!(next(&events), Event::Activated { version: 4 });
    assert_eq!((ask(&client, 1).version, client.is_stale()), (2, false));
    assert_eq!(next(&events), Event::RolledBack { version: 4, to: 2, reason: Reason::Load });

    // No model at all.
    phone.publish(5, b"no model", canary());
    client.check();
    assert_eq!(next(&events), Event::Found { version: 5 });
    assert!(matches!(next(&events), Event::Downloaded { version: 5, .. }));
    assert_eq!(next(&events), Event::RolledBack { version: 5, to: 2, reason: Reason::Load });
    drop(client);

    let (client, _events) = phone.open();
    assert_ne!(client.installed().place, Place::Factory);
    assert_eq!(ask(&client, 1).version, 2);
}

#[test]
fn a_folder_has_one_client_and_a_client_needs_a_model() {
    let phone = Phone::new();
    let (client, _events) = phone.open();
    let again = Client::open(phone.options().0);
    assert!(
        matches!(&again, Err(OpenError::Folder(error)) if error.kind() == std::io::ErrorKind::WouldBlock),
        "{again:?}"
    );
    drop(client);
    let (options, _events) = phone.options();
    let none = Client::open(Options { factory: ModelFile::Static(b"no model"), ..options });
    assert!(matches!(none, Err(OpenError::Factory(_))), "{none:?}");
    assert!(Client::open(phone.options().0).is_ok());
}

#[test]
fn many_threads_may_ask_while_models_change() {
    let phone = Phone::new();
    let (client, events) = phone.open();
    phone.publish(2, &bytes("sms_spam"), canary());
    client.check();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while client.installed().version == 1 {
                    assert_eq!(client.classify(Ask::Text(TEXTS[1]), &Context::default()).expect("an answer").class, 1);
                }
            });
        }
    });
    let mut event = next(&events);
    while event != (Event::Activated { version: 2 }) {
        event = next(&events);
    }
}

/// The model for texts with a baseline in which nothing was counted yet.
fn with_baseline() -> ModelFile {
    let schema = Schema::new(2, Input::Text, (0..7).map(|n| n as f32).collect()).expect("a schema");
    let mut writer = Writer::of(&AlignedBytes::from_slice(&bytes("sms_spam"))).expect("sound");
    writer.replace(SectionKind::Baseline, Baseline::empty(schema).json().into_bytes());
    ModelFile::Held(AlignedBytes::from_slice(&writer.finish()))
}

/// What the phone keeps of its days, once its client is gone.
fn days(phone: &Phone) -> Vec<String> {
    let mut store = Store::open(&phone.folder.path().join("client")).expect("nobody has it open");
    let stored = store.stored().expect("readable");
    let days = stored.iter().filter(|(key, _)| key.starts_with("window/") || key.starts_with("summary/"));
    days.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect()
}

#[test]
fn answers_are_counted_for_those_who_agreed_and_no_longer_when_they_did() {
    let phone = Phone::new();
    let agreed = Mode::LocalDp(LocalDp::new(2.0, 1).expect("in range"));
    let ask = |mode: &Mode, factory: ModelFile| {
        let options = Options { factory, ..phone.options().0 };
        let drift = drift::Settings { mode: mode.clone(), server: "https://models.example".into(), token: None };
        let client = Client::open(Options { drift, ..options }).expect("a client");
        TEXTS.iter().for_each(|text| {
            client.classify(Ask::Text(text), &Context::default()).expect("an answer");
        });
        client
    };
    drop(ask(&Mode::Off, with_baseline()));
    assert_eq!(days(&phone), Vec::<String>::new());
    // There is nothing to compare such a model with, and no server would take it.
    let without = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../mobile/conformance/text.dunlin");
    drop(ask(&agreed, ModelFile::open(&without).expect("a model")));
    assert_eq!(days(&phone), Vec::<String>::new());

    drop(ask(&agreed, with_baseline()));
    let kept = days(&phone);
    assert!(kept.iter().any(|day| day.contains("length")), "{kept:?}");
    assert!(kept.iter().all(|day| TEXTS.iter().all(|text| !day.contains(text))), "{kept:?}");

    let client = ask(&agreed, with_baseline());
    client.set_summaries(Mode::Off);
    drop(client);
    assert_eq!(days(&phone), Vec::<String>::new());
}

/// Tells what it is to send, and has no network.
struct Listening(Sender<Request>);

impl Transport for Listening {
    fn send(&self, request: Request, done: Done) {
        // A test that is over listens no more.
        let _ = self.0.send(request);
        done(Err(Failure::Connect));
    }
}

#[test]
fn the_cloud_is_asked_by_what_the_model_said_and_only_where_it_is_not_sure() {
    let phone = Phone::new();
    let (sender, sent) = channel();
    let server =
        fallback::Server { url: "https://cloud.example".into(), model: "messages".into(), version: None, token: None };
    let cloud = fallback::Config { servers: vec![server], consent: Consent::Features, ..fallback::Config::default() };
    let client = Client::open(Options { cloud, transport: Box::new(Listening(sender)), ..phone.options().0 });
    let client = client.expect("a client");
    let ask = |text: &'static str, fallback: bool| {
        let context = Context { fallback, ..Context::default() };
        let (cloud, tell) = (Cloud { budget: 0, review: true }, channel());
        let told = move |ticket| tell.0.send(ticket).expect("the test listens");
        let read = |loaded: &dunlin_native::Loaded| loaded.answer(&context).outcome;
        let outcome = client.classify_or_ask(Ask::Text(text), &context, cloud, told, read).expect("an answer");
        (outcome, tell.1.iter().count())
    };
    let unsure = "Win a date with me tonight, txt back";
    assert_eq!(ask(TEXTS[0], true), (Outcome::Answer, 0));
    assert!(matches!(ask(unsure, false), (Outcome::Abstain(_), 0)), "there is nobody to ask");
    let Outcome::Fallback(reason) = ask(unsure, true).0 else { panic!("it isn't sure") };
    let request = sent.recv_timeout(Duration::from_secs(120)).expect("a question before the test is given up");
    let body: Value = serde_json::from_slice(&request.body).expect("JSON");
    let model = Hash(Sha256::digest(bytes("sms_spam")).into()).to_string();
    let parameters = json!({
        "dunlin_model": model, "dunlin_reason": reason.name(), "dunlin_consent": "features", "dunlin_review": true
    });
    assert_eq!(body["parameters"], parameters);
    assert_eq!((&body["inputs"][0]["name"], &body["inputs"][0]["shape"]), (&json!("logits"), &json!([1, 2])));
    assert!(!String::from_utf8_lossy(&request.body).contains("tonight"));
}
