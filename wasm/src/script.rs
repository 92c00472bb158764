//! Objects of JavaScript that the facade makes.

use alloc::string::ToString;
use core::fmt::Display;

use dunlin_engine::error::Code;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen]
extern "C" {
    pub type Uint8Array;
    #[wasm_bindgen(constructor)]
    pub fn new(bytes: &[u8]) -> Uint8Array;
    #[wasm_bindgen(method, getter, structural)]
    pub fn length(this: &Uint8Array) -> usize;

    pub type Float32Array;
    #[wasm_bindgen(constructor)]
    pub fn new(values: &[f32]) -> Float32Array;
    #[wasm_bindgen(method, getter, structural)]
    pub fn length(this: &Float32Array) -> usize;

    pub type Uint32Array;
    #[wasm_bindgen(constructor)]
    pub fn new(values: &[u32]) -> Uint32Array;

    #[wasm_bindgen(js_name = Array)]
    pub type List;
    #[wasm_bindgen(constructor, js_class = "Array")]
    pub fn new() -> List;
    #[wasm_bindgen(method, structural)]
    pub fn push(this: &List, item: &JsValue);
    #[wasm_bindgen(method, structural, js_name = push)]
    pub fn push_text(this: &List, item: &str);

    /// The host throws when there isn't room for all.
    #[wasm_bindgen(js_namespace = ["Uint8Array", "prototype", "set"], js_name = call)]
    pub fn copy_bytes(to: &mut [u8], from: &Uint8Array);
    #[wasm_bindgen(js_namespace = ["Float32Array", "prototype", "set"], js_name = call)]
    pub fn copy_values(to: &mut [f32], from: &Float32Array);

    /// What is thrown; the package makes a `DunlinError` of it, which it knows by the code's name.
    type Error;
    #[wasm_bindgen(constructor)]
    fn new(message: &str) -> Error;
    #[wasm_bindgen(method, setter, structural, js_name = dunlinCode)]
    fn set_code(this: &Error, code: &str);

    /// What the scores of one head come to.
    #[wasm_bindgen(js_name = Object)]
    pub type Classification;
    #[wasm_bindgen(constructor, js_class = "Object")]
    pub fn new() -> Classification;
    #[wasm_bindgen(method, setter, structural)]
    pub fn set_name(this: &Classification, name: &str);
    #[wasm_bindgen(method, setter, structural)]
    pub fn set_probabilities(this: &Classification, probabilities: Float32Array);
    #[wasm_bindgen(method, setter, structural)]
    pub fn set_logits(this: &Classification, logits: Float32Array);
    #[wasm_bindgen(method, setter, structural)]
    pub fn set_top(this: &Classification, classes: Uint32Array);
    #[wasm_bindgen(method, setter, structural)]
    pub fn set_outcome(this: &Classification, name: &str);
    #[wasm_bindgen(method, setter, structural)]
    pub fn set_reason(this: &Classification, name: Option<&str>);
    #[wasm_bindgen(method, setter, structural)]
    pub fn set_rule(this: &Classification, name: &str);
    #[wasm_bindgen(method, setter, structural)]
    pub fn set_index(this: &Classification, class: usize);
    #[wasm_bindgen(method, setter, structural)]
    pub fn set_probability(this: &Classification, probability: f32);
    #[wasm_bindgen(method, setter, structural)]
    pub fn set_margin(this: &Classification, margin: f32);
    #[wasm_bindgen(method, setter, structural)]
    pub fn set_energy(this: &Classification, energy: Option<f32>);
    #[wasm_bindgen(method, setter, structural)]
    pub fn set_set(this: &Classification, classes: Uint32Array);

    /// An input of the model.
    #[wasm_bindgen(js_name = Object)]
    pub type Input;
    #[wasm_bindgen(constructor, js_class = "Object")]
    pub fn new() -> Input;
    #[wasm_bindgen(method, setter, structural, js_name = elementType)]
    pub fn set_element_type(this: &Input, name: &str);
    #[wasm_bindgen(method, setter, structural)]
    pub fn set_shape(this: &Input, dimensions: Uint32Array);

    /// A step of the plan.
    #[wasm_bindgen(js_name = Object)]
    pub type Step;
    #[wasm_bindgen(constructor, js_class = "Object")]
    pub fn new() -> Step;
    #[wasm_bindgen(method, setter, structural)]
    pub fn set_name(this: &Step, operator: &str);
    #[wasm_bindgen(method, setter, structural)]
    pub fn set_kernel(this: &Step, name: &str);
    #[wasm_bindgen(method, setter, structural, js_name = elementType)]
    pub fn set_element_type(this: &Step, name: &str);
    #[wasm_bindgen(method, setter, structural)]
    pub fn set_shape(this: &Step, dimensions: Uint32Array);
    #[wasm_bindgen(method, setter, structural)]
    pub fn set_bytes(this: &Step, bytes: f64);
    #[wasm_bindgen(method, setter, structural)]
    pub fn set_macs(this: &Step, macs: f64);
}

/// What to throw for an error of the engine.
pub fn error(code: Code, message: impl Display) -> JsValue {
    let error = Error::new(&message.to_string());
    error.set_code(code.name());
    error.into()
}
