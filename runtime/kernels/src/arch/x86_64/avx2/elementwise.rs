//! Operations on one element at a time. Without a permutation of bytes across a register a table is best read byte by
//! byte, as the reference does.

use super::Avx2;

crate::arch::instantiate::elementwise!(Avx2, "avx2", crate::arch::all::ELEMENTWISE.lookup);
