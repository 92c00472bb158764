use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;

use dunlin_engine::artifact::{SectionKind, Writer};
use serde_json::Value;

use crate::{Finished, dunlin, file, folder, shipped};

/// A folder with keys, and where the repository goes.
struct Fleet {
    dir: tempfile::TempDir,
}

impl Fleet {
    fn new() -> Self {
        let fleet = Self { dir: folder() };
        dunlin!("keys", "init", "--dir", fleet.keys()).success();
        fleet
    }

    fn keys(&self) -> PathBuf {
        self.dir.path().join("keys")
    }

    fn repository(&self) -> PathBuf {
        self.dir.path().join("repository")
    }

    /// A command on this repository with these keys.
    fn run(&self, args: &[&str]) -> Finished {
        let mut command = crate::command(args);
        command.arg("--repository").arg(self.repository()).arg("--keys").arg(self.keys());
        crate::finish(command)
    }

    fn publish(&self, artifact: &Path, more: &[&str]) -> Finished {
        let artifact = artifact.to_str().expect("a path of text");
        self.run(&[&["publish", artifact, "--model", "pictures"], more].concat())
    }

    fn rotate(&self, role: &str) -> Finished {
        dunlin!("keys", "rotate", role, "--dir", self.keys(), "--repository", self.repository())
    }

    fn status(&self) -> Value {
        dunlin!("status", "--repository", self.repository(), "--json").json()
    }

    fn versions(&self) -> Vec<u64> {
        let status = self.status();
        let releases = status["releases"].as_array().expect("a list");
        releases.iter().map(|release| release["version"].as_u64().expect("a number")).collect()
    }

    fn root_version(&self) -> u64 {
        self.status()["roles"][0]["version"].as_u64().expect("a number")
    }

    /// An artifact that differs from the shipped one in its card alone.
    fn variant(&self, name: &str) -> PathBuf {
        let path = self.dir.path().join(format!("{name}.dunlin"));
        let shipped = dunlin_engine::AlignedBytes::from_slice(&fs::read(shipped()).expect("it is shipped"));
        let card = format!("{{\"name\":\"{name}\"}}").into_bytes();
        let written = Writer::of(&shipped).expect("sound").replace(SectionKind::Card, card).finish();
        fs::write(&path, written).expect("writable");
        path
    }

    /// A device's folder that begins with the first root.
    fn device(&self) -> PathBuf {
        let device = self.dir.path().join(format!("device-{}", fs::read_dir(&self.dir).expect("there").count()));
        fs::create_dir(&device).expect("writable");
        dunlin!("tuf-client", "--metadata-dir", device, "init", self.repository().join("metadata/1.root.json"))
            .success();
        device
    }
}

/// What a device does with a server.
fn client(device: &Path, url: &str, args: &[&str]) -> Finished {
    let mut command = crate::command(["tuf-client", "--metadata-dir"]);
    command.arg(device).args(["--metadata-url", &format!("{url}/metadata/")]).args(args);
    crate::finish(command)
}

fn download(device: &Path, url: &str, target: &str) -> Finished {
    let targets = format!("{url}/targets");
    let folder = device.to_str().expect("a path of text");
    client(device, url, &["--target-name", target, "--target-base-url", &targets, "--target-dir", folder, "download"])
}

/// Answers each request by a function of method, path and body: a status and a body.
fn serve(answer: impl Fn(&str, &str, &[u8]) -> (u16, Vec<u8>) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    thread::spawn(move || {
        for stream in listener.incoming() {
            answer_one(stream.expect("a client"), &answer);
        }
    });
    url
}

fn answer_one(stream: TcpStream, answer: &impl Fn(&str, &str, &[u8]) -> (u16, Vec<u8>)) {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).expect("text") > 0 {}
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).expect("a body");
    let mut words = head.split_whitespace();
    let (method, path) = (words.next().expect("a method"), words.next().expect("a path"));
    let (status, bytes) = answer(method, path, &body);
    let head = format!("HTTP/1.1 {status} Some\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", bytes.len());
    // A client that has read enough may be gone.
    let _ = reader.into_inner().write_all(&[head.as_bytes(), &bytes].concat());
}

