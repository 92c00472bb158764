//! Operations on one element at a time. A swizzle picks one of 16 entries, so a table of 256 is best read byte by byte, as the
//! reference does.

use super::Simd128;

crate::arch::instantiate::elementwise!(Simd128, "simd128", crate::arch::all::ELEMENTWISE.lookup);
