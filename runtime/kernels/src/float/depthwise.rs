//! Depthwise convolutions of NHWC tensors: one filter per channel, weights in panels of 16 channels, as deep as a filter has taps.
//!
//! Neighbouring windows of 3 by 3 taps are worked on together, a vector of channels at a time: what they share is read
//! once. All other windows come one by one. Channels are cut into parts whose weights stay in the first cache.

use core::array;

use super::conv::Geometry;
use super::gemm::{Finish, Matrix};
use super::panels::{CHANNELS, Panels};
use super::simd::{Portable, Vector, widen};
use super::{Fusion, PORTABLE_IS_REFERENCE, fusable};
use crate::Isa;
#[cfg(target_arch = "aarch64")]
use crate::arch::Quad;
#[cfg(target_arch = "x86_64")]
use crate::arch::{Ymm, Zmm};
use crate::error::{ShapeError, at_least, exactly};
use crate::isa::IsaKind;
use crate::name::{KernelName, Tile};

/// Most windows that are worked on together, and rows and columns of their taps.
const WINDOWS: usize = 4;
const TAPS: usize = 3;

/// Channels of a part: some panels.
const BLOCK: usize = 8 * CHANNELS;

/// The bias where there is none.
static ZEROS: [f32; BLOCK] = [0.0; BLOCK];

/// A picked kernel of depthwise convolutions.
#[derive(Clone, Copy, Debug)]
pub struct Depthwise {
    isa: Isa,
    fusion: Fusion,
}

/// Elements of scratch that [`Depthwise::run`] needs.
pub const fn scratch_len(weights: Matrix<'_>) -> usize {
    match weights {
        Matrix::F32(_) => 0,
        Matrix::F16(weights) => weights.len(),
    }
}

impl Depthwise {
    /// Picks the kernel.
    pub const fn select(isa: Isa, fusion: Fusion) -> Self {
        Self { isa, fusion }
    }

    /// The kernel's name, with the windows and channels that it takes at a time.
    pub fn name(&self, op: &'static str) -> KernelName {
        let channels = match self.isa.kind() {
            IsaKind::Reference => 4,
            IsaKind::Avx512Vnni => 16,
            _ => 8,
        };
        KernelName::new(op, Tile::Product { rows: WINDOWS, channels, depth: 1 }, self.isa)
    }

    /// Convolves x. f16 weights are first widened into `scratch`, of [`scratch_len`] elements.
    ///
    /// # Errors
    /// [`ShapeError`] when a slice is too short, or there are other weights than one for each tap and channel.
    pub fn run(
        &self,
        geometry: &Geometry,
        panels: Panels<'_>,
        finish: Finish<'_>,
        x: &[f32],
        y: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<(), ShapeError> {
        let channels = geometry.input[3];
        at_least("x", geometry.input_len(), x.len())?;
        let results = geometry.output.iter().try_fold(geometry.input[0], |len, &dim| len.checked_mul(dim));
        at_least("y", results.and_then(|windows| windows.checked_mul(channels)), y.len())?;
        let taps = geometry.kernel[0].checked_mul(geometry.kernel[1]);
        exactly("taps of the weights", taps.unwrap_or(usize::MAX), panels.k())?;
        exactly("channels of the weights", channels, panels.n())?;
        if let Some(bias) = finish.bias {
            exactly("bias", channels, bias.len())?;
        }
        let weights = match panels.weights() {
            Matrix::F32(weights) => weights,
            Matrix::F16(halves) => {
                at_least("scratch", Some(halves.len()), scratch.len())?;
                super::elementwise::map(self.isa, halves, scratch, widen);
                scratch
            }
        };
        let layer = Layer { geometry, weights, finish };
        let isa = if channels < CHANNELS { self.isa.halved() } else { self.isa };
        // SAFETY: an `Isa` is proof of its features, and the lengths have been checked above.
        unsafe { images(isa, self.fusion, &layer, x, y) };
        Ok(())
    }
}

/// What is computed.
#[derive(Clone, Copy, Debug)]
struct Layer<'a> {
    geometry: &'a Geometry,
    /// Panels, widened.
    weights: &'a [f32],
    finish: Finish<'a>,
}

