//! What reviewers see and say.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::fault::Fault;
use crate::http::{Call, json_answer};
use crate::store::Urgency;

use super::agreement::Agreement;
use super::exchange;
use super::payload::Payload;
use super::{Verdict, judge, settle};

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
    let items: Vec<Value> = items.into_iter().map(|item| labelled(&app, item)).collect();
    json_answer(StatusCode::OK, &json!({ "waiting": waiting, "reviews": items }))
}

fn labelled(app: &App, (cloud, mut item): Item) -> Value {
    let model = item["model"].as_str().and_then(crate::hex::bytes::<32>);
    item["labels"] = json!(&labels_of(app, &cloud, model)[..]);
    item
}

/// The labels that an item may get: those of the model that answered it, or else of the one that asked.
fn labels_of(app: &App, cloud: &str, model: Option<[u8; 32]>) -> Arc<[String]> {
    match app.models.labels(cloud) {
        Some(labels @ [_, ..]) => labels.into(),
        _ => model.map(|model| app.labels.of(&model)).unwrap_or_default(),
    }
}

const WAITING: &str = "FROM reviews WHERE state <> 'agreed' AND NOT EXISTS
    (SELECT 1 FROM verdicts WHERE verdicts.review = reviews.id AND reviewer = ?)";

/// An item, and the model that answered it.
type Item = (String, Value);

/// Which model answered an item, and which one asked.
type Models = (String, Option<[u8; 32]>);

/// What an item is shown with; its labels are the model's.
const SHOWN: &str = "id, at, cloud, model, reason, predicted, probability, state";

fn waiting(connection: &Connection, reviewer: &str, limit: u32) -> Result<(Vec<Item>, i64), Fault> {
    let count = connection.query_row(&format!("SELECT COUNT(*) {WAITING}"), [reviewer], |row| row.get(0))?;
    let select = format!("SELECT {SHOWN} {WAITING} ORDER BY state = 'open', at LIMIT ?");
    let mut select = connection.prepare(&select)?;
    let mut rows = select.query(params![reviewer, limit])?;
    let mut items = Vec::new();
    while let Some(row) = rows.next()? {
        items.push(item(connection, row)?);
    }
    Ok((items, count))
}

fn item(connection: &Connection, row: &Row<'_>) -> Result<Item, Fault> {
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
    Ok((cloud, item))
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
    let asked = app.store.read(move |connection| models(connection, &id)).await?;
    let labels = asked.map(|(cloud, model)| labels_of(&app, &cloud, model)).unwrap_or_default();
    if !labels.is_empty() && !labels.contains(&label) {
        return Err(Fault::bad("this model has no such label; 'labels' of the item names them"));
    }
    said(&app, id, reviewer, Verdict::Label(label)).await
}

fn models(connection: &Connection, id: &[u8; 16]) -> Result<Option<Models>, Fault> {
    let select = "SELECT cloud, model FROM reviews WHERE id = ?";
    Ok(connection.query_row(select, [id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
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

/// `POST /v1/reviews/undo`: takes back what this reviewer said last, and gives the item to be looked at again.
pub async fn undo(app: Arc<App>, call: Call) -> Result<Response, Fault> {
    let reviewer = call.caller.name;
    let taken = app.store.write(Urgency::Control, move |connection| take_back(connection, &reviewer)).await?;
    let (item, said) = taken.ok_or_else(|| Fault::not_found("verdict of yours"))?;
    json_answer(StatusCode::OK, &json!({ "review": labelled(&app, item), "said": said }))
}

/// The item whose verdict is no more, and what the verdict was.
fn take_back(connection: &Connection, reviewer: &str) -> Result<Option<(Item, Value)>, Fault> {
    let last = "SELECT review, verdict, label FROM verdicts WHERE reviewer = ? ORDER BY at DESC, review DESC LIMIT 1";
    let row = |row: &Row<'_>| Ok((row.get::<_, [u8; 16]>(0)?, row.get(1)?, row.get(2)?));
    let Some((id, verdict, label)): Option<([u8; 16], String, Option<String>)> =
        connection.query_row(last, [reviewer], row).optional()?
    else {
        return Ok(None);
    };
    connection.execute("DELETE FROM verdicts WHERE review = ? AND reviewer = ?", params![id, reviewer])?;
    settle(connection, &id)?;
    let mut select = connection.prepare(&format!("SELECT {SHOWN} FROM reviews WHERE id = ?"))?;
    let mut rows = select.query([id])?;
    let row = rows.next()?.ok_or_else(|| Fault::internal("a review", "it has verdicts and isn't there"))?;
    Ok(Some((item(connection, row)?, json!({ "verdict": verdict, "label": label }))))
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
