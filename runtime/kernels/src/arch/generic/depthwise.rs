//! Depthwise convolutions.
//!
//! Four taps of 16 channels are four vectors of 16 bytes. Interleaved to `[16][4]` they meet the weights of a panel
//! in one dot product, whatever the window. Panels are the outer loop of an output line; each group of weights
//! serves some neighbouring points.

use super::COMPACT;
use super::depthwise3x3::{self, ALIGN, Body3x3, Lines3x3};
use super::gemm::Form;
use super::lines::{self, Lines};
use super::simd::{Quanta, Simd};
use crate::arch::all;
use crate::depthwise::DepthwiseInput;
use crate::epilogue::Requant;
use crate::panel::{GROUP, PANEL};
use crate::taps::{Line, Taps};

/// Taps of a window at most; larger ones are left to the reference.
const MAX_TAPS: usize = 128;
/// Zero points of weights that are bytes, signed or not.
const NINE_BITS: core::ops::RangeInclusive<i32> = -256..=255;
/// Neighbouring points that share a group of weights.
const POINTS: usize = 4;

/// Some points of an output line.
pub(crate) struct DepthwiseLine<'a> {
    /// Where the taps of the first point begin; as many as the groups of a panel have places.
    pub taps: &'a [*const u8],
    /// Taps that count.
    pub window: usize,
    /// Bytes from one point to the next.
    pub step: usize,
    /// How many.
    pub points: usize,
    pub channels: usize,
    pub weights: *const i8,
    pub w_zero: &'a [i32],
    pub epilogue: Requant<'a>,
    pub out: *mut u8,
}

/// The bodies of one instruction set.
#[derive(Clone, Copy)]
pub(crate) struct Bodies {
    pub line: unsafe fn(&DepthwiseLine<'_>),
    pub lines3x3: Body3x3,
    /// The same for weights with zero points.
    pub zeros3x3: Body3x3,
    /// The same for more channels at a time, the most first, as far as they go; at most [`PARTS`] less one. For weights without zero
    /// points: with them there are twice as many sums, for which there are too few registers.
    pub wide: &'static [Body3x3],
}

/// Parts that the channels of windows of 3 by 3 taps are divided into.
const PARTS: usize = 3;

impl Bodies {
    /// What computes which range of channels, of weights with zero points or without.
    fn of(&self, channels: usize, points: usize, zeros: bool) -> [(Body3x3, [usize; 2]); PARTS] {
        let narrow = if zeros { self.zeros3x3 } else { self.lines3x3 };
        let mut parts = [(narrow, [0, 0]); PARTS];
        let mut first = 0;
        let wide = self.wide.iter().filter(|body| !zeros && body.points <= points);
        for (part, &body) in parts[..PARTS - 1].iter_mut().zip(wide) {
            let end = channels - (channels - first) % body.channels;
            *part = (body, [first, end]);
            first = end;
        }
        parts[PARTS - 1] = (narrow, [first, channels]);
        parts
    }

    /// Bytes of scratch for these windows.
    pub(crate) fn scratch_len(&self, taps: &Taps<'_>) -> usize {
        let Some(line) = lines::line_of(taps) else { return taps.depth() + lines::SLACK };
        let kernel = taps.shape().kernel[0];
        let Some(stride) = depthwise3x3::stride(taps, line) else { return lines::scratch_len(line, kernel, 1) };
        let channels = taps.shape().run;
        let parts = self.of(channels, taps.shape().out[1], false);
        let made = parts.map(|(body, [first, end])| body.len(end - first)).iter().sum::<usize>();
        // Weights with zero points have narrower edges.
        let spans = [false, true].map(|zeros| {
            let spans = Span::of_line(&self.of(channels, taps.shape().out[1], zeros), taps, line);
            spans.map(|span| span.scratch_len(kernel + stride)).into_iter().fold(0, usize::max)
        });
        made.max(self.zeros3x3.len(channels)) + ALIGN + spans[0].max(spans[1])
    }
}

/// Bytes and pixels from which on a line isn't copied: copies of shorter ones take less time than spans.
const LONG: usize = 2048;
const PIXELS: usize = 12;

/// Neighbouring points of all output lines.
#[derive(Clone, Copy)]
struct Span {
    /// The part of the input lines that their windows cover.
    line: Line,
    /// Whether it is read where it lies.
    in_place: bool,
    first: usize,
    points: usize,
}

impl Span {
    /// The points of a line in up to three spans, the others are empty: the first and the last points, whose windows may reach into the
    /// padding, and those between them, which are read where they lie; or all in one, if the line is short.
    fn of_line(parts: &[(Body3x3, [usize; 2]); PARTS], taps: &Taps<'_>, line: Line) -> [Self; 3] {
        let points = taps.shape().out[1];
        let used = parts.iter().filter(|(_, [first, end])| first < end);
        let edge = used.map(|(body, _)| body.points).max().unwrap_or(points);
        let all = Self::new(taps, line, 0, points);
        let long = !COMPACT && line.len >= LONG.max(PIXELS * taps.shape().run) && points >= 3 * edge;
        if long && !all.in_place {
            let middle = Self::new(taps, line, edge, points - 2 * edge);
            if middle.in_place {
                return [Self::new(taps, line, 0, edge), middle, Self::new(taps, line, points - edge, edge)];
            }
        }
        [all, Self { points: 0, ..all }, Self { points: 0, ..all }]
    }

