//! 128-bit vectors with byte dot products.
//!
//! `i32x4.relaxed_dot_i8x16_i7x16_add_s` multiplies signed bytes with bytes of 7 bits. What it makes of an eighth bit is left to
//! the engine, which takes what its CPU has: a byte without a sign on an x86 with VNNI, one with a sign on an ARM. [`detect`] finds out
//! which. For the latter the sign bit of activations is flipped, which makes each 128 less, and sums begin with 128 times the weights'
//! sums instead; and weights have to be more than -128, because an engine may add two products in 16 bits, in its quick compilation
//! if not in the other. Engines that add products of bytes without a sign in 16 bits don't have this set.
//!
//! In a build with these instructions the compiler uses others of their kind where a number may be none or a zero has a sign;
//! see [`min`](super::v128::min).

mod depthwise;
mod elementwise;
mod gemm;
mod pool;

use core::arch::wasm32::*;
use core::sync::atomic::{AtomicU32, Ordering};

use super::v128::{interleave, lanes, lanes_sum, load_taps};
use crate::arch::generic::simd::Simd;
use crate::arch::generic::tile::Tile;
use crate::epilogue::Requant;
use crate::panel::{GROUP, PANEL};

pub(crate) use depthwise::{depthwise, depthwise_scratch};
pub(crate) use elementwise::ELEMENTWISE;
pub(crate) use gemm::{CONV, GEMM, TILES};
pub(crate) use pool::POOL;

#[derive(Clone, Copy)]
struct RelaxedSimd;

/// What activations are combined with by exclusive or: 0, or the sign bit of each byte.
static FLIP: AtomicU32 = AtomicU32::new(UNSIGNED);

const UNSIGNED: u32 = 0;
const SIGNED: u32 = 0x8080_8080;

/// Whether the engine takes signed bytes.
pub(crate) fn is_signed() -> bool {
    FLIP.load(Ordering::Relaxed) == SIGNED
}

/// Finds out how the engine takes bytes of 8 bits, and whether it is exact.
pub(crate) fn detect() -> bool {
    let exact = |flip, least| {
        FLIP.store(flip, Ordering::Relaxed);
        let weights = [least, -1, 0, 1, 127];
        // SAFETY: the build has the instruction set.
        weights.into_iter().all(|weight| (0..=255).all(|activation| unsafe { is_exact(weight, activation) }))
    };
    exact(SIGNED, -127) || exact(UNSIGNED, -128)
}

/// Whether four equal products give the sum that they should.
///
/// # Safety
/// The build has the instruction set.
#[target_feature(enable = "simd128,relaxed-simd")]
unsafe fn is_exact(weight: i8, activation: u8) -> bool {
    // Unknown until it runs, lest the compiler answers.
    let (w, a) = core::hint::black_box((i8x16_splat(weight), u8x16_splat(activation)));
    let sums = add_offset(i32x4_relaxed_dot_i8x16_i7x16_add(w, flipped(a), i32x4_splat(7)), w);
    let expected = i32x4_splat(7 + 4 * i32::from(weight) * i32::from(activation));
    i32x4_all_true(i32x4_eq(sums, expected))
}

/// `acc[i] + sum of a[4 * i + j] * w[4 * i + j]` over four `j`.
#[inline]
#[target_feature(enable = "simd128,relaxed-simd")]
fn dot(acc: v128, a: v128, w: v128) -> v128 {
    i32x4_relaxed_dot_i8x16_i7x16_add(w, a, acc)
}

#[inline]
#[target_feature(enable = "simd128")]
fn flipped(activations: v128) -> v128 {
    v128_xor(activations, u32x4_splat(FLIP.load(Ordering::Relaxed)))
}

/// `sum` and what flipped activations leave out of the products with these weights.
#[inline]
#[target_feature(enable = "simd128,relaxed-simd")]
fn add_offset(sum: v128, w: v128) -> v128 {
    if is_signed() { i32x4_add(sum, i32x4_shl(weights_sum(i32x4_splat(0), w), 7)) } else { sum }
}

/// `sum` and the weights of each channel.
#[inline]
#[target_feature(enable = "simd128,relaxed-simd")]
fn weights_sum(sum: v128, w: v128) -> v128 {
    i32x4_relaxed_dot_i8x16_i7x16_add(w, u8x16_splat(1), sum)
}

/// Whether no sum of products and bias is so large, when it is scaled, that rounding needs a bound: all but strange models are such, and
/// the others are left to the reference.
fn is_small(depth: usize, w_zero: &[i32], epilogue: &Requant<'_>) -> bool {
    const LARGEST: f32 = 8_000_000.0;
    let zero = w_zero.iter().map(|zero| zero.unsigned_abs()).max().unwrap_or(0);
    let products = depth as f32 * 255.0 * (128.0 + zero as f32);
    let channels = epilogue.bias.iter().zip(epilogue.scale);
    // All of them, and no end at the first: so the compiler makes vectors of it.
    let large = channels.map(|(&bias, &scale)| i32::from((products + (bias as f32).abs()) * scale.abs() >= LARGEST));
    large.sum::<i32>() == 0
}

