//! Convolutions of 3 by 3 neighbouring taps with fewer products: Winograd's F(2 x 2, 3 x 3).
//!
//! Two by two neighbouring windows, a patch, have 4 by 4 pixels under them. Pixels and weights are transformed so that 16
//! products per channel give the four sums, instead of 36:
//!
//! ```text
//! y = A^T ((G w G^T) * (B^T x B)) A      B^T = | 1  0 -1  0 |   G = | 1    0   0   |   A^T = | 1 1  1  0 |
//!                                              | 0  1  1  0 |       | 1/2  1/2 1/2 |         | 0 1 -1 -1 |
//!                                              | 0 -1  1  0 |       | 1/2 -1/2 1/2 |
//!                                              | 0  1  0 -1 |       | 0    0   1   |
//! ```
//!
//! With many channels the element-wise products are 16 matrix products, of patches by channels and channels by columns,
//! one for each point of a patch. Pixels are transformed for a block of patches. Weights are transformed for each block anew, those
//! of a panel and a chunk of channels at a time, which stay in the first cache while all patches of the block meet them: that
//! takes less time than to fetch transformed weights from beyond it, takes f16 as it comes, and leaves the weights in
//! the file the only ones.

use core::array;

use super::conv::Geometry;
use super::fused;
use super::gemm::{Finish, Matrix};
use super::packed::bias_of;
use super::panels::{CHANNELS, Panels};
use super::simd::{Vector, Weight};
use super::tile::products;
#[cfg(target_arch = "aarch64")]
use crate::arch::Quad;
#[cfg(target_arch = "x86_64")]
use crate::arch::{Ymm, Zmm};

/// Taps of a window and windows of a patch along an axis, pixels under them, and their points.
const TAPS: usize = 3;
const WINDOWS: usize = 2;
const PIXELS: usize = 4;
const POINTS: usize = PIXELS * PIXELS;

/// Fewest patches, channels and columns with which the transforms pay.
const LEAST_PATCHES: usize = 16;
const LEAST_CHANNELS: usize = 16;

/// Most patches of a block, so that their sums for a panel stay in the first cache.
const BLOCK: usize = 32;

/// Elements between points beyond those in use: without them, all points of a patch would meet the same lines of the
/// first cache.
const GAP: usize = CHANNELS;

/// Elements from one point to the next of the transformed weights of a panel and a chunk of channels, and of the sums of a block.
const WEIGHTS: usize = CHANNELS * CHANNELS + GAP;
const SUMS: usize = BLOCK * CHANNELS + GAP;

/// A convolution whose patches are transformed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layer<'a> {
    /// Where the taps lie.
    pub geometry: &'a Geometry,
    /// The weights.
    pub panels: Panels<'a>,
    /// What becomes of the sums.
    pub finish: Finish<'a>,
}

/// Whether a convolution into `n` channels is worked on this way.
pub(super) fn suits(geometry: &Geometry, n: usize) -> bool {
    let Geometry { input, kernel, stride, dilation, .. } = *geometry;
    (kernel, stride, dilation) == ([3, 3], [1, 1], [1, 1])
        && input[3].min(n) >= LEAST_CHANNELS
        && Grid::new(geometry).patches >= LEAST_PATCHES
}

/// Elements of scratch that [`convolve`] needs.
pub(super) fn scratch_len(geometry: &Geometry) -> usize {
    let points = pixels_step(geometry).saturating_add(WEIGHTS + SUMS).saturating_mul(POINTS);
    points.saturating_add(padded(geometry))
}

/// Channels, in whole panels: what begins behind as many elements is still aligned.
fn padded(geometry: &Geometry) -> usize {
    geometry.input[3].div_ceil(CHANNELS).saturating_mul(CHANNELS)
}

/// Elements from one point to the next of the transformed pixels of a block.
fn pixels_step(geometry: &Geometry) -> usize {
    padded(geometry).saturating_mul(BLOCK).saturating_add(GAP)
}

