//! The fallback against MLServer, which isn't ours: started by this test where DUNLIN_MLSERVER names its command.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use dunlin_native::Http;
use dunlin_protocol::hex::Hash;
use dunlin_protocol::oip::{Consent, Input, Limits, ServerMetadata};
use dunlin_sync::fallback::{Config, Event, Fallback, Question, Server, Ticket, Why};
use dunlin_sync::{Chance, Effect, Failure, Machine, Method, Request, Response, Stored, Time};

/// A server that ends with the test.
struct Started {
    process: Child,
    folder: tempfile::TempDir,
    url: String,
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.process.kill().and_then(|()| self.process.wait());
    }
}

fn port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port()
}

fn start(command: &Path) -> Started {
    let folder = tempfile::tempdir().expect("a folder");
    let recipe = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance/oip");
    for file in ["runtime.py", "model-settings.json"] {
        std::fs::copy(recipe.join(file), folder.path().join(file)).expect("the recipe");
    }
    let [http, grpc, metrics] = [port(), port(), port()];
    let settings = format!(
        r#"{{"host": "127.0.0.1", "http_port": {http}, "grpc_port": {grpc}, "metrics_port": {metrics}, "parallel_workers": 0, "debug": false}}"#
    );
    std::fs::write(folder.path().join("settings.json"), settings).expect("writable");
    let log = std::fs::File::create(folder.path().join("log")).expect("writable");
    let mut started = Command::new(command);
    started.args(["start", "."]).current_dir(folder.path()).stdin(Stdio::null());
    started.stdout(log.try_clone().expect("a handle")).stderr(log);
    let process = started.spawn().expect("DUNLIN_MLSERVER can be started");
    let url = format!("http://127.0.0.1:{http}");
    let mut started = Started { process, folder, url };
    let begin = Instant::now();
    while get(&started.url, "/v2/models/words/ready").map(|ready| ready.status) != Ok(200) {
        let ended = started.process.try_wait().expect("a state").is_some();
        if ended || begin.elapsed() > Duration::from_secs(180) {
            let log = std::fs::read_to_string(started.folder.path().join("log"));
            panic!("MLServer doesn't start: {log:?}");
        }
        thread::sleep(Duration::from_millis(100));
    }
    println!("MLServer is ready after {:.1} s", begin.elapsed().as_secs_f64());
    started
}

fn get(url: &str, path: &str) -> Result<Response, Failure> {
    let (headers, body) = (Vec::new(), Vec::new());
    let url = format!("{url}{path}");
    Http::new().send(&Request { id: 0, method: Method::Get, url, headers, body, max_bytes: 1 << 16, timeout: 10_000 })
}

/// A device with a store in memory.
struct Device {
    fallback: Fallback,
    store: Stored,
    http: Http,
    answers: (Sender<Arrived>, Receiver<Arrived>),
    wake: Time,
    begin: Instant,
}

type Arrived = (u64, Result<Response, Failure>);

impl Device {
    fn new(url: &str, model: &str, stored: Stored) -> Self {
        let server = Server { url: url.into(), model: model.into(), version: None, token: None };
        let config = Config { servers: vec![server], consent: Consent::Input, ..Config::default() };
        let fallback = Fallback::restore(config, &stored, Chance::new([9; 32]), Time(0));
        let (http, answers, begin) = (Http::new(), channel(), Instant::now());
        Self { fallback, store: stored, http, answers, wake: Time(0), begin }
    }

    fn now(&self) -> Time {
        Time(u64::try_from(self.begin.elapsed().as_millis()).expect("a short test"))
    }

    fn ask(&mut self, input: Option<Input>, budget: u64) -> Ticket {
        let question = Question {
            model: Hash([1; 32]),
            reason: "ambiguous".into(),
            labels: vec!["ham".into(), "spam".into()],
            class: 0,
            input,
            features: Some(vec![0.5, 3.0]),
            review: false,
        };
        let now = self.now();
        self.fallback.ask(now, question, budget)
    }

