//! Depthwise convolutions.
//!
//! Windows of 3 by 3 taps are computed for 8 channels of two by two points at a time: their sums are 8 registers. Those of a whole
//! panel would be all 16 that an engine has on x86.

use core::arch::wasm32::*;

use super::{RelaxedSimd, dot, flipped, is_signed};
use crate::arch::generic::depthwise3x3::{INPUT_LINES, Prepared};
use crate::arch::generic::simd::Quanta;
use crate::arch::wasm32::v128::{interleave, interleave_low, narrow, round_large as round, store_halves};
use crate::panel::PANEL;

crate::arch::instantiate::depthwise!(
    RelaxedSimd, "simd128,relaxed-simd",
    lines: body::<false>(), zeros: body::<true>(), wide: &[], takes: super::is_small
);

/// Channels of a tile.
const HALF: usize = PANEL / 2;

/// What computes 16 channels; ZEROS: zero points of weights are subtracted by way of the sums of the taps.
const fn body<const ZEROS: bool>() -> Body3x3 {
    #[target_feature(enable = "simd128,relaxed-simd")]
    unsafe fn prepare<const ZEROS: bool>(job: &Lines3x3<'_>, made: *mut u8) {
        // SAFETY: the caller's promise; the features are enabled.
        unsafe { depthwise3x3::prepare::<RelaxedSimd, depthwise3x3::Single, 1, ZEROS>(job, made) }
    }
    depthwise3x3::body::<RelaxedSimd, depthwise3x3::Single, 1>(prepare::<ZEROS>, lines::<ZEROS>)
}

/// See [`Body3x3::lines`].
#[target_feature(enable = "simd128,relaxed-simd")]
unsafe fn lines<const ZEROS: bool>(job: &Lines3x3<'_>, made: *const u8) {
    let mut made = made.cast::<Prepared<RelaxedSimd, 1>>();
    for panel in (job.range[0]..job.range[1]).step_by(PANEL) {
        for channel in (panel..job.range[1].min(panel + PANEL)).step_by(HALF) {
            // SAFETY: the caller's promise.
            unsafe {
                let (prepared, half) = (&*made, (channel - panel) / HALF);
                match (job.stride, is_signed()) {
                    (1, false) => points::<1, ZEROS, false>(job, prepared, channel, half),
                    (1, true) => points::<1, ZEROS, true>(job, prepared, channel, half),
                    (_, false) => points::<2, ZEROS, false>(job, prepared, channel, half),
                    (_, true) => points::<2, ZEROS, true>(job, prepared, channel, half),
                }
            }
        }
        made = made.wrapping_add(1);
    }
}

/// The sums of 8 channels, of two points of two lines.
type Sums = [[[v128; 2]; 2]; 2];

/// Up to 8 channels from `channel` on, the first or the second half of a panel.
///
/// # Safety
/// As for [`Body3x3::lines`].
#[inline(always)]
unsafe fn points<const STRIDE: usize, const ZEROS: bool, const SIGNED: bool>(
    job: &Lines3x3<'_>,
    prepared: &Prepared<RelaxedSimd, 1>,
    channel: usize,
    half: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let len = (job.channels - channel).min(HALF);
        let quanta = Quanta::<RelaxedSimd>::new(job.epilogue.zero, job.epilogue.lo, job.epilogue.hi);
        let out = job.out.add(channel);
        let pair = |all: &[v128; 4]| [all[2 * half], all[2 * half + 1]];
        let (bias, scale, w_zero) = (pair(&prepared.bias[0]), pair(&prepared.scale[0]), pair(&prepared.w_zero[0]));
        let operands = Operands {
            starts: job.starts.map(|start| start.wrapping_add(channel)),
            channels: job.channels,
            weights: core::hint::black_box(prepared.weights.as_ptr().cast::<v128>().add(2 * half)),
            ones: prepared.ones.map(|ones| ones[0]),
        };
        let last = (job.points - 2) * job.channels;
        let mut next = 0;
        for _ in 0..job.points.div_ceil(2) {
            let at = next.min(last);
            next += 2 * job.channels;
            let mut sums: Sums = [[bias; 2]; 2];
            let mut counts: Sums = [[[i32x4_splat(0); 2]; 2]; 2];
            operands.add::<STRIDE, ZEROS, SIGNED>(0, at, &mut sums, &mut counts);
            operands.add::<STRIDE, ZEROS, SIGNED>(1, at, &mut sums, &mut counts);
            operands.add::<STRIDE, ZEROS, SIGNED>(2, at, &mut sums, &mut counts);
            operands.add::<STRIDE, ZEROS, SIGNED>(3, at, &mut sums, &mut counts);
            if STRIDE == 2 {
                operands.add::<STRIDE, ZEROS, SIGNED>(4, at, &mut sums, &mut counts);
            }
            for (line, (sums, counts)) in sums.iter().zip(&counts).enumerate() {
                let real = |col: usize, i: usize| {
                    let mut sum = sums[col][i];
                    if ZEROS {
                        sum = i32x4_sub(sum, i32x4_mul(w_zero[i], counts[col][i]));
                    }
                    round(f32x4_mul(f32x4_convert_i32x4(sum), scale[i]))
                };
                let bytes = narrow([real(0, 0), real(0, 1), real(1, 0), real(1, 1)], quanta.bounds());
                let to = out.add(line * job.ldo + at);
                store_halves([to, to.add(job.channels)], bytes, len);
            }
        }
    }
}

