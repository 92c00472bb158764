//! What a device does between its answers: fetch signed updates, ask the cloud, and tell a server what can't be traced to anyone.
//!
//! State machines without I/O. `handle_*` takes what happened, `poll` gives the [`Effect`]s that the host performs in that order, and
//! the host says what time it is. So the same core serves threads on a phone and promises in a browser, and a crash between any two
//! effects can be tested in simulated time.
#![no_std]

extern crate alloc;

mod chance;
pub mod drift;
mod effect;
mod machine;

pub use chance::Chance;
pub use effect::{Commit, Effect, Failure, Ids, Method, Request, Response, StoreFailure, Stored, Time};
pub use machine::{Lanes, Machine};
