//! Depthwise convolutions of 3 by 3 taps and stride 1 or 2.
//!
//! To interleave four taps costs more than their dot product, so a quad is made of four neighbouring pixels of one input
//! line and used for as many outputs as it can serve. At stride 1 it is, with the weights `(w0, w1, w2, 0)`, one
//! line of the window of the first pixel and, with `(0, w0, w1, w2)`, of the second; and each of two output
//! lines needs it with other weights. So two by two outputs take 4 quads and 12 dot products instead of 12
//! and 12. At stride 2 each output point has quads of its own, and two output lines share one of five. Where lines or points are odd,
//! some are computed twice.

use super::simd::{Quanta, Simd};
use crate::epilogue::Requant;
use crate::panel::{GROUP, PANEL};
use crate::taps::{Line, Taps};

/// Input lines that two output lines need at most.
pub(crate) const INPUT_LINES: usize = 5;

/// Two output lines.
#[derive(Clone, Copy)]
pub(crate) struct Lines3x3<'a> {
    /// Where the input lines begin: three, and as many as the stride for the second output line.
    pub starts: [*const u8; INPUT_LINES],
    /// 1 or 2.
    pub stride: usize,
    /// Output points of each line, two at least.
    pub points: usize,
    pub channels: usize,
    /// The channels to compute: the first one, and the one after the last.
    pub range: [usize; 2],
    /// Panels of three groups.
    pub weights: *const i8,
    /// Zero points of the weights, one per channel; empty if all are 0.
    pub w_zero: &'a [i32],
    pub epilogue: Requant<'a>,
    pub out: *mut u8,
    /// Bytes from one output line to the next.
    pub ldo: usize,
}

/// The stride of windows of 3 by 3 taps whose neighbouring output lines share input lines, if they are such and there are two lines and
/// two points at least.
pub(crate) fn stride(taps: &Taps<'_>, line: Line) -> Option<usize> {
    let shape = taps.shape();
    if shape.kernel != [3, 3] || shape.out.iter().any(|&extent| extent < 2) {
        return None;
    }
    let stride = [1, 2].into_iter().find(|stride| stride * shape.run == line.step)?;
    let shares = |oy: usize| taps.rows_of(oy)[stride..] == taps.rows_of(oy + 1)[..3 - stride];
    (0..shape.out[0] - 1).all(shares).then_some(stride)
}

/// How channels lie in P vectors.
///
/// # Safety of the methods
/// The CPU has the instruction set.
pub(crate) trait Layout<S: Simd, const P: usize> {
    /// Points of a line that a tile has: 2, or 4 where each vector has the channels of a point and of the next but one.
    const POINTS: usize = 2;
    /// How many channels.
    const CHANNELS: usize = P * PANEL * 2 / Self::POINTS;

    /// The channel that is this element of a vector.
    fn channel(vector: usize, element: usize) -> usize;
    /// Reads all channels of each of four taps, and of those `far` bytes after them if there are four points.
    ///
    /// # Safety
    /// So many bytes are valid from each.
    unsafe fn quads(from: [*const u8; 4], far: usize) -> [S::Quads; P];
    /// Requantizes the channels of four points, or twice as many, and writes the first `len` of them to where each point goes, and `far`
    /// bytes after it.
    ///
    /// # Safety
    /// The places are valid for `len` bytes.
    unsafe fn store(
        quanta: &Quanta<S>,
        reals: &[[S::F32; P]; 4],
        place: impl Fn(usize) -> *mut u8,
        far: usize,
        len: usize,
    );
}

/// One panel as it is.
pub(crate) struct Single;

impl<S: Simd> Layout<S, 1> for Single {
    #[inline(always)]
    fn channel(_: usize, element: usize) -> usize {
        element
    }

    #[inline(always)]
    unsafe fn quads(from: [*const u8; 4], _: usize) -> [S::Quads; 1] {
        // SAFETY: the caller's promise.
        [unsafe { S::quads(from) }]
    }

    #[inline(always)]
    unsafe fn store(
        quanta: &Quanta<S>,
        reals: &[[S::F32; 1]; 4],
        place: impl Fn(usize) -> *mut u8,
        _: usize,
        len: usize,
    ) {
        // SAFETY: the caller's promise.
        unsafe {
            let bytes = quanta.requantize([reals[0][0], reals[1][0], reals[2][0], reals[3][0]]);
            for i in 0..4 {
                S::store_u8(place(i), bytes, i, len);
            }
        }
    }
}

