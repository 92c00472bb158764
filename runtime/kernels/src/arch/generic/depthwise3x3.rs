//! Depthwise convolutions of 3 by 3 taps and stride 1 or 2.
//!
//! To interleave four taps costs more than their dot product, so a quad is made of four neighbouring pixels of one input
//! line and used for as many outputs as it can serve. At stride 1 it is, with the weights `(w0, w1, w2, 0)`, one
//! line of the window of the first pixel and, with `(0, w0, w1, w2)`, of the second; and each of two output
//! lines needs it with other weights. So two by two outputs take 4 quads and 12 dot products instead of 12
//! and 12. At stride 2 each output point has quads of its own, and two output lines share one of five.
//!
//! Single lines and points at the end have bodies of their own. Where code is to be [`COMPACT`] they are computed with a neighbour
//! that isn't there, from pixels that are, and written over it.

use super::COMPACT;
use super::simd::{Quanta, Simd};
use crate::epilogue::Requant;
use crate::panel::{GROUP, PANEL};
use crate::taps::{Line, Taps};

/// Input lines that two output lines need at most.
pub(crate) const INPUT_LINES: usize = 5;

/// One output line, or two.
#[derive(Clone, Copy)]
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
    /// The first channel to compute.
    pub first: usize,
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

/// How the channels of P panels lie in P vectors.
///
/// # Safety of the methods
/// The CPU has the instruction set.
pub(crate) trait Layout<S: Simd, const P: usize> {
    /// The channel, of those of the panels, that is this element of a vector.
    fn channel(vector: usize, element: usize) -> usize;
    /// Reads all channels of each of four taps.
    ///
    /// # Safety
    /// `16 * P` bytes are valid from each.
    unsafe fn quads(from: [*const u8; 4]) -> [S::Quads; P];
    /// Requantizes the channels of up to four points and writes the first `len` of them to where each point goes; where two go to one
    /// place, the first stays.
    ///
    /// # Safety
    /// The places are valid for `len` bytes.
    unsafe fn store<const PLAIN: bool>(
        quanta: &Quanta<S>,
        reals: &[[S::F32; P]; 4],
        points: usize,
        place: impl Fn(usize) -> *mut u8,
        len: usize,
    );
}

/// One panel as it is.
struct Single;

impl<S: Simd> Layout<S, 1> for Single {
    #[inline(always)]
    fn channel(_: usize, element: usize) -> usize {
        element
    }

    #[inline(always)]
    unsafe fn quads(from: [*const u8; 4]) -> [S::Quads; 1] {
        // SAFETY: the caller's promise.
        [unsafe { S::quads(from) }]
    }

    #[inline(always)]
    unsafe fn store<const PLAIN: bool>(
        quanta: &Quanta<S>,
        reals: &[[S::F32; 1]; 4],
        points: usize,
        place: impl Fn(usize) -> *mut u8,
        len: usize,
    ) {
        // SAFETY: the caller's promise.
        unsafe {
            let bytes = quanta.requantize::<PLAIN>([reals[0][0], reals[1][0], reals[2][0], reals[3][0]]);
            for i in 0..points {
                let i = if COMPACT { points - 1 - i } else { i };
                S::store_u8(place(i), bytes, i, len);
            }
        }
    }
}

/// # Safety
/// The CPU has the instruction set; input lines are valid for all windows, channels rounded up to whole panels, and `out`
/// for the lines.
#[inline(always)]
pub(crate) unsafe fn lines<S: Simd, const ZEROS: bool>(job: &Lines3x3<'_>) {
    for channel in (job.first..job.channels).step_by(PANEL) {
        // SAFETY: the caller's promise.
        unsafe {
            let made = prepared::<S, Single, 1, ZEROS>(job, channel);
            strided::<S, Single, 1, ZEROS>(job, &made, channel);
        }
    }
}

