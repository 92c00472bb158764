//! What a platform does for a client, and how it is asked to.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use dunlin_native::{Done, Happened, Transport};
use dunlin_sync::{Failure, Method, Request, Response};

use super::event::ClientEvent;

/// What a platform does for a client: all from the client's thread, which waits for each call.
///
/// A call that throws counts as what the worst device would say: a request failed, a connection that costs, no power.
#[uniffi::export(callback_interface)]
pub trait Host: Send + Sync + fmt::Debug {
    /// Sends a request, without waiting for its answer.
    ///
    /// # Errors
    /// The platform's code failed.
    fn send(&self, request: HttpRequest, reply: Arc<Reply>) -> Result<(), HostError>;

    /// How the device is doing.
    ///
    /// # Errors
    /// The platform's code failed.
    fn conditions(&self) -> Result<Conditions, HostError>;

    /// The question with that number is under way to the cloud, as this ticket.
    ///
    /// # Errors
    /// The platform's code failed.
    fn asked(&self, number: u64, ticket: String) -> Result<(), HostError>;

    /// Tells what has happened.
    ///
    /// # Errors
    /// The platform's code failed.
    fn happened(&self, event: ClientEvent) -> Result<(), HostError>;
}

/// The platform's code failed.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Error)]
pub enum HostError {
    /// The only variant; what the platform says stays there.
    Failed,
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the platform's code failed")
    }
}

impl std::error::Error for HostError {}

impl From<uniffi::UnexpectedUniFFICallbackError> for HostError {
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Failed
    }
}

/// A request's method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum HttpMethod {
    /// GET.
    Get,
    /// POST.
    Post,
    /// PUT.
    Put,
}

/// A header.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
pub struct HttpHeader {
    /// In lower case.
    pub name: String,
    /// Perhaps a secret.
    pub value: String,
}

impl fmt::Debug for HttpHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// A request, as `dunlin_sync::Request` says.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct HttpRequest {
    /// The method.
    pub method: HttpMethod,
    /// The whole address.
    pub url: String,
    /// The headers.
    pub headers: Vec<HttpHeader>,
    /// The body.
    pub body: Vec<u8>,
    /// The most bytes of an answer's body.
    pub max_bytes: u64,
    /// How many milliseconds all may take.
    pub timeout: u64,
}

/// Why there is no answer: `dunlin_sync::Failure`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum HttpFailure {
    /// No server has seen the request.
    Connect,
    /// The connection broke.
    Broken,
    /// The time was over.
    Timeout,
    /// The answer is too long.
    TooLong,
}

/// How a device is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Conditions {
    /// Whether the connection costs.
    pub metered: bool,
    /// Whether the device is charging.
    pub charging: bool,
}

/// Takes what came of a request: the first that is told counts, from any thread, and doesn't block. One that is given up without a word
/// has failed.
#[derive(uniffi::Object)]
pub struct Reply {
    done: Mutex<Option<Done>>,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reply")
    }
}

#[uniffi::export]
impl Reply {
    /// The server's answer, whatever its status.
    pub fn answered(&self, status: u16, headers: Vec<HttpHeader>, body: Vec<u8>) {
        let headers = headers.into_iter().map(|header| (header.name.to_ascii_lowercase(), header.value));
        self.take(Ok(Response { status, headers: headers.collect(), body }));
    }

    /// There is none.
    pub fn failed(&self, why: HttpFailure) {
        self.take(Err(why.into()));
    }
}

impl Reply {
    pub(crate) fn new(done: Done) -> Arc<Self> {
        Arc::new(Self { done: Mutex::new(Some(done)) })
    }

    fn take(&self, outcome: Result<Response, Failure>) {
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(done) = done {
            done(outcome);
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        self.take(Err(Failure::Broken));
    }
}

/// Calls a platform, of which no error comes back.
#[derive(Clone, Debug)]
pub(crate) struct Caller(Arc<dyn Host>);

impl Caller {
    pub fn new(host: Box<dyn Host>) -> Self {
        Self(Arc::from(host))
    }

    pub fn conditions(&self) -> dunlin_sync::Conditions {
        match self.0.conditions() {
            Ok(Conditions { metered, charging }) => dunlin_sync::Conditions { metered, charging },
            Err(HostError::Failed) => dunlin_sync::Conditions { metered: true, charging: false },
        }
    }

