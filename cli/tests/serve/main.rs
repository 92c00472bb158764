//! `dunlin serve` as an operator has it: the real program, started, stopped, and killed under load.
#![cfg(feature = "server")]

mod away;
mod buckets;
mod delegated;
mod fleet;
mod simulated;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dunlin_protocol::summary::{Baseline, Input, Schema};
use dunlin_protocol::tuf::sign::SigningKey;
use dunlin_protocol::tuf::{Keys, Lifetimes, Repository, Role};
use serde_json::{Value, json};

/// The program, its address, and the tokens that it showed.
struct Serving {
    child: Child,
    address: String,
    tokens: Vec<String>,
}

fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

impl Serving {
    fn start(data: &Path, args: &[&str]) -> Self {
        Self::with(data, args, &[])
    }

    /// With variables in its environment.
    fn with(data: &Path, args: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dunlin"));
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--rate", "0", "--log", "trouble", "--data"])
            .arg(data)
            .args(args)
            .envs(variables.iter().copied());
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut tokens = Vec::new();
        for line in &mut lines {
            let line = line.expect("text");
            if let Some(address) = line.strip_prefix("Serving at ") {
                return Self { child, address: address.to_owned(), tokens };
            }
            tokens
                .extend(line.split_whitespace().nth(1).filter(|token| token.starts_with("dunlin-")).map(str::to_owned));
        }
        panic!("it ended before it served: {:?}", child.wait());
    }
}

impl Drop for Serving {
    /// With SIGKILL, also when a test fails.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A request's status and body; none when the server was gone.
fn send(agent: &ureq::Agent, method: &str, url: &str, token: &str, body: &[u8]) -> Option<(u16, Vec<u8>)> {
    let request = ureq::http::Request::builder().method(method).uri(url);
    let request = request.header("authorization", format!("Bearer {token}")).header("content-type", "application/json");
    let mut response = agent.run(request.body(body.to_vec()).expect("a request")).ok()?;
    let body = response.body_mut().with_config().limit(64 << 20).read_to_vec().ok()?;
    Some((response.status().as_u16(), body))
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    config.timeout_global(Some(Duration::from_secs(60))).build().into()
}

fn today() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs() / 86_400
}

const MODEL: &str = "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a";

fn batch(first: u64, count: u64) -> Vec<u8> {
    let summary = |number: u64| {
        json!({
            "version": 1, "id": format!("00000000-0000-4000-8000-{number:012x}"), "model": MODEL, "day": today(),
            "cohort": {}, "epsilon": 8.0, "bins": { "class": number % 2, "agreement": 0 },
        })
    };
    json!({ "summaries": (first..first + count).map(summary).collect::<Vec<_>>() }).to_string().into_bytes()
}

/// How many summaries of today are counted.
fn counted(agent: &ureq::Agent, serving: &Serving, token: &str) -> u64 {
    let url = format!("{}/v1/models/{MODEL}/windows?days=3", serving.address);
    let (status, body) = send(agent, "GET", &url, token, b"").expect("an answer");
    assert_eq!(status, 200);
    let windows: Value = serde_json::from_slice(&body).expect("JSON");
    let class = windows["windows"].as_array().expect("windows").iter().filter(|window| window["metric"] == "class");
    class.flat_map(|window| window["counts"].as_array().expect("counts")).filter_map(Value::as_u64).sum()
}

/// What clients were told of, and may rely on.
#[derive(Default)]
struct Told {
    /// First numbers of batches.
    summaries: Mutex<Vec<u64>>,
    labels: Mutex<BTreeSet<u32>>,
    published: AtomicU64,
}

const BATCH: u64 = 5;
const ITEMS: u32 = 40;

/// Sends batches until the server is gone.
fn summaries(serving: &str, token: &str, next: &AtomicU64, told: &Told, over: &AtomicBool) {
    let agent = agent();
    while !over.load(Ordering::Relaxed) {
        let first = next.fetch_add(BATCH, Ordering::Relaxed);
        match send(&agent, "POST", &format!("{serving}/v1/summaries"), token, &batch(first, BATCH)) {
            Some((200, _)) => told.summaries.lock().expect("no panic").push(first),
            Some((429, _)) => {}
            Some((status, body)) => panic!("{status}: {}", String::from_utf8_lossy(&body)),
            None => return,
        }
    }
}

fn item(number: u32) -> String {
    format!("10000000-0000-4000-8000-{number:012x}")
}