    /// The next event; none once nothing can come any more.
    fn event(&mut self) -> Option<Event> {
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(60) {
            while let Some(effect) = self.fallback.poll(self.now()) {
                match effect {
                    Effect::Send(request) => {
                        let (http, answers) = (self.http.clone(), self.answers.0.clone());
                        thread::spawn(move || answers.send((request.id, http.send(&request))));
                    }
                    Effect::Commit(commit) => {
                        for (key, value) in commit.changes {
                            match value {
                                Some(value) => self.store.insert(key, value),
                                None => self.store.remove(&key),
                            };
                        }
                        self.fallback.handle_commit(self.now(), commit.id, Ok(()));
                    }
                    Effect::Wake(at) => self.wake = at,
                    _ => (),
                }
            }
            if let Some(event) = self.fallback.poll_event() {
                return Some(event);
            }
            let wait = Duration::from_millis(self.wake.since(self.now()).clamp(1, 1_000));
            match self.answers.1.recv_timeout(wait) {
                Ok((id, answer)) => self.fallback.handle_response(self.now(), id, answer),
                Err(_) => self.fallback.handle_wake(self.now()),
            }
        }
        None
    }

    /// What comes of a question, without the agreement.
    fn outcome(&mut self, input: Option<Input>, budget: u64) -> Event {
        let ticket = self.ask(input, budget);
        loop {
            match self.event().expect("an answer") {
                Event::Agreement { .. } => (),
                event @ (Event::Answered { ticket: of, .. } | Event::Local { ticket: of, .. }) if of == ticket => {
                    return event;
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

fn text(text: &str) -> Option<Input> {
    Some(Input::Text(text.into()))
}

fn class(event: &Event) -> usize {
    match event {
        Event::Answered { answer, .. } => answer.class,
        other => panic!("{other:?}"),
    }
}

fn why(event: &Event) -> (Why, bool) {
    match event {
        Event::Local { why, later, .. } => (*why, *later),
        other => panic!("{other:?}"),
    }
}

#[test]
fn mlserver_answers_the_devices_questions() {
    let Some(command) = std::env::var_os("DUNLIN_MLSERVER").map(PathBuf::from) else {
        println!("DUNLIN_MLSERVER isn't set: MLServer isn't asked; ./test oip does it");
        return;
    };
    let server = start(&command);
    let metadata = get(&server.url, "/v2").expect("metadata").body;
    let metadata = ServerMetadata::read(&metadata, &Limits::DEVICE).expect("metadata");
    assert_eq!((metadata.name.as_str(), metadata.takes_binary()), ("mlserver", false));

    let mut device = Device::new(&server.url, "words", Stored::new());
    let mut times: Vec<Duration> = Vec::new();
    for round in 0..40 {
        let begin = Instant::now();
        let (input, expected) = match round % 4 {
            0 => (text("a free prize"), 1),
            1 => (text("see you at größer 5"), 0),
            2 => (None, 1),
            _ => (Some(Input::Image { height: 2, width: 2, pixels: vec![250; 12] }), 1),
        };
        assert_eq!(class(&device.outcome(input, 30_000)), expected);
        times.push(begin.elapsed());
    }
    times.sort();
    println!("40 questions: median {:?}, slowest {:?}", times[20], times[39]);

    // A 500, a lie, another model: the local answer stands, at once.
    assert_eq!(why(&device.outcome(text("fail"), 30_000)), (Why::Refused(500), false));
    let lie = why(&device.outcome(text("lie"), 30_000));
    // A second try may have met the connection that the server closed after its 500.
    assert!(matches!(lie, (Why::Untrue(_) | Why::Network(Failure::Broken), false)), "{lie:?}");
    let mut other = Device::new(&server.url, "none", Stored::new());
    assert_eq!(why(&other.outcome(text("free"), 30_000)), (Why::Refused(404), false));

    // Slower than the deadline: the local answer by then, the upgrade later.
    assert_eq!(why(&device.outcome(text("slow but free"), 50)), (Why::Deadline, true));
    let kept = device.event();
    assert!(matches!(kept, Some(Event::Kept { .. })), "{kept:?}");
    // The device ends before the answer comes, and asks again when it starts.
    let mut again = Device::new(&server.url, "words", device.store);
    let agreement = again.event();
    assert!(matches!(agreement, Some(Event::Agreement { agrees: false, .. })), "{agreement:?}");
    let upgrade = again.event();
    assert!(matches!(&upgrade, Some(Event::Upgrade { answer, .. }) if answer.class == 1), "{upgrade:?}");

    // And without a server.
    drop(server);
    let event = again.outcome(text("free"), 2_000);
    // The breaker may have had enough before the last try.
    let why = why(&event);
    assert!(matches!(why, (Why::Network(Failure::Connect) | Why::Resting | Why::Deadline, true)), "{event:?}");
}
