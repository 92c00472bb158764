//! Float operators as plain loops over slices, for the compiler to vectorize.
//!
//! Every function gives the same bits on every target and instruction set: operations and their order are
//! fixed, nothing is fused (no FMA) unless [`Fusion`] allows it, and nothing comes from a platform's mathematical library.
//! Sums over contiguous elements run in [`LANES`] partial sums that a fixed tree joins. f16 is a storage type, computed in f32.
//!
//! An [`Isa`](crate::Isa) argument picks among instances of one generic body that differ only in the vectors
//! that the compiler may use.

pub mod attention;
pub mod bag;
pub mod conv;
pub mod depthwise;
pub mod elementwise;
pub mod gemm;
pub mod interpolate;
pub mod math;
pub mod norm;
pub mod packed;
pub mod panels;
pub mod pool;
pub mod reduce;
mod rows;
pub(crate) mod simd;
pub mod softmax;
mod tile;
// No other CPU fuses.
#[cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), allow(dead_code, unused_variables))]
mod winograd;

/// Whether portable bodies with vectors of their own are what the reference runs and no more: then they needn't be fast, but small.
const PORTABLE_IS_REFERENCE: bool = cfg!(any(target_arch = "aarch64", target_arch = "x86_64"));

/// Partial sums of a reduction over contiguous elements.
pub const LANES: usize = 16;

/// Whether a product may be added to a sum with one rounding, where the CPU does that faster than two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fusion {
    /// Each product is rounded: the same bits on every CPU.
    Never,
    /// As the CPU likes it: results differ between instruction sets, within the bounds of the numerics contract.
    Allowed,
}

