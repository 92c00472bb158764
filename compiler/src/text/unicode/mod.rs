//! Tables of Unicode for text sections, made from crates that follow its releases.
//!
//! Combining classes, decompositions and compositions are those of `unicode-normalization`, properties those of `regex-syntax`, lower case
//! is the standard library's, and what looks alike is what `unicode-security` has of UTS #39.

mod classes;
mod forms;
mod lookalikes;

pub use classes::classes;
pub use forms::{compatible, compositions, lower};
pub use lookalikes::{Lookalikes, lookalikes};

/// All characters but those of ASCII, of which the runtime knows enough.
fn beyond_ascii() -> impl Iterator<Item = char> {
    '\u{80}'..=char::MAX
}
