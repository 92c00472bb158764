//! Tables about characters, in the artifact and read where they lie.
//!
//! The compiler makes them from one version of Unicode. They are sorted, so that a look-up is a binary search, and checked
//! once, so that a look-up can't fail.

mod classes;
mod compositions;
mod map;

pub use classes::{Category, flags};
pub(crate) use classes::{Class, Classes};
pub(crate) use compositions::{Compositions, hangul_parts};
pub(crate) use map::CharMap;

#[cfg(feature = "write")]
pub use classes::write_classes;
#[cfg(feature = "write")]
pub use compositions::write_compositions;
#[cfg(feature = "write")]
pub use map::{Mapping, write_map};

/// The code points that there are.
const CODE_POINTS: u32 = 0x11_0000;
