//! Depthwise convolutions.

use super::AvxVnni;

crate::arch::instantiate::depthwise!(AvxVnni, "avx2,avxvnni", zeros: crate::arch::x86_64::avx2::LINES3X3);
