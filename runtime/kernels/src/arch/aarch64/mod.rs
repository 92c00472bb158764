//! ARM with 64 bits.

mod float;
mod lanes;
pub(crate) mod neon;
pub(crate) mod neon_dotprod;
pub(crate) mod neon_i8mm;
pub(crate) mod peak;
mod rows;

pub(crate) use float::Quad;
