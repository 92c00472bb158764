//! What a device does between its answers: fetch signed updates, ask the cloud, and tell a server what can't be traced to anyone.
//!
//! State machines without I/O. `handle_*` takes what happened, `poll` gives the [`Effect`]s that the host performs in that order, and
//! the host says what time it is. So the same core serves threads on a phone and promises in a browser, and a crash between any two
//! effects can be tested in simulated time.
#![no_std]

extern crate alloc;

mod chance;
mod client;
pub mod drift;
mod effect;
pub mod fallback;
mod machine;
mod update;

pub use chance::Chance;
pub use client::{Client, Settings};
pub use effect::{Commit, Effect, Failure, Ids, Method, Read, Request, Response, StoreFailure, Stored, Time};
pub use machine::{Lanes, Machine};
pub use update::{
    Activation, Conditions, Config, Event, Fault, Floor, Installed, Observation, Place, Reason, Slot, Trial, Update,
    When,
};
