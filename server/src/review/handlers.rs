//! What reviewers see and say.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use rusqlite::{Connection, params};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::fault::Fault;
use crate::http::{Call, json_answer};
use crate::store::Urgency;

use super::agreement::Agreement;
use super::exchange;
use super::payload::Payload;
use super::{Verdict, judge};

/// The most items of one answer.
const MOST: u32 = 200;

/// The longest label, in bytes.
const LABEL: usize = 256;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    limit: Option<u32>,
}

/// `GET /v1/reviews`: items that this reviewer has said nothing of, those first that others have.
pub async fn reviews(app: Arc<App>, call: Call) -> Result<Response, Fault> {
    let asked: Asked = call.query()?;
    let limit = asked.limit.unwrap_or(20);
    if !(1..=MOST).contains(&limit) {
        return Err(Fault::bad(format!("limit is 1 to {MOST}")));
    }
    let reviewer = call.caller.name;
    let (items, waiting) = app.store.read(move |connection| waiting(connection, &reviewer, limit)).await?;
    let items: Vec<Value> = items
        .into_iter()
        .map(|(cloud, mut item)| {
            item["labels"] = json!(app.models.labels(&cloud).unwrap_or_default());
            item
        })
        .collect();
    json_answer(StatusCode::OK, &json!({ "waiting": waiting, "reviews": items }))
}

const WAITING: &str = "FROM reviews WHERE state <> 'agreed' AND NOT EXISTS
    (SELECT 1 FROM verdicts WHERE verdicts.review = reviews.id AND reviewer = ?)";

fn waiting(connection: &Connection, reviewer: &str, limit: u32) -> Result<(Vec<(String, Value)>, i64), Fault> {
    let count = connection.query_row(&format!("SELECT COUNT(*) {WAITING}"), [reviewer], |row| row.get(0))?;
    let select = format!(
        "SELECT id, at, cloud, model, reason, predicted, probability, state {WAITING}
         ORDER BY state = 'open', at LIMIT ?"
    );
    let mut select = connection.prepare(&select)?;
    let mut rows = select.query(params![reviewer, limit])?;
    let mut items = Vec::new();
    while let Some(row) = rows.next()? {
        let (id, cloud): ([u8; 16], String) = (row.get(0)?, row.get(2)?);
        let mut item = json!({
            "id": crate::hex::of_uuid(&id),
            "at": row.get::<_, i64>(1)?,
            "cloud": cloud,
            "model": row.get::<_, Option<[u8; 32]>>(3)?.map(|model| crate::hex::of(&model)),
            "reason": row.get::<_, String>(4)?,
            "predicted": row.get::<_, String>(5)?,
            "probability": row.get::<_, f64>(6)?,
            "state": row.get::<_, String>(7)?,
        });
        let (name, value) = payload(connection, &id)?.json();
        item[name] = value;
        items.push((cloud, item));
    }
    Ok((items, count))
}

