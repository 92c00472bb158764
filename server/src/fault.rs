//! What can be wrong with a request, and how that is told: one stable name each, a status, and what to do.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Why a request isn't done. Messages name what is wrong and the remedy, never what the user wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    code: Code,
    message: String,
    /// Seconds after which the same request may be sent again.
    retry_after: Option<u32>,
}

/// The stable names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// The body or a parameter isn't what the endpoint takes.
    BadRequest,
    /// A repository's metadata or a target don't hold.
    BadPublication,
    /// What is asked goes further than the user's consent.
    Consent,
    /// No token, or one that isn't known.
    Unauthorized,
    /// The token's role may not do this.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// The path takes other methods.
    MethodNotAllowed,
    /// The same id was used for something else, or somebody was faster.
    Conflict,
    /// The body is longer than the endpoint takes.
    TooLarge,
    /// The body has another media type than the endpoint takes.
    UnsupportedMedia,
    /// No such range of the file.
    BadRange,
    /// The body didn't come in time.
    Slow,
    /// Too many requests of this client.
    RateLimited,
    /// Too many requests of all clients together.
    Overloaded,
    /// The server a question was passed on to didn't answer it.
    BadGateway,
    /// The answer wasn't ready in time.
    Deadline,
    /// A disk or a database failed: the operator's to repair.
    Internal,
    /// The server stops.
    Stopping,
}

impl Code {
    /// The name and the status.
    const fn parts(self) -> (&'static str, StatusCode) {
        match self {
            Self::BadRequest => ("bad_request", StatusCode::BAD_REQUEST),
            Self::BadPublication => ("bad_publication", StatusCode::BAD_REQUEST),
            Self::Consent => ("consent", StatusCode::BAD_REQUEST),
            Self::Unauthorized => ("unauthorized", StatusCode::UNAUTHORIZED),
            Self::Forbidden => ("forbidden", StatusCode::FORBIDDEN),
            Self::NotFound => ("not_found", StatusCode::NOT_FOUND),
            Self::MethodNotAllowed => ("method_not_allowed", StatusCode::METHOD_NOT_ALLOWED),
            Self::Conflict => ("conflict", StatusCode::CONFLICT),
            Self::TooLarge => ("too_large", StatusCode::PAYLOAD_TOO_LARGE),
            Self::UnsupportedMedia => ("unsupported_media", StatusCode::UNSUPPORTED_MEDIA_TYPE),
            Self::BadRange => ("bad_range", StatusCode::RANGE_NOT_SATISFIABLE),
            Self::Slow => ("slow", StatusCode::REQUEST_TIMEOUT),
            Self::RateLimited => ("rate_limited", StatusCode::TOO_MANY_REQUESTS),
            Self::Overloaded => ("overloaded", StatusCode::TOO_MANY_REQUESTS),
            Self::BadGateway => ("bad_gateway", StatusCode::BAD_GATEWAY),
            Self::Deadline => ("deadline", StatusCode::GATEWAY_TIMEOUT),
            Self::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR),
            Self::Stopping => ("stopping", StatusCode::SERVICE_UNAVAILABLE),
        }
    }

    /// The stable name.
    pub const fn name(self) -> &'static str {
        self.parts().0
    }

    /// The status of HTTP.
    pub const fn status(self) -> StatusCode {
        self.parts().1
    }
}

impl Fault {
    /// With what is wrong and what to do.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after: None }
    }

    /// The request as it is can't be right.
    pub fn bad(message: impl Into<String>) -> Self {
        Self::new(Code::BadRequest, message)
    }

    /// There is none.
    pub fn not_found(what: &str) -> Self {
        Self::new(Code::NotFound, format!("there is no such {what}"))
    }

    /// What an operator must repair. The cause goes to the log, the client learns that it isn't its own fault.
    pub fn internal(what: &str, cause: impl std::fmt::Display) -> Self {
        crate::log::trouble(what, &cause.to_string());
        Self::new(Code::Internal, "the server has a fault of its own, which its log tells; try again later")
    }

    /// The same request may be sent again after that many seconds.
    pub fn after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Its stable name.
    pub const fn code(&self) -> Code {
        self.code
    }

    /// What is wrong and what to do.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// As the Open Inference Protocol has it: `{"error": "..."}`.
    pub fn into_oip(self) -> Response {
        let body = json!({ "error": self.message });
        self.respond(body)
    }

    fn respond(&self, body: serde_json::Value) -> Response {
        let (name, status) = self.code.parts();
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(CODE_HEADER, HeaderValue::from_static(name));
        if self.code == Code::Unauthorized {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// Where the stable name stands beside the body, for logs and for clients of the Open Inference Protocol.
pub const CODE_HEADER: &str = "dunlin-error";

/// As endpoints under `/v1` tell it: `{"error": {"code": "...", "message": "..."}}`.
impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let body = json!({ "error": { "code": self.code.name(), "message": self.message } });
        self.respond(body)
    }
}
