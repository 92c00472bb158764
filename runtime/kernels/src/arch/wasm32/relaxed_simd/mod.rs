//! 128-bit vectors with byte dot products.
//!
//! `i32x4.relaxed_dot_i8x16_i7x16_add_s` multiplies signed bytes with bytes of 7 bits. What it makes of an eighth bit is left to
//! the engine, so an activation is split: `a = 2 * (a >> 1) + (a & 1)`. Both parts have sums of their own, which are joined at
//! the end. No pair of products exceeds 16 bits, in which some engines add them.
//!
//! In a build with these instructions the compiler uses others of their kind where a number may be none or a zero has a sign;
//! see [`min`](super::v128::min).

mod depthwise;
mod elementwise;
mod gemm;
mod pool;

use core::arch::wasm32::*;

use super::v128::{interleave, lanes, lanes_sum, load_taps};
use crate::arch::generic::simd::Simd;
use crate::panel::GROUP;

pub(crate) use depthwise::{depthwise, depthwise_scratch};
pub(crate) use elementwise::ELEMENTWISE;
pub(crate) use gemm::{CONV, GEMM, TILES};
pub(crate) use pool::POOL;

#[derive(Clone, Copy)]
struct RelaxedSimd;

/// Activations without their lowest bit, halved, and the lowest bits; or sums of products with them.
#[derive(Clone, Copy)]
struct Split {
    high: v128,
    low: v128,
}

/// Whether the engine adds pairs of products in 16 bits, as it does on an x86 without byte dot products. Two dot products are then
/// slower than what wider bytes take. An eighth bit shows it, of which no result but this one depends.
pub(crate) fn is_emulated() -> bool {
    const SATURATED: i32 = 2 * i16::MAX as i32;
    #[target_feature(enable = "simd128,relaxed-simd")]
    fn dot(weight: i8, activation: u8) -> i32 {
        let sums = i32x4_relaxed_dot_i8x16_i7x16_add(i8x16_splat(weight), u8x16_splat(activation), i32x4_splat(0));
        i32x4_extract_lane::<0>(sums)
    }
    // Unknown until it runs, lest the compiler answers.
    dot(core::hint::black_box(i8::MAX), core::hint::black_box(u8::MAX)) == SATURATED
}

impl Simd for RelaxedSimd {
    type Acc = [Split; 4];
    type Splat = Split;
    type Quads = [Split; 4];
    type Weights = [v128; 4];

    lanes!();

    #[inline]
    #[target_feature(enable = "simd128")]
    unsafe fn start(from: [v128; 4]) -> [Split; 4] {
        from.map(|from| Split { high: i32x4_splat(0), low: from })
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    unsafe fn sum(acc: [Split; 4]) -> [v128; 4] {
        acc.map(|sums| i32x4_add(i32x4_shl(sums.high, 1), sums.low))
    }

    const EXPANDED: usize = 2;

    #[inline]
    #[target_feature(enable = "simd128")]
    unsafe fn expand(from: *const u8, to: *mut u8, len: usize) {
        let whole = len / 16 * 16;
        // SAFETY: the caller's promise; each step reads and writes as many activations as it advances, those of the last
        // after they have been filled up to groups.
        unsafe {
            for at in (0..whole).step_by(16) {
                let [first, second] = expanded(v128_load(from.add(at).cast()));
                v128_store(to.add(2 * at).cast(), first);
                v128_store(to.add(2 * at + 16).cast(), second);
            }
            if whole < len {
                let mut bytes = [0_u8; 16];
                core::ptr::copy_nonoverlapping(from.add(whole), bytes.as_mut_ptr(), len - whole);
                let mut both = [0_u8; 32];
                let [first, second] = expanded(v128_load(bytes.as_ptr().cast()));
                v128_store(both.as_mut_ptr().cast(), first);
                v128_store(both[16..].as_mut_ptr().cast(), second);
                let rest = 2 * (len - whole).next_multiple_of(GROUP);
                core::ptr::copy_nonoverlapping(both.as_ptr(), to.add(2 * whole), rest);
            }
        }
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    unsafe fn splat(from: *const u8) -> Split {
        // SAFETY: the caller's promise of a group, 8 bytes here.
        unsafe { Split { high: v128_load32_splat(from.cast()), low: v128_load32_splat(from.add(GROUP).cast()) } }
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    unsafe fn weights(from: *const i8) -> [v128; 4] {
        // SAFETY: the caller's promise of 64 bytes.
        unsafe { [0, 16, 32, 48].map(|at| v128_load(from.add(at).cast())) }
    }

    #[inline]
    #[target_feature(enable = "simd128,relaxed-simd")]
    unsafe fn dot(acc: [Split; 4], a: Split, w: [v128; 4]) -> [Split; 4] {
        // SAFETY: no requirement but the instruction set.
        unsafe { Self::dot_quads(acc, [a; 4], w) }
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    unsafe fn quads(from: [*const u8; 4]) -> [Split; 4] {
        // SAFETY: the caller's promise.
        let [a, b, c, d] = unsafe { load_taps(from) };
        let (even, odd) = (interleave(a, c), interleave(b, d));
        let ([first, second], [third, fourth]) = (interleave(even[0], odd[0]), interleave(even[1], odd[1]));
        [split(first), split(second), split(third), split(fourth)]
    }

    #[inline]
    #[target_feature(enable = "simd128,relaxed-simd")]
    unsafe fn dot_quads(acc: [Split; 4], a: [Split; 4], w: [v128; 4]) -> [Split; 4] {
        let dot = |i: usize| Split {
            high: i32x4_relaxed_dot_i8x16_i7x16_add(w[i], a[i].high, acc[i].high),
            low: i32x4_relaxed_dot_i8x16_i7x16_add(w[i], a[i].low, acc[i].low),
        };
        [dot(0), dot(1), dot(2), dot(3)]
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    unsafe fn row_sum(from: *const u8, len: usize) -> i32 {
        let mut sums = i32x4_splat(0);
        for at in (0..len).step_by(GROUP) {
            // SAFETY: the caller's promise; after the last activation a group is filled up with zeros.
            let group = unsafe { v128_load64_zero(from.add(2 * at).cast()) };
            sums = i32x4_add(sums, u32x4_extadd_pairwise_u16x8(u16x8_extadd_pairwise_u8x16(group)));
        }
        // Halves in the first lane, lowest bits in the second.
        lanes_sum(i32x4_add(sums, v128_and(sums, i32x4(-1, 0, 0, 0))))
    }
}

#[inline]
#[target_feature(enable = "simd128")]
fn split(bytes: v128) -> Split {
    Split { high: u8x16_shr(bytes, 1), low: v128_and(bytes, u8x16_splat(1)) }
}

/// The parts of 16 activations; in each group the halves come before the lowest bits.
#[inline]
#[target_feature(enable = "simd128")]
fn expanded(bytes: v128) -> [v128; 2] {
    let Split { high, low } = split(bytes);
    [i32x4_shuffle::<0, 4, 1, 5>(high, low), i32x4_shuffle::<2, 6, 3, 7>(high, low)]
}
