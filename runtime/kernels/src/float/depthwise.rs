//! Depthwise convolutions of NHWC tensors: one filter per channel, weights in panels of 16 channels, as deep as a filter has taps.
//!
//! Neighbouring windows of 3 by 3 taps are worked on together, a vector of channels at a time: what they share is read
//! once. All other windows come one by one. Channels are cut into parts whose weights stay in the first cache.

use core::array;

use super::conv::Geometry;
use super::gemm::{Finish, Matrix};
use super::panels::{CHANNELS, Panels};
use super::simd::{Portable, Vector, widen};
use super::{Fusion, fusable};
use crate::Isa;
#[cfg(target_arch = "aarch64")]
use crate::arch::Quad;
#[cfg(target_arch = "x86_64")]
use crate::arch::{Ymm, Zmm};
use crate::error::{ShapeError, at_least, exactly};
use crate::isa::IsaKind;
use crate::name::{KernelName, Tile};

/// Most windows that are worked on together.
const WINDOWS: usize = 4;

/// Most columns of pixels under them, at most two apart.
const MOST_COLUMNS: usize = (WINDOWS - 1) * 2 + 3;

/// Channels of a part: some panels.
const BLOCK: usize = 8 * CHANNELS;

/// What is read in the padding.
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
        // SAFETY: an `Isa` is proof of its features, and the lengths have been checked above.
        unsafe { images(self.isa, self.fusion, &layer, x, y) };
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
    /// All windows of all images.
    ///
    /// # Safety
    /// x, y, weights and bias are as long as the geometry demands.
    unsafe fn images(layer: &Layer<'_>, x: &[f32], y: &mut [f32]) {
        any: images_body::<Portable<4>, Portable<4>>,
        avx2: images_body::<Ymm<false>, Ymm<false>>,
        avx2_fused: images_body::<Ymm<true>, Ymm<true>>,
        avx512_fused: images_body::<Zmm<true>, Ymm<true>>,
        neon: images_body::<Quad<false>, Quad<false>>,
        neon_fused: images_body::<Quad<true>, Quad<true>>,
    }
}

