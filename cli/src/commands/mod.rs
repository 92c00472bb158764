//! One file for each subcommand: what it computes is a record that is shown to people or, with `--json`, to programs.

pub mod bench;
pub mod calibrate;
pub mod classify;
pub mod compile;
pub mod completions;
pub mod eval;
pub mod inspect;
mod kernels;
pub mod keys;
pub mod publish;
pub mod rollout;
pub mod run;
#[cfg(feature = "server")]
pub mod serve;
#[cfg(feature = "server")]
pub mod simulate;
pub mod status;
pub mod tokens;
pub mod tuf_client;
