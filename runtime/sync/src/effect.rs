//! What a host is asked to do, and what it answers.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::drift::Divergence;
use crate::fallback;
use crate::update::{Activation, Event, Place, Trial};

/// Milliseconds since the Unix epoch, by the host's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Time(pub u64);

impl Time {
    /// That many milliseconds later; the end of time at most.
    pub const fn after(self, milliseconds: u64) -> Self {
        Self(self.0.saturating_add(milliseconds))
    }

    /// Milliseconds since `earlier`; 0 where that is later, as after a clock was set back.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The day, in days since the epoch, in UTC.
    pub const fn day(self) -> u32 {
        (self.0 / 86_400_000) as u32
    }
}

/// What the host is to do. Effects are performed in the order in which they were polled.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Send a request; its answer comes back with the request's number. Requests may be under way side by side.
    Send(Request),
    /// Make changes to the store, all or none, durable before it is answered. Nothing that comes after is done before.
    Commit(Commit),
    /// Give the bytes of a model.
    Read(Read),
    /// Load a model and ask it its golden inputs, beside the one that answers.
    Trial(Trial),
    /// From now on answer with this model.
    Activate(Activation),
    /// Tell the app what became of updates.
    Notify(Event),
    /// Tell the app what became of a question to the cloud.
    Cloud(fallback::Event),
    /// Tell the app that this device's answers aren't what they were.
    Diverged(Divergence),
    /// Call back at this time, or soon after it; instead of the time that was named before.
    Wake(Time),
}

/// An HTTP request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The number by which its answer is told apart.
    pub id: u64,
    /// The method.
    pub method: Method,
    /// The whole address, `https://…`.
    pub url: String,
    /// Headers, in lower case. The host adds none of its own that tell who it is.
    pub headers: Vec<(&'static str, String)>,
    /// The body; empty for GET.
    pub body: Vec<u8>,
    /// The host stops reading an answer that is longer, with [`Failure::TooLong`].
    pub max_bytes: u64,
    /// Milliseconds from the beginning to the answer's last byte, after which the host gives up with [`Failure::Timeout`].
    pub timeout: u64,
}

/// A request's method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// GET.
    Get,
    /// POST.
    Post,
    /// PUT.
    Put,
}

/// A server's answer, whatever its status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The status, such as 200.
    pub status: u16,
    /// Headers, their names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, decoded.
    pub body: Vec<u8>,
}

impl Response {
    /// A header's value, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// No connection, so that the server hasn't seen the request.
    Connect,
    /// The connection broke after the request was sent, or began to be.
    Broken,
    /// The time was over.
    Timeout,
    /// The answer is longer than asked for.
    TooLong,
}

/// Why a commit didn't happen. Nothing of it may be found afterwards, nor ever again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StoreFailure {
    /// There is no room.
    Full,
    /// The store can't be written.
    Broken,
}

/// What a store holds at the beginning: keys with their values, without the models' own bytes.
pub type Stored = BTreeMap<String, Vec<u8>>;

/// Changes to a store: keys with their new values.
///
/// A store maps keys to bytes. Small values and whole models are kept alike; the host may keep large ones in files of their own, as long
/// as a commit happens as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// The number by which its end is told apart.
    pub id: u64,
    /// Keys, of `a-z`, `0-9`, `-`, `.` and `/`, each with its new value, or none to remove it.
    pub changes: Vec<(String, Option<Vec<u8>>)>,
}

/// Asks for a model's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// The number by which its answer is told apart.
    pub id: u64,
    /// Where the model is.
    pub place: Place,
}

/// Hands out numbers of requests and commits, each once.
#[derive(Clone, Debug, Default)]
pub struct Ids(u64);

impl Ids {
    /// The next number; the first is 1.
    pub fn take(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }
}
