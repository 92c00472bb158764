//! The page at `/`, for people who run a fleet: files of `server/page`, as they are.

use std::sync::{Arc, OnceLock};

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::fault::Fault;
use crate::http::Call;

/// A file of the page.
struct File {
    name: &'static str,
    media: &'static str,
    bytes: &'static [u8],
}

/// `GET /`
pub async fn index(_: Arc<App>, call: Call) -> Result<Response, Fault> {
    answer("index.html", &call.headers)
}

/// `GET /page/{name}`
pub async fn file(_: Arc<App>, call: Call) -> Result<Response, Fault> {
    answer(call.param("name"), &call.headers)
}

fn answer(name: &str, known: &HeaderMap) -> Result<Response, Fault> {
    let (place, file) = FILES
        .iter()
        .enumerate()
        .find(|(_, file)| file.name == name)
        .ok_or_else(|| Fault::not_found("file of the page"))?;
    let etag = &etags()[place];
    let mut response = Response::new(Body::from(file.bytes));
    if crate::repository::is_known(known, etag) {
        response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.media));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::ETAG, HeaderValue::try_from(etag).expect("digits and quotes"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(response)
}

/// Nothing of another origin, nothing inline; pictures to be reviewed come as addresses with the picture in them.
const POLICY: &str =
    "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// By the files' places.
fn etags() -> &'static [String] {
    static ETAGS: OnceLock<Vec<String>> = OnceLock::new();
    ETAGS.get_or_init(|| {
        FILES.iter().map(|file| format!("\"{}\"", crate::hex::of(&Sha256::digest(file.bytes)))).collect()
    })
}

macro_rules! file {
    ($name:literal, $media:literal) => {
        File { name: $name, media: $media, bytes: include_bytes!(concat!("../page/", $name)) }
    };
    ($name:literal) => {
        file!($name, "text/javascript; charset=utf-8")
    };
}

const FILES: &[File] = &[
    file!("index.html", "text/html; charset=utf-8"),
    file!("style.css", "text/css; charset=utf-8"),
    File { name: "icon.svg", media: "image/svg+xml", bytes: include_bytes!("../../wasm/demo/public/icon.svg") },
    file!("alerts.js"),
    file!("answers.js"),
    file!("api.js"),
    file!("axes.js"),
    file!("charts.js"),
    file!("dom.js"),
    file!("drift.js"),
    file!("fleet.js"),
    file!("format.js"),
    file!("item.js"),
    file!("labels.js"),
    file!("live.js"),
    file!("main.js"),
    file!("models.js"),
    file!("review.js"),
    file!("session.js"),
    file!("signin.js"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_page_is_served() {
        let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/page")).expect("a folder");
        let names = folder.map(|entry| entry.expect("an entry").file_name().into_string().expect("a plain name"));
        for name in names.filter(|name| [".js", ".css", ".html"].iter().any(|end| name.ends_with(end))) {
            assert!(FILES.iter().any(|file| file.name == name), "{name}");
        }
    }

    #[test]
    fn a_file_that_is_known_isnt_sent_again() {
        let first = answer("main.js", &HeaderMap::new()).expect("a file");
        assert_eq!(first.status(), StatusCode::OK);
        assert_eq!(first.headers()[header::CONTENT_TYPE], "text/javascript; charset=utf-8");
        let known = HeaderMap::from_iter([(header::IF_NONE_MATCH, first.headers()[header::ETAG].clone())]);
        assert_eq!(answer("main.js", &known).expect("known").status(), StatusCode::NOT_MODIFIED);
        assert_eq!(answer("style.css", &known).expect("another").status(), StatusCode::OK);
        assert!(answer("../page.rs", &known).is_err());
    }
}
