//! Convolutions of NHWC tensors.

use core::array;

use super::gemm::{Columns, Finish, Matrix, PANEL, Panel, accumulate};
use super::multiversion;
use crate::Isa;

/// Where a window's taps lie in an NHWC tensor.
#[derive(Clone, Copy, Debug)]
pub struct Geometry {
    /// Batch, height, width and channels of the operand.
    pub input: [usize; 4],
    /// Height and width of the result.
    pub output: [usize; 2],
    /// Height and width of the window.
    pub kernel: [usize; 2],
    /// Steps between windows.
    pub stride: [usize; 2],
    /// Steps between taps.
    pub dilation: [usize; 2],
    /// Padding at the top and left.
    pub pads: [usize; 2],
}

impl Geometry {
    /// The input's row (`axis` 0) or column (1) under a tap of a window; `None` in the padding.
    #[inline(always)]
    pub(super) fn tap(&self, axis: usize, window: usize, tap: usize) -> Option<usize> {
        let at = (window * self.stride[axis] + tap * self.dilation[axis]).checked_sub(self.pads[axis])?;
        (at < self.input[axis + 1]).then_some(at)
    }

    /// The first tap of a window that lies inside along an axis, and how many do: they are neighbours.
    #[inline(always)]
    pub(super) fn taps_inside(&self, axis: usize, window: usize) -> [usize; 2] {
        let pad = self.pads[axis];
        let first = self.taps_before(pad, axis, window);
        let end = self.taps_before(pad + self.input[axis + 1], axis, window);
        [first, end - first]
    }

    /// How many of a window's taps lie before a position along an axis, counted from where the padding begins.
    #[inline(always)]
    fn taps_before(&self, border: usize, axis: usize, window: usize) -> usize {
        let distance = border.saturating_sub(window * self.stride[axis]);
        let step = self.dilation[axis].max(1);
        // Division takes longer than all else here.
        let taps = if step == 1 { distance } else { distance.div_ceil(step) };
        taps.min(self.kernel[axis])
    }

    /// The stride along rows of windows of 3 by 3 neighbouring taps: 1 or 2. 0 for all others.
    pub(super) fn slide(&self) -> usize {
        match (self.kernel, self.dilation, self.stride[1]) {
            ([3, 3], [_, 1], stride @ (1 | 2)) => stride,
            _ => 0,
        }
    }

    /// Whether windows reach into the padding at the lines' ends.
    pub(super) fn sticks_out(&self) -> bool {
        self.pads[1] > 0 || self.width() > self.input[2]
    }

    /// Columns under a line of windows, with those in the padding.
    fn width(&self) -> usize {
        let [windows, taps] = [self.output[1], self.kernel[1]].map(|v| v.saturating_sub(1));
        windows.saturating_mul(self.stride[1]).saturating_add(taps.saturating_mul(self.dilation[1])).saturating_add(1)
    }

    /// Elements of such a line.
    pub(super) fn pitch(&self) -> usize {
        self.width().saturating_mul(self.input[3])
    }

    /// Lines from the first to the last tap of a window.
    pub(super) fn height(&self) -> usize {
        (self.kernel[0].saturating_sub(1)).saturating_mul(self.dilation[0]).saturating_add(1)
    }

    /// The number of a line under a row of taps, counting all images' lines one after the other, with those in the
    /// padding above and below.
    #[inline(always)]
    pub(super) fn line(&self, image: usize, row: usize, tap: usize) -> usize {
        image * self.lines() + row * self.stride[0] + tap * self.dilation[0]
    }

    /// Its image, and its row there if it isn't above it; there may be no such row.
    pub(super) fn line_at(&self, line: usize) -> (usize, Option<usize>) {
        (line / self.lines(), (line % self.lines()).checked_sub(self.pads[0]))
    }

    /// Lines of an image under windows.
    fn lines(&self) -> usize {
        self.output[0].saturating_sub(1).saturating_mul(self.stride[0]).saturating_add(self.height())
    }

    /// Elements of the lines under `windows` neighbouring windows, at most; no fewer for larger images.
    pub(super) fn lines_under(&self, windows: usize) -> usize {
        let pitch = self.pitch();
        let all = self.input[0].saturating_mul(self.lines()).saturating_mul(pitch);
        // A row of windows begins a stride below the one before or, in the next image, below all its lines. A window has
        // no more than a stride or a kernel of its row's columns.
        let step = if self.input[0] == 1 { self.stride[0] } else { self.stride[0].max(self.height()) };
        let columns = self.stride[1].max(self.kernel[1]).saturating_mul(windows).saturating_mul(self.input[3]);
        let some =
            columns.saturating_add(pitch).saturating_mul(step).saturating_add(self.height().saturating_mul(pitch));
        all.min(some)
    }

