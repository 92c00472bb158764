//! Depthwise convolutions of NHWC tensors: one filter per channel, weights `[kh, kw, channels]`.
//!
//! Neighbouring windows that lie inside of the image are worked on together, a vector of channels at a time: each
//! weight is read once for all of them. Windows at the edges come one by one and leave out the taps in the padding.
//! Channels are cut into blocks whose weights stay in the first cache.

use super::conv::Geometry;
use super::gemm::{Finish, Matrix};
use super::simd::{Portable, Vector, widen};
use super::{Fusion, fusable};
use crate::Isa;
#[cfg(target_arch = "x86_64")]
use crate::arch::{Ymm, Zmm};
use crate::error::{ShapeError, at_least, exactly};
use crate::isa::IsaKind;
use crate::name::{KernelName, Tile};

/// Windows that are worked on together.
const WINDOWS: usize = 4;

/// Channels of a block.
const BLOCK: usize = 128;

/// A picked kernel of depthwise convolutions.
#[derive(Clone, Copy, Debug)]
pub struct Depthwise {
    isa: Isa,
    fusion: Fusion,
}

/// Elements of scratch that [`Depthwise::run`] needs.
pub fn scratch_len(weights: Matrix<'_>) -> usize {
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
        weights: Matrix<'_>,
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
        exactly("weights", taps.and_then(|taps| taps.checked_mul(channels)).unwrap_or(usize::MAX), weights.len())?;
        if let Some(bias) = finish.bias {
            exactly("bias", channels, bias.len())?;
        }
        let weights = match weights {
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
    /// `[kh, kw, channels]`
    weights: &'a [f32],
    finish: Finish<'a>,
}

/// Neighbouring windows and the taps of theirs that lie in the image, for some channels.
#[derive(Clone, Copy, Debug)]
struct Windows {
    /// The first window's first tap.
    x: *const f32,
    /// Elements from one window to the next.
    window: usize,
    /// Elements from one row of taps to the next, and from one tap to the next.
    step: [usize; 2],
    /// Weights of the first tap.
    weights: *const f32,
    /// Elements from one row of weights to the next, and from one weight to the next.
    weight_step: [usize; 2],
    /// Rows and columns of taps.
    taps: [usize; 2],
    /// Bias; null if there is none.
    bias: *const f32,
    lo: f32,
    hi: f32,
    /// The first window's results.
    y: *mut f32,
    /// Elements from one window's results to the next.
    stride: usize,
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
        avx512: images_body::<Zmm<false>, Ymm<false>>,
        avx512_fused: images_body::<Zmm<true>, Ymm<true>>,
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
    let inside = geometry.inside(1);
    for first in (0..channels).step_by(BLOCK) {
        let len = (channels - first).min(BLOCK);
        for (image, row) in (0..images).flat_map(|image| (0..geometry.output[0]).map(move |row| (image, row))) {
            let mut column = 0;
            while column < geometry.output[1] {
                let mut windows = windows(layer, [image, row, column], first, x, y);
                // From an inner window on all that follow up to the last inner one lie at equal distances.
                let end = if inside.contains(&column) { inside.end } else { column + 1 };
                while column < end {
                    let together = if column + WINDOWS <= end { WINDOWS } else { 1 };
                    // SAFETY: the taps lie in the image and the results in y, for the block's channels.
                    unsafe {
                        match (together, windows.taps[1]) {
                            (1, 3) => all_channels::<V, H, 1, 3>(&windows, len),
                            (1, _) => all_channels::<V, H, 1, 0>(&windows, len),
                            (_, 3) => all_channels::<V, H, WINDOWS, 3>(&windows, len),
                            _ => all_channels::<V, H, WINDOWS, 0>(&windows, len),
                        }
                    }
                    windows.x = windows.x.wrapping_add(together * windows.window);
                    windows.y = windows.y.wrapping_add(together * windows.stride);
                    column += together;
                }
            }
        }
    }
}

/// The taps of a window that lie in the image; those of the windows after it lie likewise, as far as they are inside.
#[inline(always)]
fn windows(layer: &Layer<'_>, [image, row, column]: [usize; 3], first: usize, x: &[f32], y: &mut [f32]) -> Windows {
    let Layer { geometry, weights, finish } = *layer;
    let [_, _, width, channels] = geometry.input;
    let [[top, rows], [left, columns]] = [geometry.taps_inside(0, row), geometry.taps_inside(1, column)];
    let start = match (geometry.tap(0, row, top), geometry.tap(1, column, left)) {
        (Some(line), Some(at)) => geometry.pixel(image, line, at) + first,
        _ => 0,
    };
    let result = ((image * geometry.output[0] + row) * geometry.output[1] + column) * channels + first;
    let line = geometry.kernel[1] * channels;
    Windows {
        x: x.as_ptr().wrapping_add(start),
        window: geometry.stride[1] * channels,
        step: [geometry.dilation[0] * width * channels, geometry.dilation[1] * channels],
        weights: weights.as_ptr().wrapping_add(top * line + left * channels + first),
        weight_step: [line, channels],
        taps: [rows, columns],
        bias: finish.bias.map_or(core::ptr::null(), |bias| bias.as_ptr().wrapping_add(first)),
        lo: finish.lo,
        hi: finish.hi,
        y: y.as_mut_ptr().wrapping_add(result),
        stride: channels,
    }
}

/// All `len` channels of a block.
///
/// # Safety
/// As for [`some_channels`], for all channels of the block.
#[inline(always)]
unsafe fn all_channels<V: Vector, H: Vector, const N: usize, const KW: usize>(windows: &Windows, len: usize) {
    // SAFETY: the caller's promise; each vector lies within the block.
    unsafe {
        let mut channel = 0;
        while channel + V::LEN <= len {
            some_channels::<V, N, KW>(windows, channel);
            channel += V::LEN;
        }
        while channel + H::LEN <= len {
            some_channels::<H, N, KW>(windows, channel);
            channel += H::LEN;
        }
        while channel < len {
            some_channels::<Portable<1>, N, KW>(windows, channel);
            channel += 1;
        }
    }
}

/// Computes N windows for a vector of channels. `KW` is the number of columns of taps, where it is known, else 0.
///
/// # Safety
/// - The CPU has V's instruction set.
/// - All taps of the N windows lie in the image and all results in y, for the channels from `channel` on.
#[inline(always)]
unsafe fn some_channels<V: Vector, const N: usize, const KW: usize>(windows: &Windows, channel: usize) {
    let Windows { window, step, weight_step, taps: [rows, columns], stride, .. } = *windows;
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [V::splat(0.0); N];
        let (mut x, mut w) = (windows.x.wrapping_add(channel), windows.weights.wrapping_add(channel));
        for _ in 0..rows {
            for kx in 0..if KW > 0 { KW } else { columns } {
                let weight = V::load(w.add(kx * weight_step[1]));
                for (i, sum) in sums.iter_mut().enumerate() {
                    *sum = sum.add_product(V::load(x.add(kx * step[1] + i * window)), weight);
                }
            }
            (x, w) = (x.wrapping_add(step[0]), w.wrapping_add(weight_step[0]));
        }
        let bias = if windows.bias.is_null() { V::splat(0.0) } else { V::load(windows.bias.add(channel)) };
        let (lo, hi) = (V::splat(windows.lo), V::splat(windows.hi));
        for (i, sum) in sums.into_iter().enumerate() {
            sum.add(bias).clamp(lo, hi).store(windows.y.add(i * stride + channel));
        }
    }
}