impl Simd for RelaxedSimd {
    type Acc = [v128; 4];
    type Splat = v128;
    type Quads = [v128; 4];
    type Weights = [v128; 4];

    lanes!(round: super::v128::round_large);

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

    fn in_place() -> bool {
        !is_signed()
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    unsafe fn expand(from: *const u8, to: *mut u8, len: usize) {
        let whole = len / 16 * 16;
        // SAFETY: the caller's promise.
        unsafe {
            for at in (0..whole).step_by(16) {
                v128_store(to.add(at).cast(), flipped(v128_load(from.add(at).cast())));
            }
            for at in whole..len {
                *to.add(at) = *from.add(at) ^ FLIP.load(Ordering::Relaxed) as u8;
            }
        }
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    unsafe fn splat(from: *const u8) -> v128 {
        // SAFETY: the caller's promise of 4 bytes.
        unsafe { v128_load32_splat(from.cast()) }
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    unsafe fn weights(from: *const i8) -> [v128; 4] {
        // SAFETY: the caller's promise of 64 bytes.
        unsafe { [0, 16, 32, 48].map(|at| v128_load(from.add(at).cast())) }
    }

    #[inline]
    #[target_feature(enable = "simd128,relaxed-simd")]
    unsafe fn dot(acc: [v128; 4], a: v128, w: [v128; 4]) -> [v128; 4] {
        // SAFETY: no requirement but the instruction set.
        unsafe { Self::dot_quads(acc, [a; 4], w) }
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    unsafe fn quads(from: [*const u8; 4]) -> [v128; 4] {
        // SAFETY: the caller's promise.
        let [a, b, c, d] = unsafe { load_taps(from) }.map(|tap| flipped(tap));
        let (even, odd) = (interleave(a, c), interleave(b, d));
        let ([first, second], [third, fourth]) = (interleave(even[0], odd[0]), interleave(even[1], odd[1]));
        [first, second, third, fourth]
    }

    #[inline]
    #[target_feature(enable = "simd128,relaxed-simd")]
    unsafe fn dot_quads(acc: [v128; 4], a: [v128; 4], w: [v128; 4]) -> [v128; 4] {
        [dot(acc[0], a[0], w[0]), dot(acc[1], a[1], w[1]), dot(acc[2], a[2], w[2]), dot(acc[3], a[3], w[3])]
    }

    #[inline]
    #[target_feature(enable = "simd128,relaxed-simd")]
    unsafe fn quad_offset(sum: [v128; 4], w: [v128; 4]) -> [v128; 4] {
        [add_offset(sum[0], w[0]), add_offset(sum[1], w[1]), add_offset(sum[2], w[2]), add_offset(sum[3], w[3])]
    }

    #[inline]
    #[target_feature(enable = "simd128,relaxed-simd")]
    unsafe fn offsets<const NP: usize>(tile: &Tile) -> [[v128; 4]; NP] {
        let mut sums = [[i32x4_splat(0); 4]; NP];
        if is_signed() {
            for (p, sums) in sums.iter_mut().enumerate() {
                for at in (0..tile.panel_len).step_by(PANEL * GROUP) {
                    // SAFETY: the caller's promise; a panel is whole groups.
                    let w = unsafe { Self::weights(tile.weights.add(p * tile.panel_len + at)) };
                    for (sum, w) in sums.iter_mut().zip(w) {
                        *sum = weights_sum(*sum, w);
                    }
                }
                *sums = sums.map(|sum| i32x4_shl(sum, 7));
            }
        }
        sums
    }

    #[inline(always)]
    unsafe fn products<const MR: usize, const NP: usize, const KU: usize>(
        tile: &Tile,
        init: [[[v128; 4]; NP]; MR],
    ) -> [[[v128; 4]; NP]; MR] {
        // SAFETY: the caller's promise.
        unsafe { gemm::products::<MR, NP, KU>(tile, init) }
    }

    #[inline]
    #[target_feature(enable = "simd128,relaxed-simd")]
    unsafe fn row_sum(from: *const u8, len: usize) -> i32 {
        let (ones, sign) = (u8x16_splat(1), FLIP.load(Ordering::Relaxed) as u8);
        let mut sums = i32x4_splat(0);
        let whole = len / 16 * 16;
        // SAFETY: the caller's promise.
        let rest = unsafe {
            for at in (0..whole).step_by(16) {
                sums = dot(sums, v128_load(from.add(at).cast()), ones);
            }
            (whole..len).map(|at| i32::from(*from.add(at) ^ sign)).sum::<i32>()
        };
        let offset = rest + if is_signed() { 128 * whole as i32 } else { 0 };
        lanes_sum(sums).wrapping_add(offset)
    }
}