/// A server of a folder.
fn serve_folder(folder: &Path) -> String {
    let folder = folder.to_owned();
    serve(move |_, path, _| match fs::read(folder.join(path.trim_start_matches('/'))) {
        Ok(bytes) => (200, bytes),
        Err(_) => (404, Vec::new()),
    })
}

#[test]
fn keys_are_made_once() {
    let fleet = Fleet::new();
    let file = fleet.keys().join("targets.pem");
    let before = fs::read_to_string(&file).expect("a key");
    assert!(before.starts_with("-----BEGIN PRIVATE KEY-----\n"));
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(&file).expect("a key"));
        assert_eq!(mode & 0o777, 0o600);
    }
    fs::remove_file(fleet.keys().join("root.pem")).expect("it was there");
    dunlin!("keys", "init", "--dir", fleet.keys()).sentence(1, &["targets.pem", "never overwritten"]);
    assert_eq!(fs::read_to_string(&file).expect("a key"), before);
    assert!(!fleet.keys().join("root.pem").exists());
}

#[test]
fn a_release_goes_from_a_few_devices_to_all_and_back() {
    let fleet = Fleet::new();
    let (one, two, three) = (fleet.variant("one"), fleet.variant("two"), fleet.variant("three"));
    let canary = ["--rollout", "5%", "--canary", "inputs=20,agreement=0.9", "--cohort", "de", "--notes", "the first"];
    let said = fleet.publish(&one, &canary).success();
    assert!(said.contains("pictures version 1 goes to 5.0 % of devices") && said.contains("1.root.json"), "{said}");
    let release = &fleet.status()["releases"][0];
    assert_eq!(release["rollout"]["permille"], 50);
    assert_eq!(release["rollout"]["cohorts"], serde_json::json!(["de"]));
    assert_eq!(
        release["canary"],
        serde_json::json!({"inputs": 20, "agreement": 900, "fallback": 500, "latency_ms": 200})
    );

    fleet.publish(&one, &["--rollout", "50%"]).sentence(1, &["version 1", "promote"]);
    let said = fleet.publish(&two, &["--rollout", "1%"]).success();
    assert!(said.contains("pictures/1-2.patch"), "{said}");
    let patch = &fleet.status()["releases"][1]["patches"][0];
    assert!(patch["length"].as_u64().expect("a number") < 1000, "{patch}");

    fleet.run(&["promote", "pictures", "--rollout", "0.5%"]).sentence(1, &["1.0 % of devices already"]);
    fleet.run(&["promote", "pictures", "--rollout", "25%"]).success();
    fleet.run(&["hold", "pictures"]).success();
    let rollout = fleet.status()["releases"][1]["rollout"].clone();
    assert_eq!((&rollout["permille"], &rollout["held"]), (&serde_json::json!(250), &serde_json::json!(true)));

    fleet.run(&["rollback", "pictures", "--to", "2", "--reason", "x"]).sentence(1, &["version 2 isn't listed"]);
    fleet.run(&["rollback", "pictures", "--reason", "too many alarms"]).success();
    assert_eq!(fleet.versions(), [1]);
    assert_eq!(fleet.status()["releases"][0]["notes"], "too many alarms");
    fleet.run(&["rollback", "pictures", "--reason", "x"]).sentence(1, &["no earlier release"]);
    // A number is never given twice.
    fleet.publish(&three, &["--rollout", "100%"]).success();
    assert_eq!(fleet.versions(), [1, 3]);
    let table = dunlin!("status", "--repository", fleet.repository()).success();
    assert!(table.contains("100.0 %") && table.contains("timestamp version 6: signed until"), "{table}");
}

