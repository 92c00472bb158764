//! The engine alone behind a C interface, from an artifact's bytes to scores: what an application has to ship at least.
//!
//! The host writes into a buffer that lives here and calls functions on what lies in it, so that no pointer of the host's is ever
//! read: `dunlin_buffer`, write the file, `dunlin_load`; `dunlin_buffer`, write the input, `dunlin_run`, `dunlin_result`.
//! There is one model at a time. Functions that can fail give 0 or else [`FAILED`], and `dunlin_result` is the message then.

use std::sync::{Mutex, MutexGuard, PoisonError};

use dunlin_engine::{AlignedBytes, Classifier, Isa, Limits};

/// What a function gives that has failed.
pub const FAILED: i32 = -1;

struct State {
    buffer: Vec<u8>,
    classifier: Option<Classifier<AlignedBytes>>,
    result: Vec<u8>,
}

static STATE: Mutex<State> = Mutex::new(State { buffer: Vec::new(), classifier: None, result: Vec::new() });

/// What a thread leaves that has panicked is complete: nothing is half written.
fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Room for `len` bytes, until the next call of this function.
#[unsafe(no_mangle)]
pub extern "C" fn dunlin_buffer(len: usize) -> *mut u8 {
    let mut state = state();
    state.buffer.clear();
    state.buffer.resize(len, 0);
    state.buffer.as_mut_ptr()
}

/// Loads the artifact in the buffer.
#[unsafe(no_mangle)]
pub extern "C" fn dunlin_load() -> i32 {
    state().perform(State::load)
}

/// Runs the model on the buffer: the bytes of its first input. The result is its scores, an f32 for each class.
#[unsafe(no_mangle)]
pub extern "C" fn dunlin_run() -> i32 {
    state().perform(State::run)
}

/// Where the result of the last call lies, until the next: scores, or a message in UTF-8.
#[unsafe(no_mangle)]
pub extern "C" fn dunlin_result() -> *const u8 {
    state().result.as_ptr()
}

/// Bytes of the result.
#[unsafe(no_mangle)]
pub extern "C" fn dunlin_result_len() -> usize {
    state().result.len()
}

impl State {
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
        dunlin_buffer(3);
        assert_eq!(dunlin_load(), FAILED);
        assert!(dunlin_result_len() > 0);
        assert_eq!(dunlin_run(), FAILED);
        assert_eq!(state().result, b"no model is loaded");
    }
}
