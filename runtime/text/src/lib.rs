//! Text in, token ids out, as the data in an artifact says.
//!
//! ```text
//! section's bytes --Spec::parse--> Spec
//! (Spec, text) --Preparer::prepare--> Prepared: ids of one view or two, signs of evasion
//! ```
//!
//! Everything that depends on a language or on a version of Unicode is a table in the artifact, read where it lies: so the
//! same text gives the same ids in every build, and a build carries no table. A [`Spec`] is valid by
//! construction; nothing about a hostile section or text makes this crate panic, loop, or take more time
//! and memory than in proportion to the bytes that the spec lets it read.
#![no_std]

extern crate alloc;

pub mod cleaning;
pub mod error;
mod forms;
pub mod prepare;
mod reader;
pub mod signs;
pub mod spec;
pub mod tables;
pub mod tokenizer;
#[cfg(feature = "write")]
pub mod write;

pub use cleaning::Cleaned;
pub use error::{SpecError, TextError};
pub use prepare::{Prepared, Preparer};
pub use signs::Signs;
pub use spec::{Feed, Spec};
pub use tokenizer::Tokenizer;
