//! The engine alone behind a C interface, from an artifact's bytes to scores: what an application has to ship at least.
//!
//! The host writes into a buffer that lives here and calls functions on what lies in it, so that no bytes of the host's are ever
//! read: `dunlin_new`; `dunlin_buffer`, write the file, `dunlin_load`; `dunlin_buffer`, write the input, `dunlin_run`,
//! `dunlin_result`; `dunlin_free`. A pointer to a [`Runner`] comes from `dunlin_new` and is used by one thread at a time.
//! Functions that can fail give 0 or else [`FAILED`], and `dunlin_result` is the message then.
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

#[cfg(not(feature = "std"))]
mod host;

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use dunlin_engine::{AlignedBytes, Classifier, Isa, Limits};

/// What a function gives that has failed.
pub const FAILED: i32 = -1;

/// A model, and what goes in and comes out.
#[derive(Debug, Default)]
pub struct Runner {
    buffer: Vec<u8>,
    classifier: Option<Classifier<AlignedBytes>>,
    result: Vec<u8>,
}

/// A runner without a model.
#[unsafe(no_mangle)]
pub extern "C" fn dunlin_new() -> Box<Runner> {
    Box::default()
}

/// Room for `len` bytes, until the next call of this function.
#[unsafe(no_mangle)]
pub extern "C" fn dunlin_buffer(runner: &mut Runner, len: usize) -> *mut u8 {
    runner.buffer.clear();
    runner.buffer.resize(len, 0);
    runner.buffer.as_mut_ptr()
}

/// Loads the artifact in the buffer.
#[unsafe(no_mangle)]
pub extern "C" fn dunlin_load(runner: &mut Runner) -> i32 {
    runner.perform(Runner::load)
}

/// Runs the model on the buffer: the bytes of its first input. The result is its scores, an f32 for each class.
#[unsafe(no_mangle)]
pub extern "C" fn dunlin_run(runner: &mut Runner) -> i32 {
    runner.perform(Runner::run)
}

/// Where the result of the last call lies, until the next: scores, or a message in UTF-8.
#[unsafe(no_mangle)]
pub extern "C" fn dunlin_result(runner: &Runner) -> *const u8 {
    runner.result.as_ptr()
}

/// Bytes of the result.
#[unsafe(no_mangle)]
pub extern "C" fn dunlin_result_len(runner: &Runner) -> usize {
    runner.result.len()
}

/// Gives all memory back; null is nothing.
#[unsafe(no_mangle)]
pub extern "C" fn dunlin_free(runner: Option<Box<Runner>>) {
    drop(runner);
}

impl Runner {
    fn perform(&mut self, action: fn(&mut Self) -> Result<Vec<u8>, String>) -> i32 {
        match action(self) {
            Ok(result) => {
                self.result = result;
                0
            }
            Err(message) => {
                self.result = message.into_bytes();
                FAILED
            }
        }
    }

    fn load(&mut self) -> Result<Vec<u8>, String> {
        let file = AlignedBytes::from_slice(&self.buffer);
        let classifier = Classifier::load(file, Isa::best(), Limits::default()).map_err(|error| error.to_string())?;
        self.classifier = Some(classifier);
        Ok(Vec::new())
    }

    fn run(&mut self) -> Result<Vec<u8>, String> {
        let classifier = self.classifier.as_mut().ok_or("no model is loaded")?;
        let input = classifier.session().input_mut(0).ok_or("the model has no input")?;
        if input.bytes.len() != self.buffer.len() {
            return Err(format!("the input has {} bytes, not {}", input.bytes.len(), self.buffer.len()));
        }
        input.bytes.copy_from_slice(&self.buffer);
        let scores = classifier.run().map_err(|error| error.to_string())?;
        Ok(scores.probabilities.iter().flat_map(|score| score.to_le_bytes()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_artifact_is_an_error_with_a_message() {
        let mut runner = dunlin_new();
        dunlin_buffer(&mut runner, 3);
        assert_eq!(dunlin_load(&mut runner), FAILED);
        assert!(dunlin_result_len(&runner) > 0);
        assert_eq!(dunlin_run(&mut runner), FAILED);
        assert_eq!(runner.result, b"no model is loaded");
        dunlin_free(Some(runner));
    }
}