#[test]
fn a_device_follows_over_http_whatever_keys_are_made_anew() {
    let fleet = Fleet::new();
    fleet.publish(&fleet.variant("one"), &["--rollout", "5%"]).success();
    let url = serve_folder(&fleet.repository());
    let device = fleet.device();
    client(&device, &url, &["refresh"]).success();
    download(&device, &url, "pictures/1.dunlin").success();
    let kept = device.join("pictures-2f1-2edunlin");
    assert_eq!(fs::read(&kept).expect("kept"), fs::read(fleet.variant("one")).expect("there"));
    for (count, role) in (2..).zip(["timestamp", "snapshot", "targets", "root", "root"]) {
        fleet.rotate(role).success();
        assert_eq!(fleet.root_version(), count);
        client(&device, &url, &["refresh"]).success();
    }
    let with_old_keys = fleet.keys().join("root.until-root-5.pem");
    assert!(with_old_keys.exists());
    fleet.publish(&fleet.variant("two"), &["--rollout", "5%"]).success();
    fleet.run(&["refresh"]).success();
    download(&device, &url, "pictures/2.dunlin").success();
    assert_eq!(
        fs::read(device.join("root.json")).expect("kept"),
        fs::read(fleet.repository().join("metadata/6.root.json")).expect("there")
    );
    download(&device, &url, "pictures/9.dunlin").sentence(1, &["pictures/9.dunlin", "no such file"]);

    // A file that someone has changed on the server.
    fs::remove_file(&kept).expect("it was kept");
    let targets = fleet.repository().join("targets/pictures");
    for entry in fs::read_dir(targets).expect("there") {
        let path = entry.expect("there").path();
        let mut bytes = fs::read(&path).expect("readable");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, bytes).expect("writable");
    }
    download(&device, &url, "pictures/1.dunlin").sentence(1, &["isn't what was signed"]);
    assert!(!kept.exists());
}

#[test]
fn a_rotation_that_was_interrupted_is_finished_by_the_next() {
    for role in ["timestamp", "snapshot", "targets", "root"] {
        let fleet = Fleet::new();
        fleet.publish(&fleet.variant("one"), &["--rollout", "5%"]).success();
        let (metadata, key) = (fleet.repository().join("metadata"), fleet.keys().join(format!("{role}.pem")));
        let (timestamp, old) = (fs::read(metadata.join("timestamp.json")), fs::read(&key));
        fleet.rotate(role).success();
        // As if it had ended before the timestamp was replaced.
        fs::rename(&key, fleet.keys().join(format!("{role}.next.pem"))).expect("there");
        fs::remove_file(fleet.keys().join(format!("{role}.until-root-2.pem"))).expect("there");
        fs::write(&key, old.expect("there")).expect("writable");
        fs::write(metadata.join("timestamp.json"), timestamp.expect("there")).expect("writable");
        fleet.rotate(role).success();
        assert_eq!(fleet.root_version(), 2, "{role}");
        assert!(!fleet.keys().join(format!("{role}.next.pem")).exists());
        let device = fleet.device();
        client(&device, &serve_folder(&fleet.repository()), &["refresh"]).success();
        fleet.publish(&fleet.variant("two"), &["--rollout", "5%"]).success();
    }
}