/// Labels one item after the other until the server is gone.
fn labels(serving: &str, token: &str, told: &Told, over: &AtomicBool) {
    let agent = agent();
    for number in
        (0..ITEMS).filter(|number| !told.labels.lock().expect("no panic").contains(number)).collect::<Vec<_>>()
    {
        if over.load(Ordering::Relaxed) {
            return;
        }
        let url = format!("{serving}/v1/reviews/{}/label", item(number));
        match send(&agent, "POST", &url, token, br#"{"label":"frog"}"#) {
            Some((200, _)) => drop(told.labels.lock().expect("no panic").insert(number)),
            Some((429, _)) => {}
            Some((status, body)) => panic!("{status}: {}", String::from_utf8_lossy(&body)),
            None => return,
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Publishes one version after the other until the server is gone. What wasn't answered is sent again the next time.
fn publications(
    serving: &str,
    token: &str,
    repository: &mut (Repository, Keys, Vec<u8>),
    told: &Told,
    over: &AtomicBool,
) {
    let agent = agent();
    while !over.load(Ordering::Relaxed) {
        let (repository, keys, body) = &mut *repository;
        if body.is_empty() {
            repository.renew(Role::Targets);
            let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
            let files = repository.seal(keys, now, &Lifetimes::default()).expect("all keys");
            let text =
                |file: &dunlin_protocol::tuf::File| (file.name.clone(), json!(String::from_utf8_lossy(&file.bytes)));
            let metadata: serde_json::Map<String, Value> = files.iter().map(text).collect();
            *body = json!({ "version": 1, "metadata": metadata }).to_string().into_bytes();
        }
        match send(&agent, "POST", &format!("{serving}/v1/repository/publish"), token, body) {
            Some((200, _)) => {
                told.published.store(repository.version(Role::Targets), Ordering::Relaxed);
                body.clear();
            }
            Some((429, _)) => {}
            Some((status, body)) => panic!("{status}: {}", String::from_utf8_lossy(&body)),
            None => return,
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Questions that people shall look at.
fn ask(serving: &Serving) {
    let agent = agent();
    for number in 0..ITEMS {
        let data = vec![number * 3; 32 * 32 * 3];
        let parameters = json!({ "dunlin_consent": "input", "dunlin_review": true });
        let inputs = json!([{ "name": "image", "shape": [1, 32, 32, 3], "datatype": "UINT8", "data": data }]);
        let body = json!({ "id": item(number), "parameters": parameters, "inputs": inputs }).to_string();
        let (status, body) = send(
            &agent,
            "POST",
            &format!("{}/v2/models/pictures/infer", serving.address),
            &serving.tokens[0],
            body.as_bytes(),
        )
        .expect("an answer");
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    }
}

fn keys() -> Keys {
    let mut keys = Keys::default();
    for (index, role) in Role::ALL.into_iter().enumerate() {
        keys.set(role, SigningKey::from_seed(&[7 + index as u8; 32]));
    }
    keys
}

/// Three times here; as often as `DUNLIN_KILLS` says by hand.
#[test]
fn killed_under_load_it_loses_nothing_that_it_acknowledged_and_counts_nothing_twice() {
    let kills: u64 = std::env::var("DUNLIN_KILLS").map_or(3, |kills| kills.parse().expect("a number"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    let model = data.join("cloud/pictures");
    std::fs::create_dir_all(&model).expect("writable");
    std::fs::copy(file("models/cifar10/cifar10.onnx"), model.join("model.onnx")).expect("copied");
    std::fs::copy(file("models/cifar10/labels.txt"), model.join("labels.txt")).expect("copied");
    std::fs::write(model.join("config.json"), r#"{"picture":{},"labels":"labels.txt"}"#).expect("writable");
    let args = ["--segment-rows", "50"];
    let mut serving = Serving::start(&data, &args);
    let [device, publisher, reviewer] = <[String; 3]>::try_from(serving.tokens.clone()).expect("three tokens");
    let baseline = Baseline::empty(Schema::new(2, Input::Text, Vec::new()).expect("a schema")).json();
    let url = format!("{}/v1/models/{MODEL}/baseline", serving.address);
    assert_eq!(send(&agent(), "PUT", &url, &publisher, baseline.as_bytes()).map(|(status, _)| status), Some(200));
    ask(&serving);
    let (told, next) = (Told::default(), AtomicU64::new(0));
    let mut repository = (Repository::new(&keys()).expect("all keys"), keys(), Vec::new());
    for kill in 0..kills {
        let over = AtomicBool::new(false);
        let address = serving.address.clone();
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| summaries(&address, &device, &next, &told, &over));
            }
            scope.spawn(|| labels(&address, &reviewer, &told, &over));
            scope.spawn(|| publications(&address, &publisher, &mut repository, &told, &over));
            // A little longer each time, so that it hits other moments.
            thread::sleep(Duration::from_millis(300 + kill * 37 % 500));
            drop(serving);
            over.store(true, Ordering::Relaxed);
        });
        serving = Serving::start(&data, &args);
    }
    let agent = agent();
    // Each batch that was acknowledged is known, and the others are now: all of them are counted once.
    let acknowledged: BTreeSet<u64> = told.summaries.lock().expect("no panic").iter().copied().collect();
    let all = next.load(Ordering::Relaxed);
    assert!(acknowledged.len() as u64 > kills, "{}", acknowledged.len());
    for first in (0..all).step_by(BATCH as usize) {
        let (status, body) =
            send(&agent, "POST", &format!("{}/v1/summaries", serving.address), &device, &batch(first, BATCH))
                .expect("an answer");
        let receipt: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(status, 200);
        assert!(
            !acknowledged.contains(&first) || receipt["repeated"] == BATCH,
            "{first} was acknowledged and lost: {receipt}"
        );
    }
    assert_eq!(counted(&agent, &serving, &publisher), all);
    let exported =
        send(&agent, "GET", &format!("{}/v1/reviews/export?format=label_studio", serving.address), &reviewer, b"")
            .expect("an answer")
            .1;
    let exported: Value = serde_json::from_slice(&exported).expect("JSON");
    let labelled: BTreeSet<&str> = exported
        .as_array()
        .expect("tasks")
        .iter()
        .filter(|task| task["annotations"].as_array().is_some_and(|all| all.len() == 1))
        .filter_map(|task| task["data"]["dunlin_id"].as_str())
        .collect();
    for number in told.labels.lock().expect("no panic").iter() {
        assert!(labelled.contains(item(*number).as_str()), "the label of {number} was acknowledged and lost");
    }
    let timestamp = send(&agent, "GET", &format!("{}/repository/metadata/timestamp.json", serving.address), "", b"")
        .expect("an answer")
        .1;
    let timestamp: Value = serde_json::from_slice(&timestamp).expect("JSON");
    let snapshot = timestamp["signed"]["meta"]["snapshot.json"]["version"].as_u64().expect("a version");
    assert!(snapshot >= told.published.load(Ordering::Relaxed), "a publication was acknowledged and lost");
    drop(serving);
    each_once(&data, all);
    println!(
        "{kills} kills: {} batches, {} labels, {} publications acknowledged",
        acknowledged.len(),
        labelled.len(),
        told.published.load(Ordering::Relaxed)
    );
}

/// Each summary is in one segment, or waits for one.
fn each_once(data: &Path, all: u64) {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;
    let database = rusqlite::Connection::open(data.join("dunlin.sqlite")).expect("a database");
    let mut names = database.prepare("SELECT name FROM segments WHERE durable = 1").expect("a table");
    let names: Vec<String> =
        names.query_map([], |row| row.get(0)).expect("rows").map(|row| row.expect("a name")).collect();
    let mut ids = Vec::new();
    for name in &names {
        let segment = std::fs::File::open(data.join("segments").join(name)).expect("readable");
        let reader = SerializedFileReader::new(segment).expect("a parquet file");
        ids.extend(
            reader
                .get_row_iter(None)
                .expect("rows")
                .map(|row| row.expect("a row").get_string(0).expect("an id").clone()),
        );
    }
    let mut pending = database.prepare("SELECT body FROM pending").expect("a table");
    let id =
        |body: String| serde_json::from_str::<Value>(&body).expect("JSON")["id"].as_str().expect("an id").to_owned();
    ids.extend(pending.query_map([], |row| row.get(0)).expect("rows").map(|row| id(row.expect("a body"))));
    let distinct: BTreeSet<&String> = ids.iter().collect();
    assert!(!names.is_empty(), "no segment");
    assert_eq!((ids.len() as u64, distinct.len() as u64), (all, all));
}

#[cfg(unix)]
#[test]
fn told_to_stop_it_finishes_and_ends_with_success() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut serving = Serving::start(&folder.path().join("data"), &[]);
    assert_eq!(serving.tokens.len(), 3);
    let status = Command::new("kill").args(["-TERM", &serving.child.id().to_string()]).status().expect("a kill");
    assert!(status.success());
    assert!(serving.child.wait().expect("it ends").success());
    let again = Serving::start(&folder.path().join("data"), &[]);
    assert_eq!(again.tokens.len(), 0, "tokens are shown once");
    drop(again);
}

/// The command answers, with a code, when it can't start.
#[test]
fn what_it_cannot_start_with_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    for (args, expected) in [
        (vec!["--cloud", "a=none.onnx"], "none.onnx"),
        (vec!["--cloud", "a=ftp://x/v2"], "ftp://x/v2"),
        (vec!["--segments", "ftp://bucket"], "s3://"),
        (vec!["--segments", "az://container"], "--segments"),
        (vec!["--tls-cert", "none.pem", "--tls-key", "none.pem"], "none.pem"),
        (vec!["--listen", "192.0.2.1:1"], "192.0.2.1:1"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dunlin"));
        command.args(["serve", "--data"]).arg(&data).args(&args);
        let output = command.output().expect("it runs");
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {error}");
        assert!(error.contains(expected), "{args:?}: {error}");
    }
}
