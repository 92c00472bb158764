//! Vectors of f32; `FUSED` ones round a product and the sum that it is added to once, with FMA.

use core::arch::x86_64::*;

use crate::float::simd::Vector;

/// 8 elements: AVX2 and F16C, and FMA where fused.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ymm<const FUSED: bool>(__m256);

/// 16 elements: AVX512F.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Zmm<const FUSED: bool>(__m512);

/// The methods of a vector, from the intrinsics that they are.
macro_rules! vector {
    ($name:ident, $len:literal, $masked:literal, $features:literal, $fused:literal,
        $splat:ident, $load:ident, $half:expr, $store:ident,
        $load_some:expr, $store_some:expr, $add:ident, $sub:ident, $mul:ident, $fma:ident, $min:ident, $max:ident) => {
        impl<const FUSED: bool> Vector for $name<FUSED> {
            const LEN: usize = $len;
            const MASKED: bool = $masked;

            #[inline]
            #[target_feature(enable = $features)]
            unsafe fn splat(value: f32) -> Self {
                Self($splat(value))
            }

            #[inline]
            #[target_feature(enable = $features)]
            unsafe fn load(from: *const f32) -> Self {
                // SAFETY: the caller's promise.
                Self(unsafe { $load(from) })
            }

            #[inline]
            #[target_feature(enable = $features)]
            unsafe fn load_half(from: *const u16) -> Self {
                // SAFETY: the caller's promise.
                Self(unsafe { $half(from) })
            }

            #[inline]
            #[target_feature(enable = $features)]
            unsafe fn store(self, to: *mut f32) {
                // SAFETY: the caller's promise.
                unsafe { $store(to, self.0) }
            }

            #[inline]
            #[target_feature(enable = $features)]
            unsafe fn load_some(from: *const f32, len: usize) -> Self {
                // SAFETY: the caller's promise.
                Self(unsafe { $load_some(from, len) })
            }

            #[inline]
            #[target_feature(enable = $features)]
            unsafe fn store_some(self, to: *mut f32, len: usize) {
                // SAFETY: the caller's promise.
                unsafe { $store_some(to, len, self.0) }
            }

            #[inline]
            #[target_feature(enable = $features)]
            unsafe fn add(self, other: Self) -> Self {
                Self($add(self.0, other.0))
            }

            #[inline]
            #[target_feature(enable = $features)]
            unsafe fn sub(self, other: Self) -> Self {
                Self($sub(self.0, other.0))
            }

            #[inline(always)]
            unsafe fn add_product(self, a: Self, b: Self) -> Self {
                #[inline]
                #[target_feature(enable = $fused)]
                fn fused<const FUSED: bool>(sum: $name<FUSED>, a: $name<FUSED>, b: $name<FUSED>) -> $name<FUSED> {
                    $name($fma(a.0, b.0, sum.0))
                }
                #[inline]
                #[target_feature(enable = $features)]
                fn rounded<const FUSED: bool>(sum: $name<FUSED>, a: $name<FUSED>, b: $name<FUSED>) -> $name<FUSED> {
                    $name($add(sum.0, $mul(a.0, b.0)))
                }
                // SAFETY: the caller's promise.
                unsafe { if FUSED { fused(self, a, b) } else { rounded(self, a, b) } }
            }

            /// Where an operand is NaN the instructions give their second one.
            #[inline]
            #[target_feature(enable = $features)]
            unsafe fn clamp(self, lo: Self, hi: Self) -> Self {
                Self($min(hi.0, $max(lo.0, self.0)))
            }
        }
    };
}

vector!(
    Ymm,
    8,
    false,
    "avx2,f16c",
    "avx2,f16c,fma",
    _mm256_set1_ps,
    _mm256_loadu_ps,
    |from: *const u16| _mm256_cvtph_ps(_mm_loadu_si128(from.cast())),
    _mm256_storeu_ps,
    |from, len| _mm256_maskload_ps(from, first_of_8(len)),
    |to, len, value| _mm256_maskstore_ps(to, first_of_8(len), value),
    _mm256_add_ps,
    _mm256_sub_ps,
    _mm256_mul_ps,
    _mm256_fmadd_ps,
    _mm256_min_ps,
    _mm256_max_ps
);

vector!(
    Zmm,
    16,
    true,
    "avx512f",
    "avx512f",
    _mm512_set1_ps,
    _mm512_loadu_ps,
    |from: *const u16| _mm512_cvtph_ps(_mm256_loadu_si256(from.cast())),
    _mm512_storeu_ps,
    |from, len| _mm512_maskz_loadu_ps(first_of_16(len), from),
    |to, len, value| _mm512_mask_storeu_ps(to, first_of_16(len), value),
    _mm512_add_ps,
    _mm512_sub_ps,
    _mm512_mul_ps,
    _mm512_fmadd_ps,
    _mm512_min_ps,
    _mm512_max_ps
);

/// All bits of the first `len` elements, or of all.
#[inline]
#[target_feature(enable = "avx2")]
fn first_of_8(len: usize) -> __m256i {
    _mm256_cmpgt_epi32(_mm256_set1_epi32(len.min(8) as i32), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))
}

/// A bit of each of the first `len` elements, or of all.
#[inline]
fn first_of_16(len: usize) -> __mmask16 {
    ((1_u32 << len.min(16)) - 1) as u16
}
