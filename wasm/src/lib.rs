//! The engine for JavaScript: conversions only. The npm package in `wasm/npm` is the surface that apps see.
//!
//! The host makes an instance for each classifier. It fills an [`ArtifactFile`], which becomes a [`Classifier`]. What goes wrong is
//! thrown as an `Error` with a `dunlinCode`, the name of a [`Code`]; a trap is the end of the instance.
#![cfg_attr(target_family = "wasm", no_std)]

extern crate alloc;

#[cfg(target_family = "wasm")]
mod host;
mod script;

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use dunlin_engine::error::Code;
use dunlin_engine::task::{PixelFormat, Pixels};
use dunlin_engine::{AlignedBytes, Isa, Limits, Scores};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use script::{Float32Array, Uint8Array, Uint32Array, error};

/// The name of the instruction set that classifiers use here.
#[wasm_bindgen(js_name = kernelSet)]
pub fn kernel_set() -> String {
    Isa::best().kind().name().into()
}

/// Room for an artifact, which the host fills piece by piece.
#[wasm_bindgen]
#[derive(Debug)]
pub struct ArtifactFile(AlignedBytes);

#[wasm_bindgen]
impl ArtifactFile {
    /// Room for `len` bytes.
    ///
    /// # Errors
    /// `memory`
    #[wasm_bindgen(constructor)]
    pub fn new(len: usize) -> Result<Self, JsValue> {
        room(len).map(Self)
    }

    /// Writes the artifact's bytes from `offset` on.
    ///
    /// # Errors
    /// `internal` when there is no room for them.
    pub fn write(&mut self, offset: usize, bytes: &Uint8Array) -> Result<(), JsValue> {
        let end = offset.checked_add(bytes.length());
        let room = end.and_then(|end| self.0.get_mut(offset..end));
        script::copy_bytes(room.ok_or_else(|| error(Code::Internal, "more bytes than there is room for"))?, bytes);
        Ok(())
    }

    /// Loads the classifier, which may compute in as much memory as `limit` says, in bytes.
    ///
    /// # Errors
    /// `artifact`, `version` or `memory`
    pub fn load(self, limit: Option<f64>) -> Result<Classifier, JsValue> {
        let default = Limits::default();
        let limits = Limits { memory: limit.map_or(default.memory, |bytes| bytes as usize), ..default };
        let engine = dunlin_engine::Classifier::load(self.0, Isa::best(), limits);
        engine.map(Classifier).map_err(|why| error(why.code(), why))
    }
}

/// A loaded classifier.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Classifier(dunlin_engine::Classifier<AlignedBytes>);

#[wasm_bindgen]
impl Classifier {
    /// Classifies a picture of dense rows and tells its `top` most probable classes. `channels` are 1 for grey, 3 for red, green
    /// and blue, or 4 with alpha.
    ///
    /// # Errors
    /// `picture`, `input` or `memory`
    #[wasm_bindgen(js_name = classifyPixels)]
    pub fn classify_pixels(
        &mut self,
        data: &Uint8Array,
        width: u32,
        height: u32,
        channels: usize,
        top: usize,
    ) -> Result<script::Scores, JsValue> {
        let formats = [PixelFormat::Gray8, PixelFormat::Rgb8, PixelFormat::Rgba8];
        let format = formats.into_iter().find(|format| format.bytes() == channels);
        let format = format.ok_or_else(|| error(Code::Picture, "a pixel has 1, 3 or 4 bytes"))?;
        let mut bytes = room(data.length())?;
        script::copy_bytes(&mut bytes, data);
        let pixels = Pixels::new(&bytes, width, height, format).map_err(|why| error(why.code(), why))?;
        let scores = self.0.classify_pixels(&pixels).map_err(|why| error(why.code(), why))?;
        Ok(scores_for_script(scores, top))
    }

    /// Classifies the values of the model's input, in the order in which it has them.
    ///
    /// # Errors
    /// `input`
    #[wasm_bindgen(js_name = classifyValues)]
    pub fn classify_values(&mut self, values: &Float32Array, top: usize) -> Result<script::Scores, JsValue> {
        let scores = self.0.classify_values(values.length(), |slots| script::copy_values(slots, values));
        let scores = scores.map_err(|why| error(why.code(), why))?;
        Ok(scores_for_script(scores, top))
    }

    /// What the model takes.
    pub fn inputs(&mut self) -> Vec<script::Input> {
        let session = self.0.session();
        let mut inputs = Vec::new();
        while let Some(view) = session.input_mut(inputs.len()) {
            let input = script::Input::new();
            input.set_element_type(view.dtype.name());
            input.set_shape(Uint32Array::new(view.shape.dims()));
            inputs.push(input);
        }
        inputs
    }

    /// The plan's steps.
    pub fn explain(&mut self) -> Vec<script::Step> {
        let steps = self.0.session().explain().map(|info| {
            let step = script::Step::new();
            step.set_name(info.op);
            step.set_kernel(&info.kernel.to_string());
            step.set_element_type(info.dtype.name());
            step.set_shape(Uint32Array::new(info.shape.dims()));
            step.set_bytes((info.operand_bytes + info.constant_bytes + info.result_bytes) as f64);
            step.set_macs(info.macs as f64);
            step
        });
        steps.collect()
    }

    /// The classes' names in a locale, or else in the default one.
    ///
    /// # Errors
    /// `artifact` when they are malformed.
    pub fn labels(&self, locale: &str) -> Result<Vec<String>, JsValue> {
        let labels = self.0.labels().map_err(|why| error(why.code(), why))?;
        Ok((0..labels.len()).filter_map(|class| labels.name_in(locale, class)).map(Into::into).collect())
    }
}

fn room(len: usize) -> Result<AlignedBytes, JsValue> {
    AlignedBytes::try_zeroed(len).map_err(|why| error(Code::Memory, why))
}

fn scores_for_script(scores: Scores<'_>, top: usize) -> script::Scores {
    let classes: Vec<u32> = scores.top(top).into_iter().map(|(class, _)| class as u32).collect();
    let result = script::Scores::new();
    result.set_probabilities(Float32Array::new(scores.probabilities));
    result.set_logits(Float32Array::new(scores.logits));
    result.set_top(Uint32Array::new(&classes[..]));
    result
}
