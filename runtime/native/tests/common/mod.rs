//! What tests of the driver share.
#![allow(dead_code, reason = "each test uses a part")]

pub mod disk;
