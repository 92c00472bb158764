//! Targets of roles to whom the top role delegates: published, served and read back.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use dunlin_protocol::hex::Hash;
use dunlin_protocol::tuf::sign::{SigningKey, number, object, sign, text};
use dunlin_protocol::tuf::{Keys, Lifetimes, Repository, Role, Value};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::{Serving, agent, file, send};

fn dunlin(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dunlin")).args(args).output().expect("it runs")
}

/// Fetches targets as a device that begins with this root.
fn fetch(serving: &Serving, root: &Path, targets: &[&str]) -> Result<Vec<Vec<u8>>, String> {
    let device = tempfile::tempdir().expect("a temporary folder");
    let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let at = text(device.path());
    let run = |args: &[&str]| {
        let said = dunlin(&[&["tuf-client", "--metadata-dir", &at], args].concat());
        if said.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&said.stderr).into_owned()) }
    };
    run(&["init", &text(root)])?;
    let (metadata, files) =
        (format!("{}/repository/metadata", serving.address), format!("{}/repository/targets", serving.address));
    let mut fetched = Vec::new();
    for (index, target) in targets.iter().enumerate() {
        let folder = device.path().join(format!("target-{index}"));
        fs::create_dir(&folder).expect("writable");
        let folder_text = text(&folder);
        run(&[
            "--metadata-url",
            &metadata,
            "--target-name",
            target,
            "--target-base-url",
            &files,
            "--target-dir",
            &folder_text,
            "download",
        ])?;
        let there = fs::read_dir(&folder).expect("readable").next().expect("a file").expect("a file");
        fetched.push(fs::read(there.path()).expect("readable"));
    }
    Ok(fetched)
}

/// All files below a folder, by their paths.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("readable") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_str().expect("UTF-8").to_owned();
        if path.is_dir() {
            files.extend(self::files(&path).into_iter().map(|(below, bytes)| (format!("{name}/{below}"), bytes)));
        } else {
            files.insert(name, fs::read(path).expect("readable"));
        }
    }
    files
}

