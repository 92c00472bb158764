//! The bridge to Swift and Kotlin: the engine's classifier, what its scores are worth, and the client that keeps it up to date, behind UniFFI.
//!
//! Conversions only, and what both languages need of threads: a [`Classifier`] may be called from any of them, and calls go one
//! after the other; so may a `Client`. Apps don't see this; each language has a surface of its own over it.
//!
//! Pixels and values go in as bytes where they lie: they must stay there until the call is over, and no more than 2^31 - 1
//! can cross. Values come out as bytes too, because languages would copy lists of numbers one by one.

mod classifier;
#[cfg(feature = "client")]
mod client;
mod decision;
mod error;
mod model;
mod records;

pub use classifier::Classifier;
#[cfg(feature = "client")]
pub use client::{
    Answer, Client, ClientEvent, ClientOptions, Cloud, CloudAnswer, Conditions, Consent, Floor, Host, HostError,
    HttpFailure, HttpHeader, HttpMethod, HttpRequest, Privacy, Question, Reply, RollbackReason, Server, Shipped,
    Summaries, UpdateFault, When, Why,
};
pub use decision::{Decision, Outcome, Reason, Rule};
pub use error::{BridgeError, ErrorCode};
pub use records::{Class, Classification, Head, InputInfo, LoadOptions, PixelFormat, Request, StepInfo};

uniffi::setup_scaffolding!();
