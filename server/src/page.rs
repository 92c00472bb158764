//! The page at `/`.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;

use crate::app::App;
use crate::fault::Fault;
use crate::http::Call;

/// `GET /`
pub async fn index(_: Arc<App>, _: Call) -> Result<Response, Fault> {
    let mut response = Response::new(Body::from(INDEX));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'self'; frame-ancestors 'none'"),
    );
    Ok(response)
}

const INDEX: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<title>Dunlin</title>
<h1>Dunlin</h1>
<p>This server hands out models, collects summaries, answers what devices are unsure of, and asks people.
<ul>
<li><a href=\"/openapi.json\">/openapi.json</a> says what it takes and answers.
<li><a href=\"/v2\">/v2</a> is where models are asked, by the Open Inference Protocol.
</ul>
</html>
";