/// How an instruction set computes so many channels at a time.
#[derive(Clone, Copy)]
pub(crate) struct Body3x3 {
    pub channels: usize,
    /// Output points that a line has at least.
    pub points: usize,
    /// Bytes of what so many channels need besides activations, which is made once for all lines of an image.
    pub prepared_len: usize,
    /// Makes it for all channels, one after the other from an address on that is a multiple of [`ALIGN`].
    pub prepare: unsafe fn(&Lines3x3<'_>, *mut u8),
    /// Computes the lines with what was made.
    pub lines: unsafe fn(&Lines3x3<'_>, *const u8),
}

/// Where what a body makes begins.
pub(crate) const ALIGN: usize = 64;

impl Body3x3 {
    /// Bytes that are made for so many channels.
    pub(crate) const fn len(&self, channels: usize) -> usize {
        channels.div_ceil(self.channels) * self.prepared_len
    }
}

/// A body of some panels in a layout, with its functions.
pub(crate) const fn body<S: Simd, L: Layout<S, P>, const P: usize>(
    prepare: unsafe fn(&Lines3x3<'_>, *mut u8),
    lines: unsafe fn(&Lines3x3<'_>, *const u8),
) -> Body3x3 {
    Body3x3 { channels: L::CHANNELS, points: L::POINTS, prepared_len: size_of::<Prepared<S, P>>(), prepare, lines }
}

/// See [`Body3x3::prepare`]. ZEROS: zero points of weights are subtracted by way of the sums of the taps.
///
/// # Safety
/// The CPU has the instruction set; there is room for [`Body3x3::len`] bytes.
#[inline(always)]
pub(crate) unsafe fn prepare<S: Simd, L: Layout<S, P>, const P: usize, const ZEROS: bool>(
    job: &Lines3x3<'_>,
    made: *mut u8,
) {
    let mut made = made.cast::<Prepared<S, P>>();
    for channel in (job.range[0]..job.range[1]).step_by(L::CHANNELS) {
        // SAFETY: the caller's promise.
        unsafe { made.write(prepared::<S, L, P, ZEROS>(job, channel)) };
        made = made.wrapping_add(1);
    }
}

/// See [`Body3x3::lines`].
///
/// # Safety
/// The CPU has the instruction set; input lines are valid for all windows, channels rounded up to whole panels, and `out`
/// for the lines; `made` is what [`prepare`] has made.
#[inline(always)]
pub(crate) unsafe fn lines<S: Simd, L: Layout<S, P>, const P: usize, const ZEROS: bool>(
    job: &Lines3x3<'_>,
    made: *const u8,
) {
    let mut made = made.cast::<Prepared<S, P>>();
    for channel in (job.range[0]..job.range[1]).step_by(L::CHANNELS) {
        // SAFETY: the caller's promise.
        unsafe { strided::<S, L, P, ZEROS>(job, &*made, channel) };
        made = made.wrapping_add(1);
    }
}

/// The channels of a layout from `channel` on.
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
        let len = (job.channels - channel).min(L::CHANNELS);
        let job = &Lines3x3 { starts, out: job.out.add(channel), ..*job };
        match job.stride {
            1 => panels::<S, L, P, 1, ZEROS>(job, prepared, len),
            _ => panels::<S, L, P, 2, ZEROS>(job, prepared, len),
        }
    }
}

/// # Safety
/// As for [`lines`], for `len` channels.
#[inline(always)]
unsafe fn panels<S: Simd, L: Layout<S, P>, const P: usize, const STRIDE: usize, const ZEROS: bool>(
    job: &Lines3x3<'_>,
    prepared: &Prepared<S, P>,
    len: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let last = (job.points - L::POINTS) * job.channels;
        let mut at = 0;
        for _ in 0..job.points.div_ceil(L::POINTS) {
            tile::<S, L, P, STRIDE, ZEROS>(job, prepared, at.min(last), len);
            at += L::POINTS * job.channels;
        }
    }
}

/// What the channels of P vectors need besides activations.
#[repr(align(64))]
pub(crate) struct Prepared<S: Simd, const P: usize> {
    /// Weights of each line of the window, for the first and the second of two neighbouring points.
    pub weights: [[[S::Weights; P]; 3]; 2],
    /// Ones in the places of taps, for each of the two points.
    pub ones: [S::Weights; 2],
    /// Zero points of the weights.
    pub w_zero: [S::I32; P],
    /// What the sums begin with.
    pub bias: [S::I32; P],
    pub scale: [S::F32; P],
}

/// # Safety
/// As for [`prepare`].
#[inline(always)]
unsafe fn prepared<S: Simd, L: Layout<S, P>, const P: usize, const ZEROS: bool>(
    job: &Lines3x3<'_>,
    channel: usize,
) -> Prepared<S, P> {
    let len = (job.channels - channel).min(L::CHANNELS);
    // SAFETY: the caller's promise; a panel of 9 taps has three groups, and the tables are of one group each.
    unsafe {
        let ones = [0x0001_0101_u32, 0x0101_0100].map(|ones| S::weights([ones; PANEL].as_ptr().cast()));
        let (none, unscaled) = ([S::splat_i32(0); P], [S::splat_f32(0.0); P]);
        let mut prepared =
            Prepared::<S, P> { weights: [[[ones[0]; P]; 3]; 2], ones, w_zero: none, bias: none, scale: unscaled };
        let mut taps = [[[[0; PANEL]; 3]; 2]; P];
        for (p, taps) in taps.iter_mut().enumerate().take(L::CHANNELS / PANEL) {
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

/// The sums of the output points of a tile: two of each of two lines, or as many vectors with two points each.
type Sums<S, const P: usize> = [[[<S as Simd>::Acc; P]; 2]; 2];

/// # Safety
/// As for [`lines`]; the points of each line from the offset `at` in the output on, and `len` channels.
#[inline(always)]
unsafe fn tile<S: Simd, L: Layout<S, P>, const P: usize, const STRIDE: usize, const ZEROS: bool>(
    job: &Lines3x3<'_>,
    prepared: &Prepared<S, P>,
    at: usize,
    len: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums: Sums<S, P> = [[[S::start(prepared.bias[0]); P]; 2]; 2];
        let mut counts: Sums<S, P> = [[[S::start(S::splat_i32(0)); P]; 2]; 2];
        for sums in sums.as_flattened_mut() {
            for (sum, &bias) in sums.iter_mut().zip(&prepared.bias) {
                *sum = S::start(bias);
            }
        }
        // One after the other and no loop, which the compiler would unroll for some instruction sets only.
        input_line::<S, L, P, STRIDE, ZEROS, 0>(job, prepared, at, &mut sums, &mut counts);
        input_line::<S, L, P, STRIDE, ZEROS, 1>(job, prepared, at, &mut sums, &mut counts);
        input_line::<S, L, P, STRIDE, ZEROS, 2>(job, prepared, at, &mut sums, &mut counts);
        input_line::<S, L, P, STRIDE, ZEROS, 3>(job, prepared, at, &mut sums, &mut counts);
        input_line::<S, L, P, STRIDE, ZEROS, 4>(job, prepared, at, &mut sums, &mut counts);
        let mut reals = [prepared.scale; 4];
        for (i, reals) in reals.iter_mut().enumerate() {
            let (line, col) = (i / 2, i % 2);
            for (p, real) in reals.iter_mut().enumerate() {
                let mut sum = S::sum(sums[line][col][p]);
                if ZEROS {
                    sum = S::sub(sum, S::mul(prepared.w_zero[p], S::sum(counts[line][col][p])));
                }
                *real = S::mul_f32(S::to_f32(sum), prepared.scale[p]);
            }
        }
        let quanta = Quanta::<S>::new(job.epilogue.zero, job.epilogue.lo, job.epilogue.hi);
        let place = |i: usize| job.out.add(i / 2 * job.ldo + i % 2 * job.channels + at);
        L::store(&quanta, &reals, place, 2 * job.channels, len);
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
    const STRIDE: usize,
    const ZEROS: bool,
    const Y: usize,
>(
    job: &Lines3x3<'_>,
    prepared: &Prepared<S, P>,
    at: usize,
    sums: &mut Sums<S, P>,
    counts: &mut Sums<S, P>,
) {
    if Y >= STRIDE + 3 {
        return;
    }
    // SAFETY: the caller's promise.
    unsafe {
        let from = job.starts[Y].add(at * STRIDE);
        let quads = quads::<S, L, P, STRIDE>(from, job.channels);
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

/// For each of two output points, and the next two where vectors have two, the four pixels from its first on; at stride 1 only the first of
/// them counts. Where the fourth
/// has no weight it is not read, because it may lie after the line.
///
/// # Safety
/// The pixels are valid for P panels of channels each.
#[inline(always)]
unsafe fn quads<S: Simd, L: Layout<S, P>, const P: usize, const STRIDE: usize>(
    from: *const u8,
    channels: usize,
) -> [[S::Quads; P]; 2] {
    // SAFETY: the caller's promise.
    unsafe {
        let far = 2 * STRIDE * channels;
        let pixel = [from, from.add(channels), from.add(2 * channels), from.add(3 * channels)];
        if STRIDE == 1 {
            return [L::quads(pixel, far); 2];
        }
        let last = from.add(4 * channels);
        // Both have the third and the fourth pixel side by side, which an instruction set may do once.
        [L::quads(pixel, far), L::quads([pixel[2], pixel[3], last, last], far)]
    }
}
