//! What is found out about a classifier: the record that programs get, from which tables and the report are made.

mod judged;
mod measure;
mod record;
mod report;
mod show;

pub use judged::{Decided, Judged, Set};
pub use measure::{Setting, Thresholds};
pub use record::{Evaluation, OodResult};
pub use report::Report;
