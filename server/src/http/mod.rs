//! From a connection to an endpoint: TLS, limits, who may do what, and errors that say what to do.

mod access;
mod call;
mod client;
mod cors;
mod endpoint;
mod gate;
mod listen;
mod rate;
mod tls;

pub use access::{Keyring, NewToken, Role, first as first_tokens, make as new_token};
pub use call::{Call, json_answer};
pub(crate) use call::{broken, is_json, too_large, wants_json};
pub use client::client;
pub(crate) use endpoint::drain;
pub use endpoint::{Access, Answering, Body, Class, Endpoint, Style, router};
pub use gate::Gate;
pub use listen::{Listening, listen};
pub use rate::Rates;
pub use tls::{TlsError, acceptor};
