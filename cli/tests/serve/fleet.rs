//! A fleet from its first release on: a device asks the cloud, what people write changes, a bad release takes itself back, and a repaired one
//! reaches everyone.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use dunlin_client::{Context, Outcome, decide};
use dunlin_engine::artifact::{SectionKind, Writer};
use dunlin_engine::{AlignedBytes, Classifier, Isa, Limits};
use dunlin_native::{Ask, Client, Cloud, Done, Happened, Http, Loaded, ModelFile, Options, Transport};
use dunlin_protocol::hex::Hash;
use dunlin_protocol::oip::{self, Consent};
use dunlin_protocol::summary::{Baseline, Cohort, Input, Observation, Reason, Schema};
use dunlin_sync::drift::{self, Drift, LocalDp, Mode, Subject};
use dunlin_sync::fallback::{self, Question};
use dunlin_sync::{Chance, Conditions, Config, Effect, Event, Failure, Floor, Machine, Request, Stored, Time, When};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::away::Away;
use crate::{Serving, agent, file, send, today};

/// What people write, and from some day on.
const USUAL: [&str; 6] = [
    "See you at seven then",
    "ok",
    "On my way home, do we need milk?",
    "Happy birthday!",
    "Running late sorry",
    "Free for lunch?",
];
const LATER: [&str; 3] = [
    "WINNER!! You have been selected for a £1000 prize. To claim call 09061701461 now, code KL341, valid 12 hours only",
    "Urgent! Your account will be closed today. Reply with your card number to 80086 to keep it, terms at www.example.com/t",
    "Win a date with me tonight, txt back",
];

/// The server, its publisher's keys and what devices need of both.
struct World {
    folder: tempfile::TempDir,
    serving: Serving,
    /// The model that the app ships, which is the first release as well.
    first: PathBuf,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let cloud = folder.path().join("data/cloud/messages");
        fs::create_dir_all(&cloud).expect("writable");
        for (from, to) in [("sms_spam.onnx", "model.onnx"), ("spec.json", "spec.json"), ("labels.txt", "labels.txt")] {
            fs::copy(file("models/sms_spam").join(from), cloud.join(to)).expect("it is shipped");
        }
        fs::write(cloud.join("config.json"), r#"{"text": "spec.json", "labels": "labels.txt"}"#).expect("writable");
        let serving = Serving::start(&folder.path().join("data"), &[]);
        let first = folder.path().join("first.dunlin");
        fs::write(&first, with_baseline()).expect("writable");
        let world = Self { folder, serving, first };
        world.dunlin(&["keys", "init", "--dir", "keys"]);
        world
    }

    /// Runs the program in the publisher's folder.
    fn dunlin(&self, words: &[&str]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_dunlin")).args(words).current_dir(&self.folder).output();
        let output = output.expect("it starts");
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }

    /// What changes the repository, there and on the server.
    fn release(&self, words: &[&str]) {
        let (server, token) = (self.serving.address.as_str(), self.serving.tokens[1].as_str());
        let place = ["--repository", "repository", "--keys", "keys", "--server", server, "--token", token];
        self.dunlin(&[words, &place].concat());
    }

    fn publish(&self, artifact: &Path, more: &[&str]) {
        let artifact = artifact.to_str().expect("a path of text");
        self.release(&[&["publish", artifact, "--model", "messages"], more].concat());
    }

    /// What apps say about updates that ship the first release.
    fn config(&self) -> Config {
        let root = self.folder.path().join("repository/metadata/1.root.json");
        Config {
            model: "messages".into(),
            factory: 1,
            repository: format!("{}/repository", self.serving.address),
            root: fs::read(root).expect("the first root"),
            floor: Floor::default(),
            cohorts: Vec::new(),
            runtime: 1,
            build: "1".into(),
            interval: DAY,
            when: When::default(),
        }
    }

    /// A device whose app ships the first release.
    fn device(&self, number: usize) -> Device {
        let (sender, events) = channel();
        let online = Arc::new(AtomicBool::new(true));
        let client = Client::open(Options {
            folder: self.folder.path().join(format!("devices/{number}")),
            factory: ModelFile::open(&self.first).expect("a model"),
            config: self.config(),
            cloud: fallback::Config {
                servers: vec![fallback::Server {
                    url: self.serving.address.clone(),
                    model: "messages".into(),
                    version: None,
                    token: Some(self.serving.tokens[0].clone()),
                }],
                consent: Consent::Input,
                audits: 1000,
                ..fallback::Config::default()
            },
            drift: drift::Settings::default(),
            cohort: Cohort::default(),
            limits: Limits::default(),
            transport: Box::new(Line { http: Http::new(), online: Arc::clone(&online) }),
            conditions: Box::new(|| Conditions { metered: false, charging: true }),
            events: Box::new(move |event| drop(sender.send(event))),
        });
        Device { client: client.expect("a client"), events, online }
    }

