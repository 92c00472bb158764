//! What the benches time: layers with made-up contents and shapes of real nets, and models that lie in folders. And what the
//! simulations of calibration and of drift do.

pub mod drift;
pub mod layers;
pub mod models;
pub mod risk;
pub mod shapes;
