//! The bridge to Swift and Kotlin: the engine's classifier, and what its scores are worth, behind UniFFI.
//!
//! Conversions only, and what both languages need of threads: a [`Classifier`] may be called from any of them, and calls go one
//! after the other. Apps don't see this; each language has a surface of its own over it.
//!
//! Pixels and values go in as bytes where they lie: they must stay there until the call is over, and no more than 2^31 - 1
//! can cross. Values come out as bytes too, because languages would copy lists of numbers one by one.

mod classifier;
mod decision;
mod error;
mod model;
mod records;

pub use classifier::Classifier;
pub use decision::{Decision, Outcome, Reason, Rule};
pub use error::{BridgeError, ErrorCode};
pub use records::{Class, Classification, Head, InputInfo, LoadOptions, PixelFormat, Request, StepInfo};

uniffi::setup_scaffolding!();
