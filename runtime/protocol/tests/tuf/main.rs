//! The updater against its publisher, and against those who would like to be it.

mod attacks;
mod corpus;
mod delegations;
mod files;
mod keys;
mod world;
