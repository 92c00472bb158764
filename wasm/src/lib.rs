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

use dunlin_client::{Context, decide, shown};
use dunlin_engine::artifact::{Artifact, SectionKind};
use dunlin_engine::error::Code;
use dunlin_engine::task::{PixelFormat, Pixels, Scoring};
use dunlin_engine::{AlignedBytes, Isa, Limits};
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
    /// Classifies a picture of dense rows; [`Classifier::classification`] tells what comes of it. `channels` are 1 for grey, 3 for red, green
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
    ) -> Result<(), JsValue> {
        let formats = [PixelFormat::Gray8, PixelFormat::Rgb8, PixelFormat::Rgba8];
        let format = formats.into_iter().find(|format| format.bytes() == channels);
        let format = format.ok_or_else(|| error(Code::Picture, "a pixel has 1, 3 or 4 bytes"))?;
        let mut bytes = room(data.length())?;
        script::copy_bytes(&mut bytes, data);
        let pixels = Pixels::new(&bytes, width, height, format).map_err(|why| error(why.code(), why))?;
        self.0.classify_pixels(&pixels).map_err(|why| error(why.code(), why))?;
        Ok(())
    }

    /// Classifies the values of the model's input, in the order in which it has them.
    ///
    /// # Errors
    /// `input`
    #[wasm_bindgen(js_name = classifyValues)]
    pub fn classify_values(&mut self, values: &Float32Array) -> Result<(), JsValue> {
        let scores = self.0.classify_values(values.length(), |slots| script::copy_values(slots, values));
        scores.map_err(|why| error(why.code(), why))?;
        Ok(())
    }

    /// The artifact's section about text, for the module that makes ids of texts; nothing where there is none.
    ///
    /// # Errors
    /// `artifact`, of one that was good before never.
    pub fn text(&mut self) -> Result<Option<Uint8Array>, JsValue> {
        let artifact = Artifact::parse(self.0.session().file()).map_err(|why| error(why.code(), why))?;
        Ok(artifact.section(SectionKind::Text).map(|section| Uint8Array::new(section.bytes)))
    }

    /// How many ids follow, of a model that takes as many as there are.
    ///
    /// # Errors
    /// `input`
    #[wasm_bindgen(js_name = setLength)]
    pub fn set_length(&mut self, length: usize) -> Result<(), JsValue> {
        self.0.session().set_length(length).map_err(|why| error(why.code(), why))
    }

    /// Puts an input's elements, as the bytes that they have in memory.
    ///
    /// # Errors
    /// `input`
    #[wasm_bindgen(js_name = setInput)]
    pub fn set_input(&mut self, input: usize, bytes: &Uint8Array) -> Result<(), JsValue> {
        let input = self.0.session().input_mut(input).filter(|input| input.bytes.len() == bytes.length());
        let input = input.ok_or_else(|| error(Code::Input, "the model has no input of so many bytes"))?;
        script::copy_bytes(input.bytes, bytes);
        Ok(())
    }

    /// Classifies what the inputs hold.
    ///
    /// # Errors
    /// `input`
    pub fn run(&mut self) -> Result<(), JsValue> {
        self.0.run().map_err(|why| error(why.code(), why))?;
        Ok(())
    }

    /// What the model's outputs hold: floats, or else bytes. Nothing past the last output.
    pub fn output(&mut self, output: usize) -> JsValue {
        let Some(output) = self.0.session().output(output) else { return JsValue::UNDEFINED };
        output.f32s().map_or_else(|_| Uint8Array::new(output.bytes).into(), |values| Float32Array::new(values).into())
    }

    /// What the scores that a head has for the last input come to: at most `top` classes, and what is to be done, for an input of a cohort,
    /// by a model that may be stale, where there may be a cloud to fall back to. `evasion` are the signs of it that a text has. Nothing past
    /// the last head.
    ///
    /// # Errors
    /// `artifact` when the policy or the names are malformed.
    pub fn classification(
        &self,
        head: usize,
        top: Option<u32>,
        cohort: Option<String>,
        stale: bool,
        fallback: bool,
        evasion: u8,
    ) -> Result<Option<script::Classification>, JsValue> {
        let place = head;
        let Some(head) = self.0.head(head) else { return Ok(None) };
        let (scores, policy) = (head.scores, head.policy().map_err(|why| error(why.code(), why))?);
        let context = Context { cohort: cohort.as_deref(), stale, evasion, fallback };
        let decision = decide(&scores, &policy, &context);
        let result = script::Classification::new();
        if place > 0 {
            result.set_name(head.name().map_err(|why| error(why.code(), why))?);
        }
        result.set_probabilities(Float32Array::new(scores.probabilities));
        result.set_logits(Float32Array::new(scores.logits));
        result.set_top(list(shown(&scores, &policy).at_most(top).map(|(class, _)| class)));
        result.set_outcome(decision.outcome.name());
        result.set_reason(decision.outcome.reason().map(|reason| reason.name()));
        result.set_rule(decision.explain().rule.name());
        result.set_index(decision.class);
        result.set_probability(decision.probability);
        result.set_margin(decision.margin);
        result.set_energy((head.scoring() == Scoring::Logits).then_some(decision.energy));
        result.set_set(list(decision.set()));
        Ok(Some(result))
    }

    /// What the model takes.
    pub fn inputs(&mut self) -> script::List {
        let session = self.0.session();
        let inputs = script::List::new();
        let mut place = 0;
        while let Some(view) = session.input_mut(place) {
            let input = script::Input::new();
            input.set_element_type(view.dtype.name());
            input.set_shape(Uint32Array::new(view.shape.dims()));
            inputs.push(&input);
            place += 1;
        }
        inputs
    }

    /// The plan's steps.
    pub fn explain(&mut self) -> script::List {
        let steps = script::List::new();
        for info in self.0.session().explain() {
            let step = script::Step::new();
            step.set_name(info.op);
            step.set_kernel(&info.kernel.to_string());
            step.set_element_type(info.dtype.name());
            step.set_shape(Uint32Array::new(info.shape.dims()));
            step.set_bytes((info.operand_bytes + info.constant_bytes + info.result_bytes) as f64);
            step.set_macs(info.macs as f64);
            steps.push(&step);
        }
        steps
    }

    /// The names of a head's classes in a locale, or else in the default one; none past the last head.
    ///
    /// # Errors
    /// `artifact` when they are malformed.
    pub fn labels(&self, head: usize, locale: &str) -> Result<script::List, JsValue> {
        let names = script::List::new();
        if let Some(head) = self.0.head(head) {
            let labels = head.labels().map_err(|why| error(why.code(), why))?;
            labels.in_locale(locale).for_each(|name| names.push_text(name));
        }
        Ok(names)
    }
}

fn room(len: usize) -> Result<AlignedBytes, JsValue> {
    AlignedBytes::try_zeroed(len).map_err(|why| error(Code::Memory, why))
}

fn list(classes: impl Iterator<Item = usize>) -> Uint32Array {
    let classes: Vec<u32> = classes.map(|class| class as u32).collect();
    Uint32Array::new(&classes)
}