    /// `points` points from `first` on.
    fn new(taps: &Taps<'_>, line: Line, first: usize, points: usize) -> Self {
        let run = taps.shape().run;
        let (start, width) = (first * line.step, (points - 1) * line.step + 3 * run);
        let before = line.before.saturating_sub(start).min(width);
        let len = (line.before + line.len).saturating_sub(start + before).min(width - before);
        let source = line.source + (start + before).saturating_sub(line.before);
        let in_place = run.is_multiple_of(PANEL) && len == width;
        Self { line: Line { before, source, len, width, ..line }, in_place, first, points }
    }

    /// Lines that are copied, of `count` that are needed.
    fn copied(&self, count: usize) -> usize {
        if self.in_place { 0 } else { count }
    }

    fn scratch_len(&self, count: usize) -> usize {
        if self.points == 0 { 0 } else { lines::scratch_len(self.line, self.copied(count), 1) }
    }
}

/// # Safety
/// The CPU has the instruction set of the bodies, and the arguments have passed the checks of `Depthwise::run`.
pub(crate) unsafe fn depthwise(
    bodies: Bodies,
    input: &DepthwiseInput<'_>,
    epilogue: &Requant<'_>,
    out: &mut [u8],
    scratch: &mut [u8],
) {
    if input.taps.window() > MAX_TAPS {
        return all::depthwise(input, epilogue, out, scratch);
    }
    let job = Job { bodies, input, epilogue, out: out.as_mut_ptr() };
    // SAFETY: the caller's promise.
    unsafe {
        match lines::line_of(&input.taps) {
            Some(line) => match depthwise3x3::stride(&input.taps, line) {
                Some(stride) if input.w_zero.iter().all(|zero| NINE_BITS.contains(zero)) => {
                    job.lines3x3(line, stride, scratch)
                }
                _ => job.lines(line, scratch),
            },
            None => job.gathered(scratch),
        }
    }
}

struct Job<'a> {
    bodies: Bodies,
    input: &'a DepthwiseInput<'a>,
    epilogue: &'a Requant<'a>,
    out: *mut u8,
}

