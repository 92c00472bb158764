//! What a model's answers look like where all is well, as its publisher says: by it summaries are checked, and drift is found.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use dunlin_protocol::summary::Baseline;
use rusqlite::{Connection, params};
use serde_json::json;

use crate::app::App;
use crate::fault::Fault;
use crate::http::{Call, json_answer};
use crate::store::{Store, Urgency};

/// The baselines of all models, by the digest of their artifact.
pub struct Baselines(RwLock<HashMap<[u8; 32], Arc<Baseline>>>);

impl Baselines {
    /// Reads them.
    ///
    /// # Errors
    /// `internal`.
    pub async fn open(store: &Store) -> Result<Self, Fault> {
        Ok(Self(RwLock::new(store.read(read).await?)))
    }

    /// One model's.
    pub fn of(&self, model: &[u8; 32]) -> Option<Arc<Baseline>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(model).cloned()
    }

    fn set(&self, model: [u8; 32], baseline: Baseline) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(model, Arc::new(baseline));
    }
}

fn read(connection: &Connection) -> Result<HashMap<[u8; 32], Arc<Baseline>>, Fault> {
    let mut rows = connection.prepare("SELECT model, body FROM baselines")?;
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
    let mut baselines = HashMap::new();
    for row in rows {
        let (model, body) = row?;
        let baseline = Baseline::parse(body.as_bytes()).map_err(|error| Fault::internal("a baseline", error))?;
        baselines.insert(model, Arc::new(baseline));
    }
    Ok(baselines)
}

/// `PUT /v1/models/{sha256}/baseline`
pub async fn put_baseline(app: Arc<App>, call: Call) -> Result<Response, Fault> {
    let model = call.digest("sha256")?;
    super::json_only(&call.headers)?;
    let body = call.bytes(Baseline::MAX_BYTES).await?;
    let baseline =
        Baseline::parse(&body).map_err(|error| Fault::bad(format!("the baseline can't be taken: {error}")))?;
    let text = baseline.json();
    let write = move |connection: &Connection| {
        Ok(connection.execute("INSERT OR REPLACE INTO baselines VALUES (?, ?)", params![model, text])?)
    };
    app.store.write(Urgency::Control, write).await?;
    app.baselines.set(model, baseline);
    json_answer(StatusCode::OK, &json!({ "sha256": crate::hex::of(&model) }))
}

/// `GET /v1/models/{sha256}/baseline`
pub async fn baseline(app: Arc<App>, call: Call) -> Result<Response, Fault> {
    let baseline = app.baselines.of(&call.digest("sha256")?).ok_or_else(|| Fault::not_found("baseline"))?;
    let mut response = Response::new(Body::from(baseline.json()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
