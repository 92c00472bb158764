//! What people see of the fleet: releases, windows of summaries, alerts.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use dunlin_protocol::summary::{Metric, Response as Randomized, Schema};
use rusqlite::{Connection, params};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::fault::Fault;
use crate::http::{Call, json_answer};
use crate::intake::bin_names;

/// Days that are shown where nobody says how many.
const DAYS: u32 = 14;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    days: Option<u32>,
}

impl Asked {
    fn of(call: &Call) -> Result<u32, Fault> {
        let asked: Self = call.query()?;
        let days = asked.days.unwrap_or(DAYS);
        if (1..=400).contains(&days) { Ok(days) } else { Err(Fault::bad("days is 1 to 400")) }
    }
}

/// `GET /v1/models`: releases that the repository lists.
pub async fn models(app: Arc<App>, _: Call) -> Result<Response, Fault> {
    let listed = app.store.read(listed).await?;
    let models: Vec<Value> = listed
        .into_iter()
        .map(|(path, sha256, length, release)| {
            json!({
                "path": path,
                "sha256": crate::hex::of(&sha256),
                "length": length,
                "release": release,
                "baseline": app.baselines.of(&sha256).is_some(),
            })
        })
        .collect();
    json_answer(StatusCode::OK, &json!({ "models": models }))
}

type Release = (String, [u8; 32], i64, Option<Value>);

/// Targets with what their publisher says of them; a patch is none of a model's releases.
fn listed(connection: &Connection) -> Result<Vec<Release>, Fault> {
    let mut rows = connection.prepare(
        "SELECT path, sha256, length, custom FROM targets WHERE listed = 1 AND path LIKE '%.dunlin' ORDER BY path",
    )?;
    let release = |custom: String| serde_json::from_str(&custom).ok();
    let rows = rows.query_map([], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get::<_, Option<String>>(3)?.and_then(release)))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// `GET /v1/fleet`: how many devices spoke for which model, and what waits for people.
pub async fn fleet(app: Arc<App>, call: Call) -> Result<Response, Fault> {
    let days = Asked::of(&call)?;
    let today = app.config.clock.now().day();
    let since = (today + 1).saturating_sub(days);
    let (spoke, reviews, alerts, published) = app
        .store
        .read(move |connection| {
            let mut rows = connection.prepare(
                "SELECT model, day, SUM(devices) FROM cohorts WHERE day >= ? GROUP BY model, day ORDER BY model, day",
            )?;
            let rows = rows.query_map([since], |row| {
                Ok((row.get::<_, [u8; 32]>(0)?, row.get::<_, u32>(1)?, row.get::<_, i64>(2)?))
            })?;
            let spoke = rows.collect::<Result<Vec<_>, _>>()?;
            let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
            let reviews = count("SELECT COUNT(*) FROM reviews WHERE state <> 'agreed'")?;
            let alerts = connection
                .query_row("SELECT COUNT(*) FROM alerts WHERE day >= ?", [since], |row| row.get::<_, i64>(0))?;
            let published: Option<i64> =
                connection.query_row("SELECT MAX(at) FROM publications", [], |row| row.get(0))?;
            Ok((spoke, reviews, alerts, published))
        })
        .await?;
    let models: Vec<Value> = spoke
        .chunk_by(|a, b| a.0 == b.0)
        .map(|of_one| {
            let days: Vec<Value> =
                of_one.iter().map(|(_, day, devices)| json!({ "day": day, "devices": devices })).collect();
            json!({ "sha256": crate::hex::of(&of_one[0].0), "days": days })
        })
        .collect();
    json_answer(
        StatusCode::OK,
        &json!({ "today": today, "published": published, "models": models, "reviews": reviews, "alerts": alerts }),
    )
}

/// `GET /v1/models/{sha256}/windows`: counts by day, cohort and metric, and what they say of the true shares.
pub async fn windows(app: Arc<App>, call: Call) -> Result<Response, Fault> {
    let (model, days) = (call.digest("sha256")?, Asked::of(&call)?);
    let baseline = app.baselines.of(&model).ok_or_else(|| Fault::not_found("model"))?;
    let since = (app.config.clock.now().day() + 1).saturating_sub(days);
    let (schema, labels) = (baseline.schema().clone(), app.labels.of(&model));
    let windows = app.store.read(move |connection| counted(connection, &model, since, &schema, &labels)).await?;
    json_answer(StatusCode::OK, &json!({ "sha256": crate::hex::of(&model), "windows": windows }))
}

/// Day, cohort, epsilon and metric.
type Window = (u32, String, f64, String);

/// One record for each window.
fn counted(
    connection: &Connection,
    model: &[u8; 32],
    since: u32,
    schema: &Schema,
    labels: &[String],
) -> Result<Vec<Value>, Fault> {
    let select = "SELECT day, cohort, epsilon, metric, bin, n FROM counts WHERE model = ? AND day >= ? ORDER BY day, cohort, epsilon, metric, bin";
    let mut rows = connection.prepare(select)?;
    let row = |row: &rusqlite::Row<'_>| {
        let key: Window = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        Ok((key, row.get::<_, u32>(4)? as usize, u64::from(row.get::<_, u32>(5)?)))
    };
    let rows = rows.query_map(params![model, since], row)?.collect::<Result<Vec<_>, _>>()?;
    let window = |of_one: &[(Window, usize, u64)]| {
        let (day, cohort, epsilon, metric) = &of_one[0].0;
        let metric = Metric::named(metric)?;
        let bins = schema.bins(metric)?;
        let mut counts = vec![0; bins];
        for &(_, bin, n) in of_one {
            *counts.get_mut(bin)? = n;
        }
        let estimates = Randomized::new(bins, *epsilon)?.estimate(&counts);
        let shares: Vec<f64> = estimates.iter().map(|estimate| estimate.share).collect();
        // Of one answer nothing is known, which JSON has as null.
        let errors: Vec<f64> = estimates.iter().map(|estimate| estimate.variance.sqrt()).collect();
        let cohort: Value = serde_json::from_str(cohort).ok()?;
        Some(json!({
            "day": day, "cohort": cohort, "epsilon": epsilon, "metric": metric.name(), "labels": bin_names(schema, labels, metric),
            "counts": counts, "shares": shares, "errors": errors,
        }))
    };
    Ok(rows.chunk_by(|a, b| a.0 == b.0).filter_map(window).collect())
}

/// `GET /v1/alerts`
pub async fn alerts(app: Arc<App>, call: Call) -> Result<Response, Fault> {
    let days = Asked::of(&call)?;
    let since = (app.config.clock.now().day() + 1).saturating_sub(days);
    let alerts = app.store.read(move |connection| {
        let mut rows = connection
            .prepare("SELECT model, raised, body FROM alerts WHERE day >= ? ORDER BY day DESC, number DESC")?;
        let mut rows = rows.query([since])?;
        let mut alerts = Vec::new();
        while let Some(row) = rows.next()? {
            let body = serde_json::from_str(&row.get::<_, String>(2)?);
            let mut alert: Value = body.map_err(|error| Fault::internal("an alert in the database", error))?;
            alert["model"] = json!(crate::hex::of(&row.get::<_, [u8; 32]>(0)?));
            alert["raised"] = json!(row.get::<_, i64>(1)?);
            alerts.push(alert);
        }
        Ok(alerts)
    });
    json_answer(StatusCode::OK, &json!({ "alerts": alerts.await? }))
}