#[test]
fn what_does_not_fit_is_said_and_changes_nothing() {
    let fleet = Fleet::new();
    let one = fleet.variant("one");
    fleet.run(&["promote", "pictures", "--rollout", "5%"]).sentence(1, &["there is no repository here"]);
    let mut damaged = fs::read(&one).expect("there");
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    let broken = fleet.dir.path().join("broken.dunlin");
    fs::write(&broken, damaged).expect("writable");
    fleet.publish(&broken, &["--rollout", "5%"]).failure(3);
    assert!(!fleet.repository().join("metadata/timestamp.json").exists());
    fleet.publish(&file("README.md"), &["--rollout", "5%"]).failure(3);
    fleet.publish(&one, &["--rollout", "5%", "--cohort", "Ü"]).sentence(1, &["rollout is out of its range"]);
    fleet.publish(&one, &["--rollout", "5%"]).success();
    fleet.run(&["hold", "texts"]).sentence(1, &["no release of 'texts'"]);
    for wrong in [
        &["promote", "pictures", "--rollout", "5"][..],
        &["promote", "../x", "--rollout", "5%"],
        &["rollback", "pictures"],
    ] {
        fleet.run(wrong).failure(2);
    }

    // The key of another fleet, none, and a file that is no key.
    let (key, other) = (fleet.keys().join("snapshot.pem"), Fleet::new());
    let own = fs::read(&key).expect("there");
    fs::copy(other.keys().join("snapshot.pem"), &key).expect("writable");
    fleet.run(&["hold", "pictures"]).sentence(1, &["'snapshot' isn't the one"]);
    fs::write(&key, "nonsense").expect("writable");
    fleet.run(&["hold", "pictures"]).sentence(1, &["snapshot.pem", "no ed25519 key"]);
    fs::remove_file(&key).expect("there");
    fleet.run(&["hold", "pictures"]).sentence(1, &["'snapshot' isn't there"]);
    fs::write(&key, own).expect("writable");

    // Another process, then metadata that someone has changed.
    let lock = fs::File::open(fleet.repository().join(".lock")).expect("there");
    lock.lock().expect("nobody has it");
    fleet.run(&["hold", "pictures"]).sentence(1, &["another process"]);
    // Closing it wouldn't do: a process that another test is just starting has it as well for a moment.
    lock.unlock().expect("it was locked");
    let targets = fleet.repository().join("metadata/1.targets.json");
    let text = fs::read_to_string(&targets).expect("there").replace("\"permille\":50", "\"permille\":51");
    fs::write(targets, text).expect("writable");
    fleet.run(&["hold", "pictures"]).sentence(1, &["isn't sound", "targets"]);
    assert_eq!(fs::read_dir(fleet.repository().join("metadata")).expect("there").count(), 4);
}

#[test]
fn a_server_gets_files_first_and_metadata_last() {
    let fleet = Fleet::new();
    let (send, asked) = std::sync::mpsc::channel();
    let url = serve(move |method, path, body| {
        send.send((format!("{method} {path}"), body.to_vec())).expect("the test listens");
        (if method == "GET" { 404 } else { 200 }, b"an answer".to_vec())
    });
    let one = fleet.variant("one");
    let said = fleet.publish(&one, &["--rollout", "5%", "--server", &url, "--token", "t"]).success();
    assert!(said.ends_with(&format!("published at {url}\n")), "{said}");
    let asked: Vec<(String, Vec<u8>)> = asked.try_iter().collect();
    let lines: Vec<&str> = asked.iter().map(|(line, _)| line.as_str()).collect();
    let [look, labels, put, publish] = lines[..] else { panic!("{lines:?}") };
    let address = look.strip_prefix("GET /repository/targets/").expect("a target");
    assert!(labels.starts_with("PUT /v1/models/") && labels.ends_with("/labels"), "{labels}");
    assert_eq!(put, format!("PUT /v1/repository/targets/{address}"));
    assert_eq!(publish, "POST /v1/repository/publish");
    assert_eq!(asked[2].1, fs::read(one).expect("there"));
    let body: Value = serde_json::from_slice(&asked[3].1).expect("JSON");
    let names: Vec<&String> = body["metadata"].as_object().expect("files").keys().collect();
    assert_eq!(names, ["1.root.json", "1.snapshot.json", "1.targets.json", "timestamp.json"]);

    let refusing = serve(|_, _, _| (409, br#"{"error":{"code":"x","message":"not like this"}}"#.to_vec()));
    fleet.run(&["hold", "pictures", "--server", &refusing]).failure(1);
    let closed = "http://127.0.0.1:1";
    let said = fleet.run(&["hold", "pictures", "--server", closed]);
    said.sentence(1, &[closed, "no connection", "the next command"]);
}
