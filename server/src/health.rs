//! Whether the server lives, and whether it answers.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use crate::app::App;
use crate::fault::Fault;
use crate::http::{Call, json_answer};

/// `GET /v2/health/live`
pub async fn live(_: Arc<App>, _: Call) -> Result<Response, Fault> {
    json_answer(StatusCode::OK, &json!({ "live": true }))
}

/// `GET /v2/health/ready`: the database answers too.
pub async fn ready(app: Arc<App>, _: Call) -> Result<Response, Fault> {
    app.store.read(|connection| Ok(connection.query_row("SELECT 1", [], |row| row.get::<_, i64>(0))?)).await?;
    json_answer(StatusCode::OK, &json!({ "ready": true }))
}
