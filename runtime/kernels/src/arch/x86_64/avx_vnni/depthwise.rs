//! Depthwise convolutions.

use super::AvxVnni;

crate::arch::instantiate::depthwise!(AvxVnni, "avx2,avxvnni");
