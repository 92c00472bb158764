//! What the page shows beyond counts: who is signed in, what is signed until when, and what the counts of a model's days say.

mod answers;
mod drift;
mod quality;
mod told;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use dunlin_protocol::summary::{Baseline, Cohort};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::app::App;
use crate::detect::{self, Days};
use crate::fault::Fault;
use crate::http::{Call, json_answer};

pub use answers::answers;
pub use drift::drift;
pub use quality::{Accuracy, latest};
pub(crate) use quality::{Audited, accuracy, audited};

/// The most publications that are told.
const PUBLICATIONS: u32 = 20;

/// `GET /v1/me`
pub async fn me(_: Arc<App>, call: Call) -> Result<Response, Fault> {
    let role = call.caller.role.map(crate::http::Role::name);
    json_answer(StatusCode::OK, &json!({ "role": role, "name": call.caller.name }))
}

/// `GET /v1/repository`: what is signed until when, who published, and releases that were taken back.
pub async fn repository(app: Arc<App>, _: Call) -> Result<Response, Fault> {
    let state = app.store.read(|connection| {
        Ok(json!({
            "roles": roles(connection)?,
            "publications": publications(connection)?,
            "withdrawn": withdrawn(connection)?,
        }))
    });
    json_answer(StatusCode::OK, &state.await?)
}

/// Version and expiry of each role, as the server trusts it.
fn roles(connection: &Connection) -> Result<Vec<Value>, Fault> {
    let mut rows = connection.prepare("SELECT name, bytes FROM trusted ORDER BY name")?;
    let rows = rows.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?)))?;
    let mut roles = Vec::new();
    for row in rows {
        let (name, bytes) = row?;
        let document: Value =
            serde_json::from_slice(&bytes).map_err(|error| Fault::internal("trusted metadata", error))?;
        let signed = &document["signed"];
        roles.push(json!({
            "name": name.trim_end_matches(".json"),
            "version": signed["version"],
            "expires": signed["expires"],
        }));
    }
    Ok(roles)
}

/// The newest first.
fn publications(connection: &Connection) -> Result<Vec<Value>, Fault> {
    let mut rows = connection.prepare("SELECT at, publisher FROM publications ORDER BY number DESC LIMIT ?")?;
    let publication =
        |row: &rusqlite::Row<'_>| Ok(json!({ "at": row.get::<_, i64>(0)?, "publisher": row.get::<_, String>(1)? }));
    Ok(rows.query_map([PUBLICATIONS], publication)?.collect::<Result<_, _>>()?)
}

/// Releases whose file no metadata list any more, under any path.
fn withdrawn(connection: &Connection) -> Result<Vec<Value>, Fault> {
    let select = "SELECT path, sha256, length, custom FROM targets WHERE listed = 0 AND path LIKE '%.dunlin'
        AND sha256 NOT IN (SELECT sha256 FROM targets WHERE listed = 1) ORDER BY path";
    let mut rows = connection.prepare(select)?;
    let release = |custom: String| serde_json::from_str::<Value>(&custom).ok();
    let target = |row: &rusqlite::Row<'_>| {
        Ok(json!({
            "path": row.get::<_, String>(0)?,
            "sha256": crate::hex::of(&row.get::<_, [u8; 32]>(1)?),
            "length": row.get::<_, i64>(2)?,
            "release": row.get::<_, Option<String>>(3)?.and_then(release),
        }))
    };
    Ok(rows.query_map([], target)?.collect::<Result<_, _>>()?)
}

/// Whose answers are asked for: `key:value` for a cohort, nothing for all devices.
fn cohort(asked: Option<&str>) -> Result<Cohort, Fault> {
    let wrong = || Fault::bad("cohort is one key and one value, such as locale:de");
    match asked.unwrap_or_default() {
        "" => Ok(Cohort::default()),
        pair => {
            let (key, value) = pair.split_once(':').ok_or_else(wrong)?;
            Cohort::new([(key.to_owned(), value.to_owned())]).map_err(|_| wrong())
        }
    }
}

/// The same as it is written.
fn cohort_text(cohort: &Cohort) -> String {
    cohort.pairs().map(|(key, value)| format!("{key}:{value}")).collect()
}

/// What devices told of a model.
struct Sheet {
    baseline: Arc<Baseline>,
    labels: Arc<[String]>,
    audited: Vec<Audited>,
    model: [u8; 32],
    days: Days,
    /// The first day that is asked for.
    since: u32,
    /// The day that isn't over yet.
    today: u32,
}

impl Sheet {
    /// Reads all days: windows are compared with a model's first ones, which may be older than what is asked for.
    async fn read(app: &App, model: [u8; 32], days: Option<u32>) -> Result<Self, Fault> {
        let asked = days.unwrap_or(30);
        if !(1..=400).contains(&asked) {
            return Err(Fault::bad("days is 1 to 400"));
        }
        let baseline = app.baselines.of(&model).ok_or_else(|| Fault::not_found("model, or it has no baseline"))?;
        let today = app.config.clock.now().day();
        let (schema, labels) = (Arc::clone(&baseline), app.labels.of(&model));
        let names = Arc::clone(&labels);
        let read = move |connection: &Connection| {
            Ok((detect::days(connection, &model, u32::MAX, &schema)?, audited(connection, &model, &names)?))
        };
        let (days, audited) = app.store.read(read).await?;
        Ok(Self { baseline, labels, audited, model, days, since: (today + 1).saturating_sub(asked), today })
    }

    /// Cohorts as addresses have them, all devices first.
    fn cohorts(&self) -> Vec<String> {
        let cohorts: BTreeSet<&Cohort> =
            self.days.values().flat_map(BTreeMap::keys).map(|(_, cohort)| cohort).collect();
        cohorts.into_iter().map(cohort_text).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cohort_is_one_key_and_value() {
        for text in ["", "locale:de", "os:14.2"] {
            assert_eq!(cohort_text(&cohort(Some(text)).expect(text)), text);
        }
        for text in ["locale", ":", "a:", ":b", "a:b:c", "a b:c", "é:x"] {
            assert!(cohort(Some(text)).is_err(), "{text}");
        }
    }
}
