//! What the fuzz targets and the program that writes their seeds share with the crates' tests.

#[path = "../../runtime/engine/tests/common/mod.rs"]
pub mod common;

#[path = "../../runtime/protocol/tests/common/oip.rs"]
pub mod oip;

#[path = "../../runtime/protocol/tests/tuf/corpus.rs"]
pub mod tuf;

#[cfg(feature = "onnx")]
pub mod tokenizers;