/// # Safety of the methods
/// As for [`depthwise`].
impl Job<'_> {
    unsafe fn lines(&self, line: Line, scratch: &mut [u8]) {
        let DepthwiseInput { input, zero, taps, .. } = self.input;
        let shape = taps.shape();
        let in_place = shape.run.is_multiple_of(PANEL);
        // SAFETY: the plain form needs nothing.
        let mut lines = unsafe { Lines::new(input, *zero, line, shape.kernel[0], in_place, Form::PLAIN, scratch) };
        let [oh, ow] = shape.out;
        for oy in 0..oh {
            let starts = lines.fetch(taps.rows_of(oy));
            let at = |tap: usize| starts[tap / shape.kernel[1]].wrapping_add(tap % shape.kernel[1] * shape.run);
            // SAFETY: the caller's promise; lines are valid as far as the last window reaches, and where channels are no
            // whole number of panels they have slack.
            unsafe { self.points(at, line.step, oy * ow, ow) };
        }
    }

    unsafe fn lines3x3(&self, line: Line, stride: usize, scratch: &mut [u8]) {
        let taps = &self.input.taps;
        let parts = self.bodies.of(taps.shape().run, taps.shape().out[1], !self.input.w_zero.is_empty());
        let len: usize = parts.iter().map(|(body, [first, end])| body.len(end - first)).sum();
        let (made, scratch) = scratch.split_at_mut(len + ALIGN);
        let made = made.as_mut_ptr().wrapping_add(made.as_ptr().align_offset(ALIGN).min(ALIGN));
        for span in Span::of_line(&parts, taps, line).into_iter().filter(|span| span.points > 0) {
            // SAFETY: the caller's promise; the first span comes first.
            unsafe { self.span3x3(span, &parts, stride, made, scratch) };
        }
    }

    /// The points of a span in all lines. The first span makes what the bodies need.
    unsafe fn span3x3(
        &self,
        span: Span,
        parts: &[(Body3x3, [usize; 2]); PARTS],
        stride: usize,
        made: *mut u8,
        scratch: &mut [u8],
    ) {
        let DepthwiseInput { input, zero, taps, panels, .. } = self.input;
        let shape = taps.shape();
        let kept = span.copied(3 + stride);
        // SAFETY: the plain form needs nothing.
        let mut lines = unsafe { Lines::new(input, *zero, span.line, kept, span.in_place, Form::PLAIN, scratch) };
        let [oh, ow] = shape.out;
        for oy in (0..oh).step_by(2).map(|oy| oy.min(oh - 2)) {
            let (first, last) = (taps.rows_of(oy), taps.rows_of(oy + 1));
            let second = [last[1], last[2]];
            let mut rows = [first[0], first[1], first[2], second[0], second[1]];
            rows[3..3 + stride].copy_from_slice(&second[2 - stride..]);
            let starts = lines.fetch(&rows[..3 + stride]);
            let mut job = Lines3x3 {
                starts: [starts[0], starts[1], starts[2], starts[3], starts[4]],
                stride,
                points: span.points,
                channels: shape.run,
                range: [0, shape.run],
                weights: panels.weights().as_ptr(),
                w_zero: self.input.w_zero,
                epilogue: *self.epilogue,
                out: self.out.wrapping_add((oy * ow + span.first) * shape.run),
                ldo: ow * shape.run,
            };
            let mut made = made;
            for (body, range) in parts.iter().filter(|(_, [first, end])| first < end) {
                job.range = *range;
                // SAFETY: the caller's promise; lines are valid as far as the last window of the span reaches, and where channels
                // are no whole number of panels they have slack.
                unsafe {
                    if oy == 0 && span.first == 0 {
                        (body.prepare)(&job, made);
                    }
                    (body.lines)(&job, made);
                }
                made = made.wrapping_add(body.len(range[1] - range[0]));
            }
        }
    }

    /// Windows of any form: the taps of each point are copied one after another.
    unsafe fn gathered(&self, scratch: &mut [u8]) {
        let DepthwiseInput { input, zero, taps, .. } = self.input;
        let [_, kw] = taps.shape().kernel;
        let run = taps.shape().run;
        for point in 0..taps.points() {
            let (oy, ox) = (point / taps.shape().out[1], point % taps.shape().out[1]);
            for (tap, to) in scratch[..taps.depth()].chunks_exact_mut(run).enumerate() {
                match taps.at(oy, ox, tap / kw, tap % kw) {
                    Some(at) => to.copy_from_slice(&input[at..][..run]),
                    None => to.fill(*zero),
                }
            }
            let start = scratch.as_ptr();
            // SAFETY: the caller's promise; the scratch has slack after the last tap.
            unsafe { self.points(|tap| start.wrapping_add(tap * run), 0, point, 1) };
        }
    }

    /// `count` output points from `first` on; `at` gives the taps of the first.
    unsafe fn points(&self, at: impl Fn(usize) -> *const u8, step: usize, first: usize, count: usize) {
        let window = self.input.taps.window();
        let channels = self.input.taps.shape().run;
        // Places without a tap read any bytes; their weights are 0.
        let mut taps = [at(0); MAX_TAPS];
        for (tap, to) in taps[..window].iter_mut().enumerate() {
            *to = at(tap);
        }
        let line = DepthwiseLine {
            taps: &taps[..window.next_multiple_of(GROUP)],
            window,
            step,
            points: count,
            channels,
            weights: self.input.panels.weights().as_ptr(),
            w_zero: self.input.w_zero,
            epilogue: *self.epilogue,
            out: self.out.wrapping_add(first * channels),
        };
        // SAFETY: the caller's promise.
        unsafe { (self.bodies.line)(&line) }
    }
}

/// All channels of a line's points.
///
/// # Safety
/// The CPU has the instruction set; the taps of each point are valid for the channels, rounded up to whole panels, and
/// `out` is for the channels.
#[inline(always)]
pub(crate) unsafe fn line<S: Simd>(line: &DepthwiseLine<'_>) {
    for channel in (0..line.channels).step_by(PANEL) {
        let mut point = 0;
        // SAFETY: the caller's promise.
        unsafe {
            let bias = bias::<S>(line, channel);
            while point + POINTS <= line.points || COMPACT && point < line.points {
                points::<S, POINTS>(line, bias, channel, point);
                point += POINTS;
            }
            while !COMPACT && point < line.points {
                points::<S, 1>(line, bias, channel, point);
                point += 1;
            }
        }
    }
}

