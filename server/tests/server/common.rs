//! A server in this process, in a folder of its own and at a time of its own, and a client of it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dunlin_protocol::summary::{Baseline, Input, Schema};
use dunlin_server::{Clock, Config, DAY, Level, Millis, Role, Server};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Noon of the day on which tests begin.
pub const TODAY: u32 = 20_783;

pub struct Fleet {
    pub folder: TempDir,
    runtime: Runtime,
    server: Option<Server>,
    configure: Box<dyn Fn(&mut Config)>,
    tokens: HashMap<&'static str, String>,
    now: Arc<AtomicU64>,
    agent: ureq::Agent,
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("no JSON: {}", String::from_utf8_lossy(&self.body)))
    }

    /// The stable name of what is wrong.
    pub fn code(&self) -> &str {
        self.headers.get("dunlin-error").map_or("", String::as_str)
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self
    }
}

impl Fleet {
    pub fn start() -> Self {
        Self::with(|_| {})
    }

    pub fn with(configure: impl Fn(&mut Config) + 'static) -> Self {
        let now = u64::from(TODAY) * DAY + DAY / 2;
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut fleet = Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            runtime: Runtime::new().expect("threads"),
            server: None,
            configure: Box::new(configure),
            tokens: HashMap::new(),
            now: Arc::new(AtomicU64::new(now)),
            agent,
        };
        fleet.open();
        let server = fleet.server.as_ref().expect("it runs");
        fleet.tokens = server.first_tokens().iter().map(|token| (token.role.name(), token.secret.clone())).collect();
        fleet
    }

    fn config(&self) -> Config {
        let mut config = Config::new(self.folder.path().join("data"));
        let now = Arc::clone(&self.now);
        config.clock = Clock::new(move || Millis(now.load(Ordering::Relaxed)));
        config.listen = ([127, 0, 0, 1], 0).into();
        config.rate = 0;
        config.log = Level::Trouble;
        (self.configure)(&mut config);
        config
    }

    fn open(&mut self) {
        let server = self.runtime.block_on(Server::start(self.config()));
        self.server = Some(server.unwrap_or_else(|error| panic!("{error}")));
    }

    pub fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    /// Stops the server and starts another one in the same folder.
    pub fn restart(&mut self) {
        self.stop();
        self.open();
    }

    pub fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            self.runtime.block_on(server.stop());
        }
    }

    pub fn start_error(&self) -> String {
        match self.runtime.block_on(Server::start(self.config())) {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        }
    }

    /// Lets time pass, in milliseconds, and the server do what it does between requests.
    pub fn pass(&self, milliseconds: u64) {
        self.now.fetch_add(milliseconds, Ordering::Relaxed);
        self.runtime.block_on(self.server.as_ref().expect("it runs").tend()).expect("tended");
    }

    pub fn seconds(&self) -> u64 {
        self.now.load(Ordering::Relaxed) / 1000
    }

    pub fn new_token(&self, role: Role, name: &str) -> String {
        let token = self.runtime.block_on(dunlin_server::new_token(&self.config(), role, name));
        token.unwrap_or_else(|error| panic!("{error}")).secret
    }

    pub fn address(&self) -> String {
        format!("http://{}", self.server.as_ref().expect("it runs").address())
    }

    pub fn token(&self, role: &str) -> String {
        self.secret(role).to_owned()
    }

    /// The token of a role; what is no role is itself one.
    fn secret<'a>(&'a self, who: &'a str) -> &'a str {
        self.tokens.get(who).map_or(who, String::as_str)
    }

    /// Sends a request as somebody: a role, a token, or nobody at all.
    pub fn send(&self, method: &str, path: &str, who: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.address()));
        if !who.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.secret(who)));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.to_vec()).expect("a request");
        let mut response = self.agent.run(request).unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let headers = response.headers().iter();
        let headers = headers
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(64 << 20).read_to_vec().expect("a body");
        Reply { status, headers, body }
    }

    pub fn get(&self, path: &str, who: &str) -> Reply {
        self.bare("GET", path, who)
    }

    /// Without a body.
    pub fn bare(&self, method: &str, path: &str, who: &str) -> Reply {
        self.send(method, path, who, &[], b"")
    }

    pub fn post(&self, path: &str, who: &str, body: &Value) -> Reply {
        self.send("POST", path, who, JSON, body.to_string().as_bytes())
    }

    pub fn put_baseline(&self, model: &str, baseline: &Baseline) {
        let path = format!("/v1/models/{model}/baseline");
        self.send("PUT", &path, "publisher", JSON, baseline.json().as_bytes()).expect(200);
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.stop();
    }
}

pub const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

/// The digest of a model that isn't there: a server only counts.
pub fn model() -> String {
    "5a".repeat(32)
}

/// Of a text model with two classes.
pub fn schema() -> Schema {
    Schema::new(2, Input::Text, Vec::new()).expect("a schema")
}

/// A summary with a number in its id.
pub fn summary(number: u64, day: u32, bins: Value) -> Value {
    let id = format!("{:08x}-0000-4000-8000-{:012x}", number >> 32, number & 0xffff_ffff_ffff);
    json!({ "version": 1, "id": id, "model": model(), "day": day, "cohort": { "locale": "de" }, "epsilon": 8.0, "bins": bins })
}

pub fn batch(summaries: &[Value]) -> Value {
    json!({ "summaries": summaries })
}

/// A file of this repository.
pub fn shipped(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}