/// What the sums of 8 channels are made of.
struct Operands {
    /// Where the input lines begin.
    starts: [*const u8; INPUT_LINES],
    /// Bytes from one pixel to the next.
    channels: usize,
    /// Both vectors of the half. Behind a pointer that the compiler knows nothing of, they are operands in memory.
    weights: *const v128,
    /// Ones in the places of taps, for each of two points.
    ones: [v128; 2],
}

impl Operands {
    /// Adds the products of input line `y`, for the points from the offset `at` in the output on. ZEROS: and the sums of its taps.
    ///
    /// # Safety
    /// As for [`Body3x3::lines`].
    #[inline(always)]
    unsafe fn add<const STRIDE: usize, const ZEROS: bool, const SIGNED: bool>(
        &self,
        y: usize,
        at: usize,
        sums: &mut Sums,
        counts: &mut Sums,
    ) {
        // SAFETY: the caller's promise.
        unsafe {
            let quads = quads::<STRIDE, SIGNED>(self.starts[y].add(at * STRIDE), self.channels);
            for line in 0..2 {
                let Some(ky) = y.checked_sub(line * STRIDE).filter(|&ky| ky < 3) else { continue };
                for col in 0..2 {
                    let (quads, shift) = if STRIDE == 1 { (&quads[0], col) } else { (&quads[col], 0) };
                    for i in 0..2 {
                        let w = self.weights.add((shift * 3 + ky) * 4 + i).read();
                        sums[line][col][i] = dot(sums[line][col][i], quads[i], w);
                        if ZEROS {
                            counts[line][col][i] = dot(counts[line][col][i], quads[i], self.ones[shift]);
                        }
                    }
                }
            }
        }
    }
}

/// For each of two output points the four pixels from its first on, of 8 channels; at stride 1 only the first of them counts. Where the
/// fourth has no weight it is not read, because it may lie after the line.
///
/// # Safety
/// The pixels are valid for 8 channels each.
#[inline(always)]
unsafe fn quads<const STRIDE: usize, const SIGNED: bool>(from: *const u8, channels: usize) -> [[v128; 2]; 2] {
    // SAFETY: the caller's promise.
    unsafe {
        let pixel = |i: usize| v128_load64_zero(from.add(i * channels).cast());
        let (a, b, c, d) = (pixel(0), pixel(1), pixel(2), pixel(3));
        let first = quad::<SIGNED>(a, b, c, d);
        if STRIDE == 1 {
            return [first; 2];
        }
        let e = pixel(4);
        [first, quad::<SIGNED>(c, d, e, e)]
    }
}

/// Four taps of 8 channels side by side.
#[inline]
#[target_feature(enable = "simd128")]
fn quad<const SIGNED: bool>(a: v128, b: v128, c: v128, d: v128) -> [v128; 2] {
    let quad = interleave(interleave_low(a, c), interleave_low(b, d));
    if SIGNED { [flipped(quad[0]), flipped(quad[1])] } else { quad }
}
