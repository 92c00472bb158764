//! What a model's classes are called, as its publisher says: people read names, devices tell numbers.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use axum::http::StatusCode;
use axum::response::Response;
use dunlin_protocol::summary::{Metric, Schema};
use rusqlite::{Connection, params};
use serde::Deserialize;
use serde_json::json;

use crate::app::App;
use crate::fault::Fault;
use crate::http::{Call, json_answer};
use crate::store::{Store, Urgency};

/// The labels of all models, by the digest of their artifact.
pub struct Labels(RwLock<HashMap<[u8; 32], Arc<[String]>>>);

/// The most labels, the longest of them in bytes, and all of them in JSON.
const MOST: usize = 65_536;
const LONGEST: usize = 256;
const MOST_BYTES: usize = 1 << 20;

/// Names of a bin of several classes are all told up to so many.
const TOLD: usize = 3;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    labels: Vec<String>,
}

impl Labels {
    /// Reads them.
    ///
    /// # Errors
    /// `internal`.
    pub async fn open(store: &Store) -> Result<Self, Fault> {
        Ok(Self(RwLock::new(store.read(read).await?)))
    }

    /// Those of one model: one for each class, or none.
    pub fn of(&self, model: &[u8; 32]) -> Arc<[String]> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(model).cloned().unwrap_or_default()
    }

    fn set(&self, model: [u8; 32], labels: Vec<String>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(model, labels.into());
    }
}

/// What the bins of a metric are called: classes by their labels, where there is one for each.
pub fn bin_names(schema: &Schema, labels: &[String], metric: Metric) -> Vec<String> {
    let name = |bin: usize| {
        let classes = schema.classes_in(bin);
        let named = (metric == Metric::Class && labels.len() == schema.classes() as usize).then(|| labels.get(classes));
        match named.flatten() {
            None | Some([]) => schema.label(metric, bin),
            Some(few) if few.len() <= TOLD => few.join(", "),
            Some([first, .., last]) => format!("{first} … {last}"),
            Some(few) => few.join(", "),
        }
    };
    (0..schema.bins(metric).unwrap_or_default()).map(name).collect()
}

fn read(connection: &Connection) -> Result<HashMap<[u8; 32], Arc<[String]>>, Fault> {
    let mut rows = connection.prepare("SELECT model, body FROM labels")?;
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
    let mut all = HashMap::new();
    for row in rows {
        let (model, body) = row?;
        let labels: Vec<String> = serde_json::from_str(&body).map_err(|error| Fault::internal("labels", error))?;
        all.insert(model, labels.into());
    }
    Ok(all)
}

/// `PUT /v1/models/{sha256}/labels`
pub async fn put_labels(app: Arc<App>, call: Call) -> Result<Response, Fault> {
    let model = call.digest("sha256")?;
    let Named { labels } = call.json(MOST_BYTES).await?;
    let fine = |label: &String| (1..=LONGEST).contains(&label.len()) && !label.chars().any(char::is_control);
    if !(1..=MOST).contains(&labels.len()) || !labels.iter().all(fine) {
        let message =
            format!("there are 1 to {MOST} labels, each of 1 to {LONGEST} bytes and without control characters");
        return Err(Fault::bad(message));
    }
    let classes = app.baselines.of(&model).map(|baseline| baseline.schema().classes());
    if let Some(classes) = classes.filter(|&classes| classes as usize != labels.len()) {
        return Err(Fault::bad(format!("the model's baseline has {classes} classes; send a label for each")));
    }
    let body = serde_json::to_string(&labels).map_err(|error| Fault::internal("labels", error))?;
    let write = move |connection: &Connection| {
        Ok(connection.execute("INSERT OR REPLACE INTO labels VALUES (?, ?)", params![model, body])?)
    };
    app.store.write(Urgency::Control, write).await?;
    app.labels.set(model, labels);
    json_answer(StatusCode::OK, &json!({ "sha256": crate::hex::of(&model) }))
}

/// `GET /v1/models/{sha256}/labels`
pub async fn labels(app: Arc<App>, call: Call) -> Result<Response, Fault> {
    let labels = app.labels.of(&call.digest("sha256")?);
    if labels.is_empty() {
        return Err(Fault::not_found("model with labels"));
    }
    json_answer(StatusCode::OK, &json!({ "labels": &labels[..] }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dunlin_protocol::summary::Input;

    #[test]
    fn bins_have_the_names_of_their_classes_or_numbers() {
        let names = |classes: u32, labels: usize| {
            let schema = Schema::new(classes, Input::Text, Vec::new()).expect("a schema");
            let labels: Vec<String> = (0..labels).map(|label| format!("l{label}")).collect();
            bin_names(&schema, &labels, Metric::Class)
        };
        assert_eq!(names(2, 2), ["l0", "l1"]);
        assert_eq!(names(2, 0), ["class 0", "class 1"]);
        assert_eq!(names(2, 3), ["class 0", "class 1"]);
        assert_eq!(names(64, 64)[31], "l62, l63");
        assert_eq!(names(1000, 1000)[0], "l0 … l31");
        let schema = Schema::new(2, Input::Text, Vec::new()).expect("a schema");
        assert_eq!(bin_names(&schema, &["a".to_owned(), "b".to_owned()], Metric::Agreement)[1], "same");
    }
}
