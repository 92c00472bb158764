//! What the benches time: layers with made-up contents and shapes of real nets, and models that lie in folders.

pub mod layers;
pub mod models;
pub mod shapes;
