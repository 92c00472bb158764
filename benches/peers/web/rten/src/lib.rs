//! rten behind a C interface: `peer_buffer`, write an ONNX file, `peer_load`; `peer_buffer`, write an input, `peer_input`;
//! `peer_run`, `peer_result`.
//!
//! The page writes into a buffer that lives here, so that no bytes of the page's are ever read. Functions that can fail give 0 or
//! else 1, and the result is the message then.

use rten::{Model, ModelOptions, NodeId, Value, ValueOrView};
use rten_tensor::Tensor;
use rten_tensor::prelude::*;
use std::cell::RefCell;
use std::error::Error;

thread_local! {
    static PEER: RefCell<Peer> = RefCell::default();
}

/// A model, and what goes in and comes out.
#[derive(Default)]
struct Peer {
    buffer: Vec<u8>,
    loaded: Option<Loaded>,
    input: Option<Value>,
    scores: Vec<f32>,
    message: String,
}

/// A model with one input and one output that matters.
struct Loaded {
    model: Model,
    input: NodeId,
    output: NodeId,
}

/// Room for `len` bytes, until the next call of this function.
#[unsafe(no_mangle)]
pub extern "C" fn peer_buffer(len: usize) -> *mut u8 {
    PEER.with_borrow_mut(|peer| {
        peer.buffer = vec![0; len];
        peer.buffer.as_mut_ptr()
    })
}

/// Loads the ONNX file in the buffer.
#[unsafe(no_mangle)]
pub extern "C" fn peer_load() -> u32 {
    perform(Peer::load)
}

/// Takes the input in the buffer: as many dimensions as `rank`, u32, and f32 elements, all little-endian.
#[unsafe(no_mangle)]
pub extern "C" fn peer_input(rank: usize) -> u32 {
    perform(|peer| peer.input(rank))
}

/// Runs the model on the input. The result is its first output's elements, f32.
#[unsafe(no_mangle)]
pub extern "C" fn peer_run() -> u32 {
    perform(Peer::run)
}

/// Where the last run's elements lie, until the next.
#[unsafe(no_mangle)]
pub extern "C" fn peer_result() -> *const f32 {
    PEER.with_borrow(|peer| peer.scores.as_ptr())
}

/// How many there are.
#[unsafe(no_mangle)]
pub extern "C" fn peer_result_len() -> usize {
    PEER.with_borrow(|peer| peer.scores.len())
}

/// Where the message of what failed last lies, in UTF-8.
#[unsafe(no_mangle)]
pub extern "C" fn peer_message() -> *const u8 {
    PEER.with_borrow(|peer| peer.message.as_ptr())
}

/// Bytes of the message.
#[unsafe(no_mangle)]
pub extern "C" fn peer_message_len() -> usize {
    PEER.with_borrow(|peer| peer.message.len())
}

type Outcome = Result<(), Box<dyn Error>>;

fn perform(action: impl FnOnce(&mut Peer) -> Outcome) -> u32 {
    PEER.with_borrow_mut(|peer| match action(peer) {
        Ok(()) => 0,
        Err(error) => {
            peer.message = error.to_string();
            1
        }
    })
}

impl Peer {
    fn load(&mut self) -> Outcome {
        let file = std::mem::take(&mut self.buffer);
        let model = ModelOptions::with_all_ops().prepack_weights(true).load(file)?;
        let input = *model.input_ids().first().ok_or("the model has no input")?;
        let output = *model.output_ids().first().ok_or("the model has no output")?;
        self.loaded = Some(Loaded { model, input, output });
        Ok(())
    }

    fn input(&mut self, rank: usize) -> Outcome {
        let words: Vec<[u8; 4]> = self.buffer.chunks_exact(4).map(|word| [word[0], word[1], word[2], word[3]]).collect();
        let (dims, elements) = words.split_at_checked(rank).ok_or("the input is too short")?;
        let dims: Vec<usize> = dims.iter().map(|&dim| u32::from_le_bytes(dim) as usize).collect();
        let elements = elements.iter().map(|&element| f32::from_le_bytes(element)).collect::<Vec<_>>();
        if dims.iter().product::<usize>() != elements.len() {
            return Err("the input's elements don't fill its dimensions".into());
        }
        self.input = Some(Tensor::from_data(dims.as_slice(), elements).into());
        Ok(())
    }

    fn run(&mut self) -> Outcome {
        let Loaded { model, input, output } = self.loaded.as_ref().ok_or("no model")?;
        let value: ValueOrView = self.input.as_ref().ok_or("no input")?.into();
        match model.run(vec![(*input, value)], &[*output], None)?.pop() {
            Some(Value::FloatTensor(tensor)) => {
                self.scores = tensor.to_vec();
                Ok(())
            }
            _ => Err("the output isn't f32".into()),
        }
    }
}
