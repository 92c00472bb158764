//! What tests of the machines share: a publisher, and a host in simulated time.
#![allow(dead_code, reason = "each test uses a part")]

pub mod repository;
pub mod story;
pub mod world;
