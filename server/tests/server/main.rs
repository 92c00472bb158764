//! The server as its clients see it.

mod access;
mod common;
mod questions;
mod repository;
mod summaries;