/// The patches of a layer.
#[derive(Clone, Copy, Debug)]
struct Grid {
    /// Rows and columns of an image's patches.
    size: [usize; 2],
    /// Patches of all images.
    patches: usize,
}

impl Grid {
    fn new(geometry: &Geometry) -> Self {
        let size = geometry.output.map(|windows| windows.div_ceil(WINDOWS));
        Self { size, patches: geometry.input[0].saturating_mul(size[0]).saturating_mul(size[1]) }
    }

    /// Images, rows and columns of the first windows of the patches from `first` on.
    #[inline(always)]
    fn places(&self, first: usize) -> impl Iterator<Item = [usize; 3]> {
        let [h, w] = self.size;
        let mut next = [first / (h * w), first / w % h, first % w];
        core::iter::repeat_with(move || {
            let [image, row, column] = next;
            next = match (row + 1, column + 1) {
                (_, column) if column < w => [image, row, column],
                (row, _) if row < h => [image, row, 0],
                _ => [image + 1, 0, 0],
            };
            [image, row * WINDOWS, column * WINDOWS]
        })
    }
}

fused! {
    /// Convolves x.
    ///
    /// # Safety
    /// The layer [`suits`], and its weights have three by three taps of all channels; x, y, bias and scratch are as long as
    /// it demands.
    pub(super) unsafe fn convolve(layer: &Layer<'_>, x: &[f32], y: &mut [f32], scratch: &mut [f32]) {
        avx2: convolve_body::<Ymm<true>, 2, 6, 6>,
        avx512: convolve_body::<Zmm<true>, 1, 16, 8>,
        neon: convolve_body::<Quad<true>, 4, 6, 6>,
    }
}

/// A panel is NV vectors; tiles have MR rows or, where fewer are left, HR.
///
/// # Safety
/// As for [`convolve`], and the CPU has V's instruction set.
#[inline(always)]
unsafe fn convolve_body<V: Vector, const NV: usize, const MR: usize, const HR: usize>(
    layer: &Layer<'_>,
    x: &[f32],
    y: &mut [f32],
    scratch: &mut [f32],
) {
    let (n, channels, grid) = (layer.panels.n(), layer.geometry.input[3], Grid::new(layer.geometry));
    let (zeros, rest) = scratch.split_at_mut(padded(layer.geometry));
    let (pixels, rest) = rest.split_at_mut(POINTS * pixels_step(layer.geometry));
    let (weights, sums) = rest.split_at_mut(POINTS * WEIGHTS);
    let [pixels, weights, sums] = [pixels, weights, sums].map(|part| part.as_mut_ptr());
    zeros.fill(0.0);
    let most = BLOCK / HR * HR;
    for first in (0..grid.patches).step_by(most) {
        let patches = most.min(grid.patches - first);
        let block = Block { layer, grid: &grid, first, patches, rows: patches.next_multiple_of(HR) };
        // SAFETY: the caller's promise; the buffers are as long as a block, a panel and a chunk of channels demand.
        unsafe {
            block.transform_pixels::<V>(x, zeros, pixels);
            for panel in 0..n.div_ceil(CHANNELS) {
                for channel in (0..channels).step_by(CHANNELS) {
                    let count = (channels - channel).min(CHANNELS);
                    block.transform_weights::<V>(panel, channel, count, weights);
                    let pixels = pixels.add(channel * block.rows);
                    block.add_products::<V, NV, MR, HR>(pixels, weights, count, channel == 0, sums);
                }
                block.finish::<V>(panel * CHANNELS, sums, y);
            }
        }
    }
}

/// Some neighbouring patches.
#[derive(Clone, Copy, Debug)]
struct Block<'a> {
    layer: &'a Layer<'a>,
    grid: &'a Grid,
    first: usize,
    patches: usize,
    /// Rows of its matrices: as many as patches, or some more to make tiles whole.
    rows: usize,
}

