//! Every kernel of every instruction set that this CPU has against the reference, on shapes with tails, at the ends
//! of the ranges, and on ties. Every comparison is of bits.

mod elementwise;
mod products;
mod rejects;
mod rng;
mod windows;