/// What the sums of the 16 channels from `channel` on need besides their products.
///
/// # Safety
/// As for [`line`].
#[inline(always)]
unsafe fn bias<S: Simd>(line: &DepthwiseLine<'_>, channel: usize) -> S::I32 {
    // SAFETY: the caller's promise; a panel has as many groups as the taps.
    unsafe {
        let mut bias = S::load_i32(line.epilogue.bias[channel..].as_ptr(), (line.channels - channel).min(PANEL));
        let panel = line.weights.add(channel * line.taps.len());
        for group in 0..line.taps.len() / GROUP {
            bias = S::quad_offset(bias, S::weights(panel.add(group * PANEL * GROUP)));
        }
        bias
    }
}

/// The 16 channels from `channel` on of the P points from `first` on. Where code is [`COMPACT`] there may be fewer points: the last one
/// is computed in place of those that aren't there.
///
/// # Safety
/// As for [`line`].
#[inline(always)]
unsafe fn points<S: Simd, const P: usize>(line: &DepthwiseLine<'_>, bias: S::I32, channel: usize, first: usize) {
    let len = (line.channels - channel).min(PANEL);
    let last = if COMPACT { P.min(line.points - first) - 1 } else { P - 1 };
    let offsets = core::array::from_fn(|p| channel + (first + p.min(last)) * line.step);
    // SAFETY: the caller's promise.
    unsafe {
        let sums = products::<S, P>(line, channel, &offsets);
        let scale = S::load_f32(line.epilogue.scale[channel..].as_ptr(), len);
        let quanta = Quanta::<S>::new(line.epilogue.zero, line.epilogue.lo, line.epilogue.hi);
        let mut zeros = [S::splat_i32(0); P];
        if !line.w_zero.is_empty() {
            let w_zero = S::load_i32(line.w_zero[channel..].as_ptr(), len);
            let counts = counts::<S, P>(line, &offsets);
            for p in 0..P {
                zeros[p] = S::mul(w_zero, counts[p]);
            }
        }
        let mut reals = [scale; POINTS];
        for (p, real) in reals.iter_mut().enumerate().take(P) {
            let acc = S::add(S::sub(S::sum(sums[p]), zeros[p]), bias);
            *real = S::mul_f32(S::to_f32(acc), scale);
        }
        let bytes = quanta.requantize(reals);
        for p in 0..P {
            S::store_u8(line.out.add((first + p.min(last)) * line.channels + channel), bytes, p, len);
        }
    }
}

/// # Safety
/// As for [`line`].
#[inline(always)]
unsafe fn products<S: Simd, const P: usize>(
    line: &DepthwiseLine<'_>,
    channel: usize,
    offsets: &[usize; P],
) -> [S::Acc; P] {
    // SAFETY: the caller's promise; a panel has as many groups as the taps.
    unsafe {
        let mut sums = [S::start(S::splat_i32(0)); P];
        let mut weights = line.weights.add(channel * line.taps.len());
        for taps in line.taps.chunks_exact(GROUP) {
            let w = S::weights(weights);
            weights = weights.add(PANEL * GROUP);
            for (p, sum) in sums.iter_mut().enumerate() {
                *sum = S::dot_quads(*sum, quads::<S>(taps, offsets[p]), w);
            }
        }
        sums
    }
}

/// The sums of the taps of each channel, without weights.
///
/// # Safety
/// As for [`line`].
#[inline(always)]
unsafe fn counts<S: Simd, const P: usize>(line: &DepthwiseLine<'_>, offsets: &[usize; P]) -> [S::I32; P] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [S::splat_i32(0); P];
        for &tap in &line.taps[..line.window] {
            for (p, sum) in sums.iter_mut().enumerate() {
                *sum = S::add(*sum, S::load_u8(tap.add(offsets[p])));
            }
        }
        sums
    }
}

/// # Safety
/// As for [`line`].
#[inline(always)]
unsafe fn quads<S: Simd>(taps: &[*const u8], offset: usize) -> S::Quads {
    // SAFETY: the caller's promise.
    unsafe { S::quads([taps[0].add(offset), taps[1].add(offset), taps[2].add(offset), taps[3].add(offset)]) }
}