fusable! {
    /// All windows of all images. Only what is run often slides.
    ///
    /// # Safety
    /// x, y, weights and bias are as long as the geometry demands.
    unsafe fn images(layer: &Layer<'_>, x: &[f32], y: &mut [f32]) {
        any: images_body::<Portable<4>, Portable<1>, 1, { !PORTABLE_IS_REFERENCE }>,
        avx2: images_body::<Ymm<false>, Ymm<false>, 4, false>,
        avx2_fused: images_body::<Ymm<true>, Ymm<true>, 4, true>,
        avx512_fused: images_body::<Zmm<true>, Zmm<true>, 4, true>,
        neon: images_body::<Quad<false>, Portable<1>, 4, false>,
        neon_fused: images_body::<Quad<true>, Portable<1>, 4, true>,
    }
}

/// Vectors are V, and T for the channels that are left; M of them are worked on together where windows come one by one, as all do unless
/// `SLIDES`.
///
/// # Safety
/// As for [`images`], and the CPU has the instruction sets of V and T.
#[inline(always)]
unsafe fn images_body<V: Vector, T: Vector, const M: usize, const SLIDES: bool>(
    layer: &Layer<'_>,
    x: &[f32],
    y: &mut [f32],
) {
    let geometry = layer.geometry;
    let [images, _, _, channels] = geometry.input;
    let stride = if SLIDES { geometry.slide() } else { 0 };
    for first in (0..channels).step_by(BLOCK) {
        let part = Part::new(layer, first);
        for (image, row) in (0..images).flat_map(|image| (0..geometry.output[0]).map(move |row| (image, row))) {
            let lines = part.lines(image, row, x);
            let mut column = 0;
            while column < geometry.output[1] {
                let y = y.as_mut_ptr().wrapping_add(part.result([image, row, column]));
                // SAFETY: the caller's promise.
                column += unsafe {
                    match (stride, geometry.output[1] - column) {
                        (0, _) | (_, 1) => part.one_window::<V, T, M>(&lines, column, y),
                        (1, left) => part.windows::<V, T, 1>(&lines, column, left.min(WINDOWS), y),
                        (_, left) => part.windows::<V, T, 2>(&lines, column, left.min(WINDOWS), y),
                    }
                };
            }
        }
    }
}

/// Some neighbouring channels of a layer.
#[derive(Clone, Copy, Debug)]
struct Part<'a> {
    layer: &'a Layer<'a>,
    /// The first channel, of a panel.
    first: usize,
    /// How many.
    len: usize,
    /// Their bias.
    bias: *const f32,
}

impl<'a> Part<'a> {
    /// The channels from `first` on.
    #[inline(always)]
    fn new(layer: &'a Layer<'a>, first: usize) -> Self {
        let bias = layer.finish.bias.map_or(ZEROS.as_ptr(), |bias| bias.as_ptr().wrapping_add(first));
        Self { layer, first, len: (layer.geometry.input[3] - first).min(BLOCK), bias }
    }

    /// The weights of a tap, for the channels from `channel` of the part on.
    #[inline(always)]
    fn weights(&self, channel: usize, tap: usize) -> *const f32 {
        let [kh, kw] = self.layer.geometry.kernel;
        let panel = (self.first + channel) / CHANNELS * kh * kw;
        self.layer.weights.as_ptr().wrapping_add((panel + tap) * CHANNELS + channel % CHANNELS)
    }

    /// Index of a window's first result.
    #[inline(always)]
    fn result(&self, [image, row, column]: [usize; 3]) -> usize {
        let geometry = self.layer.geometry;
        ((image * geometry.output[0] + row) * geometry.output[1] + column) * geometry.input[3] + self.first
    }

    /// The lines under a row of windows that lie in the image.
    #[inline(never)]
    fn lines(&self, image: usize, row: usize, x: &[f32]) -> Lines {
        let geometry = self.layer.geometry;
        let [top, count] = geometry.taps_inside(0, row);
        let start = geometry.tap(0, row, top).map_or(0, |line| geometry.pixel(image, line, 0));
        let step = geometry.dilation[0] * geometry.input[2] * geometry.input[3];
        Lines { x: x.as_ptr().wrapping_add(start + self.first), step, top, count }
    }

