//! What tests of the driver share.
#![allow(dead_code, reason = "each test uses a part")]

pub mod device;
pub mod disk;
#[path = "../../../sync/tests/common/repository.rs"]
pub mod repository;
