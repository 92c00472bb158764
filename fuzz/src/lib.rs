//! What the fuzz targets and the program that writes their seeds share with the engine's tests and the protocol's.

#[path = "../../runtime/engine/tests/common/mod.rs"]
pub mod common;

#[path = "../../runtime/protocol/tests/tuf/corpus.rs"]
pub mod tuf;

#[cfg(feature = "onnx")]
pub mod tokenizers;
