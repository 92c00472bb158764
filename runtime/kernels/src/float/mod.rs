//! Float operators as plain loops over slices, for the compiler to vectorize.
//!
//! Every function gives the same bits on every target and instruction set: operations and their order are
//! fixed, nothing is fused (no FMA) and nothing comes from a platform's mathematical library. Sums over contiguous elements
//! run in [`LANES`] partial sums that a fixed tree joins. f16 is a storage type, computed in f32.
//!
//! An [`Isa`](crate::Isa) argument picks among instances of one generic body that differ only in the vectors
//! that the compiler may use.

pub mod attention;
pub mod conv;
pub mod elementwise;
pub mod gemm;
pub mod interpolate;
pub mod math;
pub mod norm;
pub mod pool;
pub mod reduce;
pub mod softmax;

/// Partial sums of a reduction over contiguous elements.
pub const LANES: usize = 16;

/// Declares a function with an `Isa` as its first argument that calls one of three `#[inline(always)]` bodies
/// (or one body), compiled for that instruction set.
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
        any: $any:expr, avx2: $avx2:expr, avx512: $avx512:expr,
    }) => {
        $(#[$meta])*
        $vis fn $name $(<$($g: $bound),+>)? (isa: $crate::Isa, $($arg: $ty),+) $(-> $ret)? {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2")]
            fn avx2 $(<$($g: $bound),+>)? ($($arg: $ty),+) $(-> $ret)? {
                $avx2($($arg),+)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl")]
            fn avx512 $(<$($g: $bound),+>)? ($($arg: $ty),+) $(-> $ret)? {
                $avx512($($arg),+)
            }
            match isa.kind() {
                // SAFETY: an `Isa` of this kind exists only where its detection found AVX2.
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
