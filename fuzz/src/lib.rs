//! What the fuzz targets and the program that writes their seeds share with the engine's tests.

#[path = "../../runtime/engine/tests/common/mod.rs"]
pub mod common;

#[cfg(feature = "onnx")]
pub mod tokenizers;