    /// Some neighbouring windows of 3 by 3 taps, from one on.
    #[inline(always)]
    fn group(&self, lines: &Lines, [window, stride]: [usize; 2], count: usize) -> Group {
        let [_, _, width, channels] = self.layer.geometry.input;
        let (start, pad, columns) = (window * stride, self.layer.geometry.pads[1], columns(stride));
        let beyond = |border: usize| border.saturating_sub(start).min(columns);
        let (first, end) = (beyond(pad), beyond(pad + width));
        let inside = (1_u32 << end) - (1 << first);
        let x = lines.x.wrapping_add(start.wrapping_sub(pad).wrapping_mul(channels));
        Group { lines: Lines { x, ..*lines }, inside, count, within: count == WINDOWS && end - first == columns }
    }

    /// The window of any size at a column.
    #[inline(always)]
    fn window(&self, lines: &Lines, column: usize) -> Window {
        let geometry = self.layer.geometry;
        let [left, columns] = geometry.taps_inside(1, column);
        let at = geometry.tap(1, column, left).unwrap_or(0);
        Window { lines: Lines { x: lines.x.wrapping_add(at * geometry.input[3]), ..*lines }, left, columns }
    }

    /// Computes `count` neighbouring windows of 3 by 3 taps, S columns apart, from a column on. Gives their number.
    ///
    /// # Safety
    /// The CPU has the instruction sets of V and T, the lines are those of such windows, and y has room for the windows' results.
    #[inline(always)]
    unsafe fn windows<V: Vector, T: Vector, const S: usize>(
        &self,
        lines: &Lines,
        column: usize,
        count: usize,
        y: *mut f32,
    ) -> usize {
        let group = self.group(lines, [column, S], count);
        let mut channel = 0;
        // SAFETY: the caller's promise; each vector lies within the part's channels.
        unsafe {
            while channel + V::LEN <= self.len {
                match group.within {
                    true => self.slide::<V, S, WITHIN>(&group, channel, y),
                    false => self.slide::<V, S, EDGE>(&group, channel, y),
                }
                channel += V::LEN;
            }
            while channel < self.len {
                self.slide::<T, S, REST>(&group, channel, y);
                channel += T::LEN;
            }
        }
        count
    }

    /// What [`windows`](Self::windows) does for a vector of channels. A window's taps are met from left to right.
    ///
    /// # Safety
    /// As for `windows`, for the channels from `channel` on.
    #[inline(always)]
    unsafe fn slide<V: Vector, const S: usize, const CASE: usize>(&self, group: &Group, channel: usize, y: *mut f32) {
        let channels = self.layer.geometry.input[3];
        let some = self.len - channel;
        let mut x = group.lines.x.wrapping_add(channel);
        let mut w = self.weights(channel, group.lines.top * TAPS);
        // SAFETY: the caller's promise.
        unsafe {
            let mut sums = [V::splat(0.0); WINDOWS];
            for _ in 0..group.lines.count {
                let weights: [V; TAPS] = array::from_fn(|kx| V::load(w.add(kx * CHANNELS)));
                for column in 0..columns(S) {
                    let x = match CASE {
                        WITHIN => V::load(x.add(column * channels)),
                        _ if group.inside & 1 << column == 0 => V::splat(0.0),
                        EDGE => V::load(x.add(column * channels)),
                        _ => V::load_some(x.add(column * channels), some),
                    };
                    for (i, sum) in sums.iter_mut().enumerate() {
                        if (i * S..i * S + TAPS).contains(&column) {
                            *sum = sum.add_product(x, weights[column - i * S]);
                        }
                    }
                }
                x = x.wrapping_add(group.lines.step);
                w = w.wrapping_add(TAPS * CHANNELS);
            }
            let count = if CASE == WITHIN { WINDOWS } else { group.count };
            for (i, sum) in sums.into_iter().enumerate() {
                if i < count {
                    self.finish(sum, channel, some, CASE != REST, y.wrapping_add(i * channels));
                }
            }
        }
    }

