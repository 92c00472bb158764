//! The compiler: an ONNX classifier in, a Dunlin artifact out. Host only.
//!
//! `import` reads ONNX into the [`ir`], [`passes`] simplify it, [`lower`] brings what stays float down to the
//! engine's operators, [`eval`] runs a graph at any of these stages.
#![forbid(unsafe_code)]

pub mod build;
pub mod calibration;
pub mod compile;
pub mod emit;
pub mod error;
pub mod eval;
pub mod feed;
pub mod heads;
pub mod import;
pub mod int8;
pub mod ir;
pub mod lower;
pub mod memory;
pub mod npz;
pub mod pack;
pub mod passes;
pub mod picture;
pub mod policy;
pub mod ptq;
pub mod report;
pub mod tensor;
pub mod text;
pub mod vary;

pub use compile::{Compiled, Options, Precision, Progress, Samples, TaskRequest, compile};
pub use error::CompileError;
pub use heads::HeadRequest;
pub use picture::ImageRequest;
