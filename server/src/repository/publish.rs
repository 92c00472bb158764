//! Publishing: the server follows new metadata as a device would, from what it trusted before and from the beginning, and only then shows
//! it, all at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use dunlin_protocol::tuf::{self, Answer, Limits, Step, Target, Updater};
use rusqlite::{Connection, params};
use serde::Deserialize;
use serde_json::json;

use crate::app::App;
use crate::clock::Millis;
use crate::fault::{Code, Fault};
use crate::http::{Call, json_answer};
use crate::store::Urgency;

use super::Shown;

/// The body: files of metadata by their names, as text, because every byte of them counts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Publication {
    version: u32,
    metadata: BTreeMap<String, String>,
}

/// What a publication comes to.
struct Checked {
    /// The names of files that devices fetch.
    used: BTreeSet<String>,
    trusted: BTreeMap<String, Vec<u8>>,
    targets: Vec<Listed>,
}

/// A target of the newest metadata, of the top role or of one to whom it delegates.
struct Listed {
    address: String,
    path: String,
    sha256: [u8; 32],
    length: u64,
    custom: Option<String>,
}

/// The longest publication, in bytes.
const MOST_BYTES: usize = 32 << 20;

/// The most files in one.
const MOST_FILES: usize = 300;

/// `POST /v1/repository/publish`
pub async fn publish(app: Arc<App>, call: Call) -> Result<Response, Fault> {
    let publisher = call.caller.name.clone();
    let publication: Publication = call.json(MOST_BYTES).await?;
    if publication.version != 1 || publication.metadata.len() > MOST_FILES {
        return Err(Fault::bad(format!("a publication has \"version\": 1 and at most {MOST_FILES} files of metadata")));
    }
    // One after the other: each is checked against the one before.
    let _alone = app.repository.publishing.lock().await;
    let before = app.store.read(read_trusted).await?;
    let shown = app.repository.shown();
    let now = app.config.clock.now();
    let repository = Arc::clone(&app);
    let checked = tokio::task::spawn_blocking(move || {
        let checked = check(&repository, &shown, before, &publication.metadata, now)?;
        Ok::<_, Fault>((checked, publication.metadata))
    });
    let (checked, metadata) = checked.await.map_err(|error| Fault::internal("a publication", error))??;
    let count = checked.targets.len();
    let write = move |connection: &Connection| write(connection, &checked, &metadata, &publisher, now);
    let shown = app.store.write(Urgency::Control, write).await?;
    app.repository.show(shown);
    crate::log::event("published", json!({ "targets": count }));
    json_answer(StatusCode::OK, &json!({ "targets": count }))
}

/// Whether these bytes are a root that its own keys signed.
///
/// # Errors
/// What is wrong with them, for people.
pub(super) fn check_root(root: &[u8]) -> Result<(), String> {
    let files = BTreeMap::from([("root.json".to_owned(), root.to_vec())]);
    Updater::new(files, 0, Limits::default()).map(drop).map_err(|error| error.to_string())
}

fn check(
    app: &App,
    shown: &Shown,
    before: BTreeMap<String, Vec<u8>>,
    metadata: &BTreeMap<String, String>,
    now: Millis,
) -> Result<Checked, Fault> {
    for (name, text) in metadata {
        let changed = shown.document(name).is_some_and(|document| document.bytes != text.as_bytes());
        if changed && name != "timestamp.json" {
            return Err(wrong(format!(
                "{} was published already with other bytes; take the next version",
                plain(name)
            )));
        }
    }
    let first = first_root(app, shown, metadata)?;
    let beginning = BTreeMap::from([("root.json".to_owned(), first)]);
    let fetched = |name: &str| match metadata.get(name) {
        Some(text) => Some(text.as_bytes().to_vec()),
        None => shown.document(name).map(|document| document.bytes.to_vec()),
    };
    let mut used = BTreeSet::new();
    // As a new device sees it, and as one does that has followed until now.
    follow(beginning.clone(), now, &fetched, &mut used)?;
    let before = if before.is_empty() { beginning } else { before };
    let (updater, trusted) = follow(before, now, &fetched, &mut used)?;
    let delegated = updater.delegated(fetched).map_err(untrusted)?;
    if delegated.metadata.iter().any(|name| plain(name) != name) {
        return Err(wrong(
            "a delegated role has a name of other characters than letters, digits, '-', '_' and '.'".to_owned(),
        ));
    }
    used.extend(delegated.metadata);
    // Roots from before the operator's are of no use, and do no harm.
    let is_root = |name: &str| name.ends_with(".root.json");
    if let Some(name) = metadata.keys().find(|name| !used.contains(*name) && !is_root(name)) {
        return Err(wrong(format!("{} is fetched by no device; leave it out", plain(name))));
    }
    used.insert("1.root.json".to_owned());
    let delegated = delegated.targets.iter().map(|(path, target)| (path.as_str(), target));
    let targets = updater.targets().chain(delegated).map(|(path, target)| Listed::of(app, &updater, path, target));
    let targets = targets.collect::<Result<_, Fault>>()?;
    Ok(Checked { used, trusted, targets })
}

