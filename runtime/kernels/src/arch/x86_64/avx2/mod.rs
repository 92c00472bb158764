//! 256-bit vectors without byte dot products.
//!
//! `vpmaddubsw` would saturate on full-range weights, so both sides are widened to 16 bits, where `vpmaddwd` is exact:
//! even and odd depths of a group apart, because two shifts widen weights so, and shifts don't compete with
//! multiplications for a port. Rows of activations are widened once, before they meet the panels.

mod depthwise;
mod elementwise;
mod gemm;
mod interleave;
mod pool;

use core::arch::x86_64::*;

use super::ymm::{interleave, lanes, load_taps};
use crate::arch::generic::simd::Simd;
use crate::arch::generic::tile::Tile;
use crate::panel::GROUP;

pub(crate) use depthwise::{LINES3X3, depthwise, depthwise_scratch};
pub(crate) use elementwise::ELEMENTWISE;
pub(crate) use gemm::{CHOICES, CONV, GEMM, TILES};
pub(crate) use interleave::{interleave3, interleave4};
pub(crate) use pool::POOL;

#[derive(Clone, Copy)]
struct Avx2;

/// Even and odd depths, as 16 bits, of 8 channels of a group of weights.
#[inline]
#[target_feature(enable = "avx2")]
fn widen(weights: __m256i) -> [__m256i; 2] {
    [_mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(weights)), _mm256_srai_epi16::<8>(weights)]
}

/// The same value. The compiler doesn't see that, so it can't put off additions until it has more products at hand
/// than registers.
#[inline]
#[target_feature(enable = "avx2")]
fn kept(sum: __m256i) -> __m256i {
    let mut kept = sum;
    // SAFETY: there is no instruction.
    unsafe { core::arch::asm!("/* {} */", inlateout(ymm_reg) kept, options(pure, nomem, nostack, preserves_flags)) };
    kept
}

/// The same of bytes without sign.
#[inline]
#[target_feature(enable = "avx2")]
fn widen_u8(bytes: __m256i) -> [__m256i; 2] {
    [_mm256_and_si256(bytes, _mm256_set1_epi16(0xff)), _mm256_srli_epi16::<8>(bytes)]
}

/// 16 activations as 16 bits; in each group the odd ones follow the even ones: 0, 2, 1, 3.
#[inline]
#[target_feature(enable = "avx2")]
fn expanded(bytes: __m128i) -> __m256i {
    let order = _mm_setr_epi8(0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15);
    _mm256_cvtepu8_epi16(_mm_shuffle_epi8(bytes, order))
}

impl Simd for Avx2 {
    type Acc = [__m256i; 2];
    type Splat = [__m256i; 2];
    type Quads = [[__m256i; 2]; 2];
    type Weights = [[__m256i; 2]; 2];

