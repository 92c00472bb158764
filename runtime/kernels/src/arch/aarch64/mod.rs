//! ARM with 64 bits.

mod float;
mod lanes;
pub(crate) mod neon;
pub(crate) mod neon_dotprod;
pub(crate) mod neon_i8mm;
mod rows;

pub(crate) use float::Quad;
