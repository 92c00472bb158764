//! What devices fetch, and where a publisher puts files.

use std::io::SeekFrom;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::json;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use crate::app::App;
use crate::fault::{Code, Fault};
use crate::http::{Call, json_answer};

/// `GET /repository/metadata/{name}`
pub async fn metadata(app: Arc<App>, call: Call) -> Result<Response, Fault> {
    let name = call.param("name");
    let shown = app.repository.shown();
    let document = shown.document(name).ok_or_else(|| Fault::not_found("metadata"))?;
    // A file with a version in its name never changes.
    let lasting = name.starts_with(|first: char| first.is_ascii_digit());
    let etag = etag(&document.digest);
    let mut response =
        if is_known(&call.headers, &etag) { not_modified() } else { Response::new(Body::from(document.bytes.clone())) };
    describe(response.headers_mut(), etag, lasting, "application/json");
    Ok(response)
}

/// `GET /repository/targets/{*path}`
pub async fn target(app: Arc<App>, call: Call) -> Result<Response, Fault> {
    let target = *app.repository.shown().target(call.param("path")).ok_or_else(|| Fault::not_found("target"))?;
    let etag = etag(&target.sha256);
    let mut response = if is_known(&call.headers, &etag) {
        not_modified()
    } else {
        let range = range(&call.headers, target.length)?;
        file(&app, &target.sha256, target.length, range).await?
    };
    describe(response.headers_mut(), etag, true, "application/octet-stream");
    response.headers_mut().insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    Ok(response)
}

/// `PUT /v1/repository/targets/{*path}`
pub async fn put_target(app: Arc<App>, call: Call) -> Result<Response, Fault> {
    let wrong = || {
        let message =
            "a target's path is folders and a file, its SHA-256 before the file's name: sms_spam/<sha256>.3.dunlin";
        Fault::new(Code::BadPublication, message)
    };
    let digest = super::digest_of(call.param("path")).ok_or_else(wrong)?;
    let most = app.config.target_bytes;
    let (announced, body) = call.stream();
    if announced.is_some_and(|length| length > most) {
        crate::http::drain(body).await;
        return Err(crate::http::too_large(most));
    }
    let before = app.repository.blobs().length(&digest);
    let length = app.repository.blobs().keep(&digest, body, most).await?;
    let status = if before.is_some() { StatusCode::OK } else { StatusCode::CREATED };
    json_answer(status, &json!({ "sha256": crate::hex::of(&digest), "length": length }))
}

fn etag(digest: &[u8; 32]) -> String {
    format!("\"{}\"", crate::hex::of(digest))
}

/// Whether the client has this version already.
pub fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let lists = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|list| list.to_str().ok());
    lists
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.trim_start_matches("W/") == etag)
}

fn not_modified() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    response
}

fn describe(headers: &mut HeaderMap, etag: String, lasting: bool, media: &'static str) {
    let control = if lasting { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(control));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(header::ETAG, HeaderValue::try_from(etag).expect("digits and quotes"));
}

/// First byte and length of one range; a header of another kind, or of several ranges, may be ignored and is.
fn range(headers: &HeaderMap, length: u64) -> Result<Option<(u64, u64)>, Fault> {
    let Some((first, last)) = headers.get(header::RANGE).and_then(one_range) else { return Ok(None) };
    let wrong = || Fault::new(Code::BadRange, format!("the file has {length} bytes"));
    let (first, end) = match (first, last) {
        (Some(first), last) => (first, last.map_or(length, |last| last.saturating_add(1).min(length))),
        (None, Some(suffix)) => (length.saturating_sub(suffix), length),
        (None, None) => return Ok(None),
    };
    if first >= end { Err(wrong()) } else { Ok(Some((first, end - first))) }
}

fn one_range(value: &HeaderValue) -> Option<(Option<u64>, Option<u64>)> {
    let (first, last) = value.to_str().ok()?.strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| if text.is_empty() { Some(None) } else { text.trim().parse().ok().map(Some) };
    let (first, last) = (number(first)?, number(last)?);
    // A range that ends before it begins isn't one.
    (first.is_none() || last.is_none() || first <= last).then_some((first, last))
}

async fn file(app: &App, digest: &[u8; 32], length: u64, range: Option<(u64, u64)>) -> Result<Response, Fault> {
    let disk = |error: std::io::Error| Fault::internal("a target", error);
    let mut file = File::open(app.repository.blobs().path(digest)).await.map_err(disk)?;
    let (first, count) = range.unwrap_or((0, length));
    file.seek(SeekFrom::Start(first)).await.map_err(disk)?;
    let mut response = Response::new(chunks(file, count));
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(count));
    if range.is_some() {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        let value = format!("bytes {first}-{}/{length}", first + count - 1);
        response.headers_mut().insert(header::CONTENT_RANGE, HeaderValue::try_from(value).expect("digits"));
    }
    Ok(response)
}

/// So many bytes of a file, piece by piece.
fn chunks(file: File, count: u64) -> Body {
    const PIECE: u64 = 64 << 10;
    Body::from_stream(futures_util::stream::try_unfold((file, count), |(mut file, left)| async move {
        if left == 0 {
            return Ok::<_, std::io::Error>(None);
        }
        let mut piece = vec![0; left.min(PIECE) as usize];
        file.read_exact(&mut piece).await?;
        let left = left - piece.len() as u64;
        Ok(Some((Bytes::from(piece), (file, left))))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_to_the_file_and_those_beyond_it_are_refused() {
        let ask = |text: &str| {
            let value = HeaderValue::from_str(text).expect("a header");
            range(&HeaderMap::from_iter([(header::RANGE, value)]), 10)
        };
        for (text, expected) in [
            ("bytes=0-0", Some((0, 1))),
            ("bytes=2-", Some((2, 8))),
            ("bytes=2-99", Some((2, 8))),
            ("bytes=-3", Some((7, 3))),
            ("bytes=-99", Some((0, 10))),
            ("bytes=5-2", None),
            ("bytes=0-1,3-4", None),
            ("lines=1-2", None),
            ("bytes=x-", None),
            ("bytes=-", None),
        ] {
            assert_eq!(ask(text), Ok(expected), "{text}");
        }
        for text in ["bytes=10-", "bytes=-0", "bytes=99-100"] {
            assert_eq!(ask(text).expect_err(text).code(), Code::BadRange, "{text}");
        }
    }
}