    lanes!();

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn start(from: [__m256i; 2]) -> [__m256i; 2] {
        from
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn sum(acc: [__m256i; 2]) -> [__m256i; 2] {
        acc
    }

    const EXPANDED: usize = 2;

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn expand(from: *const u8, to: *mut u8, len: usize) {
        let mut at = 0;
        // SAFETY: the caller's promise; each step reads and writes as many activations as it advances, the last of
        // them after it has been filled up to a group.
        unsafe {
            while at + 16 <= len {
                let words = expanded(_mm_loadu_si128(from.add(at).cast()));
                _mm256_storeu_si256(to.add(2 * at).cast(), words);
                at += 16;
            }
            while at + GROUP <= len {
                let words = expanded(_mm_cvtsi32_si128(from.add(at).cast::<i32>().read_unaligned()));
                _mm_storel_epi64(to.add(2 * at).cast(), _mm256_castsi256_si128(words));
                at += GROUP;
            }
            if at < len {
                let mut group = [0_u8; GROUP];
                for (i, to) in group.iter_mut().enumerate().take(len - at) {
                    *to = *from.add(at + i);
                }
                let words = expanded(_mm_cvtsi32_si128(i32::from_ne_bytes(group)));
                _mm_storel_epi64(to.add(2 * at).cast(), _mm256_castsi256_si128(words));
            }
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn splat(from: *const u8) -> [__m256i; 2] {
        let from = from.cast::<i32>();
        // SAFETY: the caller's promise of a group, 8 bytes here.
        unsafe { [_mm256_set1_epi32(from.read_unaligned()), _mm256_set1_epi32(from.add(1).read_unaligned())] }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn weights(from: *const i8) -> [[__m256i; 2]; 2] {
        // SAFETY: the caller's promise of 64 bytes.
        unsafe { [widen(_mm256_loadu_si256(from.cast())), widen(_mm256_loadu_si256(from.add(32).cast()))] }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn dot(acc: [__m256i; 2], a: [__m256i; 2], w: [[__m256i; 2]; 2]) -> [__m256i; 2] {
        // SAFETY: no requirement but AVX2.
        unsafe { Self::dot_quads(acc, [a; 2], w) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn quads(from: [*const u8; 4]) -> [[__m256i; 2]; 2] {
        // SAFETY: the caller's promise.
        let [a, b, c, d] = interleave(unsafe { load_taps(from) });
        [widen_u8(_mm256_set_m128i(b, a)), widen_u8(_mm256_set_m128i(d, c))]
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn dot_quads(acc: [__m256i; 2], a: [[__m256i; 2]; 2], w: [[__m256i; 2]; 2]) -> [__m256i; 2] {
        let even = [_mm256_madd_epi16(a[0][0], w[0][0]), _mm256_madd_epi16(a[1][0], w[1][0])];
        let odd = [_mm256_madd_epi16(a[0][1], w[0][1]), _mm256_madd_epi16(a[1][1], w[1][1])];
        [
            kept(_mm256_add_epi32(_mm256_add_epi32(acc[0], even[0]), odd[0])),
            kept(_mm256_add_epi32(_mm256_add_epi32(acc[1], even[1]), odd[1])),
        ]
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn centred(w: [[__m256i; 2]; 2], ones: [[__m256i; 2]; 2], w_zero: [__m256i; 2]) -> [[__m256i; 2]; 2] {
        let mut centred = w;
        for ((w, ones), zero) in centred.iter_mut().zip(ones).zip(w_zero) {
            let words =
                _mm256_or_si256(_mm256_slli_epi32::<16>(zero), _mm256_and_si256(zero, _mm256_set1_epi32(0xffff)));
            for (w, ones) in w.iter_mut().zip(ones) {
                *w = _mm256_sub_epi16(*w, _mm256_mullo_epi16(words, ones));
            }
        }
        centred
    }

    #[inline(always)]
    unsafe fn products<const MR: usize, const NP: usize, const KU: usize>(
        tile: &Tile,
        init: [[Self::I32; NP]; MR],
    ) -> [[Self::I32; NP]; MR] {
        // SAFETY: the caller's promise.
        unsafe { gemm::products::<MR, NP, KU>(tile, init) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn row_sum(from: *const u8, len: usize) -> i32 {
        let (ones, mut sum) = (_mm256_set1_epi16(1), _mm256_setzero_si256());
        let words = len.next_multiple_of(GROUP);
        let whole = words / 16 * 16;
        // SAFETY: the caller's promise; after the last activation a group is filled up with zeros.
        unsafe {
            for at in (0..whole).step_by(16) {
                let row = _mm256_loadu_si256(from.add(2 * at).cast());
                sum = _mm256_add_epi32(sum, _mm256_madd_epi16(row, ones));
            }
            let mut lanes = [0_i32; 8];
            _mm256_storeu_si256(lanes.as_mut_ptr().cast(), sum);
            let rest = (whole..words).map(|at| i32::from(from.cast::<u16>().add(at).read_unaligned()));
            lanes.into_iter().chain(rest).fold(0, i32::wrapping_add)
        }
    }
}
