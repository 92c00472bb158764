//! The bridge to Swift and Kotlin: the engine's classifier behind UniFFI.
//!
//! Conversions only, and what both languages need of threads: a [`Classifier`] may be called from any of them, and calls go one
//! after the other. Apps don't see this; each language has a surface of its own over it. Values are bytes here, because
//! languages copy these at once and lists of numbers one by one.

mod classifier;
mod error;
mod model;
mod records;

pub use classifier::Classifier;
pub use error::{BridgeError, ErrorCode};
pub use records::{Class, Classification, InputInfo, LoadOptions, PixelFormat, Pixels, StepInfo};

uniffi::setup_scaffolding!();