    pub fn happened(&self, happened: Happened) {
        if let Some(event) = ClientEvent::of(happened) {
            // Who doesn't listen isn't told again.
            let _ = self.0.happened(event);
        }
    }

    /// Whoever doesn't listen has the events.
    pub fn asked(&self, number: u64, ticket: String) {
        let _ = self.0.asked(number, ticket);
    }
}

impl Transport for Caller {
    fn send(&self, request: Request, done: Done) {
        let reply = Reply::new(done);
        if let Err(HostError::Failed) = self.0.send(request.into(), Arc::clone(&reply)) {
            reply.failed(HttpFailure::Broken);
        }
    }
}

impl From<Request> for HttpRequest {
    fn from(request: Request) -> Self {
        let Request { method, url, headers, body, max_bytes, timeout, .. } = request;
        let header = |(name, value): (&str, String)| HttpHeader { name: name.to_owned(), value };
        Self {
            method: match method {
                Method::Get => HttpMethod::Get,
                Method::Post => HttpMethod::Post,
                Method::Put => HttpMethod::Put,
            },
            url,
            headers: headers.into_iter().map(header).collect(),
            body,
            max_bytes,
            timeout,
        }
    }
}

impl From<HttpFailure> for Failure {
    fn from(failure: HttpFailure) -> Self {
        match failure {
            HttpFailure::Connect => Self::Connect,
            HttpFailure::Broken => Self::Broken,
            HttpFailure::Timeout => Self::Timeout,
            HttpFailure::TooLong => Self::TooLong,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    type Outcome = Result<Response, Failure>;

    fn outcomes(tell: impl FnOnce(&Arc<Reply>)) -> Vec<Outcome> {
        let (sender, receiver) = channel();
        let reply = Reply::new(Box::new(move |outcome| drop(sender.send(outcome))));
        tell(&reply);
        drop(reply);
        receiver.iter().collect()
    }

    #[test]
    fn the_first_word_about_a_request_counts_and_none_is_a_failure() {
        let header = HttpHeader { name: "ETag".into(), value: "\"7\"".into() };
        let answer = Response { status: 404, headers: vec![("etag".into(), "\"7\"".into())], body: vec![1] };
        let said = outcomes(|reply| {
            reply.answered(404, vec![header], vec![1]);
            reply.failed(HttpFailure::Timeout);
        });
        assert_eq!(said, [Ok(answer)]);
        assert_eq!(outcomes(|reply| reply.failed(HttpFailure::TooLong)), [Err(Failure::TooLong)]);
        assert_eq!(outcomes(|_| ()), [Err(Failure::Broken)]);
    }

    /// Whatever it is asked, it fails.
    #[derive(Debug)]
    struct Failing;

    impl Host for Failing {
        fn send(&self, _: HttpRequest, reply: Arc<Reply>) -> Result<(), HostError> {
            std::mem::forget(reply);
            Err(HostError::Failed)
        }

        fn conditions(&self) -> Result<Conditions, HostError> {
            Err(HostError::Failed)
        }

        fn asked(&self, _: u64, _: String) -> Result<(), HostError> {
            Err(HostError::Failed)
        }

        fn happened(&self, _: ClientEvent) -> Result<(), HostError> {
            Err(HostError::Failed)
        }
    }

    #[test]
    fn a_platform_that_fails_is_the_worst_device() {
        let caller = Caller::new(Box::new(Failing));
        assert_eq!(caller.conditions(), dunlin_sync::Conditions { metered: true, charging: false });
        caller.happened(Happened::Update(dunlin_sync::Event::Stale));
        caller.asked(1, String::new());
        let (sender, receiver) = channel();
        let headers = vec![("authorization", "Bearer secret".to_owned())];
        let url = "https://fleet.example".to_owned();
        let request = Request { id: 1, method: Method::Get, url, headers, body: Vec::new(), max_bytes: 1, timeout: 1 };
        assert!(!format!("{:?}", HttpRequest::from(request.clone())).contains("secret"));
        caller.send(request, Box::new(move |outcome| drop(sender.send(outcome))));
        assert_eq!(receiver.recv(), Ok(Err(Failure::Broken)));
    }
}
