//! From a folder to a server.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;

use dunlin_engine::AlignedBytes;
use dunlin_engine::artifact::Artifact;
use dunlin_protocol::hex::Hash;
use dunlin_protocol::tuf::{Repository, Role};
use dunlin_sync::{Failure, Method, Request, Response};
use sha2::{Digest, Sha256};

use super::releases::address_of;
use crate::baseline;
use crate::error::CliError;
use crate::output::bytes as grouped;

/// A server of `dunlin serve`.
pub struct Server<'a> {
    /// Its address, without a slash at its end.
    pub url: &'a str,
    /// A publisher's token.
    pub token: Option<String>,
    /// The way to it.
    pub line: &'a dyn Fn(&Request) -> Result<Response, Failure>,
}

impl Server<'_> {
    /// Uploads the files that it doesn't show yet, then the metadata, which it checks and shows at once.
    ///
    /// # Errors
    /// [`CliError::Upload`], [`CliError::Read`].
    pub(super) fn upload(&self, dir: &Path, repository: &Repository, out: &mut dyn Write) -> Result<(), CliError> {
        for address in repository.targets().filter_map(|(path, target)| address_of(path, target)) {
            if !self.shows(&address)? {
                self.take(&address, &dir.join("targets").join(&address), out)?;
            }
        }
        let publication = serde_json::to_vec(&Publication { version: 1, metadata: metadata(dir, repository)? })?;
        self.send(Method::Post, "/v1/repository/publish", "application/json", publication)?;
        writeln!(out, "published at {}", self.url)?;
        Ok(())
    }

    /// Whether devices can fetch a target there, of which a byte is asked for. Where that doesn't tell, it may be uploaded again.
    fn shows(&self, address: &str) -> Result<bool, CliError> {
        let path = format!("/repository/targets/{address}");
        let mut request = self.request(Method::Get, &path, None, Vec::new(), MOST_ANSWER);
        request.headers.push(("range", "bytes=0-0".to_owned()));
        match (self.line)(&request) {
            Ok(response) => Ok(matches!(response.status, 200 | 206)),
            Err(Failure::TooLong) => Ok(false),
            Err(failure) => Err(self.unanswered(failure)),
        }
    }

    /// Uploads a target, and what its answers look like where all is well, if it is a model that says so.
    fn take(&self, address: &str, file: &Path, out: &mut dyn Write) -> Result<(), CliError> {
        let bytes = read(file)?;
        writeln!(out, "uploading {address}: {} bytes", grouped(bytes.len()))?;
        // A patch is no artifact.
        let aligned = AlignedBytes::from_slice(&bytes);
        if let Some(baseline) = Artifact::parse(&aligned).ok().and_then(|model| baseline::read(&model).ok().flatten()) {
            let path = format!("/v1/models/{}/baseline", Hash(Sha256::digest(&bytes).into()));
            self.send(Method::Put, &path, "application/json", baseline.json().into_bytes())?;
        }
        self.send(Method::Put, &format!("/v1/repository/targets/{address}"), "application/octet-stream", bytes)
    }

    fn send(&self, method: Method, path: &str, media: &str, body: Vec<u8>) -> Result<(), CliError> {
        let request = self.request(method, path, Some(media), body, MOST_ANSWER);
        let response = (self.line)(&request).map_err(|failure| self.unanswered(failure))?;
        match response.status {
            200..=299 => Ok(()),
            401 | 403 => Err(self.fault("the token isn't a publisher's; give --token or set DUNLIN_TOKEN".to_owned())),
            status => Err(self.fault(format!("status {status}: {}", message(&response)))),
        }
    }

    fn request(&self, method: Method, path: &str, media: Option<&str>, body: Vec<u8>, max_bytes: u64) -> Request {
        let mut headers = Vec::new();
        headers.extend(media.map(|media| ("content-type", media.to_owned())));
        headers.extend(self.token.as_ref().map(|token| ("authorization", format!("Bearer {token}"))));
        Request { id: 0, method, url: format!("{}{path}", self.url), headers, body, max_bytes, timeout: TIMEOUT }
    }

    fn unanswered(&self, failure: Failure) -> CliError {
        let what = match failure {
            Failure::Connect => "no connection",
            Failure::Broken => "the connection broke",
            Failure::Timeout => "no answer in time",
            Failure::TooLong => "a longer answer than there should be",
        };
        self.fault(what.to_owned())
    }

    fn fault(&self, what: String) -> CliError {
        CliError::Upload { url: self.url.to_owned(), what }
    }
}

#[derive(serde::Serialize)]
struct Publication {
    version: u32,
    metadata: BTreeMap<String, String>,
}

/// All files that a device may ask for.
fn metadata(dir: &Path, repository: &Repository) -> Result<BTreeMap<String, String>, CliError> {
    let mut names: Vec<String> =
        (1..=repository.version(Role::Root)).map(|version| format!("{version}.root.json")).collect();
    for role in [Role::Targets, Role::Snapshot] {
        names.push(format!("{}.{}.json", repository.version(role), role.name()));
    }
    names.push("timestamp.json".to_owned());
    let file = |name: String| {
        let bytes = read(&dir.join("metadata").join(&name))?;
        Ok((name, String::from_utf8_lossy(&bytes).into_owned()))
    };
    names.into_iter().map(file).collect()
}

/// What the server says, without what would move a terminal's cursor.
fn message(response: &Response) -> String {
    let error: Option<serde_json::Value> = serde_json::from_slice(&response.body).ok();
    let message = error.as_ref().and_then(|error| error["error"]["message"].as_str()).unwrap_or("no reason given");
    message.chars().filter(|c| !c.is_control()).collect()
}

fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    fs::read(path).map_err(|source| CliError::Read { path: path.to_owned(), source })
}

/// Milliseconds for one file.
const TIMEOUT: u64 = 300_000;

/// Bytes of a server's answer.
const MOST_ANSWER: u64 = 1 << 20;