impl Block<'_> {
    fn channels(&self) -> usize {
        self.layer.geometry.input[3]
    }

    /// Writes `B^T x B` of all patches and channels, `[point][channel / 16][row][16]`.
    ///
    /// # Safety
    /// The CPU has V's instruction set, there are as many zeros as channels, and `to` has room for all.
    #[inline(always)]
    unsafe fn transform_pixels<V: Vector>(&self, x: &[f32], zeros: &[f32], to: *mut f32) {
        let (channels, step) = (self.channels(), pixels_step(self.layer.geometry));
        let place = |row: usize, channel: usize| {
            to.wrapping_add((channel / CHANNELS * self.rows + row) * CHANNELS + channel % CHANNELS)
        };
        // SAFETY: a pixel has the channels from `channel` on; the places are the buffer's.
        unsafe {
            for (row, patch) in (0..self.patches).zip(self.grid.places(self.first)) {
                let pixels = self.pixels(patch, x, zeros);
                for channel in (0..channels).step_by(V::LEN) {
                    let left = channels - channel;
                    let mut x = [[V::splat(0.0); PIXELS]; PIXELS];
                    for (x, pixels) in x.iter_mut().zip(&pixels) {
                        for (x, pixel) in x.iter_mut().zip(pixels) {
                            let from = pixel.add(channel);
                            *x = if left < V::LEN { V::load_some(from, left) } else { V::load(from) };
                        }
                    }
                    store_points(transform::<Pixels, V, PIXELS, PIXELS>(x), place(row, channel), step);
                }
            }
            for row in self.patches..self.rows {
                for channel in (0..channels).step_by(V::LEN) {
                    store_points([[V::splat(0.0); PIXELS]; PIXELS], place(row, channel), step);
                }
            }
        }
    }

    /// Where the pixels of a patch lie.
    #[inline(always)]
    fn pixels(&self, [image, row, column]: [usize; 3], x: &[f32], zeros: &[f32]) -> [[*const f32; PIXELS]; PIXELS] {
        let geometry = self.layer.geometry;
        let [_, h, w, channels] = geometry.input;
        let [top, left] = [row.wrapping_sub(geometry.pads[0]), column.wrapping_sub(geometry.pads[1])];
        let mut pixels = [[zeros.as_ptr(); PIXELS]; PIXELS];
        for (i, pixels) in pixels.iter_mut().enumerate() {
            let line = top.wrapping_add(i);
            let start = x.as_ptr().wrapping_add(geometry.pixel(image, line.min(h), 0));
            for (j, pixel) in pixels.iter_mut().enumerate() {
                let column = left.wrapping_add(j);
                if line < h && column < w {
                    *pixel = start.wrapping_add(column * channels);
                }
            }
        }
        pixels
    }

    /// Writes `G w G^T` of a panel and the `count` channels from `channel` on, `[point][channel][16]`.
    ///
    /// # Safety
    /// The CPU has V's instruction set, there are such weights, and `to` has room for all.
    #[inline(always)]
    unsafe fn transform_weights<V: Vector>(&self, panel: usize, channel: usize, count: usize, to: *mut f32) {
        let panels = self.layer.panels;
        let first = panel * panels.k() * CHANNELS + channel * CHANNELS;
        // SAFETY: the caller's promise.
        unsafe {
            match panels.weights() {
                Matrix::F32(w) => self.transform_chunk::<V, f32>(w.as_ptr().add(first), count, to),
                Matrix::F16(w) => self.transform_chunk::<V, u16>(w.as_ptr().add(first), count, to),
            }
        }
    }

    /// What `transform_weights` does, from the first of the weights on.
    ///
    /// # Safety
    /// As for `transform_weights`.
    #[inline(always)]
    unsafe fn transform_chunk<V: Vector, W: Weight>(&self, from: *const W, count: usize, to: *mut f32) {
        let tap = self.channels() * CHANNELS;
        for place in (0..count * CHANNELS).step_by(V::LEN) {
            // SAFETY: the caller's promise.
            unsafe {
                let mut taps = [[V::splat(0.0); TAPS]; TAPS];
                for (ky, taps) in taps.iter_mut().enumerate() {
                    for (kx, weights) in taps.iter_mut().enumerate() {
                        *weights = W::load(from.add((ky * TAPS + kx) * tap + place));
                    }
                }
                store_points(transform::<Weights, V, TAPS, PIXELS>(taps), to.add(place), WEIGHTS);
            }
        }
    }

    /// Adds the products of `count` channels to the sums, `[point][row][16]`; the `first` ones begin them.
    ///
    /// # Safety
    /// The CPU has V's instruction set, and pixels and weights have been transformed.
    #[inline(always)]
    unsafe fn add_products<V: Vector, const NV: usize, const MR: usize, const HR: usize>(
        &self,
        pixels: *const f32,
        weights: *const f32,
        count: usize,
        first: bool,
        sums: *mut f32,
    ) {
        let step = pixels_step(self.layer.geometry);
        for point in 0..POINTS {
            // SAFETY: the caller's promise; all rows are whole tiles.
            unsafe {
                let (pixels, weights) = (pixels.add(point * step), weights.add(point * WEIGHTS));
                let (mut row, sums) = (0, sums.add(point * SUMS));
                while row < self.rows {
                    let (pixels, sums) = (pixels.add(row * CHANNELS), sums.add(row * CHANNELS));
                    if row + MR <= self.rows {
                        add_tile::<V, MR, NV>(pixels, weights, count, first, sums);
                        row += MR;
                    } else {
                        add_tile::<V, HR, NV>(pixels, weights, count, first, sums);
                        row += HR;
                    }
                }
            }
        }
    }

    /// Computes and writes the results of a panel, `A^T m A`, whose first column is `column`.
    ///
    /// # Safety
    /// The CPU has V's instruction set, the sums are complete, and y is as long as the geometry demands.
    #[inline(always)]
    unsafe fn finish<V: Vector>(&self, column: usize, sums: *const f32, y: &mut [f32]) {
        let ([h, w], n) = (self.layer.geometry.output, self.layer.panels.n());
        let width = (n - column).min(CHANNELS);
        let bias = bias_of(&self.layer.finish, column, width);
        for (patch, [image, row, left]) in (0..self.patches).zip(self.grid.places(self.first)) {
            let first = y.as_mut_ptr().wrapping_add(((image * h + row) * w + left) * n + column);
            let inside = [true, row + 1 < h, left + 1 < w];
            for v in (0..width).step_by(V::LEN) {
                // SAFETY: the caller's promise; the first window of a patch lies inside.
                unsafe {
                    let sums = sums.add(patch * CHANNELS + v);
                    let mut points = [[V::splat(0.0); PIXELS]; PIXELS];
                    for (i, points) in points.iter_mut().enumerate() {
                        for (j, point) in points.iter_mut().enumerate() {
                            *point = V::load(sums.add((i * PIXELS + j) * SUMS));
                        }
                    }
                    let results = transform::<Sums, V, PIXELS, WINDOWS>(points);
                    for (i, results) in results.into_iter().enumerate() {
                        for (j, result) in results.into_iter().enumerate() {
                            if inside[i] && inside[2 * j] {
                                let to = first.wrapping_add((i * w + j) * n + v);
                                self.store(result.add(V::load(bias.as_ptr().add(v))), to, width - v);
                            }
                        }
                    }
                }
            }
        }
    }

    /// Clamps and writes the first `width` results, or all.
    ///
    /// # Safety
    /// The CPU has V's instruction set, and so many elements may be written.
    #[inline(always)]
    unsafe fn store<V: Vector>(&self, result: V, to: *mut f32, width: usize) {
        let Finish { lo, hi, .. } = self.layer.finish;
        // SAFETY: the caller's promise.
        unsafe {
            let result = result.clamp(V::splat(lo), V::splat(hi));
            if width >= V::LEN { result.store(to) } else { result.store_some(to, width) }
        }
    }
}