impl Listed {
    /// A target whose file is here, and which can be fetched from here.
    fn of(app: &App, updater: &Updater, path: &str, target: &Target) -> Result<Self, Fault> {
        let fault = |what: &str| wrong(format!("a target {what}"));
        let sha256 = *target.sha256().ok_or_else(|| fault("has no SHA-256"))?;
        let address = updater.fetch(path, target).map_err(|_| fault("has a path that can't be fetched"))?.path;
        if super::digest_of(&address) != Some(sha256) {
            return Err(fault(
                "has a path that this server doesn't serve: letters, digits, '-', '_', '.', '/', and consistent snapshots",
            ));
        }
        if app.repository.blobs().length(&sha256) != Some(target.length) {
            return Err(fault(&format!("isn't uploaded, or has another length: {}", crate::hex::of(&sha256))));
        }
        let custom = target.custom.as_ref().map(|custom| String::from_utf8_lossy(custom).into_owned());
        Ok(Self { address, path: path.to_owned(), sha256, length: target.length, custom })
    }
}

/// The root that all devices begin with: the operator's, or that of the first publication.
fn first_root(app: &App, shown: &Shown, metadata: &BTreeMap<String, String>) -> Result<Vec<u8>, Fault> {
    if let Some(root) = &app.repository.root {
        return Ok(root.clone());
    }
    let shown = shown.document("1.root.json").map(|document| document.bytes.to_vec());
    let root = shown.or_else(|| metadata.get("1.root.json").map(|text| text.clone().into_bytes()));
    root.ok_or_else(|| wrong("the first publication brings 1.root.json, from which all trust comes".to_owned()))
}

/// Follows metadata to their end, and gives what is trusted then.
fn follow(
    files: BTreeMap<String, Vec<u8>>,
    now: Millis,
    fetched: &impl Fn(&str) -> Option<Vec<u8>>,
    used: &mut BTreeSet<String>,
) -> Result<(Updater, BTreeMap<String, Vec<u8>>), Fault> {
    let mut trusted = files.clone();
    let mut updater = Updater::new(files, now.0 / 1000, Limits::default()).map_err(untrusted)?;
    loop {
        match updater.step().map_err(untrusted)? {
            Step::Done => return Ok((updater, trusted)),
            Step::Commit(write) => {
                trusted.insert(write.name, write.bytes);
            }
            Step::Fetch(fetch) => {
                let bytes = fetched(&fetch.path);
                used.insert(fetch.path);
                updater.handle(bytes.as_deref().map_or(Answer::Missing, Answer::Bytes));
            }
        }
    }
}

fn untrusted(error: tuf::Error) -> Fault {
    wrong(format!("the metadata can't be trusted: {}: {}", plain(&error.of), error.fault))
}

fn wrong(message: String) -> Fault {
    Fault::new(Code::BadPublication, message)
}

/// The name of a file if it is a usual one: a message has nothing of what anyone may have written.
fn plain(name: &str) -> &str {
    let usual = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    if name.len() <= 64 && name.bytes().all(usual) { name } else { "a file" }
}

fn read_trusted(connection: &Connection) -> Result<BTreeMap<String, Vec<u8>>, Fault> {
    let mut rows = connection.prepare("SELECT name, bytes FROM trusted")?;
    Ok(rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
}

/// Everything in one commit, and what is shown after it.
fn write(
    connection: &Connection,
    checked: &Checked,
    metadata: &BTreeMap<String, String>,
    publisher: &str,
    now: Millis,
) -> Result<Shown, Fault> {
    for (name, text) in metadata.iter().filter(|(name, _)| checked.used.contains(*name)) {
        connection.execute("INSERT OR REPLACE INTO metadata VALUES (?, ?)", params![name, text.as_bytes()])?;
    }
    for (name, bytes) in &checked.trusted {
        connection.execute("INSERT OR REPLACE INTO trusted VALUES (?, ?)", params![name, bytes])?;
    }
    connection.execute("UPDATE targets SET listed = 0", [])?;
    let mut insert = connection.prepare("INSERT OR REPLACE INTO targets VALUES (?, ?, ?, ?, ?, 1)")?;
    for Listed { address, path, sha256, length, custom } in &checked.targets {
        insert.execute(params![address, path, sha256, *length as i64, custom])?;
    }
    connection.execute("INSERT INTO publications (at, publisher) VALUES (?, ?)", params![now.stored(), publisher])?;
    Shown::read(connection)
}
