//! The engine: artifact bytes in, scores out.
//!
//! ```text
//! bytes --Artifact::parse--> Artifact --Model::parse--> Model --Plan::build--> Plan --Session::new--> Session
//! raw input --task--> Session::input_mut, Session::run, Session::output
//! ```
//!
//! [`Classifier::load`] goes the whole way. An `Artifact`, a `Model` and a `Plan` are valid by construction: whatever
//! is wrong with a file is an error before anything runs, and nothing about a hostile file makes this crate
//! panic, loop or take more memory than [`Limits`] allows. [`Session::run`] allocates nothing.
#![no_std]

#[cfg(feature = "std")]
extern crate std;

extern crate alloc;

#[cfg(target_endian = "big")]
compile_error!("artifacts are little-endian and used in place");

pub mod artifact;
pub mod classifier;
pub mod error;
pub mod exec;
mod family;
pub mod model;
pub mod op;
pub mod plan;
pub mod session;
pub mod task;
pub mod tensor;
pub mod wire;

pub use artifact::Artifact;
pub use classifier::{Classifier, Scores};
#[cfg(feature = "std")]
pub use dunlin_kernels::Helper;
#[cfg(all(feature = "abort", not(feature = "std"), any(unix, target_family = "wasm")))]
pub use dunlin_kernels::abort;
pub use dunlin_kernels::{AlignedBytes, Isa, IsaKind, OutOfMemory};
pub use family::Family;
pub use model::{Limits, ModelError};
pub use plan::Plan;
pub use session::Session;

#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