/// Vectors are V; H where there are too few channels for V.
///
/// # Safety
/// As for [`images`], and the CPU has the instruction sets of V and H.
#[inline(always)]
unsafe fn images_body<V: Vector, H: Vector>(layer: &Layer<'_>, x: &[f32], y: &mut [f32]) {
    let geometry = layer.geometry;
    let [images, _, _, channels] = geometry.input;
    for first in (0..channels).step_by(BLOCK) {
        let part = Part { layer, first, len: (channels - first).min(BLOCK) };
        for (image, row) in (0..images).flat_map(|image| (0..geometry.output[0]).map(move |row| (image, row))) {
            // SAFETY: the caller's promise.
            unsafe {
                match geometry.slide() {
                    1 => sliding_row::<V, H, 1>(&part, [image, row], x, y),
                    2 => sliding_row::<V, H, 2>(&part, [image, row], x, y),
                    _ => any_row::<V, H>(&part, [image, row], x, y),
                }
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
}

impl Part<'_> {
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

    /// Adds the bias, clamps and writes.
    ///
    /// # Safety
    /// The CPU has V's instruction set, and the channels from `channel` on, as many as V has elements, are the part's.
    #[inline(always)]
    unsafe fn finish<V: Vector>(&self, sum: V, channel: usize, y: *mut f32) {
        let Finish { bias, lo, hi } = self.layer.finish;
        // SAFETY: the caller's promise; there is a bias for each channel.
        unsafe {
            let bias = match bias {
                Some(bias) => V::load(bias.as_ptr().add(self.first + channel)),
                None => V::splat(0.0),
            };
            sum.add(bias).clamp(V::splat(lo), V::splat(hi)).store(y.add(channel));
        }
    }
}

/// A row of windows of 3 by 3 taps, S columns apart.
///
/// # Safety
/// As for [`images_body`].
#[inline(always)]
unsafe fn sliding_row<V: Vector, H: Vector, const S: usize>(
    part: &Part<'_>,
    [image, row]: [usize; 2],
    x: &[f32],
    y: &mut [f32],
) {
    let geometry = part.layer.geometry;
    let lines = array::from_fn(|ky| {
        let line = geometry.tap(0, row, ky)?;
        Some(x.as_ptr().wrapping_add(geometry.pixel(image, line, 0) + part.first))
    });
    let mut column = 0;
    while column < geometry.output[1] {
        let y = y.as_mut_ptr().wrapping_add(part.result([image, row, column]));
        let left = (column * S).wrapping_sub(geometry.pads[1]);
        // SAFETY: the lines are the image's, and the windows' results are y's.
        unsafe {
            column += match geometry.output[1] - column {
                1 => sliding::<V, H, 1, S>(part, &lines, left, y),
                2 | 3 => sliding::<V, H, 2, S>(part, &lines, left, y),
                _ => sliding::<V, H, 4, S>(part, &lines, left, y),
            };
        }
    }
}

/// N windows of 3 by 3 taps, S columns apart, the first of which begins at column `left`, if that is no padding. What they share is
/// read once; taps in the padding read zeros. Gives N.
///
/// # Safety
/// - The CPU has the instruction sets of V and H.
/// - The lines are as wide as the image, and y has room for the N windows' results.
#[inline(always)]
unsafe fn sliding<V: Vector, H: Vector, const N: usize, const S: usize>(
    part: &Part<'_>,
    lines: &[Option<*const f32>; 3],
    left: usize,
    y: *mut f32,
) -> usize {
    let [_, _, width, channels] = part.layer.geometry.input;
    let columns = (N - 1) * S + 3;
    let inside = left < width && width - left >= columns;
    let mut pixels = [[ZEROS.as_ptr(); MOST_COLUMNS]; 3];
    for (pixels, line) in pixels.iter_mut().zip(lines) {
        let Some(line) = line else { continue };
        let start = line.wrapping_add(left.wrapping_mul(channels));
        for (column, pixel) in pixels.iter_mut().enumerate().take(columns) {
            if inside || left.wrapping_add(column) < width {
                *pixel = start.wrapping_add(column * channels);
            }
        }
    }
    let mut channel = 0;
    // SAFETY: each vector lies within the part's channels, which are as many as there are zeros, or fewer.
    unsafe {
        while channel + V::LEN <= part.len {
            slide::<V, N, S>(part, &pixels, channel, y);
            channel += V::LEN;
        }
        while channel + H::LEN <= part.len {
            slide::<H, N, S>(part, &pixels, channel, y);
            channel += H::LEN;
        }
        while channel < part.len {
            slide::<Portable<1>, N, S>(part, &pixels, channel, y);
            channel += 1;
        }
    }
    N
}

/// What [`sliding`] does for a vector of channels. A window's taps are met from left to right.
///
/// # Safety
/// As for [`sliding`], for the channels from `channel` on.
#[inline(always)]
unsafe fn slide<V: Vector, const N: usize, const S: usize>(
    part: &Part<'_>,
    pixels: &[[*const f32; MOST_COLUMNS]; 3],
    channel: usize,
    y: *mut f32,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [V::splat(0.0); N];
        let w = part.weights(channel, 0);
        for (ky, pixels) in pixels.iter().enumerate() {
            let weights: [V; 3] = array::from_fn(|kx| V::load(w.add((ky * 3 + kx) * CHANNELS)));
            for (column, pixel) in pixels.iter().enumerate().take((N - 1) * S + 3) {
                let x = V::load(pixel.add(channel));
                for (i, sum) in sums.iter_mut().enumerate() {
                    if (i * S..i * S + 3).contains(&column) {
                        *sum = sum.add_product(x, weights[column - i * S]);
                    }
                }
            }
        }
        for (i, sum) in sums.into_iter().enumerate() {
            part.finish(sum, channel, y.add(i * part.layer.geometry.input[3]));
        }
    }
}

/// A row of windows of any size: one after the other, taps in the padding left out.
///
/// # Safety
/// As for [`images_body`].
#[inline(always)]
unsafe fn any_row<V: Vector, H: Vector>(part: &Part<'_>, [image, row]: [usize; 2], x: &[f32], y: &mut [f32]) {
    let geometry = part.layer.geometry;
    let [top, rows] = geometry.taps_inside(0, row);
    for column in 0..geometry.output[1] {
        let [left, columns] = geometry.taps_inside(1, column);
        let start = match (geometry.tap(0, row, top), geometry.tap(1, column, left)) {
            (Some(line), Some(at)) => geometry.pixel(image, line, at) + part.first,
            _ => 0,
        };
        let window = Window { x: x.as_ptr().wrapping_add(start), first: [top, left], taps: [rows, columns] };
        let y = y.as_mut_ptr().wrapping_add(part.result([image, row, column]));
        let mut channel = 0;
        // SAFETY: the window's taps lie in the image, its results in y, and each vector within the part's channels.
        unsafe {
            while channel + 4 * V::LEN <= part.len {
                one_window::<V, 4>(part, &window, channel, y);
                channel += 4 * V::LEN;
            }
            while channel + H::LEN <= part.len {
                one_window::<H, 1>(part, &window, channel, y);
                channel += H::LEN;
            }
            while channel < part.len {
                one_window::<Portable<1>, 1>(part, &window, channel, y);
                channel += 1;
            }
        }
    }
}

/// The taps of a window that lie in the image.
#[derive(Clone, Copy, Debug)]
struct Window {
    /// The first of them, at the part's first channel.
    x: *const f32,
    /// Its row and column in the window.
    first: [usize; 2],
    /// Rows and columns of them.
    taps: [usize; 2],
}

/// Computes a window for M vectors of channels.
///
/// # Safety
/// - The CPU has V's instruction set.
/// - The taps lie in the image and the results in y, for the channels from `channel` on.
#[inline(always)]
unsafe fn one_window<V: Vector, const M: usize>(part: &Part<'_>, window: &Window, channel: usize, y: *mut f32) {
    let geometry = part.layer.geometry;
    let [_, _, width, channels] = geometry.input;
    let [line, step] = [geometry.dilation[0] * width * channels, geometry.dilation[1] * channels];
    let ([top, left], [rows, columns]) = (window.first, window.taps);
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [V::splat(0.0); M];
        for ky in 0..rows {
            let tap = (top + ky) * geometry.kernel[1] + left;
            let w: [*const f32; M] = array::from_fn(|v| part.weights(channel + v * V::LEN, tap));
            let x = window.x.wrapping_add(ky * line + channel);
            for kx in 0..columns {
                for (v, sum) in sums.iter_mut().enumerate() {
                    let x = V::load(x.add(kx * step + v * V::LEN));
                    *sum = sum.add_product(x, V::load(w[v].add(kx * CHANNELS)));
                }
            }
        }
        for (v, sum) in sums.into_iter().enumerate() {
            part.finish(sum, channel + v * V::LEN, y);
        }
    }
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
