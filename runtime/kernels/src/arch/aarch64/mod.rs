//! ARM with 64 bits.

mod lanes;
pub(crate) mod neon;
pub(crate) mod neon_dotprod;
pub(crate) mod neon_i8mm;
mod rows;
