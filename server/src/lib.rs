//! One server for a fleet: it hands out models, collects summaries, answers what devices are unsure of, and asks people.
//!
//! [`Server::start`] takes a [`Config`] and answers from then on; a [`QuietServer`] does so without a socket. `endpoints` lists what it does, `http` has what all of that shares
//! (who may, how much, how errors are told), `store` what it knows; each other module is one thing the server does.

mod app;
mod clock;
mod config;
mod detect;
mod endpoints;
mod fault;
mod fleet;
#[doc(hidden)]
pub mod foreign;
mod health;
mod hex;
mod http;
mod infer;
mod intake;
mod log;
mod metrics;
mod openapi;
mod overview;
mod page;
mod repository;
mod retention;
mod review;
mod store;

pub use app::{QuietServer, Server, StartError, new_token};
pub use clock::{Clock, DAY, Millis};
pub use config::{Cloud, Config, TextSection, Tls, is_name};
pub use http::{NewToken, Role};
pub use log::Level;
pub use openapi::document as openapi;
