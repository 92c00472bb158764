//! What an app does with a model's scores.
//!
//! [`decide`] says of one input whether the model's answer is to be given, whether the cloud is to be asked, or whether nothing is
//! to be said, and why. It follows from its arguments alone: the scores, the artifact's policy, and what only the app knows. Nothing here
//! allocates, and nothing here knows of clocks, files, networks or threads.
#![no_std]

mod decision;
mod ranking;

pub use decision::{Context, Decision, Explanation, Outcome, Reason, Rule, decide};
pub use ranking::{Shown, shown};