/// Declares a function with an `Isa` as its first argument that calls one of three `#[inline(always)]` bodies
/// (or one body), compiled for that instruction set. Two where the longest vectors gain nothing: what waits for memory, or is seldom run.
macro_rules! multiversion {
    ($(#[$meta:meta])* $vis:vis fn $name:ident $(<$($g:ident: $bound:path),+>)? ($($arg:ident: $ty:ty),+ $(,)?) $(-> $ret:ty)? {
        $body:expr
    }) => {
        multiversion! {
            $(#[$meta])* $vis fn $name $(<$($g: $bound),+>)? ($($arg: $ty),+) $(-> $ret)? {
                any: $body, avx2: $body, avx512: $body,
            }
        }
    };
    ($(#[$meta:meta])* $vis:vis fn $name:ident $(<$($g:ident: $bound:path),+>)? ($($arg:ident: $ty:ty),+ $(,)?) $(-> $ret:ty)? {
        any: $any:expr, avx2: $avx2:expr,
    }) => {
        $(#[$meta])*
        $vis fn $name $(<$($g: $bound),+>)? (isa: $crate::Isa, $($arg: $ty),+) $(-> $ret)? {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,f16c")]
            fn avx2 $(<$($g: $bound),+>)? ($($arg: $ty),+) $(-> $ret)? {
                $avx2($($arg),+)
            }
            match isa.kind() {
                // SAFETY: an `Isa` of this kind exists only where its detection found these features.
                #[cfg(target_arch = "x86_64")]
                $crate::IsaKind::Avx2 | $crate::IsaKind::AvxVnni | $crate::IsaKind::Avx512Vnni => unsafe { avx2($($arg),+) },
                _ => $any($($arg),+),
            }
        }
    };
    ($(#[$meta:meta])* $vis:vis fn $name:ident $(<$($g:ident: $bound:path),+>)? ($($arg:ident: $ty:ty),+ $(,)?) $(-> $ret:ty)? {
        any: $any:expr, avx2: $avx2:expr, avx512: $avx512:expr,
    }) => {
        $(#[$meta])*
        $vis fn $name $(<$($g: $bound),+>)? (isa: $crate::Isa, $($arg: $ty),+) $(-> $ret)? {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,f16c")]
            fn avx2 $(<$($g: $bound),+>)? ($($arg: $ty),+) $(-> $ret)? {
                $avx2($($arg),+)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,f16c,avx512f,avx512bw,avx512dq,avx512vl")]
            fn avx512 $(<$($g: $bound),+>)? ($($arg: $ty),+) $(-> $ret)? {
                $avx512($($arg),+)
            }
            match isa.kind() {
                // SAFETY: an `Isa` of this kind exists only where its detection found these features.
                #[cfg(target_arch = "x86_64")]
                $crate::IsaKind::Avx2 | $crate::IsaKind::AvxVnni => unsafe { avx2($($arg),+) },
                // SAFETY: an `Isa` of this kind exists only where its detection found these features.
                #[cfg(target_arch = "x86_64")]
                $crate::IsaKind::Avx512Vnni => unsafe { avx512($($arg),+) },
                _ => $any($($arg),+),
            }
        }
    };
}
pub(crate) use multiversion;

/// As [`multiversion`], of unsafe functions with an `Isa` and a [`Fusion`] as their first arguments: bodies
/// named `fused` are taken where products may be fused and the CPU can; others are seldom needed, and 512 bits have none.
macro_rules! fusable {
    ($(#[$meta:meta])* unsafe fn $name:ident $(<$($g:ident: $bound:path),+>)? ($($arg:ident: $ty:ty),+ $(,)?) {
        any: $any:expr,
        avx2: $avx2:expr, avx2_fused: $avx2_fused:expr, avx512_fused: $avx512_fused:expr,
        neon: $neon:expr, neon_fused: $neon_fused:expr,
    }) => {
        $(#[$meta])*
        unsafe fn $name $(<$($g: $bound),+>)? (isa: $crate::Isa, fusion: $crate::float::Fusion, $($arg: $ty),+) {
            #[cfg(target_arch = "x86_64")]
            fusable!(@instance avx2, "avx2,f16c", $(<$($g: $bound),+>)? ($($arg: $ty),+) $avx2);
            #[cfg(target_arch = "x86_64")]
            fusable!(@instance avx2_fused, "avx2,f16c,fma", $(<$($g: $bound),+>)? ($($arg: $ty),+) $avx2_fused);
            #[cfg(target_arch = "x86_64")]
            fusable!(@instance avx512_fused, "avx2,f16c,fma,avx512f", $(<$($g: $bound),+>)? ($($arg: $ty),+) $avx512_fused);
            #[cfg(target_arch = "aarch64")]
            fusable!(@instance neon, "neon", $(<$($g: $bound),+>)? ($($arg: $ty),+) $neon);
            #[cfg(target_arch = "aarch64")]
            fusable!(@instance neon_fused, "neon", $(<$($g: $bound),+>)? ($($arg: $ty),+) $neon_fused);
            let fused = fusion == $crate::float::Fusion::Allowed && isa.fuses();
            // SAFETY: the caller's promises; an `Isa` of a kind, and its `fuses`, say that detection found the features.
            unsafe {
                match (isa.kind(), fused) {
                    #[cfg(target_arch = "x86_64")]
                    ($crate::IsaKind::Avx2 | $crate::IsaKind::AvxVnni | $crate::IsaKind::Avx512Vnni, false) => avx2($($arg),+),
                    #[cfg(target_arch = "x86_64")]
                    ($crate::IsaKind::Avx2 | $crate::IsaKind::AvxVnni, true) => avx2_fused($($arg),+),
                    #[cfg(target_arch = "x86_64")]
                    ($crate::IsaKind::Avx512Vnni, true) => avx512_fused($($arg),+),
                    #[cfg(target_arch = "aarch64")]
                    ($crate::IsaKind::Neon | $crate::IsaKind::NeonDotprod | $crate::IsaKind::NeonI8mm, false) => neon($($arg),+),
                    #[cfg(target_arch = "aarch64")]
                    ($crate::IsaKind::Neon | $crate::IsaKind::NeonDotprod | $crate::IsaKind::NeonI8mm, true) => neon_fused($($arg),+),
                    _ => $any($($arg),+),
                }
            }
        }
    };
    (@instance $name:ident, $features:literal, $(<$($g:ident: $bound:path),+>)? ($($arg:ident: $ty:ty),+) $body:expr) => {
        #[target_feature(enable = $features)]
        unsafe fn $name $(<$($g: $bound),+>)? ($($arg: $ty),+) {
            // SAFETY: the caller's promises.
            unsafe { $body($($arg),+) }
        }
    };
}
pub(crate) use fusable;

/// As [`fusable`], of functions that exist only where products are fused.
macro_rules! fused {
    ($(#[$meta:meta])* $vis:vis unsafe fn $name:ident ($($arg:ident: $ty:ty),+ $(,)?) {
        avx2: $avx2:expr, avx512: $avx512:expr, neon: $neon:expr,
    }) => {
        $(#[$meta])*
        $vis unsafe fn $name(isa: $crate::Isa, $($arg: $ty),+) {
            #[cfg(target_arch = "x86_64")]
            $crate::float::fusable!(@instance avx2, "avx2,f16c,fma", ($($arg: $ty),+) $avx2);
            #[cfg(target_arch = "x86_64")]
            $crate::float::fusable!(@instance avx512, "avx2,f16c,fma,avx512f", ($($arg: $ty),+) $avx512);
            #[cfg(target_arch = "aarch64")]
            $crate::float::fusable!(@instance neon, "neon", ($($arg: $ty),+) $neon);
            assert!(isa.fuses(), "these kernels are picked only where products are fused");
            match isa.kind() {
                // SAFETY: the caller's promises; an `Isa` of a kind, and its `fuses`, say that detection found the features.
                #[cfg(target_arch = "x86_64")]
                $crate::IsaKind::Avx2 | $crate::IsaKind::AvxVnni => unsafe { avx2($($arg),+) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                $crate::IsaKind::Avx512Vnni => unsafe { avx512($($arg),+) },
                // SAFETY: as above.
                #[cfg(target_arch = "aarch64")]
                $crate::IsaKind::Neon | $crate::IsaKind::NeonDotprod | $crate::IsaKind::NeonI8mm => unsafe { neon($($arg),+) },
                _ => unreachable!("no other instruction set fuses"),
            }
        }
    };
}
pub(crate) use fused;
