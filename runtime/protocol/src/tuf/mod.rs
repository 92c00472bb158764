//! The Update Framework, version 1.0 of its specification: which files a publisher has signed, and that they are the newest.
//!
//! [`Updater`] is the device's side. It does no I/O: it says what to fetch and what to keep, and its host does so. What it says to keep
//! has passed every check of the specification, and is safe to keep one by one: a crash between two of them loses nothing.
//!
//! Section numbers in comments are those of the specification, <https://theupdateframework.github.io/specification/latest/>.

mod error;
mod json;
mod key;
mod metadata;
mod names;
#[cfg(feature = "write")]
mod repository;
mod search;
#[cfg(feature = "write")]
pub mod sign;
mod time;
mod trusted;
mod updater;
mod walk;

pub use error::{Error, Fault};
pub use json::Value;
pub use metadata::Target;
pub use names::file_name;
#[cfg(feature = "write")]
pub use repository::{File, Keys, Lifetimes, PublishError, Repository, Role};
pub use time::format as format_time;
pub use updater::{Answer, Fetch, Limits, Place, Step, Updater, Write};
pub use walk::Delegated;