/// Adds the products of MR rows and a panel to their sums, or writes them if they are the `first`.
///
/// # Safety
/// The CPU has V's instruction set; pixels and weights have `count` channels.
#[inline(always)]
unsafe fn add_tile<V: Vector, const MR: usize, const NV: usize>(
    pixels: *const f32,
    weights: *const f32,
    count: usize,
    first: bool,
    sums: *mut f32,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut tile = [[V::splat(0.0); NV]; MR];
        if !first {
            for (r, row) in tile.iter_mut().enumerate() {
                for (v, sum) in row.iter_mut().enumerate() {
                    *sum = V::load(sums.add(r * CHANNELS + v * V::LEN));
                }
            }
        }
        let rows = array::from_fn(|r| pixels.wrapping_add(r * CHANNELS));
        let tile = products::<V, f32, MR, NV>(tile, rows, count, weights, 0);
        for (r, row) in tile.into_iter().enumerate() {
            for (v, sum) in row.into_iter().enumerate() {
                sum.store(sums.add(r * CHANNELS + v * V::LEN));
            }
        }
    }
}

/// Writes the points of a transform, `step` elements apart.
///
/// # Safety
/// The CPU has V's instruction set, and all points may be written.
#[inline(always)]
unsafe fn store_points<V: Vector>(points: [[V; PIXELS]; PIXELS], to: *mut f32, step: usize) {
    for (i, points) in points.into_iter().enumerate() {
        for (j, value) in points.into_iter().enumerate() {
            // SAFETY: the caller's promise.
            unsafe { value.store(to.add((i * PIXELS + j) * step)) };
        }
    }
}