    /// Index of the first channel of a pixel.
    #[inline(always)]
    pub(super) fn pixel(&self, image: usize, row: usize, column: usize) -> usize {
        let [_, h, w, c] = self.input;
        ((image * h + row) * w + column) * c
    }

    /// Elements of the operand.
    pub(super) fn input_len(&self) -> Option<usize> {
        self.input.iter().try_fold(1_usize, |len, &dim| len.checked_mul(dim))
    }

    /// Whether each window is one pixel, and they are all pixels in order.
    pub(super) fn is_plain(&self) -> bool {
        let [_, h, w, _] = self.input;
        self.kernel == [1, 1] && self.stride == [1, 1] && self.pads == [0, 0] && self.output == [h, w]
    }

    /// The place after another, as [`Geometry::place`] counts.
    #[inline(always)]
    pub(super) fn after(&self, [image, row, column]: [usize; 3]) -> [usize; 3] {
        let [h, w] = self.output;
        match (row + 1, column + 1) {
            (_, column) if column < w => [image, row, column],
            (row, _) if row < h => [image, row, 0],
            _ => [image + 1, 0, 0],
        }
    }

    /// Channels of a group.
    pub fn depth(&self, groups: usize) -> usize {
        self.input[3].checked_div(groups).unwrap_or(0)
    }

    /// Number of windows.
    pub(super) fn windows(&self) -> usize {
        self.input[0] * self.output[0] * self.output[1]
    }

    /// Image, row and column of a window.
    #[inline(always)]
    pub(super) fn place(&self, window: usize) -> [usize; 3] {
        let [h, w] = self.output;
        [window / (h * w), window / w % h, window % w]
    }
}

/// A convolution with weights `[kh, kw, channels / groups, out_channels]`.
#[derive(Clone, Copy, Debug)]
pub struct Conv<'a> {
    /// Where the taps lie.
    pub geometry: Geometry,
    /// Sets of channels that know nothing of each other; a divisor of both numbers of channels.
    pub groups: usize,
    /// Channels of the result.
    pub out_channels: usize,
    /// The weights.
    pub weights: Matrix<'a>,
    /// What becomes of the sums.
    pub finish: Finish<'a>,
}

/// Elements of scratch that [`conv`] needs for sums of `k` products: taps times a group's channels.
pub const fn scratch_len(k: usize) -> usize {
    k * (PANEL + 1)
}

/// Convolves x. `scratch` has [`scratch_len`] elements.
///
/// # Panics
/// When a slice is shorter than the geometry demands.
pub fn conv(isa: Isa, conv: &Conv<'_>, x: &[f32], y: &mut [f32], scratch: &mut [f32]) {
    let &Conv { geometry, groups, out_channels, weights, finish } = conv;
    let channels = geometry.input[3];
    if let (Matrix::F32(w), true) = (weights, groups == channels && groups == out_channels) {
        return depthwise(isa, &geometry, x, w, finish, y);
    }
    let (depth, columns) = (channels / groups.max(1), out_channels / groups.max(1));
    let rows = geometry.kernel[0] * geometry.kernel[1] * depth;
    let (zeros, scratch) = scratch.split_at_mut(rows);
    zeros.fill(0.0);
    for group in 0..groups {
        let input = Input { x, first: group * depth, depth, zeros };
        for first in (0..columns).step_by(PANEL) {
            let (width, first) = ((columns - first).min(PANEL), group * columns + first);
            let panel = Panel::of(weights, first, [out_channels, 1], [rows, width], scratch);
            let columns = Columns { y, first, stride: out_channels };
            panel_conv(isa, &geometry, input, panel, finish.columns(first, width), columns);
        }
    }
}

/// Some neighbouring channels of the operand.
#[derive(Clone, Copy, Debug)]
struct Input<'a> {
    x: &'a [f32],
    first: usize,
    depth: usize,
    /// What lies in the padding: as many zeros as a window has taps and channels.
    zeros: &'a [f32],
}

impl<'a> Input<'a> {
    /// `taps` neighbouring taps' channels; one tap's when some channels are left out.
    #[inline(always)]
    fn taps(&self, geometry: &Geometry, pixel: Option<[usize; 3]>, taps: usize) -> &'a [f32] {
        match pixel {
            Some([image, row, column]) => {
                &self.x[geometry.pixel(image, row, column) + self.first..][..taps * self.depth]
            }
            None => &self.zeros[..taps * self.depth],
        }
    }
}