    /// Computes the window of any size at a column, taps in the padding left out. Gives 1, the number of windows.
    ///
    /// # Safety
    /// The CPU has the instruction sets of V and T, the lines are those of the window, and y has room for its results.
    #[inline(always)]
    unsafe fn one_window<V: Vector, T: Vector, const M: usize>(
        &self,
        lines: &Lines,
        column: usize,
        y: *mut f32,
    ) -> usize {
        let window = self.window(lines, column);
        let mut channel = 0;
        // SAFETY: the caller's promise; each vector lies within the part's channels.
        unsafe {
            while channel + M * V::LEN <= self.len {
                self.sum::<V, M, true>(&window, channel, y);
                channel += M * V::LEN;
            }
            while M > 1 && channel + V::LEN <= self.len {
                self.sum::<V, 1, true>(&window, channel, y);
                channel += V::LEN;
            }
            while channel < self.len {
                self.sum::<T, 1, false>(&window, channel, y);
                channel += T::LEN;
            }
        }
        1
    }

    /// Computes a window for M vectors of channels or, unless `WHOLE`, those of one vector that are left.
    ///
    /// # Safety
    /// - The CPU has V's instruction set.
    /// - The taps lie in the image and the results in y, for the channels from `channel` on.
    #[inline(always)]
    unsafe fn sum<V: Vector, const M: usize, const WHOLE: bool>(&self, window: &Window, channel: usize, y: *mut f32) {
        let geometry = self.layer.geometry;
        let some = self.len - channel;
        // How many taps there are in each of two directions, and what lies between two: of x, of the weights.
        let mut lines = [window.lines.count, window.lines.step, geometry.kernel[1] * CHANNELS];
        let mut columns = [window.columns, geometry.dilation[1] * geometry.input[3], CHANNELS];
        if window.columns == 1 {
            // The inner loop is the longer one then.
            core::mem::swap(&mut lines, &mut columns);
        }
        // SAFETY: the caller's promise.
        unsafe {
            let mut sums = [V::splat(0.0); M];
            let tap = window.lines.top * geometry.kernel[1] + window.left;
            let mut w: [*const f32; M] = array::from_fn(|v| self.weights(channel + v * V::LEN, tap));
            let mut x = window.lines.x.wrapping_add(channel);
            for _ in 0..lines[0] {
                for i in 0..columns[0] {
                    for (v, sum) in sums.iter_mut().enumerate() {
                        let x = x.add(i * columns[1] + v * V::LEN);
                        let x = if WHOLE { V::load(x) } else { V::load_some(x, some) };
                        *sum = sum.add_product(x, V::load(w[v].add(i * columns[2])));
                    }
                }
                x = x.wrapping_add(lines[1]);
                for w in &mut w {
                    *w = w.wrapping_add(lines[2]);
                }
            }
            for (v, sum) in sums.into_iter().enumerate() {
                self.finish(sum, channel + v * V::LEN, some, WHOLE, y);
            }
        }
    }

    /// Adds the bias, clamps and writes all elements or, unless `whole`, the first `some`.
    ///
    /// # Safety
    /// The CPU has V's instruction set, and so many channels from `channel` on are the part's.
    #[inline(always)]
    unsafe fn finish<V: Vector>(&self, sum: V, channel: usize, some: usize, whole: bool, y: *mut f32) {
        let Finish { lo, hi, .. } = self.layer.finish;
        // SAFETY: the caller's promise; there is a bias for each channel.
        unsafe {
            let bias = self.bias.add(channel);
            let bias = if whole { V::load(bias) } else { V::load_some(bias, some) };
            let (result, y) = (sum.add(bias).clamp(V::splat(lo), V::splat(hi)), y.add(channel));
            if whole { result.store(y) } else { result.store_some(y, some) }
        }
    }
}

/// Where the lines under a row of windows lie.
#[derive(Clone, Copy, Debug)]
struct Lines {
    /// The first of them that is in the image, at the part's first channel.
    x: *const f32,
    /// Elements from one to the next.
    step: usize,
    /// The row of taps that it is under.
    top: usize,
    /// How many are in the image.
    count: usize,
}

/// Some neighbouring windows of 3 by 3 taps.
#[derive(Clone, Copy, Debug)]
struct Group {
    /// The lines from the first window's left on, which may be padding.
    lines: Lines,
    /// A bit for each column under the windows: whether it is in the image.
    inside: u32,
    /// How many windows.
    count: usize,
    /// Whether there are as many as can be, and all columns are in the image.
    within: bool,
}

/// The taps of a window that lie in the image.
#[derive(Clone, Copy, Debug)]
struct Window {
    /// The lines from the first of them on.
    lines: Lines,
    /// The column of taps that is under.
    left: usize,
    /// Columns of them.
    columns: usize,
}

