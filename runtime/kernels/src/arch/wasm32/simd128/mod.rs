//! 128-bit vectors.
//!
//! There is no dot product of bytes, so both sides are widened to 16 bits, where `i32x4.dot_i16x8_s` is exact. It adds
//! neighbouring pairs: the bytes at even places of a quad meet in one product and those at odd places in another, so that each
//! gives one sum a channel, and a panel of sums is four registers. Rows of activations are widened once, before they meet the
//! panels.

#[cfg(not(target_feature = "relaxed-simd"))]
mod depthwise;
mod elementwise;
#[cfg(not(target_feature = "relaxed-simd"))]
mod gemm;
mod pool;

use core::arch::wasm32::*;

use super::v128::{interleave, lanes, lanes_sum, load_taps};
use crate::arch::generic::simd::Simd;
use crate::panel::GROUP;

#[cfg(not(target_feature = "relaxed-simd"))]
pub(crate) use depthwise::{depthwise, depthwise_scratch};
pub(crate) use elementwise::ELEMENTWISE;
#[cfg(not(target_feature = "relaxed-simd"))]
pub(crate) use gemm::{CONV, GEMM, TILES};
pub(crate) use pool::POOL;

#[derive(Clone, Copy)]
struct Simd128;

/// Bytes as 16-bit numbers: those at even places and those at odd ones.
#[derive(Clone, Copy)]
struct Halves {
    even: v128,
    odd: v128,
}

/// Eight activations as 16 bits; in each group the odd ones follow the even ones: 0, 2, 1, 3.
#[inline]
#[target_feature(enable = "simd128")]
fn expanded(bytes: v128) -> v128 {
    u16x8_extend_low_u8x16(i8x16_shuffle::<0, 2, 1, 3, 4, 6, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15>(bytes, bytes))
}

impl Simd for Simd128 {
    type Acc = [v128; 4];
    type Splat = Halves;
    type Quads = [Halves; 4];
    type Weights = [Halves; 4];

    lanes!(round: super::v128::round);

    #[inline]
    #[target_feature(enable = "simd128")]
    unsafe fn start(from: [v128; 4]) -> [v128; 4] {
        from
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    unsafe fn sum(acc: [v128; 4]) -> [v128; 4] {
        acc
    }

    const EXPANDED: usize = 2;

    #[inline]
    #[target_feature(enable = "simd128")]
    unsafe fn expand(from: *const u8, to: *mut u8, len: usize) {
        let whole = len / 8 * 8;
        // SAFETY: the caller's promise; each step reads and writes as many activations as it advances, those of the last
        // after they have been filled up to groups.
        unsafe {
            for at in (0..whole).step_by(8) {
                v128_store(to.add(2 * at).cast(), expanded(v128_load64_zero(from.add(at).cast())));
            }
            if whole < len {
                let mut bytes = [0_u8; 8];
                core::ptr::copy_nonoverlapping(from.add(whole), bytes.as_mut_ptr(), len - whole);
                let words = expanded(v128_load64_zero(bytes.as_ptr().cast()));
                let to = to.add(2 * whole).cast();
                if len - whole > GROUP {
                    v128_store(to, words);
                } else {
                    v128_store64_lane::<0>(words, to.cast());
                }
            }
        }
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    unsafe fn splat(from: *const u8) -> Halves {
        // SAFETY: the caller's promise of a group, 8 bytes here.
        unsafe { Halves { even: v128_load32_splat(from.cast()), odd: v128_load32_splat(from.add(GROUP).cast()) } }
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    unsafe fn weights(from: *const i8) -> [Halves; 4] {
        // SAFETY: the caller's promise of 64 bytes.
        let quads = unsafe { [0, 16, 32, 48].map(|at| v128_load(from.add(at).cast())) };
        quads.map(|quad| Halves { even: i16x8_shr(i16x8_shl(quad, 8), 8), odd: i16x8_shr(quad, 8) })
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    unsafe fn dot(acc: [v128; 4], a: Halves, w: [Halves; 4]) -> [v128; 4] {
        // SAFETY: no requirement but the instruction set.
        unsafe { Self::dot_quads(acc, [a; 4], w) }
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    unsafe fn quads(from: [*const u8; 4]) -> [Halves; 4] {
        // SAFETY: the caller's promise.
        let [a, b, c, d] = unsafe { load_taps(from) };
        let (even, odd) = (interleave(a, c), interleave(b, d));
        let halves = |even, odd| Halves { even, odd };
        [
            halves(u16x8_extend_low_u8x16(even[0]), u16x8_extend_low_u8x16(odd[0])),
            halves(u16x8_extend_high_u8x16(even[0]), u16x8_extend_high_u8x16(odd[0])),
            halves(u16x8_extend_low_u8x16(even[1]), u16x8_extend_low_u8x16(odd[1])),
            halves(u16x8_extend_high_u8x16(even[1]), u16x8_extend_high_u8x16(odd[1])),
        ]
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    unsafe fn dot_quads(acc: [v128; 4], a: [Halves; 4], w: [Halves; 4]) -> [v128; 4] {
        let dot = |i: usize| {
            let sum = i32x4_add(acc[i], i32x4_dot_i16x8(a[i].even, w[i].even));
            i32x4_add(sum, i32x4_dot_i16x8(a[i].odd, w[i].odd))
        };
        [dot(0), dot(1), dot(2), dot(3)]
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    unsafe fn centred(w: [Halves; 4], ones: [Halves; 4], w_zero: [v128; 4]) -> [Halves; 4] {
        let mut centred = w;
        for ((w, ones), zero) in centred.iter_mut().zip(ones).zip(w_zero) {
            let words = v128_or(i32x4_shl(zero, 16), v128_and(zero, u32x4_splat(0xffff)));
            w.even = i16x8_sub(w.even, i16x8_mul(words, ones.even));
            w.odd = i16x8_sub(w.odd, i16x8_mul(words, ones.odd));
        }
        centred
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    unsafe fn row_sum(from: *const u8, len: usize) -> i32 {
        let mut sums = i32x4_splat(0);
        let words = len.next_multiple_of(GROUP);
        let whole = words / 8 * 8;
        // SAFETY: the caller's promise; after the last activation a group is filled up with zeros.
        unsafe {
            for at in (0..whole).step_by(8) {
                let row = v128_load(from.add(2 * at).cast());
                sums = i32x4_add(sums, i32x4_extadd_pairwise_i16x8(row));
            }
            if whole < words {
                let row = v128_load64_zero(from.add(2 * whole).cast());
                sums = i32x4_add(sums, i32x4_extadd_pairwise_i16x8(row));
            }
        }
        lanes_sum(sums)
    }
}