/// Windows that the portable body takes together: one where it is the reference alone, and on the web, where code is fetched before it
/// runs, which weights that are computed seldom do.
const PORTABLE_WINDOWS: usize = if cfg!(any(target_arch = "x86_64", target_family = "wasm")) { 1 } else { 4 };

multiversion! {
    /// All windows' sums of the products with a panel.
    fn panel_conv(geometry: &Geometry, input: Input<'_>, panel: Panel<'_>, finish: Finish<'_>, columns: Columns<'_>) {
        any: conv_body::<PORTABLE_WINDOWS, 8>, avx2: conv_body::<6, 16>,
    }
}

#[inline(always)]
fn conv_body<const MR: usize, const NR: usize>(
    geometry: &Geometry,
    input: Input<'_>,
    panel: Panel<'_>,
    finish: Finish<'_>,
    columns: Columns<'_>,
) {
    let Columns { y, first, stride } = columns;
    let windows = geometry.windows();
    for column in (0..panel.width).step_by(NR) {
        let width = (panel.width - column).min(NR);
        let mut store = |window: usize, sums: &[f32; NR]| {
            finish.apply(sums, column, &mut y[window * stride + first + column..][..width]);
        };
        let mut window = 0;
        while MR > 1 && window + MR <= windows {
            let sums = tile::<MR, NR>(geometry, input, &panel, column, window);
            sums.iter().enumerate().for_each(|(r, sums)| store(window + r, sums));
            window += MR;
        }
        while window < windows {
            let [sums] = tile::<1, NR>(geometry, input, &panel, column, window);
            store(window, &sums);
            window += 1;
        }
    }
}

/// The sums of MR neighbouring windows and NR columns.
#[inline(always)]
fn tile<const MR: usize, const NR: usize>(
    geometry: &Geometry,
    input: Input<'_>,
    panel: &Panel<'_>,
    column: usize,
    window: usize,
) -> [[f32; NR]; MR] {
    let places: [_; MR] = array::from_fn(|r| geometry.place(window + r));
    let [kh, kw] = geometry.kernel;
    // The taps of a window's row lie next to each other where no channel is left out and none is in the padding.
    let dense = input.depth == geometry.input[3] && (geometry.dilation[1] == 1 || kw == 1);
    let inside = |[_, _, x]: &[usize; 3]| geometry.tap(1, *x, 0).is_some() && geometry.tap(1, *x, kw - 1).is_some();
    let run = if dense && places.iter().all(inside) { kw } else { 1 };
    let mut sums = [[0.0; NR]; MR];
    for ky in 0..kh {
        let lines = places.map(|[_, y, _]| geometry.tap(0, y, ky));
        for kx in (0..kw).step_by(run) {
            let rows = array::from_fn(|r| {
                let [image, _, x] = places[r];
                let pixel = lines[r].and_then(|line| Some([image, line, geometry.tap(1, x, kx)?]));
                input.taps(geometry, pixel, run)
            });
            accumulate(&mut sums, rows, panel, (ky * kw + kx) * input.depth, column);
        }
    }
    sums
}

/// Channels that the portable body takes together, for the same reasons.
const PORTABLE_BLOCK: usize = if cfg!(any(target_arch = "x86_64", target_family = "wasm")) { 1 } else { 16 };

multiversion! {
    /// Convolution with one filter per channel, weights `[kh, kw, channels]`.
    fn depthwise(geometry: &Geometry, x: &[f32], weights: &[f32], finish: Finish<'_>, y: &mut [f32]) {
        any: depthwise_body::<PORTABLE_BLOCK>, avx2: depthwise_body::<32>,
    }
}

#[inline(always)]
fn depthwise_body<const BLOCK: usize>(
    geometry: &Geometry,
    x: &[f32],
    weights: &[f32],
    finish: Finish<'_>,
    y: &mut [f32],
) {
    let channels = geometry.input[3];
    for window in 0..geometry.windows() {
        let place = geometry.place(window);
        let y = &mut y[window * channels..][..channels];
        for (block, y) in y.chunks_mut(BLOCK).enumerate() {
            let mut sums = [0.0; BLOCK];
            let first = block * BLOCK;
            // The length is a constant in all blocks but the last, if there are blocks.
            if BLOCK > 1 && y.len() == BLOCK {
                filter(geometry, place, first, x, weights, &mut sums);
            } else {
                filter(geometry, place, first, x, weights, &mut sums[..y.len()]);
            }
            finish.apply(&sums, first, y);
        }
    }
}

