//! The machines of `dunlin-sync` for JavaScript: conversions only. What they ask for becomes plain objects.
//!
//! There are two modules of it: one with all machines, and one without the feature `fleet`, with the machine of updates alone.
//!
//! The host fills a [`Start`], which becomes a [`Client`], then performs what [`Client::poll`] gives and tells what came of it. Times are
//! milliseconds since the Unix epoch; numbers of requests, commits and reads are whole and small.
#![cfg_attr(target_family = "wasm", no_std)]

extern crate alloc;

mod config;
#[cfg(feature = "fleet")]
mod fleet;
mod golden;
#[cfg(target_family = "wasm")]
mod host;
mod script;

use alloc::string::String;
use alloc::vec::Vec;

#[cfg(feature = "fleet")]
use dunlin_sync::Client as Machines;
use dunlin_sync::{Conditions, Failure, Observation, Place, Reason, Response, Slot, StoreFailure, Stored, Time};
#[cfg(not(feature = "fleet"))]
use dunlin_sync::{Machine as _, Update as Machines};
use sha2::{Digest as _, Sha256};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use script::{Error, Object};

/// The bytes of a model's input of so many elements that a seed stands for; nothing for a type that no input has here.
#[wasm_bindgen(js_name = goldenInput)]
pub fn golden_input(seed: u64, element_type: &str, elements: usize) -> Option<Vec<u8>> {
    golden::input(seed, element_type, elements)
}

/// SHA-256, for pages that aren't secure, in which the host has none.
#[wasm_bindgen]
pub fn sha256(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

/// What a client begins with.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Start {
    config: dunlin_sync::Config,
    #[cfg(feature = "fleet")]
    fleet: fleet::Settings,
    stored: Stored,
}

#[wasm_bindgen]
impl Start {
    /// From what the app says: the model's name, the repository's address, the root of trust, which are the bytes of a `root.json`, cohorts, and
    /// whether models may be fetched over a connection that costs, and only while charging. `numbers` are the version of the model that the
    /// app ships, the least versions of timestamp, snapshot and targets, the newest version of artifacts, milliseconds between two looks, and
    /// the most bytes a day.
    ///
    /// # Errors
    /// `input` when there are more numbers or fewer.
    #[wasm_bindgen(constructor)]
    pub fn new(
        model: String,
        repository: String,
        root: Vec<u8>,
        cohorts: Vec<String>,
        numbers: &[f64],
        metered: bool,
        charging: bool,
    ) -> Result<Self, JsValue> {
        let config = config::config((model, repository, root), cohorts, numbers, (metered, charging));
        let config = config.ok_or_else(|| wrong("a configuration has seven numbers"))?;
        Ok(Self {
            config,
            #[cfg(feature = "fleet")]
            fleet: fleet::Settings::default(),
            stored: Stored::new(),
        })
    }

    /// A value that the store has.
    pub fn put(&mut self, key: String, value: Vec<u8>) {
        self.stored.insert(key, value);
    }

    /// The client. `seed` are 32 random bytes.
    ///
    /// # Errors
    /// `input` when they are more or fewer.
    pub fn open(self, seed: &[u8], now: f64) -> Result<Client, JsValue> {
        let seed = seed.try_into().map_err(|_| wrong("a seed has 32 bytes"))?;
        Ok(self.restore(seed, time(now)))
    }
}

#[cfg(not(feature = "fleet"))]
impl Start {
    fn restore(self, seed: [u8; 32], now: Time) -> Client {
        Client(Machines::restore(self.config, &self.stored, dunlin_sync::Chance::new(seed), now))
    }
}

/// The machines.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Client(Machines);

#[wasm_bindgen]
impl Client {
    /// What is to be done next, if anything is.
    pub fn poll(&mut self, now: f64) -> Option<Object> {
        self.0.poll(time(now)).and_then(script::effect)
    }

    /// A request's answer. `headers` are names in lower case, each with its value after it.
    pub fn answered(&mut self, now: f64, id: f64, status: u16, headers: Vec<String>, body: Vec<u8>) {
        let mut headers = headers.into_iter();
        let mut pairs = Vec::new();
        while let (Some(name), Some(value)) = (headers.next(), headers.next()) {
            pairs.push((name, value));
        }
        self.0.handle_response(time(now), id as u64, Ok(Response { status, headers: pairs, body }));
    }

    /// Why a request has no answer: `connect`, `timeout`, `too_long`, or else `broken`.
    pub fn unanswered(&mut self, now: f64, id: f64, failure: &str) {
        let failure = match failure {
            "connect" => Failure::Connect,
            "timeout" => Failure::Timeout,
            "too_long" => Failure::TooLong,
            _ => Failure::Broken,
        };
        self.0.handle_response(time(now), id as u64, Err(failure));
    }

    /// A commit is durable, or didn't happen: `full`, or else `broken`.
    pub fn committed(&mut self, now: f64, id: f64, failure: Option<String>) {
        let failure = failure.map(|failure| if failure == "full" { StoreFailure::Full } else { StoreFailure::Broken });
        self.0.handle_commit(time(now), id as u64, failure.map_or(Ok(()), Err));
    }

    /// It is the time that the last `wake` named, or later.
    pub fn woken(&mut self, now: f64) {
        self.0.handle_wake(time(now));
    }

    /// A model's bytes; none where they can't be read.
    pub fn given(&mut self, now: f64, id: f64, bytes: Option<Vec<u8>>) {
        self.0.handle_read(time(now), id as u64, bytes);
    }

    /// The device's connection and power.
    pub fn conditions(&mut self, now: f64, metered: bool, charging: bool) {
        self.0.handle_conditions(time(now), Conditions { metered, charging });
    }

    /// The app wants a look for updates now.
    pub fn check(&mut self, now: f64) {
        self.0.handle_check(time(now));
    }

    /// A trial's end: nothing when the model is good, or `golden`, `latency`, `lost`, or else `load`.
    pub fn tried(&mut self, now: f64, reason: Option<String>) {
        let known = |reason: String| Reason::ALL.into_iter().find(|known| known.name() == reason);
        let reason = reason.map(|reason| known(reason).unwrap_or(Reason::Load));
        self.0.handle_trial(time(now), reason.map_or(Ok(()), Err));
    }

    /// Two models were asked the same. `latency` are microseconds.
    pub fn observed(&mut self, now: f64, agrees: bool, falls_back: bool, latency: f64) {
        self.0.handle_observation(time(now), Observation { agrees, falls_back, latency: latency as u64 });
    }

    /// The model at a place can't be used; or, if it is `lost`, is no longer there.
    pub fn broken(&mut self, now: f64, place: &str, lost: bool) {
        let place = match place {
            "a" => Place::Slot(Slot::A),
            "b" => Place::Slot(Slot::B),
            _ => Place::Factory,
        };
        if lost { self.0.handle_lost(time(now), place) } else { self.0.handle_broken(time(now), place) }
    }

    /// The page ends as it wants, or may be ended from now on.
    pub fn ended(&mut self, now: f64) {
        self.0.handle_end(time(now));
    }

    /// The model that answers when the program starts, and whenever none is on trial.
    pub fn serving(&self) -> Object {
        script::installed(&self.0.serving())
    }

    /// Until when what was last seen of the repository counts; nothing before anything was.
    pub fn expires(&self) -> Option<f64> {
        self.0.expires().map(|time| time.0 as f64)
    }
}

fn time(now: f64) -> Time {
    Time(now as u64)
}

/// What to throw: all that can be wrong here is wrong with what the app gave.
fn wrong(why: &str) -> JsValue {
    let error = Error::new(why);
    error.set_code("input");
    error.into()
}
