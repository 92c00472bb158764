//! A request as an endpoint sees it: who sends it, what the path and the query say, and its body.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use axum::response::Response;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::fault::{Code, Fault};

use super::access::Caller;

/// A request whose sender is known and may send it.
pub struct Call {
    /// Who sends it.
    pub caller: Caller,
    /// Headers.
    pub headers: HeaderMap,
    params: BTreeMap<String, String>,
    query: Option<String>,
    body: Body,
}

/// How long a body may take to come.
const BODY_TIME: Duration = Duration::from_secs(60);

impl Call {
    /// From what has been found out so far.
    pub fn new(caller: Caller, params: BTreeMap<String, String>, parts: Parts, body: Body) -> Self {
        let query = parts.uri.query().map(str::to_owned);
        Self { caller, headers: parts.headers, params, query, body }
    }

    /// A part of the path that the endpoint's pattern names.
    pub fn param(&self, name: &str) -> &str {
        self.params.get(name).map_or("", String::as_str)
    }

    /// A digest of SHA-256 in the path.
    ///
    /// # Errors
    /// `bad_request`.
    pub fn digest(&self, name: &str) -> Result<[u8; 32], Fault> {
        let wrong = || Fault::bad(format!("'{name}' in the path is a SHA-256: 64 hexadecimal digits"));
        crate::hex::bytes(self.param(name)).ok_or_else(wrong)
    }

    /// A UUID in the path.
    ///
    /// # Errors
    /// `bad_request`.
    pub fn uuid(&self, name: &str) -> Result<[u8; 16], Fault> {
        crate::hex::uuid(self.param(name)).ok_or_else(|| Fault::bad(format!("'{name}' in the path is a UUID")))
    }

    /// The query as a record that refuses what it doesn't know.
    ///
    /// # Errors
    /// `bad_request`.
    pub fn query<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        let address = format!("/?{}", self.query.as_deref().unwrap_or_default());
        let uri = address.parse().map_err(|_| Fault::bad("the query can't be read"))?;
        let read = axum::extract::Query::try_from_uri(&uri);
        read.map(|query| query.0)
            .map_err(|_| Fault::bad("the query has a parameter that isn't known, or a value that isn't one"))
    }

    /// The body, at most so many bytes.
    ///
    /// # Errors
    /// `too_large`, `slow`, `bad_request` when it breaks off.
    pub async fn bytes(self, most: usize) -> Result<Bytes, Fault> {
        if announced(&self.headers).is_some_and(|length| length > most as u64) {
            super::drain(self.body).await;
            return Err(too_large(most as u64));
        }
        let collected = tokio::time::timeout(BODY_TIME, Limited::new(self.body, most).collect()).await;
        let collected =
            collected.map_err(|_| Fault::new(Code::Slow, "the body took too long to come; send it again"))?;
        collected.map(|body| body.to_bytes()).map_err(|error| {
            if error.downcast_ref::<LengthLimitError>().is_some() { too_large(most as u64) } else { broken() }
        })
    }

    /// The body as a record of JSON.
    ///
    /// # Errors
    /// As for [`Self::bytes`], `unsupported_media`, `bad_request` with the place where it goes wrong.
    pub async fn json<T: DeserializeOwned>(self, most: usize) -> Result<T, Fault> {
        if !is_json(&self.headers) {
            return Err(wants_json());
        }
        parse(&self.bytes(most).await?)
    }

    /// The body as it comes, and the length that the client announced.
    pub fn stream(self) -> (Option<u64>, Body) {
        (announced(&self.headers), self.body)
    }
}

/// A record from JSON. What is wrong is told by its place, because a message has nothing of what the user wrote.
///
/// # Errors
/// `bad_request`.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(bytes).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let what = match error.classify() {
            serde_json::error::Category::Data => "is JSON, but not what this endpoint takes",
            _ => "isn't JSON",
        };
        Fault::bad(format!("the body {what} (line {line}, column {column}); /openapi.json says what is taken"))
    })
}

/// A record as an answer.
///
/// # Errors
/// `internal`: our own records always become JSON.
pub fn json_answer(status: StatusCode, record: &impl Serialize) -> Result<Response, Fault> {
    let body = serde_json::to_vec(record).map_err(|error| Fault::internal("an answer", error))?;
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Whether the body says that it is JSON. A page can't send that to another origin without asking first.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let media = headers.get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    let essence = media.split(|&byte| byte == b';').next().unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(b"application/json")
}

/// The body is of another media type.
pub(crate) fn wants_json() -> Fault {
    Fault::new(Code::UnsupportedMedia, "this endpoint takes Content-Type: application/json")
}

fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The body is longer than this many bytes.
pub(crate) fn too_large(most: u64) -> Fault {
    Fault::new(Code::TooLarge, format!("the body may have {most} bytes at most"))
}

/// The body ended before its end.
pub(crate) fn broken() -> Fault {
    Fault::bad("the body broke off; send it again")
}
