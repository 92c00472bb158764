//! Depthwise convolutions of 3 by 3 taps and stride 1 or 2.
//!
//! To interleave four taps costs more than their dot product, so a quad is made of four neighbouring pixels of one input
//! line and used for as many outputs as it can serve. At stride 1 it is, with the weights `(w0, w1, w2, 0)`, one
//! line of the window of the first pixel and, with `(0, w0, w1, w2)`, of the second; and each of two output
//! lines needs it with other weights. So two by two outputs take 4 quads and 12 dot products instead of 12
//! and 12. At stride 2 each output point has quads of its own, and two output lines share one of five.

use super::simd::{Quanta, Simd};
use crate::epilogue::Requant;
use crate::panel::{GROUP, PANEL};
use crate::taps::{Line, Taps};

/// Input lines that two output lines need at most.
pub(crate) const INPUT_LINES: usize = 5;

/// One output line, or two.
pub(crate) struct Lines3x3<'a> {
    /// Where the input lines begin: three, and as many as the stride for a second output line.
    pub starts: [*const u8; INPUT_LINES],
    /// 1 or 2.
    pub stride: usize,
    /// Output lines.
    pub lines: usize,
    /// Output points of a line.
    pub points: usize,
    pub channels: usize,
    /// Panels of three groups.
    pub weights: *const i8,
    /// Zero points of the weights, one per channel; empty if all are 0.
    pub w_zero: &'a [i32],
    pub epilogue: Requant<'a>,
    pub out: *mut u8,
}

/// The stride of windows of 3 by 3 taps whose neighbouring output lines share input lines, if they are such.
pub(crate) fn stride(taps: &Taps<'_>, line: Line) -> Option<usize> {
    let shape = taps.shape();
    let stride = [1, 2].into_iter().find(|stride| stride * shape.run == line.step)?;
    let shares = |oy: usize| taps.rows_of(oy)[stride..] == taps.rows_of(oy + 1)[..3 - stride];
    (shape.kernel == [3, 3] && (0..shape.out[0] - 1).all(shares)).then_some(stride)
}

/// # Safety
/// The CPU has the instruction set; input lines are valid for all windows, channels rounded up to whole panels, and `out`
/// for the lines.
#[inline(always)]
pub(crate) unsafe fn lines<S: Simd, const ZEROS: bool>(job: &Lines3x3<'_>) {
    for channel in (0..job.channels).step_by(PANEL) {
        // SAFETY: the caller's promise.
        unsafe {
            // Behind a pointer that the compiler knows nothing of, weights are operands in memory; else it would keep them
            // all in registers, which it doesn't have.
            let made = prepared::<S, ZEROS>(job, channel);
            let prepared = core::hint::black_box(&made);
            match (job.lines, job.stride) {
                (2, 1) => panel::<S, 2, 1, ZEROS>(job, prepared, channel),
                (_, 1) => panel::<S, 1, 1, ZEROS>(job, prepared, channel),
                (2, _) => panel::<S, 2, 2, ZEROS>(job, prepared, channel),
                (_, _) => panel::<S, 1, 2, ZEROS>(job, prepared, channel),
            }
        }
    }
}

/// The 16 channels from `channel` on.
///
/// # Safety
/// As for [`lines`].
#[inline(always)]
unsafe fn panel<S: Simd, const LINES: usize, const STRIDE: usize, const ZEROS: bool>(
    job: &Lines3x3<'_>,
    prepared: &Prepared<S>,
    channel: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut point = 0;
        while point + 2 <= job.points {
            tile::<S, LINES, 2, STRIDE, ZEROS>(job, prepared, channel, point);
            point += 2;
        }
        if point < job.points {
            tile::<S, LINES, 1, STRIDE, ZEROS>(job, prepared, channel, point);
        }
    }
}

