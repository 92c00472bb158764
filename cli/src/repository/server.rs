//! A server of `dunlin serve`, as its publisher asks it.

use dunlin_sync::{Failure, Method, Request, Response};

use crate::error::CliError;

/// The way to it.
pub struct Server<'a> {
    /// Its address, without a slash at its end.
    pub url: &'a str,
    /// A publisher's token.
    pub token: Option<String>,
    /// What sends requests.
    pub line: &'a dyn Fn(&Request) -> Result<Response, Failure>,
}

impl Server<'_> {
    /// The JSON of a path.
    ///
    /// # Errors
    /// [`CliError::Upload`].
    pub fn get(&self, path: &str) -> Result<serde_json::Value, CliError> {
        let response = self.done(&self.request(Method::Get, path, None, Vec::new()))?;
        serde_json::from_slice(&response.body).map_err(|_| self.fault("an answer that isn't JSON".to_owned()))
    }

    /// Sends a body.
    ///
    /// # Errors
    /// [`CliError::Upload`].
    pub fn send(&self, method: Method, path: &str, media: &'static str, body: Vec<u8>) -> Result<(), CliError> {
        self.done(&self.request(method, path, Some(media), body)).map(drop)
    }

    /// Whether a path has anything, of which a byte is asked for. Where that doesn't tell, it hasn't.
    ///
    /// # Errors
    /// [`CliError::Upload`].
    pub fn has(&self, path: &str) -> Result<bool, CliError> {
        let mut request = self.request(Method::Get, path, None, Vec::new());
        request.headers.push(("range", "bytes=0-0".to_owned()));
        match (self.line)(&request) {
            Ok(response) => Ok(matches!(response.status, 200 | 206)),
            Err(Failure::TooLong) => Ok(false),
            Err(failure) => Err(self.unanswered(failure)),
        }
    }

    fn done(&self, request: &Request) -> Result<Response, CliError> {
        let response = (self.line)(request).map_err(|failure| self.unanswered(failure))?;
        match response.status {
            200..=299 => Ok(response),
            401 | 403 => Err(self.fault("the token isn't a publisher's; give --token or set DUNLIN_TOKEN".to_owned())),
            status => Err(self.fault(format!("status {status}: {}", message(&response)))),
        }
    }

    fn request(&self, method: Method, path: &str, media: Option<&str>, body: Vec<u8>) -> Request {
        let mut headers = Vec::new();
        headers.extend(media.map(|media| ("content-type", media.to_owned())));
        headers.extend(self.token.as_ref().map(|token| ("authorization", format!("Bearer {token}"))));
        let url = format!("{}{path}", self.url);
        Request { id: 0, method, url, headers, body, max_bytes: MOST_ANSWER, timeout: TIMEOUT }
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

/// What the server says, without what would move a terminal's cursor.
fn message(response: &Response) -> String {
    let error: Option<serde_json::Value> = serde_json::from_slice(&response.body).ok();
    let message = error.as_ref().and_then(|error| error["error"]["message"].as_str()).unwrap_or("no reason given");
    message.chars().filter(|c| !c.is_control()).collect()
}

/// Milliseconds for one file.
const TIMEOUT: u64 = 300_000;

/// Bytes of a server's answer.
const MOST_ANSWER: u64 = 4 << 20;