/// Adds the products of one window's taps for the channels from `first` on.
#[inline(always)]
fn filter(geometry: &Geometry, place: [usize; 3], first: usize, x: &[f32], weights: &[f32], sums: &mut [f32]) {
    let [image, row, column] = place;
    let [kh, kw] = geometry.kernel;
    for ky in 0..kh {
        let Some(line) = geometry.tap(0, row, ky) else { continue };
        for kx in 0..kw {
            let Some(at) = geometry.tap(1, column, kx) else { continue };
            let x = &x[geometry.pixel(image, line, at) + first..][..sums.len()];
            let w = &weights[(ky * kw + kx) * geometry.input[3] + first..][..sums.len()];
            for ((sum, &x), &w) in sums.iter_mut().zip(x).zip(w) {
                *sum += x * w;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;
    use half::f16;

    fn ramp(len: usize, seed: usize) -> Vec<f32> {
        (0..len).map(|i| (((i + seed) * 37 % 101) as f32 - 50.0) / 64.0).collect()
    }

    /// A case: input, groups, out channels, kernel, stride, dilation, padding on every side.
    type Case = ([usize; 4], [usize; 2], [usize; 2], [usize; 2], [usize; 2], usize);

    const CASES: [Case; 9] = [
        ([1, 5, 6, 3], [1, 40], [3, 3], [1, 1], [1, 1], 1),
        ([2, 7, 7, 4], [1, 16], [1, 1], [1, 1], [1, 1], 0),
        ([1, 9, 20, 3], [1, 33], [3, 3], [2, 2], [1, 1], 1),
        ([1, 9, 9, 4], [2, 6], [3, 2], [2, 1], [2, 3], 2),
        ([1, 6, 6, 70], [70, 70], [3, 3], [1, 1], [1, 1], 1),
        ([2, 8, 5, 5], [5, 5], [5, 3], [2, 2], [1, 1], 2),
        ([1, 4, 4, 3], [3, 6], [3, 3], [1, 1], [1, 1], 1),
        ([1, 3, 3, 2], [1, 2], [1, 1], [1, 1], [1, 1], 2),
        ([1, 1, 30, 1], [1, 8], [1, 9], [1, 1], [1, 2], 8),
    ];

    fn geometry(&(input, _, kernel, stride, dilation, pad): &Case) -> Geometry {
        let size =
            |axis: usize| (input[axis + 1] + 2 * pad - (kernel[axis] - 1) * dilation[axis] - 1) / stride[axis] + 1;
        Geometry { input, output: [size(0), size(1)], kernel, stride, dilation, pads: [pad, pad] }
    }

    fn exact(g: &Geometry, [groups, oc]: [usize; 2], x: &[f32], w: &[f32]) -> Vec<f32> {
        let (depth, columns) = (g.input[3] / groups, oc / groups);
        let mut y = Vec::new();
        for window in 0..g.windows() {
            let [image, row, column] = g.place(window);
            for out in 0..oc {
                let mut sum = 0.0;
                for (ky, kx) in (0..g.kernel[0]).flat_map(|ky| (0..g.kernel[1]).map(move |kx| (ky, kx))) {
                    if let (Some(line), Some(at)) = (g.tap(0, row, ky), g.tap(1, column, kx)) {
                        for i in 0..depth {
                            let x = x[g.pixel(image, line, at) + out / columns * depth + i];
                            sum += x * w[((ky * g.kernel[1] + kx) * depth + i) * oc + out];
                        }
                    }
                }
                y.push(sum);
            }
        }
        y
    }

    #[test]
    fn equals_the_plain_loops_bit_for_bit_on_every_isa() {
        for case in &CASES {
            let geometry = geometry(case);
            let [groups, out_channels] = case.1;
            let k = geometry.kernel[0] * geometry.kernel[1] * (geometry.input[3] / groups);
            let (x, w) = (ramp(geometry.input.iter().product(), 1), ramp(k * out_channels, 5));
            let halves: Vec<u16> = w.iter().map(|&v| f16::from_f32(v).to_bits()).collect();
            let bias = ramp(out_channels, 3);
            let finish = Finish { bias: Some(&bias), lo: -1.0, hi: 1.0 };
            let expected: Vec<f32> = exact(&geometry, case.1, &x, &w)
                .iter()
                .zip(bias.iter().cycle())
                .map(|(sum, bias)| (sum + bias).clamp(-1.0, 1.0))
                .collect();
            for isa in Isa::supported() {
                for weights in [Matrix::F32(&w), Matrix::F16(&halves)] {
                    let mut y = vec![f32::NAN; expected.len()];
                    let layer = Conv { geometry, groups, out_channels, weights, finish };
                    conv(isa, &layer, &x, &mut y, &mut vec![f32::NAN; scratch_len(k)]);
                    assert_eq!(y, expected, "{isa} {case:?}");
                }
            }
        }
    }
}