#[test]
fn what_python_tuf_delegated_is_published_as_a_whole_and_read_back() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let serving = Serving::start(&folder.path().join("data"), &[]);
    let made = file("conformance/tuf/served");
    let (agent, publisher) = (agent(), &serving.tokens[1]);
    for (path, bytes) in files(&made.join("targets")) {
        let url = format!("{}/v1/repository/targets/{path}", serving.address);
        assert_eq!(send(&agent, "PUT", &url, publisher, &bytes).expect("an answer").0, 201, "{path}");
    }
    let metadata = files(&made.join("metadata"));
    let publish = |metadata: &BTreeMap<String, Vec<u8>>| {
        let text = |bytes: &Vec<u8>| String::from_utf8(bytes.clone()).expect("JSON");
        let metadata: BTreeMap<&String, String> = metadata.iter().map(|(name, bytes)| (name, text(bytes))).collect();
        let body = json!({ "version": 1, "metadata": metadata }).to_string();
        let url = format!("{}/v1/repository/publish", serving.address);
        send(&agent, "POST", &url, publisher, body.as_bytes()).expect("an answer")
    };
    // Each delegated role counts, whether or not anything is looked for in it.
    for role in ["1.patterns.json", "1.prefixes.json"] {
        let mut some = metadata.clone();
        some.remove(role);
        assert_eq!(publish(&some).0, 400, "without {role}");
        let mut changed = metadata.clone();
        let bytes = changed.get_mut(role).expect("it is there");
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
        assert_eq!(publish(&changed).0, 400, "another {role}");
    }
    let (status, said) = publish(&metadata);
    assert_eq!((status, said), (200, br#"{"targets":4}"#.to_vec()));
    let targets = ["plain.txt", "dir/only.512", "dir/delegated.txt", "hashed.txt"];
    let fetched = fetch(&serving, &made.join("metadata/1.root.json"), &targets).expect("trusted");
    let wanted: [&[u8]; 4] = [
        b"made by python-tuf\n",
        b"a digest of another kind\n",
        b"delegated by pattern\n",
        b"delegated by hashed path\n",
    ];
    assert_eq!(fetched, wanted);
    fetch(&serving, &made.join("metadata/1.root.json"), &["dir/nothing.txt"]).expect_err("there is none");
}

/// A repository in a folder, with a role `team` that vouches for what is below `team/`, as another tool could have made it.
fn with_team(folder: &Path) {
    let mut keys = Keys::default();
    fs::create_dir_all(folder.join("keys")).expect("writable");
    for (index, role) in Role::ALL.into_iter().enumerate() {
        let key = SigningKey::from_seed(&[90 + index as u8; 32]);
        fs::write(folder.join(format!("keys/{}.pem", role.name())), key.to_pem()).expect("writable");
        keys.set(role, key);
    }
    let mut repository = Repository::new(&keys).expect("all keys");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
    let mut metadata: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for file in repository.seal(&keys, now, &Lifetimes::default()).expect("all keys") {
        metadata.insert(file.name, file.bytes);
    }
    let team = SigningKey::from_seed(&[99; 32]);
    let digest = Hash(Sha256::digest(b"of the team").into());
    let target = object([("length", number(11)), ("hashes", object([("sha256", text(&digest.to_string()))]))]);
    let role = object([
        ("_type", text("targets")),
        ("spec_version", text("1.0.31")),
        ("version", number(1)),
        ("expires", text("2099-01-01T00:00:00Z")),
        ("targets", object([("team/model.bin", target)])),
    ]);
    metadata.insert("1.team.json".to_owned(), sign(&role, &[&team]));
    let delegation = object([
        ("name", text("team")),
        ("keyids", Value::List(vec![Value::Text(team.id())])),
        ("threshold", number(1)),
        ("terminating", Value::Bool(false)),
        ("paths", Value::List(vec![text("team/*")])),
    ]);
    let delegations =
        object([("keys", object([(team.id().as_str(), team.public())])), ("roles", Value::List(vec![delegation]))]);
    let mut forge = |name: &str, role: Role, change: &dyn Fn(&mut BTreeMap<String, Value>)| {
        let Ok(Value::Object(mut file)) = Value::parse(&metadata[name], 10_000) else { panic!("{name} is an object") };
        let Some(Value::Object(signed)) = file.get_mut("signed") else { panic!("{name} is signed") };
        change(signed);
        let bytes = sign(&file["signed"], &[keys.of(role).expect("a key")]);
        metadata.insert(name.to_owned(), bytes);
    };
    let one = || object([("version", number(1))]);
    forge("1.targets.json", Role::Targets, &|signed| {
        drop(signed.insert("delegations".to_owned(), delegations.clone()))
    });
    forge("1.snapshot.json", Role::Snapshot, &|signed| {
        drop(signed.insert("meta".to_owned(), object([("targets.json", one()), ("team.json", one())])));
    });
    forge("timestamp.json", Role::Timestamp, &|signed| {
        drop(signed.insert("meta".to_owned(), object([("snapshot.json", one())])));
    });
    fs::create_dir_all(folder.join("repository/metadata")).expect("writable");
    fs::create_dir_all(folder.join("repository/targets/team")).expect("writable");
    for (name, bytes) in &metadata {
        fs::write(folder.join("repository/metadata").join(name), bytes).expect("writable");
    }
    fs::write(folder.join(format!("repository/targets/team/{digest}.model.bin")), b"of the team").expect("writable");
}

#[test]
fn the_command_uploads_what_delegated_roles_have() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    with_team(folder.path());
    let serving = Serving::start(&folder.path().join("data"), &[]);
    let (repository, keys) = (folder.path().join("repository"), folder.path().join("keys"));
    let path = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let said = dunlin(&[
        "refresh",
        "--repository",
        &path(&repository),
        "--keys",
        &path(&keys),
        "--server",
        &serving.address,
        "--token",
        &serving.tokens[1],
    ]);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let root = repository.join("metadata/1.root.json");
    assert_eq!(fetch(&serving, &root, &["team/model.bin"]), Ok(vec![b"of the team".to_vec()]));
}
