//! What the benches time: layers with made-up contents, and models that lie in folders.

pub mod layers;
pub mod models;