pub(super) fn payload(connection: &Connection, id: &[u8; 16]) -> Result<Payload, Fault> {
    let mut select = connection.prepare_cached("SELECT kind, shape, bytes FROM payloads WHERE review = ?")?;
    Ok(select.query_row([id], |row| Ok(Payload { kind: row.get(0)?, shape: row.get(1)?, bytes: row.get(2)? }))?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Labelled {
    label: String,
}

/// `POST /v1/reviews/{id}/label`
pub async fn label(app: Arc<App>, call: Call) -> Result<Response, Fault> {
    let (id, reviewer) = (call.uuid("id")?, call.caller.name.clone());
    let Labelled { label } = call.json(4096).await?;
    if label.is_empty() || label.len() > LABEL || label.chars().any(char::is_control) {
        return Err(Fault::bad(format!("a label has 1 to {LABEL} bytes and no control characters")));
    }
    let cloud = app.store.read(move |connection| cloud(connection, &id)).await?;
    let labels = cloud.as_deref().and_then(|cloud| app.models.labels(cloud)).unwrap_or_default();
    if !labels.is_empty() && !labels.contains(&label) {
        return Err(Fault::bad("this model has no such label; 'labels' of the item names them"));
    }
    said(&app, id, reviewer, Verdict::Label(label)).await
}

fn cloud(connection: &Connection, id: &[u8; 16]) -> Result<Option<String>, Fault> {
    use rusqlite::OptionalExtension;
    Ok(connection.query_row("SELECT cloud FROM reviews WHERE id = ?", [id], |row| row.get(0)).optional()?)
}

/// `POST /v1/reviews/{id}/skip`
pub async fn skip(app: Arc<App>, call: Call) -> Result<Response, Fault> {
    let id = call.uuid("id")?;
    said(&app, id, call.caller.name, Verdict::Skip).await
}

/// `POST /v1/reviews/{id}/disagree`
pub async fn disagree(app: Arc<App>, call: Call) -> Result<Response, Fault> {
    let id = call.uuid("id")?;
    said(&app, id, call.caller.name, Verdict::Disagree).await
}

async fn said(app: &App, id: [u8; 16], reviewer: String, verdict: Verdict) -> Result<Response, Fault> {
    let now = app.config.clock.now().stored();
    let write = move |connection: &Connection| judge(connection, &id, &reviewer, &verdict, now);
    let state = app.store.write(Urgency::Control, write).await?.ok_or_else(|| Fault::not_found("item"))?;
    json_answer(StatusCode::OK, &json!({ "id": crate::hex::of_uuid(&id), "state": state.name }))
}

/// `GET /v1/reviews/agreement`
pub async fn agreement(app: Arc<App>, _: Call) -> Result<Response, Fault> {
    let pairs = app.store.read(|connection| {
        let select =
            "SELECT review, COALESCE(label, '') FROM verdicts WHERE verdict <> 'skip' ORDER BY review, at, reviewer";
        let mut select = connection.prepare(select)?;
        let rows = select.query_map([], |row| Ok((row.get::<_, [u8; 16]>(0)?, row.get::<_, String>(1)?)))?;
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        let pair = |of_one: &[([u8; 16], String)]| Some((of_one.first()?.1.clone(), of_one.get(1)?.1.clone()));
        Ok(rows.chunk_by(|a, b| a.0 == b.0).filter_map(pair).collect::<Vec<_>>())
    });
    json_answer(StatusCode::OK, &Agreement::of(&pairs.await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExportAsked {
    format: Option<ExportFormat>,
    agreed: Option<bool>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ExportFormat {
    LabelStudio,
    Csv,
    Jsonl,
}

/// `GET /v1/reviews/export`
pub async fn export(app: Arc<App>, call: Call) -> Result<Response, Fault> {
    let asked: ExportAsked = call.query()?;
    let agreed = asked.agreed.unwrap_or(false);
    let (media, body) = match asked.format.unwrap_or(ExportFormat::LabelStudio) {
        ExportFormat::LabelStudio => ("application/json", app.store.read(exchange::tasks).await?),
        ExportFormat::Csv => {
            ("text/csv; charset=utf-8", app.store.read(move |connection| exchange::csv(connection, agreed)).await?)
        }
        ExportFormat::Jsonl => {
            ("application/jsonl", app.store.read(move |connection| exchange::jsonl(connection, agreed)).await?)
        }
    };
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// The longest import, in bytes.
const IMPORT_BYTES: usize = 64 << 20;

/// `POST /v1/reviews/import`
pub async fn import(app: Arc<App>, call: Call) -> Result<Response, Fault> {
    let tasks: Vec<exchange::Task> = call.json(IMPORT_BYTES).await?;
    let now = app.config.clock.now().stored();
    let imported =
        app.store.write(Urgency::Control, move |connection| exchange::import(connection, &tasks, now)).await?;
    json_answer(StatusCode::OK, &imported)
}
