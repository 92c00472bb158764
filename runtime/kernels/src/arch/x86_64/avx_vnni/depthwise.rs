//! Depthwise convolutions.

use super::{Evex, Vex};

macro_rules! encoding {
    ($module:ident, $simd:ty, $features:literal) => {
        pub(crate) mod $module {
            use super::*;

            crate::arch::instantiate::depthwise!($simd, $features);
        }
    };
}

encoding!(vex, Vex, "avx2,avxvnni");
encoding!(evex, Evex, "avx2,avx512vnni,avx512vl");