/// Four panels at a time: how an instruction set computes as many channels of an image as that goes for.
#[derive(Clone, Copy)]
pub(crate) struct Wide {
    /// Bytes of what four panels need besides activations, to be made once for all lines of an image.
    pub prepared_len: usize,
    /// Makes it, one after the other from an address on that is a multiple of 64. The weights have no zero points: with them there are
    /// twice as many sums, for which there are too few registers.
    pub prepare: unsafe fn(&Lines3x3<'_>, *mut u8),
    /// As [`lines`], with what was made; gives the first channel that is left.
    pub lines: unsafe fn(&Lines3x3<'_>, *const u8) -> usize,
}

impl Wide {
    /// Channels of four panels.
    const CHANNELS: usize = 4 * PANEL;

    /// Bytes to be made for an image.
    pub(crate) const fn len(self, channels: usize) -> usize {
        channels / Self::CHANNELS * self.prepared_len
    }
}

/// Bytes of [`Wide::prepared_len`].
#[cfg(target_arch = "x86_64")]
pub(crate) const fn prepared_len<S: Simd>() -> usize {
    size_of::<Prepared<S, 4>>()
}

/// See [`Wide::prepare`].
///
/// # Safety
/// The CPU has the instruction set; there is room for [`Wide::len`] bytes.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) unsafe fn prepare_wide<S: Simd, L: Layout<S, 4>>(job: &Lines3x3<'_>, to: *mut u8) {
    for group in 0..job.channels / Wide::CHANNELS {
        // SAFETY: the caller's promise.
        unsafe {
            let prepared = prepared::<S, L, 4, false>(job, group * Wide::CHANNELS);
            to.cast::<Prepared<S, 4>>().add(group).write(prepared);
        }
    }
}

/// See [`Wide::lines`].
///
/// # Safety
/// As for [`lines`]; `made` is what [`prepare_wide`] has made.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) unsafe fn wide_lines<S: Simd, L: Layout<S, 4>>(job: &Lines3x3<'_>, made: *const u8) -> usize {
    let groups = job.channels / Wide::CHANNELS;
    for group in 0..groups {
        // SAFETY: the caller's promise.
        unsafe {
            let made = &*made.cast::<Prepared<S, 4>>().add(group);
            strided::<S, L, 4, false>(job, made, group * Wide::CHANNELS);
        }
    }
    groups * Wide::CHANNELS
}

/// The P panels from `channel` on. ZEROS: zero points of weights are subtracted by way of the sums of the taps.
///
/// # Safety
/// As for [`lines`].
#[inline(always)]
unsafe fn strided<S: Simd, L: Layout<S, P>, const P: usize, const ZEROS: bool>(
    job: &Lines3x3<'_>,
    made: &Prepared<S, P>,
    channel: usize,
) {
    // SAFETY: the caller's promise; a panel of 9 taps has three groups.
    unsafe {
        // Behind a pointer that the compiler knows nothing of, weights are operands in memory; else it would keep them
        // all in registers, which it doesn't have.
        let prepared = core::hint::black_box(made);
        // Pointers that don't move, and one offset that does: else each of the many pointers would be counted up.
        let starts = job.starts.map(|start| start.wrapping_add(channel));
        let len = (job.channels - channel).min(P * PANEL);
        let job = &Lines3x3 { starts, out: job.out.add(channel), ..*job };
        match (job.lines, job.stride) {
            (1, 1) if !COMPACT => panels::<S, L, P, 1, 1, ZEROS>(job, prepared, len),
            (1, _) if !COMPACT => panels::<S, L, P, 1, 2, ZEROS>(job, prepared, len),
            (_, 1) => panels::<S, L, P, 2, 1, ZEROS>(job, prepared, len),
            (_, _) => panels::<S, L, P, 2, 2, ZEROS>(job, prepared, len),
        }
    }
}

/// # Safety
/// As for [`lines`], for `len` channels.
#[inline(always)]
unsafe fn panels<
    S: Simd,
    L: Layout<S, P>,
    const P: usize,
    const LINES: usize,
    const STRIDE: usize,
    const ZEROS: bool,
>(
    job: &Lines3x3<'_>,
    prepared: &Prepared<S, P>,
    len: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut at = 0;
        let pairs = if COMPACT { job.points.div_ceil(2) } else { job.points / 2 };
        for pair in 0..pairs {
            tile::<S, L, P, LINES, 2, STRIDE, ZEROS>(job, prepared, at, len, job.points - 2 * pair);
            at += 2 * job.channels;
        }
        if !COMPACT && job.points % 2 == 1 {
            tile::<S, L, P, LINES, 1, STRIDE, ZEROS>(job, prepared, at, len, 1);
        }
    }
}

/// What P panels need besides activations.
#[repr(align(64))]
struct Prepared<S: Simd, const P: usize> {
    /// Weights of each line of the window, for the first and the second of two neighbouring points.
    weights: [[[S::Weights; P]; 3]; 2],
    /// Ones in the places of taps, for each of the two points.
    ones: [S::Weights; 2],
    /// Zero points of the weights.
    w_zero: [S::I32; P],
    /// What the sums begin with.
    bias: [S::I32; P],
    scale: [S::F32; P],
}