/// A product with a matrix of small constants.
trait Transform<const FROM: usize, const TO: usize> {
    /// # Safety
    /// The CPU has V's instruction set.
    unsafe fn along<V: Vector>(x: [V; FROM]) -> [V; TO];
}

/// `B^T`.
struct Pixels;

/// `G`.
struct Weights;

/// `A^T`.
struct Sums;

impl Transform<PIXELS, PIXELS> for Pixels {
    #[inline(always)]
    unsafe fn along<V: Vector>([a, b, c, d]: [V; PIXELS]) -> [V; PIXELS] {
        // SAFETY: the caller's promise.
        unsafe { [a.sub(c), b.add(c), c.sub(b), b.sub(d)] }
    }
}

impl Transform<TAPS, PIXELS> for Weights {
    #[inline(always)]
    unsafe fn along<V: Vector>([a, b, c]: [V; TAPS]) -> [V; PIXELS] {
        // SAFETY: the caller's promise.
        unsafe {
            let (zero, plus, minus) = (V::splat(0.0), V::splat(0.5), V::splat(-0.5));
            let outer = zero.add_product(a.add(c), plus);
            [a, outer.add_product(b, plus), outer.add_product(b, minus), c]
        }
    }
}

impl Transform<PIXELS, WINDOWS> for Sums {
    #[inline(always)]
    unsafe fn along<V: Vector>([a, b, c, d]: [V; PIXELS]) -> [V; WINDOWS] {
        // SAFETY: the caller's promise.
        unsafe { [a.add(b).add(c), b.sub(c).sub(d)] }
    }
}

/// `T x T^T`. Loops, not closures: those aren't always compiled for the instruction set of their surroundings.
///
/// # Safety
/// The CPU has V's instruction set.
#[inline(always)]
unsafe fn transform<T: Transform<FROM, TO>, V: Vector, const FROM: usize, const TO: usize>(
    x: [[V; FROM]; FROM],
) -> [[V; TO]; TO] {
    // SAFETY: the caller's promise.
    unsafe {
        let zero = V::splat(0.0);
        let (mut turned, mut y) = ([[zero; FROM]; TO], [[zero; TO]; TO]);
        for j in 0..FROM {
            let mut column = [zero; FROM];
            for (value, row) in column.iter_mut().zip(&x) {
                *value = row[j];
            }
            for (row, value) in turned.iter_mut().zip(T::along(column)) {
                row[j] = value;
            }
        }
        for (y, row) in y.iter_mut().zip(turned) {
            *y = T::along(row);
        }
        y
    }
}