/// Weights of each line of the window, for the first and the second of two neighbouring points.
struct Prepared<S: Simd> {
    weights: [[S::Weights; 3]; 2],
    /// Ones in the places of taps, for each of the two points.
    ones: [S::Weights; 2],
    /// Zero points of the weights.
    w_zero: S::I32,
    /// What the sums begin with.
    bias: S::I32,
}

/// # Safety
/// As for [`lines`].
#[inline(always)]
unsafe fn prepared<S: Simd, const ZEROS: bool>(job: &Lines3x3<'_>, channel: usize) -> Prepared<S> {
    let len = (job.channels - channel).min(PANEL);
    // SAFETY: the caller's promise; a panel of 9 taps has three groups, and the tables are of one group each.
    unsafe {
        let bytes = shifted(job.weights.add(channel * 3 * GROUP));
        let ones = [0x0001_0101_u32, 0x0101_0100].map(|ones| S::weights([ones; PANEL].as_ptr().cast()));
        let bias = S::load_i32(job.epilogue.bias[channel..].as_ptr(), len);
        let mut prepared = Prepared::<S> { weights: [[ones[0]; 3]; 2], ones, w_zero: S::splat_i32(0), bias };
        if !job.w_zero.is_empty() {
            prepared.w_zero = S::load_i32(job.w_zero[channel..].as_ptr(), len);
        }
        for ((lines, bytes), ones) in prepared.weights.iter_mut().zip(&bytes).zip(ones) {
            for (weights, bytes) in lines.iter_mut().zip(bytes) {
                *weights = S::centred(S::weights(bytes.as_ptr().cast()), ones, prepared.w_zero);
            }
        }
        for &weights in &prepared.weights[0] {
            prepared.bias = S::quad_offset(prepared.bias, weights);
            if ZEROS {
                let count = S::quad_offset(S::splat_i32(0), ones[0]);
                prepared.bias = S::sub(prepared.bias, S::mul(prepared.w_zero, count));
            }
        }
        prepared
    }
}

/// The four taps of each channel in a line of the window, as integers.
type LineWeights = [[[u32; PANEL]; 3]; 2];

/// # Safety
/// Three groups of weights.
#[inline(always)]
unsafe fn shifted(weights: *const i8) -> LineWeights {
    // SAFETY: the caller's promise; any bytes are integers.
    let taps = unsafe { weights.cast::<[[[u8; GROUP]; PANEL]; 3]>().read() };
    let mut shifted = [[[0; PANEL]; 3]; 2];
    for c in 0..PANEL {
        let [low, middle, high] = [0, 1, 2].map(|group: usize| u32::from_le_bytes(taps[group][c]));
        let lines = [low & 0xff_ffff, (low >> 24) | (middle & 0xffff) << 8, (middle >> 16) | (high & 0xff) << 16];
        for (ky, line) in lines.into_iter().enumerate() {
            shifted[0][ky][c] = line;
            shifted[1][ky][c] = line << 8;
        }
    }
    shifted
}

