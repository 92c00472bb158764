//! One line of JSON on standard error for what happened: never a payload, a token, an address of a device or what a user wrote.

use std::io::Write;
use std::sync::atomic::{AtomicU8, Ordering};

use serde_json::{Value, json};

/// How much is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Only what an operator must repair.
    Trouble,
    /// Also when the server starts, stops, takes a publication or raises an alert.
    #[default]
    Events,
    /// Also each request: its method, the endpoint's pattern, status and time.
    Requests,
}

static LEVEL: AtomicU8 = AtomicU8::new(Level::Events as u8);

/// Sets how much is told, for the whole process.
pub fn set(level: Level) {
    LEVEL.store(level as u8, Ordering::Relaxed);
}

/// Whether that is told.
pub fn tells(level: Level) -> bool {
    level as u8 <= LEVEL.load(Ordering::Relaxed)
}

/// What an operator must repair.
pub fn trouble(what: &str, cause: &str) {
    line(json!({ "level": "trouble", "what": what, "cause": cause }));
}

/// Something worth knowing, with facts of ours.
pub fn event(what: &str, facts: Value) {
    if tells(Level::Events) {
        line(json!({ "level": "event", "what": what, "facts": facts }));
    }
}

/// A request that was answered. The endpoint is its pattern, because a path may hold what a user wrote.
pub fn request(method: &str, endpoint: &str, status: u16, code: Option<&str>, micros: u64) {
    if tells(Level::Requests) {
        line(
            json!({ "level": "request", "method": method, "endpoint": endpoint, "status": status, "error": code, "us": micros }),
        );
    }
}

fn line(mut record: Value) {
    record["at"] = json!(crate::clock::system().0);
    let mut text = record.to_string();
    text.push('\n');
    // Where standard error is closed there is nobody to tell.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}
