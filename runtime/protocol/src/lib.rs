//! What crosses the wire between devices, publishers and servers, and the checks that both sides make of it.
//!
//! Pure functions and types: nothing here knows of clocks, files, networks or threads, so that a browser, a phone and a server read the
//! same bytes alike.
#![no_std]

extern crate alloc;

pub mod divergence;
pub mod hex;
pub mod oip;
pub mod patch;
pub mod release;
pub mod summary;
pub mod tuf;
pub mod uuid;