/// # Safety
/// As for [`lines`].
#[inline(always)]
unsafe fn prepared<S: Simd, L: Layout<S, P>, const P: usize, const ZEROS: bool>(
    job: &Lines3x3<'_>,
    channel: usize,
) -> Prepared<S, P> {
    let len = (job.channels - channel).min(P * PANEL);
    // SAFETY: the caller's promise; a panel of 9 taps has three groups, and the tables are of one group each.
    unsafe {
        let ones = [0x0001_0101_u32, 0x0101_0100].map(|ones| S::weights([ones; PANEL].as_ptr().cast()));
        let (none, unscaled) = ([S::splat_i32(0); P], [S::splat_f32(0.0); P]);
        let mut prepared =
            Prepared::<S, P> { weights: [[[ones[0]; P]; 3]; 2], ones, w_zero: none, bias: none, scale: unscaled };
        let mut taps = [[[[0; PANEL]; 3]; 2]; P];
        for (p, taps) in taps.iter_mut().enumerate() {
            *taps = shifted(job.weights.add((channel + p * PANEL) * 3 * GROUP));
        }
        for p in 0..P {
            let bias = in_order::<S, L, P, i32>(&job.epilogue.bias[channel..][..len], p);
            let scale = in_order::<S, L, P, f32>(&job.epilogue.scale[channel..][..len], p);
            prepared.bias[p] = S::load_i32(bias.as_ptr(), PANEL);
            prepared.scale[p] = S::load_f32(scale.as_ptr(), PANEL);
            if !job.w_zero.is_empty() {
                let w_zero = in_order::<S, L, P, i32>(&job.w_zero[channel..][..len], p);
                prepared.w_zero[p] = S::load_i32(w_zero.as_ptr(), PANEL);
            }
            for ((point, lines), ones) in prepared.weights.iter_mut().enumerate().zip(ones) {
                for (ky, line) in lines.iter_mut().enumerate() {
                    let mut bytes = [0; PANEL];
                    for (i, to) in bytes.iter_mut().enumerate() {
                        let c = L::channel(p, i);
                        *to = taps[c / PANEL][point][ky][c % PANEL];
                    }
                    let weights = S::weights(bytes.as_ptr().cast());
                    line[p] = S::centred(weights, ones, prepared.w_zero[p]);
                }
            }
            for ky in 0..3 {
                prepared.bias[p] = S::quad_offset(prepared.bias[p], prepared.weights[0][ky][p]);
                if ZEROS {
                    let count = S::quad_offset(S::splat_i32(0), ones[0]);
                    prepared.bias[p] = S::sub(prepared.bias[p], S::mul(prepared.w_zero[p], count));
                }
            }
        }
        prepared
    }
}