/// # Safety
/// As for [`lines`]; COLS points from `first` on, 1 or 2.
#[inline(always)]
unsafe fn tile<S: Simd, const LINES: usize, const COLS: usize, const STRIDE: usize, const ZEROS: bool>(
    job: &Lines3x3<'_>,
    prepared: &Prepared<S>,
    channel: usize,
    first: usize,
) {
    let len = (job.channels - channel).min(PANEL);
    // SAFETY: the caller's promise.
    unsafe {
        let scale = S::load_f32(job.epilogue.scale[channel..].as_ptr(), len);
        let quanta = Quanta::<S>::new(job.epilogue.zero, job.epilogue.lo, job.epilogue.hi);
        let mut sums = [[S::start(prepared.bias); COLS]; LINES];
        let mut counts = [[S::start(S::splat_i32(0)); COLS]; LINES];
        // One after the other and no loop, which the compiler would unroll for some instruction sets only.
        input_line::<S, LINES, COLS, STRIDE, ZEROS, 0>(job, prepared, [channel, first], &mut sums, &mut counts);
        input_line::<S, LINES, COLS, STRIDE, ZEROS, 1>(job, prepared, [channel, first], &mut sums, &mut counts);
        input_line::<S, LINES, COLS, STRIDE, ZEROS, 2>(job, prepared, [channel, first], &mut sums, &mut counts);
        input_line::<S, LINES, COLS, STRIDE, ZEROS, 3>(job, prepared, [channel, first], &mut sums, &mut counts);
        input_line::<S, LINES, COLS, STRIDE, ZEROS, 4>(job, prepared, [channel, first], &mut sums, &mut counts);
        for i in (0..LINES * COLS).step_by(2) {
            let pair = [i, (i + 1).min(LINES * COLS - 1)];
            let mut reals = [scale; 2];
            for (real, i) in reals.iter_mut().zip(pair) {
                let mut acc = S::sum(sums[i / COLS][i % COLS]);
                if ZEROS {
                    acc = S::sub(acc, S::mul(prepared.w_zero, S::sum(counts[i / COLS][i % COLS])));
                }
                *real = S::mul_f32(S::to_f32(acc), scale);
            }
            for (bytes, i) in quanta.requantize(reals).into_iter().zip(pair) {
                let to = channel + (first + i / COLS * job.points + i % COLS) * job.channels;
                S::store_u8(job.out.add(to), bytes, len);
            }
        }
    }
}

/// Adds the products of input line Y, if the output lines need it, with the lines of their windows that lie on it.
///
/// # Safety
/// As for [`tile`].
#[inline(always)]
unsafe fn input_line<
    S: Simd,
    const LINES: usize,
    const COLS: usize,
    const STRIDE: usize,
    const ZEROS: bool,
    const Y: usize,
>(
    job: &Lines3x3<'_>,
    prepared: &Prepared<S>,
    [channel, first]: [usize; 2],
    sums: &mut [[S::Acc; COLS]; LINES],
    counts: &mut [[S::Acc; COLS]; LINES],
) {
    if Y >= (LINES - 1) * STRIDE + 3 {
        return;
    }
    // SAFETY: the caller's promise.
    unsafe {
        let from = job.starts[Y].add(channel + first * STRIDE * job.channels);
        let quads = quads::<S, COLS, STRIDE>(from, job.channels);
        for (line, (sums, counts)) in sums.iter_mut().zip(counts).enumerate() {
            let Some(ky) = Y.checked_sub(line * STRIDE).filter(|&ky| ky < 3) else { continue };
            for (col, (sum, count)) in sums.iter_mut().zip(counts).enumerate() {
                let (quads, shift) = if STRIDE == 1 { (quads[0], col) } else { (quads[col], 0) };
                *sum = S::dot_three(*sum, quads, prepared.weights[shift][ky], shift);
                if ZEROS {
                    *count = S::dot_three(*count, quads, prepared.ones[shift], shift);
                }
            }
        }
    }
}

/// For each output point the four pixels from its first on; at stride 1 only the first of them counts. Where the fourth
/// has no weight it is not read, because it may lie after the line.
///
/// # Safety
/// The pixels are valid for a panel of channels each.
#[inline(always)]
unsafe fn quads<S: Simd, const COLS: usize, const STRIDE: usize>(from: *const u8, channels: usize) -> [S::Quads; COLS] {
    // SAFETY: the caller's promise.
    unsafe {
        if STRIDE == 1 {
            let last = if COLS == 2 { from.add(3 * channels) } else { from };
            return [S::quads([from, from.add(channels), from.add(2 * channels), last]); COLS];
        }
        let mut quads = [S::quads([from, from.add(channels), from.add(2 * channels), from]); COLS];
        for (col, quads) in quads.iter_mut().enumerate().skip(1) {
            let from = from.add(col * STRIDE * channels);
            *quads = S::quads([from, from.add(channels), from.add(2 * channels), from]);
        }
        quads
    }
}
