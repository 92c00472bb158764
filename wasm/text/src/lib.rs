//! Text to token ids for JavaScript: what models that take text need beside the module of the crate `dunlin-wasm`, which runs them.
//!
//! The host gives the artifact's section `text`, then texts, and puts the ids where [`TextPreparer`] says.
#![cfg_attr(target_family = "wasm", no_std)]

extern crate alloc;

#[cfg(target_family = "wasm")]
mod host;

use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt::Display;

use dunlin_text::{Preparer, Spec};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen]
extern "C" {
    /// The script's.
    pub type Int32Array;
    #[wasm_bindgen(constructor)]
    /// A copy of the values.
    pub fn new(values: &[i32]) -> Int32Array;

    type Error;
    #[wasm_bindgen(constructor)]
    fn new(message: &str) -> Error;
    #[wasm_bindgen(method, setter, structural, js_name = dunlinCode)]
    fn set_code(this: &Error, code: &str);
}

/// Makes ids of texts, as an artifact says.
#[wasm_bindgen]
#[derive(Debug)]
pub struct TextPreparer {
    section: Vec<u8>,
    preparer: Preparer,
    evasion: u8,
    unknown: f32,
}

#[wasm_bindgen]
impl TextPreparer {
    /// From the artifact's section `text`.
    ///
    /// # Errors
    /// `artifact`
    #[wasm_bindgen(constructor)]
    pub fn new(section: Vec<u8>) -> Result<Self, JsValue> {
        let preparer = Preparer::new(&Spec::parse(&section).map_err(error)?);
        Ok(Self { section, preparer, evasion: 0, unknown: 0.0 })
    }

    /// Where ids go: the number of the input that takes them, of the one that takes 1 for each, and of the one that takes their segments,
    /// -1 for those that aren't there; whether their number is fixed; the filler; and how many bytes of a text are read.
    ///
    /// # Errors
    /// `artifact`, of a section that was good before never.
    pub fn feed(&self) -> Result<Vec<i32>, JsValue> {
        let spec = Spec::reopen(&self.section).map_err(error)?;
        let number = |input: Option<u32>| input.map_or(-1, |number| number as i32);
        let feed = spec.feed;
        let (ids, fixed) = (feed.ids as i32, i32::from(feed.fixed));
        Ok([ids, number(feed.mask), number(feed.segments), fixed, feed.pad, spec.max_bytes as i32].into())
    }

    /// The ids of a text.
    ///
    /// # Errors
    /// `artifact` when it has no id for what is unknown.
    pub fn prepare(&mut self, text: &str) -> Result<Int32Array, JsValue> {
        let spec = Spec::reopen(&self.section).map_err(error)?;
        let prepared = self.preparer.prepare(&spec, text).map_err(error)?;
        (self.evasion, self.unknown) = (prepared.signs.evasion(), prepared.unknown_share());
        Ok(Int32Array::new(prepared.last()))
    }

    /// How much the last text looked as if it was made to deceive, 0 to 255.
    pub fn evasion(&self) -> u8 {
        self.evasion
    }

    /// Which share of the last text's ids stands for something unknown, 0 to 1.
    pub fn unknown(&self) -> f32 {
        self.unknown
    }
}

/// What to throw: all that can be wrong here is wrong with the artifact.
fn error(why: impl Display) -> JsValue {
    let error = Error::new(&why.to_string());
    error.set_code("artifact");
    error.into()
}
