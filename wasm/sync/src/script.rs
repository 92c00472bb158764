//! Objects of JavaScript that the facade makes.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use dunlin_sync::{Activation, Effect, Event, Failure, Fault, Installed, Method, Place, Slot, StoreFailure};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen]
extern "C" {
    pub type Uint8Array;
    #[wasm_bindgen(constructor)]
    pub fn new(bytes: &[u8]) -> Uint8Array;

    #[wasm_bindgen(js_name = Array)]
    pub type List;
    #[wasm_bindgen(constructor, js_class = "Array")]
    pub fn new() -> List;
    #[wasm_bindgen(method, structural)]
    pub fn push(this: &List, item: &JsValue);

    /// What is thrown; the package makes a `DunlinError` of it, which it knows by the code's name.
    pub type Error;
    #[wasm_bindgen(constructor)]
    pub fn new(message: &str) -> Error;
    #[wasm_bindgen(method, setter, structural, js_name = dunlinCode)]
    pub fn set_code(this: &Error, code: &str);

    /// A plain object.
    pub type Object;
    #[wasm_bindgen(constructor)]
    pub fn new() -> Object;
    #[wasm_bindgen(method, structural, indexing_setter)]
    pub fn set_text(this: &Object, key: &str, value: &str);
    #[wasm_bindgen(method, structural, indexing_setter)]
    pub fn set_number(this: &Object, key: &str, value: f64);
    #[wasm_bindgen(method, structural, indexing_setter)]
    pub fn set(this: &Object, key: &str, value: &JsValue);
}

pub fn object(kind: &str) -> Object {
    let object = Object::new();
    object.set_text("kind", kind);
    object
}

/// What is to be done: `kind` says what, beside it stands what it takes.
pub fn effect(effect: Effect) -> Option<Object> {
    Some(match effect {
        Effect::Send(request) => {
            let object = object("send");
            object.set_number("id", request.id as f64);
            let method = match request.method {
                Method::Get => "GET",
                Method::Post => "POST",
                Method::Put => "PUT",
            };
            object.set_text("method", method);
            object.set_text("url", &request.url);
            let headers = Object::new();
            request.headers.iter().for_each(|(name, value)| headers.set_text(name, value));
            object.set("headers", &headers);
            object.set("body", &Uint8Array::new(&request.body));
            object.set_number("maxBytes", request.max_bytes as f64);
            object.set_number("timeout", request.timeout as f64);
            object
        }
        Effect::Commit(commit) => {
            let object = object("commit");
            object.set_number("id", commit.id as f64);
            object.set("changes", &changes(&commit.changes));
            object
        }
        Effect::Read(read) => {
            let object = object("read");
            object.set_number("id", read.id as f64);
            object.set_text("place", place(read.place));
            object
        }
        Effect::Trial(trial) => {
            let object = object("trial");
            object.set("candidate", &installed(&Installed { place: Place::Slot(trial.slot), version: trial.version }));
            if let Some(most) = trial.latency_ms {
                object.set_number("latency", f64::from(most));
            }
            object
        }
        Effect::Activate(Activation { first, shadow, .. }) => {
            let object = object("activate");
            object.set("first", &installed(&first));
            if let Some(shadow) = shadow {
                object.set("shadow", &installed(&shadow));
            }
            object
        }
        Effect::Notify(event) => {
            let object = object("notify");
            object.set("event", &told(&event));
            object
        }
        Effect::Wake(at) => {
            let object = object("wake");
            object.set_number("at", at.0 as f64);
            object
        }
        #[cfg(feature = "fleet")]
        Effect::Cloud(event) => {
            let object = object("cloud");
            object.set("event", &crate::fleet::asked(&event));
            object
        }
        #[cfg(feature = "fleet")]
        Effect::Diverged(divergence) => {
            let object = object("notify");
            object.set("event", &crate::fleet::diverged(&divergence));
            object
        }
        // What other machines tell.
        #[cfg(not(feature = "fleet"))]
        Effect::Cloud(_) | Effect::Diverged(_) => return None,
    })
}

/// A model that the device has.
pub fn installed(installed: &Installed) -> Object {
    let object = Object::new();
    object.set_text("place", place(installed.place));
    object.set_number("version", f64::from(installed.version));
    object
}

const fn place(place: Place) -> &'static str {
    match place {
        Place::Factory => "factory",
        Place::Slot(Slot::A) => "a",
        Place::Slot(Slot::B) => "b",
    }
}

/// Keys, each with its new value, or without one to remove it.
fn changes(changes: &[(String, Option<Vec<u8>>)]) -> List {
    let list = List::new();
    for (key, value) in changes {
        let change = Object::new();
        change.set_text("key", key);
        if let Some(value) = value {
            change.set("value", &Uint8Array::new(value));
        }
        list.push(&change);
    }
    list
}

/// What an app is told.
fn told(event: &Event) -> Object {
    let (kind, version) = match event {
        Event::Found { version } => ("found", Some(version)),
        Event::Downloaded { version, .. } => ("downloaded", Some(version)),
        Event::Activated { version } => ("activated", Some(version)),
        Event::Kept { version } => ("kept", Some(version)),
        Event::RolledBack { version, .. } => ("rolledBack", Some(version)),
        Event::Stale => ("stale", None),
        // What a later version may tell is a failure's kin: it has words.
        _ => ("failed", None),
    };
    let object = object(kind);
    if let Some(version) = version {
        object.set_number("version", f64::from(*version));
    }
    match event {
        Event::Downloaded { bytes, .. } => object.set_number("bytes", *bytes as f64),
        Event::RolledBack { to, reason, .. } => {
            object.set_number("to", f64::from(*to));
            object.set_text("reason", reason.name());
        }
        Event::Failed(fault) => {
            object.set_text("fault", name(fault));
            object.set_text("message", &fault.to_string());
        }
        _ => (),
    }
    object
}

const fn name(fault: &Fault) -> &'static str {
    match fault {
        Fault::Network(Failure::Connect | Failure::Broken) => "network",
        Fault::Network(Failure::Timeout) => "timeout",
        Fault::Network(Failure::TooLong) | Fault::Content => "content",
        Fault::Status(_) => "status",
        Fault::Allowance => "allowance",
        Fault::Store(StoreFailure::Full) => "full",
        Fault::Store(StoreFailure::Broken) => "store",
        // What can't be trusted, and what a later version may say.
        _ => "metadata",
    }
}