/// The values of the channels of one vector; 0 beyond the last.
#[inline(always)]
fn in_order<S: Simd, L: Layout<S, P>, const P: usize, T: Copy + Default>(values: &[T], vector: usize) -> [T; PANEL] {
    let mut ordered = [T::default(); PANEL];
    if P == 1 {
        ordered[..values.len()].copy_from_slice(values);
        return ordered;
    }
    for (i, to) in ordered.iter_mut().enumerate() {
        *to = values[L::channel(vector, i)];
    }
    ordered
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

/// The sums of some output points.
type Sums<S, const P: usize, const COLS: usize, const LINES: usize> = [[[<S as Simd>::Acc; P]; COLS]; LINES];

/// # Safety
/// As for [`lines`]; COLS points from the offset `at` in the output on, 1 or 2, of the `left` ones, and `len` channels.
#[inline(always)]
unsafe fn tile<
    S: Simd,
    L: Layout<S, P>,
    const P: usize,
    const LINES: usize,
    const COLS: usize,
    const STRIDE: usize,
    const ZEROS: bool,
>(
    job: &Lines3x3<'_>,
    prepared: &Prepared<S, P>,
    at: usize,
    len: usize,
    left: usize,
) {
    let [lines, cols] = if COMPACT { [job.lines, left.min(COLS)] } else { [LINES, COLS] };
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums: Sums<S, P, COLS, LINES> = [[[S::start(prepared.bias[0]); P]; COLS]; LINES];
        let mut counts: Sums<S, P, COLS, LINES> = [[[S::start(S::splat_i32(0)); P]; COLS]; LINES];
        for sums in sums.as_flattened_mut() {
            for (sum, &bias) in sums.iter_mut().zip(&prepared.bias) {
                *sum = S::start(bias);
            }
        }
        // One after the other and no loop, which the compiler would unroll for some instruction sets only.
        input_line::<S, L, P, LINES, COLS, STRIDE, ZEROS, 0>(job, prepared, [at, cols], &mut sums, &mut counts);
        input_line::<S, L, P, LINES, COLS, STRIDE, ZEROS, 1>(job, prepared, [at, cols], &mut sums, &mut counts);
        input_line::<S, L, P, LINES, COLS, STRIDE, ZEROS, 2>(job, prepared, [at, cols], &mut sums, &mut counts);
        input_line::<S, L, P, LINES, COLS, STRIDE, ZEROS, 3>(job, prepared, [at, cols], &mut sums, &mut counts);
        input_line::<S, L, P, LINES, COLS, STRIDE, ZEROS, 4>(job, prepared, [at, cols], &mut sums, &mut counts);
        let mut reals = [prepared.scale; 4];
        for (i, reals) in reals.iter_mut().enumerate().take(LINES * COLS) {
            let (line, col) = (i / COLS, i % COLS);
            for (p, real) in reals.iter_mut().enumerate() {
                let mut sum = S::sum(sums[line][col][p]);
                if ZEROS {
                    sum = S::sub(sum, S::mul(prepared.w_zero[p], S::sum(counts[line][col][p])));
                }
                *real = S::mul_f32(S::to_f32(sum), prepared.scale[p]);
            }
        }
        let quanta = Quanta::<S>::new(job.epilogue.zero, job.epilogue.lo, job.epilogue.hi);
        let place = |i: usize| {
            let [line, col] = [i / COLS, i % COLS];
            let [line, col] = if COMPACT { [line.min(lines - 1), col.min(cols - 1)] } else { [line, col] };
            job.out.add((line * job.points + col) * job.channels).add(at)
        };
        if quanta.is_plain() && !COMPACT {
            L::store::<true>(&quanta, &reals, LINES * COLS, place, len);
        } else {
            L::store::<false>(&quanta, &reals, LINES * COLS, place, len);
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
    L: Layout<S, P>,
    const P: usize,
    const LINES: usize,
    const COLS: usize,
    const STRIDE: usize,
    const ZEROS: bool,
    const Y: usize,
>(
    job: &Lines3x3<'_>,
    prepared: &Prepared<S, P>,
    [at, cols]: [usize; 2],
    sums: &mut Sums<S, P, COLS, LINES>,
    counts: &mut Sums<S, P, COLS, LINES>,
) {
    if Y >= (LINES - 1) * STRIDE + 3 {
        return;
    }
    // SAFETY: the caller's promise.
    unsafe {
        let from = job.starts[Y].add(at * STRIDE);
        let quads = quads::<S, L, P, COLS, STRIDE>(from, job.channels, cols);
        for (line, (sums, counts)) in sums.iter_mut().zip(counts).enumerate() {
            let Some(ky) = Y.checked_sub(line * STRIDE).filter(|&ky| ky < 3) else { continue };
            for (col, (sums, counts)) in sums.iter_mut().zip(counts).enumerate() {
                let (quads, shift) = if STRIDE == 1 { (&quads[0], col) } else { (&quads[col], 0) };
                for p in 0..P {
                    sums[p] = S::dot_three(sums[p], quads[p], prepared.weights[shift][ky][p], shift);
                    if ZEROS {
                        counts[p] = S::dot_three(counts[p], quads[p], prepared.ones[shift], shift);
                    }
                }
            }
        }
    }
}

/// For each output point, of which `cols` are there, the four pixels from its first on; at stride 1 only the first of them counts.
/// Where the fourth has no weight it is not read, because it may lie after the line.
///
/// # Safety
/// The pixels are valid for P panels of channels each.
#[inline(always)]
unsafe fn quads<S: Simd, L: Layout<S, P>, const P: usize, const COLS: usize, const STRIDE: usize>(
    from: *const u8,
    channels: usize,
    cols: usize,
) -> [[S::Quads; P]; COLS] {
    // SAFETY: the caller's promise.
    unsafe {
        if STRIDE == 1 {
            let last = if cols == 2 { from.add(3 * channels) } else { from };
            return [L::quads([from, from.add(channels), from.add(2 * channels), last]); COLS];
        }
        let mut quads = [L::quads([from, from.add(channels), from.add(2 * channels), from]); COLS];
        for (col, quads) in quads.iter_mut().enumerate().skip(1) {
            let from = from.add(col.min(cols - 1) * STRIDE * channels);
            *quads = L::quads([from, from.add(channels), from.add(2 * channels), from]);
        }
        quads
    }
}
