//! Importing small models made by hand: what is read, what is refused, and how the refusal reads.

mod bag;
mod conformance;
mod model;
mod quantized;
mod refused;
mod sound;
