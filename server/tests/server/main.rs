//! The server as its clients see it.

mod access;
mod accuracy;
mod common;
mod corpus;
mod passed_on;
mod questions;
mod repository;
mod shedding;
mod summaries;
mod tls;