    /// The item for people that was drawn by chance.
    fn audit(&self) -> Value {
        let url = format!("{}/v1/reviews", self.serving.address);
        let begin = Instant::now();
        loop {
            let (status, body) = send(&agent(), "GET", &url, &self.serving.tokens[2], b"").expect("an answer");
            assert_eq!(status, 200);
            let all: Value = serde_json::from_slice(&body).expect("JSON");
            let mut items = all["reviews"].as_array().expect("a list").iter();
            if let Some(audit) = items.find(|item| item["reason"] == "audit") {
                return audit.clone();
            }
            assert!(begin.elapsed() < Duration::from_secs(60), "no audit: {all}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The alerts that there are.
    fn alerts(&self) -> Vec<Value> {
        let url = format!("{}/v1/alerts", self.serving.address);
        let (status, body) = send(&agent(), "GET", &url, &self.serving.tokens[2], b"").expect("an answer");
        assert_eq!(status, 200);
        let alerts: Value = serde_json::from_slice(&body).expect("JSON");
        alerts["alerts"].as_array().expect("a list").clone()
    }
}

/// Milliseconds.
const DAY: u64 = 86_400_000;

/// A network that may be gone.
struct Line {
    http: Http,
    online: Arc<AtomicBool>,
}

impl Transport for Line {
    fn send(&self, request: Request, done: Done) {
        match self.online.load(Ordering::Relaxed) {
            true => Transport::send(&self.http, request, done),
            false => done(Err(Failure::Connect)),
        }
    }
}

struct Device {
    client: Client,
    events: Receiver<Happened>,
    online: Arc<AtomicBool>,
}

impl Device {
    fn ask(&self, text: &str) -> dunlin_native::Answer {
        let context = Context { fallback: true, ..Context::default() };
        self.client.classify(Ask::Text(text), &context).expect("an answer")
    }

    fn next(&self) -> Happened {
        self.events.recv_timeout(Duration::from_secs(60)).expect("an event before the test is given up")
    }

    /// What becomes of updates until `last`.
    fn until(&self, last: &Event) {
        while self.next() != Happened::Update(last.clone()) {}
    }
}

fn bytes(path: &Path) -> AlignedBytes {
    AlignedBytes::from_slice(&fs::read(path).expect("a file"))
}

/// The shipped model with what it says of usual messages.
fn with_baseline() -> Vec<u8> {
    let shipped = bytes(&file("models/sms_spam/sms_spam.dunlin"));
    let schema = Schema::new(2, Input::Text, vec![-8.0, -6.0, -4.0, -2.0, 0.0, 2.0, 4.0]).expect("a schema");
    let mut classifier = Classifier::load(shipped.clone(), Isa::best(), Limits::default()).expect("a model");
    let seen: Vec<Observation> = (0..600).map(|n| observe(&mut classifier, USUAL[n % USUAL.len()])).collect();
    let everyone = Cohort::default();
    let baseline = Baseline::count(schema, seen.iter().map(|seen| (seen, &everyone))).expect("one cohort");
    let mut writer = Writer::of(&shipped).expect("sound");
    writer.replace(SectionKind::Baseline, baseline.json().into_bytes());
    writer.finish()
}

/// What a device counts of a message.
fn observe(classifier: &mut Classifier<AlignedBytes>, text: &str) -> Observation {
    classifier.classify_text(text).expect("a model for texts");
    let (scores, policy) = (classifier.scores(), classifier.policy().expect("a policy"));
    let context = Context { evasion: scores.signs.evasion(), fallback: true, ..Context::default() };
    let decision = decide(&scores, &policy, &context);
    Observation {
        class: decision.class as u32,
        probability: decision.probability,
        margin: decision.margin,
        energy: Some(decision.energy),
        latency: 30,
        reason: decision.outcome.reason().and_then(|reason| Reason::named(reason.name())),
        unknown: Some(scores.unknown),
        length: Some(text.len() as u32),
        brightness: None,
    }
}

/// A day of a device's life: it counts a message at noon, and tells of it when the day is over.
fn live(drift: &mut Drift, subject: &Subject, day: u64, seen: &Observation) -> u32 {
    let agent = agent();
    let noon = Time(day * 86_400_000 + 43_200_000);
    drift.handle_subject(noon, subject.clone());
    drift.handle_answer(noon, seen);
    let now = noon.after(86_400_000);
    drift.handle_wake(now);
    let mut sent = 0;
    while let Some(effect) = drift.poll(now) {
        match effect {
            Effect::Commit(commit) => drift.handle_commit(now, commit.id, Ok(())),
            Effect::Send(Request { id, url, headers, body, .. }) => {
                let token = headers.iter().find(|(name, _)| *name == "authorization").expect("a token");
                let token = token.1.trim_start_matches("Bearer ");
                let (status, body) = send(&agent, "POST", &url, token, &body).expect("an answer");
                assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
                sent += 1;
                let response = dunlin_sync::Response { status, headers: Vec::new(), body };
                drift.handle_response(now, id, Ok(response));
            }
            _ => (),
        }
    }
    sent
}

/// Five days of 1,500 devices; on the last two people write otherwise.
fn five_days(world: &World) {
    let model = bytes(&world.first);
    let artifact = dunlin_engine::Artifact::parse(&model).expect("sound");
    let baseline = artifact.section(SectionKind::Baseline).expect("a baseline").bytes;
    let subject = Subject {
        model: Hash(Sha256::digest(&*model).into()),
        baseline: Baseline::parse(baseline).expect("a baseline"),
        cohort: Cohort::default(),
    };
    let mut classifier = Classifier::load(model.clone(), Isa::best(), Limits::default()).expect("a model");
    let (usual, later) =
        (USUAL.map(|text| observe(&mut classifier, text)), LATER.map(|text| observe(&mut classifier, text)));
    let mode = Mode::LocalDp(LocalDp::new(4.0, 1).expect("in range"));
    let mut chance = Chance::new([3; 32]);
    let mut told = 0;
    for _ in 0..1500 {
        let token = Some(world.serving.tokens[0].clone());
        let settings = drift::Settings { mode: mode.clone(), server: world.serving.address.clone(), token };
        let mut drift = Drift::restore(&Stored::new(), settings, Chance::new(chance.bytes()));
        for age in (1..=5).rev() {
            let texts: &[Observation] = if age > 2 { &usual } else { &later };
            let seen = &texts[chance.below(texts.len() as u64) as usize];
            told += live(&mut drift, &subject, today() - age, seen);
        }
    }
    assert_eq!(told, 5 * 1500);
}

#[test]
fn a_fleet_hears_of_drift_and_a_bad_release_takes_itself_back() {
    let world = World::new();
    world.publish(&world.first, &["--rollout", "100%"]);

    // A message that the model isn't sure of gets a better answer from the cloud.
    let device = world.device(0);
    assert_eq!(device.ask("See you at seven then").outcome, Outcome::Answer);
    let answer = device.ask(LATER[2]);
    assert!(matches!(answer.outcome, Outcome::Fallback(_)), "{answer:?}");
    let question = Question {
        model: Hash(Sha256::digest(fs::read(&world.first).expect("a file")).into()),
        reason: "ambiguous".into(),
        labels: ["ham", "spam"].map(String::from).into(),
        class: answer.class,
        input: Some(oip::Input::Text(LATER[2].into())),
        features: None,
        review: true,
    };
    device.client.ask(question, 0, |_| ());
    assert!(matches!(device.next(), Happened::Cloud(fallback::Event::Local { later: true, .. })));
    let upgrade = loop {
        match device.next() {
            Happened::Cloud(fallback::Event::Upgrade { ticket, answer }) => break (ticket, answer),
            Happened::Cloud(fallback::Event::Kept { .. } | fallback::Event::Agreement { .. }) => (),
            other => panic!("{other:?}"),
        }
    };
    assert!(upgrade.1.probabilities.len() == 2 && upgrade.1.probabilities[upgrade.1.class] >= 0.5, "{upgrade:?}");
    device.client.done(upgrade.0);

    // People look at answers that aren't in doubt as well, and the app hears nothing of it.
    let context = Context { fallback: true, ..Context::default() };
    let (usual, cloud) = (Ask::Text(USUAL[0]), Cloud { budget: 0, review: true });
    let read = |loaded: &Loaded| loaded.answer(&context);
    let answer = device.client.classify_or_ask(usual, &context, cloud, |_| (), read).expect("an answer");
    assert_eq!(answer.outcome, Outcome::Answer);
    let audit = world.audit();
    assert_eq!((&audit["text"], &audit["predicted"]), (&USUAL[0].into(), &"ham".into()), "{audit}");
    assert!(device.events.try_recv().is_err());

    // What people write changes, and the second window of it raises the alert.
    five_days(&world);
    let begin = Instant::now();
    while world.alerts().is_empty() {
        assert!(begin.elapsed() < Duration::from_secs(60), "no alert");
        std::thread::sleep(Duration::from_millis(200));
    }
    let alerts = world.alerts();
    assert!(alerts.iter().all(|alert| alert["day"] == today() - 1 && alert["windows"] == 2), "{alerts:?}");
    let class = alerts.iter().find(|alert| alert["metric"] == "class").expect("classes have changed");
    // Named by labels that came with the release.
    assert_eq!(class["labels"], serde_json::json!(["ham", "spam"]));
    assert!(class["accuracy"]["share"].as_f64().is_some_and(|share| (0.5..=1.0).contains(&share)), "{class}");
    // The publisher reads of it with the command that acts on it, since the server has no keys.
    let (server, token) = (world.serving.address.as_str(), world.serving.tokens[1].as_str());
    let said = world.dunlin(&["status", "--repository", "repository", "--server", server, "--token", token]);
    assert!(said.contains("alert: messages version 1: class of all devices, "), "{said}");
    assert!(said.contains("\n  dunlin calibrate messages.dunlin --data labelled.csv\n"), "{said}");
    assert!(said.contains("the server has no keys"), "{said}");

    // A device was here a week ago, and then not any more: days go by, it answers, and hears of nothing.
    let today = Time(today() * DAY);
    let week_ago = Time(today.0 - 7 * DAY);
    let mut away = Away::start(&world.folder.path().join("devices/away"), &world.first, world.config(), week_ago);
    away.live_until(week_ago.after(DAY / 2));
    assert_eq!(away.events(), [], "it has what there is");
    away.set_online(false);
    for day in 1..7 {
        away.live_until(week_ago.after(day * DAY));
        assert_eq!(away.ask(USUAL[0]), (1, 0));
    }
    let events = away.events();
    assert!(events.len() > 5, "{events:?}");
    let unreachable = Event::Failed(dunlin_sync::Fault::Network(Failure::Connect));
    assert!(events.iter().all(|event| *event == unreachable), "{events:?}");

    // A release that finds other classes goes to a few, and those few take it back.
    let devices: Vec<Device> = std::iter::once(device).chain((1..150).map(|number| world.device(number))).collect();
    let offline = world.device(1000);
    offline.online.store(false, Ordering::Relaxed);
    offline.client.check();
    let bad = file("models/language_id/language_id.dunlin");
    world.publish(&bad, &["--rollout", "5%", "--canary", "inputs=10,agreement=0.8,fallback=1,latency=60000"]);
    devices.iter().for_each(|device| device.client.check());
    let mut taken = BTreeMap::new();
    let begin = Instant::now();
    while taken.is_empty() {
        assert!(begin.elapsed() < Duration::from_secs(60), "nobody has it");
        for (number, device) in devices.iter().enumerate() {
            taken.extend(device.events.try_recv().ok().map(|event| (number, event)));
        }
    }
    assert!(taken.values().all(|event| *event == Happened::Update(Event::Found { version: 2 })), "{taken:?}");
    for &number in taken.keys() {
        let device = &devices[number];
        device.until(&Event::Activated { version: 2 });
        for n in 0..10 {
            device.ask(USUAL[n % USUAL.len()]);
        }
        let back = Event::RolledBack { version: 2, to: 1, reason: dunlin_sync::Reason::Agreement };
        device.until(&back);
        assert_eq!((device.client.installed().version, device.ask("ok").label.as_deref()), (1, Some("ham")));
    }

    // The publisher takes it back as well, and repairs it: now everyone has the new one, also who was away.
    world.release(&["rollback", "messages", "--reason", "it finds languages"]);
    let third = world.folder.path().join("third.dunlin");
    let mut writer = Writer::of(&bytes(&world.first)).expect("sound");
    writer.replace(SectionKind::Card, b"{\"name\":\"repaired\"}".to_vec());
    fs::write(&third, writer.finish()).expect("writable");
    world.publish(&third, &["--rollout", "5%"]);
    world.release(&["promote", "messages", "--rollout", "100%"]);
    offline.online.store(true, Ordering::Relaxed);
    for device in devices.iter().chain([&offline]) {
        device.client.check();
    }
    for device in devices.iter().chain([&offline]) {
        device.until(&Event::Kept { version: 3 });
        assert_eq!(device.ask("See you at seven then").version, 3);
    }

    // Who comes back after a week gets that one by itself, and never had the bad one.
    away.set_online(true);
    away.live_until(today.after(DAY));
    let events = away.events();
    let events: Vec<&Event> = events.iter().filter(|event| **event != unreachable).collect();
    assert!(
        matches!(
            events[..],
            [
                Event::Found { version: 3 },
                Event::Downloaded { version: 3, .. },
                Event::Activated { version: 3 },
                Event::Kept { version: 3 },
            ]
        ),
        "{events:?}"
    );
    assert_eq!(away.ask(USUAL[0]), (3, 0));
    assert_eq!(away.ask(LATER[0]), (3, 1));
}
