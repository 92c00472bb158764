//! Rewriting a graph without changing what it computes.

pub mod activation;
pub mod attention;
pub mod batch_norm;
pub mod cse;
pub mod dead;
pub mod embedding;
pub mod fold;
pub mod fourth;
pub mod identity;
pub mod merge;
pub mod pad;
pub mod patterns;
mod rewrite;
pub mod split_concat;

use crate::error::Result;
use crate::ir::Graph;

pub use dead::compact;

/// After import: fewer and larger operators, in ONNX's layout.
///
/// # Errors
/// When a constant can't be computed.
pub fn simplify(graph: &mut Graph) -> Result<()> {
    identity::run(graph)?;
    merge::run(graph)?;
    pad::run(graph)?;
    batch_norm::run(graph)?;
    patterns::run(graph)?;
    fold::run(graph)?;
    cse::run(graph)?;
    dead::run(graph)
}

/// After lowering and layout: what is left of moves goes, activations go into the products before them, attention becomes one
/// operator, pixels get a fourth channel.
///
/// # Errors
/// When a constant can't be computed.
pub fn finish(graph: &mut Graph) -> Result<()> {
    fold::run(graph)?;
    merge::run(graph)?;
    identity::run(graph)?;
    activation::run(graph)?;
    attention::run(graph)?;
    cse::run(graph)?;
    dead::run(graph)?;
    fourth::run(graph)?;
    split_concat::run(graph)
}