/// How windows are worked on together: all of them, within the image; as many as there are, at its edge; so, with some channels of a vector.
const WITHIN: usize = 0;
const EDGE: usize = 1;
const REST: usize = 2;

/// Columns under so many windows.
const fn columns(stride: usize) -> usize {
    (WINDOWS - 1) * stride + TAPS
}

#[cfg(test)]
mod tests {
    use super::super::conv::{self, Conv};
    use super::super::panels::pack;
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;
    use half::f16;

    fn ramp(len: usize, seed: usize) -> Vec<f32> {
        (0..len).map(|i| (((i + seed) * 37 % 101) as f32 - 50.0) / 64.0).collect()
    }

    /// Input, kernel, stride, dilation, padding at the top and left, output.
    type Case = ([usize; 4], [usize; 2], [usize; 2], [usize; 2], [usize; 2], [usize; 2]);

    const CASES: [Case; 9] = [
        ([1, 6, 6, 70], [3, 3], [1, 1], [1, 1], [1, 1], [6, 6]),
        ([2, 5, 7, 24], [3, 3], [1, 1], [1, 1], [1, 1], [5, 7]),
        ([1, 8, 9, 16], [3, 3], [2, 2], [1, 1], [0, 0], [4, 4]),
        ([1, 7, 12, 33], [3, 3], [2, 2], [1, 1], [1, 1], [4, 6]),
        ([1, 2, 2, 150], [3, 3], [1, 1], [2, 1], [2, 1], [2, 2]),
        ([1, 9, 1, 40], [5, 1], [1, 1], [1, 1], [0, 0], [5, 1]),
        ([2, 8, 5, 5], [5, 3], [2, 2], [1, 1], [2, 2], [4, 4]),
        ([1, 6, 6, 3], [2, 3], [1, 1], [1, 2], [1, 2], [6, 6]),
        ([1, 3, 3, 1], [3, 3], [1, 1], [1, 1], [4, 4], [9, 9]),
    ];

    #[test]
    fn exact_kernels_equal_the_plain_loops_bit_for_bit_and_fused_ones_within_the_bound() {
        for case in &CASES {
            let &(input, kernel, stride, dilation, pads, output) = case;
            let geometry = Geometry { input, output, kernel, stride, dilation, pads };
            let (channels, taps) = (input[3], kernel[0] * kernel[1]);
            let (x, w, bias) = (ramp(input.iter().product(), 1), ramp(taps * channels, 5), ramp(channels, 3));
            let finish = Finish { bias: Some(&bias), lo: -1.0, hi: 1.0 };
            let layer = Conv { geometry, groups: channels, out_channels: channels, weights: Matrix::F32(&w), finish };
            let mut expected = vec![f32::NAN; geometry.windows() * channels];
            conv::conv(Isa::REFERENCE, &layer, &x, &mut expected, &mut vec![0.0; conv::scratch_len(taps)]);
            let packed = pack(&w, 0, [channels, 1], [taps, channels]);
            let halves: Vec<u16> = packed.iter().map(|&v| f16::from_f32(v).to_bits()).collect();
            for (isa, fusion) in Isa::supported().flat_map(|isa| [(isa, Fusion::Never), (isa, Fusion::Allowed)]) {
                for weights in [Matrix::F32(&packed), Matrix::F16(&halves)] {
                    let panels = Panels::new(weights, channels, taps).expect("they were packed so");
                    let (mut y, mut scratch) = (vec![f32::NAN; expected.len()], vec![0.0; scratch_len(weights)]);
                    let kernel = Depthwise::select(isa, fusion);
                    kernel.run(&geometry, panels, finish, &x, &mut y, &mut scratch).expect("the slices fit");
                    // No operand is larger than 1: each of the roundings loses half a unit of no more than `taps`.
                    let fused = fusion == Fusion::Allowed && isa.fuses();
                    let bound = if fused { (taps * (taps + 2)) as f32 * f32::EPSILON } else { 0.0 };
                    for (i, (y, expected)) in y.iter().zip(&expected).enumerate() {
                        assert!((y - expected).abs() <= bound, "{isa} {fusion:?} {case:?} {i}: {y} {expected}");
                    }
                }
            }
        }
    }
}
