//! Convolutions and matrix products with packed weights.
//!
//! Rows of the first factor (the windows of a convolution) are cut into tiles. For a block of tiles it is first worked
//! out where their taps lie; then one group of panels after the other meets all tiles of the block, so that the
//! panels stay in the first cache and the rows in the second. Nothing is copied, except lines with padding at their ends,
//! so that all windows lie inside, and weights of f16, which are widened for all tiles of a block. Convolutions of 3 by 3 taps
//! with many channels go another way where they may.

use super::conv::Geometry;
use super::gemm::{Finish, Matrix};
use super::panels::{CHANNELS, Panels, packed_len};
use super::rows::{Block, Rows, Table};
use super::simd::{Portable, Vector, Weight, widen_to};
use super::tile::{Columns, Runs, tile};
use super::{Fusion, PORTABLE_IS_REFERENCE, fusable, winograd};
use crate::Isa;
#[cfg(target_arch = "aarch64")]
use crate::arch::Quad;
#[cfg(target_arch = "x86_64")]
use crate::arch::{Ymm, Zmm};
use crate::error::{ShapeError, at_least, exactly};
use crate::isa::IsaKind;
use crate::name::{KernelName, Tile};

/// Columns of the widest group of panels of any instruction set.
const MOST_COLUMNS: usize = 128;

/// Columns of the widest group of panels whose weights are widened.
const WIDENED: usize = 2 * CHANNELS;

/// A picked kernel of products with packed weights.
#[derive(Clone, Copy, Debug)]
pub struct Packed {
    isa: Isa,
    fusion: Fusion,
}

/// A convolution with packed weights: one set of panels for each group. Depth runs over the window's rows, columns, then a
/// group's channels.
#[derive(Clone, Copy, Debug)]
pub struct PackedConv<'a> {
    /// Where the taps lie.
    pub geometry: Geometry,
    /// Sets of channels that know nothing of each other; a divisor of both numbers of channels.
    pub groups: usize,
    /// Channels of the result.
    pub out_channels: usize,
    /// All groups' panels.
    pub weights: Matrix<'a>,
    /// What becomes of the sums.
    pub finish: Finish<'a>,
}

impl Packed {
    /// Picks the kernel.
    pub const fn select(isa: Isa, fusion: Fusion) -> Self {
        Self { isa, fusion }
    }

    /// The kernel's name, with the tile that most products are cut into.
    pub fn name(&self, op: &'static str) -> KernelName {
        let (rows, channels) = match self.isa.kind() {
            IsaKind::Reference => (PORTABLE_ROWS, CHANNELS),
            IsaKind::Avx512Vnni => (8, 2 * CHANNELS),
            _ => (6, CHANNELS),
        };
        KernelName::new(op, Tile::Product { rows, channels, depth: 1 }, self.isa)
    }

    /// Whether products are rounded before they are added.
    pub fn is_exact(&self) -> bool {
        self.fusion == Fusion::Never || !self.isa.fuses()
    }

    /// Elements of scratch that [`multiply`](Self::multiply) needs for `m` rows of `k` elements; `half` if the weights are f16.
    pub fn multiply_scratch(&self, [m, k]: [usize; 2], half: bool) -> usize {
        scratch_len(&Rows::Plain { k }, m, k, half)
    }

    /// Elements of scratch that [`convolve`](Self::convolve) needs with so many groups and channels of the result; `half` if the
    /// weights are f16.
    pub fn convolve_scratch(&self, geometry: &Geometry, [groups, out_channels]: [usize; 2], half: bool) -> usize {
        let rows = rows_of(geometry, geometry.depth(groups), 0);
        let direct = scratch_len(&rows, geometry.windows(), rows.k(), half);
        // A smaller image of the same model may go the other way.
        if self.transforms(geometry, groups, out_channels) {
            direct.max(winograd::scratch_len(geometry))
        } else {
            direct
        }
    }

    /// Whether a convolution needs fewer products, and may: they are not those of its windows.
    fn transforms(&self, geometry: &Geometry, groups: usize, out_channels: usize) -> bool {
        !self.is_exact() && groups == 1 && winograd::suits(geometry, out_channels)
    }

    /// `y = a x b` for `m` contiguous rows. `scratch` has [`multiply_scratch`](Self::multiply_scratch) elements.
    ///
    /// # Errors
    /// [`ShapeError`] when a slice is too short.
    pub fn multiply(
        &self,
        (a, m): (&[f32], usize),
        panels: Panels<'_>,
        finish: Finish<'_>,
        y: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<(), ShapeError> {
        at_least("a", m.checked_mul(panels.k()), a.len())?;
        let work = Work { rows: Rows::Plain { k: panels.k() }, m, panels, finish, first: 0, stride: panels.n() };
        self.run(&work, a, y, scratch)
    }

    /// Convolves x. `scratch` has [`convolve_scratch`](Self::convolve_scratch) elements.
    ///
    /// # Errors
    /// [`ShapeError`] when a slice is too short, or the weights have another length than the layer demands.
    pub fn convolve(
        &self,
        layer: &PackedConv<'_>,
        x: &[f32],
        y: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<(), ShapeError> {
        let PackedConv { geometry, groups, out_channels, weights, finish } = layer;
        at_least("x", geometry.input_len(), x.len())?;
        let [depth, n] = [geometry.input[3], *out_channels].map(|c| c.checked_div(*groups).unwrap_or(0));
        let k = geometry.kernel[0].checked_mul(geometry.kernel[1]).and_then(|taps| taps.checked_mul(depth));
        let (k, each) = k.and_then(|k| Some((k, packed_len(n, k)?))).unwrap_or((0, usize::MAX));
        exactly("weights", each.saturating_mul(*groups), weights.len())?;
        for group in 0..*groups {
            let panels = Panels::new(weights.part(group * each, each), n, k);
            let panels = panels.expect("a part's length is that of its channels and depth");
            let first = group * n;
            if let Some(bias) = finish.bias {
                at_least("bias", Some(*out_channels), bias.len())?;
            }
            let finish = finish.columns(first, n);
            if self.transforms(geometry, *groups, n) {
                return self.transform(&winograd::Layer { geometry, panels, finish }, x, y, scratch);
            }
            let rows = rows_of(geometry, depth, group * depth);
            let work = Work { rows, m: geometry.windows(), panels, finish, first, stride: *out_channels };
            self.run(&work, x, y, scratch)?;
        }
        Ok(())
    }

    fn transform(
        &self,
        layer: &winograd::Layer<'_>,
        x: &[f32],
        y: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<(), ShapeError> {
        at_least("y", layer.geometry.windows().checked_mul(layer.panels.n()), y.len())?;
        at_least("scratch", Some(winograd::scratch_len(layer.geometry)), scratch.len())?;
        // SAFETY: the callers have found that the layer suits and that products may be fused, and checked x, weights and bias;
        // y and scratch have been checked above.
        unsafe { winograd::convolve(self.isa, layer, x, y, scratch) };
        Ok(())
    }

    fn run(&self, work: &Work<'_>, x: &[f32], y: &mut [f32], scratch: &mut [f32]) -> Result<(), ShapeError> {
        let Work { rows, m, panels, finish, first, stride } = *work;
        if m == 0 || panels.n() == 0 {
            return Ok(());
        }
        let half = matches!(panels.weights(), Matrix::F16(_));
        at_least("scratch", Some(scratch_len(&rows, m, panels.k(), half)), scratch.len())?;
        let reach = (m - 1).checked_mul(stride).and_then(|start| start.checked_add(first + panels.n()));
        at_least("y", reach, y.len())?;
        if let Some(bias) = finish.bias {
            at_least("bias", Some(panels.n()), bias.len())?;
        }
        // Offsets have 32 bits, the last of which stands for padding.
        at_least("x of 32 bits", Some(x.len()), u32::MAX as usize)?;
        at_least("scratch of 32 bits", Some(rows.scratch()), u32::MAX as usize)?;
        // SAFETY: an `Isa` is proof of its features. The callers have checked that x holds what the rows reach, and
        // `Panels` that the weights fit; y, bias and scratch have been checked above.
        unsafe { blocks(self.isa, self.fusion, work, x, y, scratch) };
        Ok(())
    }
}

/// Products of rows and panels.
#[derive(Clone, Copy, Debug)]
struct Work<'a> {
    rows: Rows<'a>,
    /// How many rows.
    m: usize,
    panels: Panels<'a>,
    finish: Finish<'a>,
    /// The first column of the results.
    first: usize,
    /// Elements from one row of results to the next.
    stride: usize,
}

/// Elements of scratch for products of `m` rows with weights of which `k` make a sum, of f16 if `half`.
fn scratch_len(rows: &Rows<'_>, m: usize, k: usize, half: bool) -> usize {
    let widened = if half && m > 1 { k.saturating_mul(WIDENED) } else { 0 };
    rows.scratch().saturating_add(widened)
}

/// The windows of a convolution, reading `depth` channels of each pixel from channel `first` on.
fn rows_of(geometry: &Geometry, depth: usize, first: usize) -> Rows<'_> {
    match geometry.is_plain() && depth == geometry.input[3] {
        true => Rows::Plain { k: depth },
        false => Rows::Windows { geometry, depth, first },
    }
}

fusable! {
    /// All rows, a block of tiles after the other.
    ///
    /// # Safety
    /// The slices have the lengths that `work` demands; those of x and the scratch memory are what its rows reach and need.
    unsafe fn blocks(work: &Work<'_>, x: &[f32], y: &mut [f32], scratch: &mut [f32]) {
        any: blocks_body::<Portable<4>, PORTABLE_ROWS, 4, PORTABLE_HALF, 4, true>,
        avx2: blocks_body::<Ymm<false>, 6, 2, 2, 2, false>,
        avx2_fused: blocks_body::<Ymm<true>, 6, 2, 1, 8, true>,
        avx512_fused: blocks_body::<Zmm<true>, 8, 2, 1, 8, true>,
        neon: blocks_body::<Quad<false>, 6, 4, 4, 4, false>,
        neon_fused: blocks_body::<Quad<true>, 6, 4, 2, 8, true>,
    }
}

/// Most rows of a tile of the portable body, and vectors of its half panels, which the reference does without.
const PORTABLE_ROWS: usize = if PORTABLE_IS_REFERENCE { 1 } else { 2 };
const PORTABLE_HALF: usize = if PORTABLE_IS_REFERENCE { 4 } else { 2 };

/// Tiles have up to `MR` rows and `NV` vectors of columns or, where no more are left, `HV`; single rows `GV`. `EACH` number of rows
/// has code of its own with `NV` vectors; else, as with `HV`, fewer rows take the time of `MR`.
///
/// # Safety
/// As for [`blocks`], and the CPU has V's instruction set.
#[inline(always)]
unsafe fn blocks_body<
    V: Vector,
    const MR: usize,
    const NV: usize,
    const HV: usize,
    const GV: usize,
    const EACH: bool,
>(
    work: &Work<'_>,
    x: &[f32],
    y: &mut [f32],
    scratch: &mut [f32],
) {
    let (n, panel) = (work.panels.n(), work.panels.k() * CHANNELS);
    let padded = n.next_multiple_of(CHANNELS);
    let least = if MR < LEAST_ROWS { 1 } else { LEAST_ROWS };
    let (scratch, room) = scratch.split_at_mut(work.rows.scratch());
    let room = room.as_mut_ptr();
    let mut table = Table::new(work.rows, work.m, [MR, least], scratch);
    let single = MR == 1 || table.is_single();
    while let Some(block) = table.next_block(x) {
        let mut column = 0;
        while column < n {
            let vectors = match n - column {
                _ if single && padded - column >= GV * V::LEN => GV,
                left if left <= HV * V::LEN && !(single && never_half::<V, NV, HV>()) => HV,
                _ => NV,
            };
            let width = (n - column).min(vectors * V::LEN);
            let bias = bias_of(&work.finish, column, width);
            let columns = Columns {
                weights: Place::of(work.panels.weights(), column / CHANNELS * panel),
                panel,
                bias: bias.as_ptr(),
                lo: work.finish.lo,
                hi: work.finish.hi,
                y: y.as_mut_ptr().wrapping_add(block.first * work.stride + work.first + column),
                stride: work.stride,
                width,
            };
            // SAFETY: the block's offsets are valid for its tiles, the panels for the group's vectors, and the
            // results for the tiles' rows and `width` columns; there is room for a group of `NV` vectors.
            unsafe {
                match columns.weights {
                    Place::F32(weights) if single => {
                        singles::<V, f32, NV, HV, GV>(&block, vectors, columns.with(weights))
                    }
                    Place::F16(weights) if single => {
                        singles::<V, u16, NV, HV, GV>(&block, vectors, columns.with(weights))
                    }
                    weights => {
                        let columns = columns.with(weights.widened::<V>(vectors, panel, room));
                        match vectors {
                            _ if HV == NV || vectors == NV => tiles::<V, MR, NV, EACH>(&block, columns),
                            _ => tiles::<V, MR, HV, false>(&block, columns),
                        }
                    }
                }
            }
            column += vectors * V::LEN;
        }
    }
}

/// Where the first panel of some columns lies.
#[derive(Clone, Copy, Debug)]
enum Place {
    F32(*const f32),
    F16(*const u16),
}

impl Place {
    fn of(weights: Matrix<'_>, first: usize) -> Self {
        match weights {
            Matrix::F32(weights) => Self::F32(weights.as_ptr().wrapping_add(first)),
            Matrix::F16(weights) => Self::F16(weights.as_ptr().wrapping_add(first)),
        }
    }

    /// Weights of f32, which lie in `room` if they had to be widened.
    ///
    /// # Safety
    /// - The CPU has V's instruction set.
    /// - The columns are those of `vectors` vectors, for whose panels of `panel` elements there is room.
    #[inline(always)]
    unsafe fn widened<V: Vector>(self, vectors: usize, panel: usize, room: *mut f32) -> *const f32 {
        match self {
            Self::F32(weights) => weights,
            // SAFETY: the caller's promise.
            Self::F16(weights) => unsafe {
                widen_to::<V>(weights, (vectors * V::LEN).div_ceil(CHANNELS) * panel, room);
                room
            },
        }
    }
}

/// Whether single rows never take `HV` vectors: these are all `NV`, or `NV` are no more than a panel, which may be read whatever the number of
/// columns.
const fn never_half<V: Vector, const NV: usize, const HV: usize>() -> bool {
    HV == NV || NV * V::LEN <= CHANNELS
}

/// A group of columns of a block's rows, one by one: each weight is read once, as it is stored.
///
/// # Safety
/// As for [`tile`], for each of the rows.
#[inline(always)]
unsafe fn singles<V: Vector, W: Weight, const NV: usize, const HV: usize, const GV: usize>(
    block: &Block<'_>,
    vectors: usize,
    mut columns: Columns<*const W>,
) {
    for entry in block.tiles() {
        // SAFETY: the caller's promise.
        unsafe {
            match vectors {
                _ if GV == NV && never_half::<V, NV, HV>() || vectors == GV => {
                    tile::<V, W, 1, GV>(1, &entry.runs, &columns)
                }
                _ if never_half::<V, NV, HV>() || vectors == NV => tile::<V, W, 1, NV>(1, &entry.runs, &columns),
                _ => tile::<V, W, 1, HV>(1, &entry.runs, &columns),
            }
        }
        columns.y = columns.y.wrapping_add(columns.stride);
    }
}

/// A group of columns of a block's rows, tile by tile.
///
/// # Safety
/// As for [`tile`], for each of the tiles, which have no more than MR rows, and no fewer than the least that `Table` is told.
#[inline(always)]
unsafe fn tiles<V: Vector, const MR: usize, const NV: usize, const EACH: bool>(
    block: &Block<'_>,
    mut columns: Columns<*const f32>,
) {
    for entry in block.tiles() {
        // SAFETY: the caller's promise.
        unsafe {
            match EACH {
                true => tile_of::<V, MR, NV>(entry.rows, &entry.runs, &columns),
                false => tile::<V, f32, MR, NV>(entry.rows, &entry.runs, &columns),
            }
        }
        columns.y = columns.y.wrapping_add(entry.rows * columns.stride);
    }
}

/// Fewest rows of a tile that keeps an arithmetic unit busy.
const LEAST_ROWS: usize = 4;

/// A tile of as many rows as are asked for: no more than MR, and no fewer than the least that `Table` is told.
///
/// # Safety
/// As for [`tile`].
#[inline(always)]
unsafe fn tile_of<V: Vector, const MR: usize, const NV: usize>(
    rows: usize,
    runs: &Runs,
    columns: &Columns<*const f32>,
) {
    // SAFETY: the caller's promise.
    unsafe {
        match rows {
            1 if MR < LEAST_ROWS => tile::<V, f32, 1, NV>(1, runs, columns),
            2 if MR < LEAST_ROWS && MR >= 2 => tile::<V, f32, 2, NV>(2, runs, columns),
            3 if MR < LEAST_ROWS && MR >= 3 => tile::<V, f32, 3, NV>(3, runs, columns),
            4 if MR >= 4 => tile::<V, f32, 4, NV>(4, runs, columns),
            5 if MR >= 5 => tile::<V, f32, 5, NV>(5, runs, columns),
            6 if MR >= 6 => tile::<V, f32, 6, NV>(6, runs, columns),
            7 if MR >= 7 => tile::<V, f32, 7, NV>(7, runs, columns),
            8 if MR >= 8 => tile::<V, f32, 8, NV>(8, runs, columns),
            _ => unreachable!("rows are cut into tiles of up to MR rows"),
        }
    }
}

/// The bias of a tile's columns, zeros where there is none.
#[inline(always)]
pub(super) fn bias_of(finish: &Finish<'_>, column: usize, width: usize) -> [f32; MOST_COLUMNS] {
    let mut padded = [0.0; MOST_COLUMNS];
    if let Some(bias) = finish.bias {
        padded[..width].copy_from_slice(&bias[column..][..width]);
    }
    padded
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

    /// A case: input, groups and channels, kernel, stride, dilation, padding on every side.
    type Case = ([usize; 4], [usize; 2], [usize; 2], [usize; 2], [usize; 2], usize);

    /// Every number of rows that a tile may have, single rows, widths of half, whole and several panels, gathered windows,
    /// blocks of many tiles.
    const CASES: [Case; 17] = [
        ([1, 5, 6, 3], [1, 40], [3, 3], [1, 1], [1, 1], 1),
        ([2, 7, 7, 4], [1, 16], [1, 1], [1, 1], [1, 1], 0),
        ([1, 9, 20, 3], [1, 33], [3, 3], [2, 2], [1, 1], 1),
        ([1, 9, 9, 4], [2, 6], [3, 2], [2, 1], [2, 3], 2),
        ([2, 8, 5, 1], [1, 64], [10, 4], [2, 2], [1, 1], 3),
        ([1, 4, 4, 3], [3, 6], [3, 3], [1, 1], [1, 1], 1),
        ([1, 3, 3, 2], [1, 2], [1, 1], [1, 1], [1, 1], 2),
        ([1, 1, 30, 1], [1, 8], [1, 9], [1, 1], [1, 2], 8),
        ([1, 1, 1, 50], [1, 150], [1, 1], [1, 1], [1, 1], 0),
        ([1, 1, 7, 9], [1, 24], [1, 1], [1, 1], [1, 1], 0),
        ([1, 1, 17, 9], [1, 48], [1, 1], [1, 1], [1, 1], 0),
        ([1, 8, 8, 16], [1, 32], [1, 1], [2, 2], [1, 1], 0),
        ([1, 30, 31, 12], [1, 17], [3, 3], [1, 1], [1, 1], 1),
        ([1, 8, 8, 16], [1, 16], [3, 3], [1, 1], [1, 1], 1),
        ([2, 9, 7, 17], [1, 40], [3, 3], [1, 1], [1, 1], 1),
        ([1, 40, 37, 24], [1, 70], [3, 3], [1, 1], [1, 1], 0),
        ([3, 6, 5, 200], [1, 33], [3, 3], [1, 1], [1, 1], 2),
    ];

    fn geometry(&(input, _, kernel, stride, dilation, pad): &Case) -> Geometry {
        let size =
            |axis: usize| (input[axis + 1] + 2 * pad - (kernel[axis] - 1) * dilation[axis] - 1) / stride[axis] + 1;
        Geometry { input, output: [size(0), size(1)], kernel, stride, dilation, pads: [pad, pad] }
    }

    /// The plain loops' results, and how far a fused result may be off.
    fn expected(layer: &Conv<'_>, x: &[f32], w: &[f32], k: usize) -> (Vec<f32>, Vec<f32>) {
        let run = |layer: &Conv<'_>, x: &[f32]| {
            let mut y = vec![f32::NAN; layer.geometry.windows() * layer.out_channels];
            conv::conv(Isa::REFERENCE, layer, x, &mut y, &mut vec![0.0; conv::scratch_len(k)]);
            y
        };
        let (magnitudes, x_magnitudes): (Vec<f32>, Vec<f32>) =
            (w.iter().map(|w| w.abs()).collect(), x.iter().map(|x| x.abs()).collect());
        let finish = Finish { bias: None, lo: f32::NEG_INFINITY, hi: f32::INFINITY };
        let sums = run(&Conv { weights: Matrix::F32(&magnitudes), finish, ..*layer }, &x_magnitudes);
        // Each of k roundings loses half a unit in the last place of no more than the sum of magnitudes; both results do.
        let bounds = sums.iter().map(|sum| (sum + 1.0) * (k + 2) as f32 * f32::EPSILON).collect();
        (run(layer, x), bounds)
    }

    #[test]
    fn exact_kernels_equal_the_plain_loops_bit_for_bit_and_fused_ones_within_the_bound() {
        for case in &CASES {
            let geometry = geometry(case);
            let [groups, out_channels] = case.1;
            let (depth, n) = (geometry.depth(groups), out_channels / groups);
            let k = geometry.kernel[0] * geometry.kernel[1] * depth;
            // Values of 11 bits, so that f16 holds them.
            let (x, w) = (ramp(geometry.input.iter().product(), 1), ramp(k * out_channels, 5));
            let bias = ramp(out_channels, 3);
            let finish = Finish { bias: Some(&bias), lo: -1.0, hi: 1.0 };
            let plain = Conv { geometry, groups, out_channels, weights: Matrix::F32(&w), finish };
            let (expected, bounds) = expected(&plain, &x, &w, k);
            let panels: Vec<f32> =
                (0..groups).flat_map(|group| pack(&w, group * n, [out_channels, 1], [k, n])).collect();
            let halves: Vec<u16> = panels.iter().map(|&v| f16::from_f32(v).to_bits()).collect();
            for (isa, fusion) in Isa::supported().flat_map(|isa| [(isa, Fusion::Never), (isa, Fusion::Allowed)]) {
                for weights in [Matrix::F32(&panels), Matrix::F16(&halves)] {
                    let mut y = vec![f32::NAN; expected.len()];
                    let layer = PackedConv { geometry, groups, out_channels, weights, finish };
                    let kernel = Packed::select(isa, fusion);
                    let mut scratch =
                        vec![f32::NAN; kernel.convolve_scratch(&geometry, case.1, matches!(weights, Matrix::F16(_)))];
                    kernel.convolve(&layer, &x, &mut y, &mut scratch).expect("the slices fit");
                    for (i, (&y, &expected)) in y.iter().zip(&expected).enumerate() {
                        let bound = if kernel.is_exact() { 0.0 } else { bounds[i] };
                        assert!((y - expected).abs() <= bound, "{isa} {fusion:?} {case:?} {i}: {y} {expected}");
                    }
                }
            }
        }
    }

    /// A session has scratch for the largest inputs of its plan.
    #[test]
    fn smaller_images_need_no_more_scratch() {
        let kernel = Packed::select(Isa::best(), Fusion::Allowed);
        let cases = [(16, [3, 3], [1, 1]), (40, [3, 3], [2, 2]), (3, [7, 7], [2, 2]), (1, [10, 4], [2, 2])];
        for (images, half) in [(1, false), (1, true), (3, true)] {
            for (channels, kernel_size, stride) in cases {
                let scratch = |[h, w]: [usize; 2]| {
                    let output = [h.div_ceil(stride[0]), w.div_ceil(stride[1])];
                    let input = [images, h, w, channels];
                    let geometry =
                        Geometry { input, output, kernel: kernel_size, stride, dilation: [1, 1], pads: [1, 1] };
                    kernel.convolve_scratch(&geometry, [1, 24], half)
                };
                for size in (4..70).flat_map(|h| (4..70).map(move |w| [h, w])) {
                    let larger = [scratch([size[0] + 1, size[1]]), scratch([size[0], size[1] + 1])];
                    assert!(larger.iter().all(|&larger| larger >= scratch(size)), "{size:?} {channels} {larger:?}");
                }
            }
        }
    }

    #[test]
    fn products_of_rows_are_those_of_pixels() {
        for (m, n, k) in [(1, 1, 1), (1, 200, 7), (5, 32, 3), (13, 70, 40), (300, 9, 33), (2, 3, 0), (0, 4, 2)] {
            let (a, w) = (ramp(m * k, 1), ramp(n * k, 2));
            let packed = pack(&w, 0, [n, 1], [k, n]);
            let panels = Panels::new(Matrix::F32(&packed), n, k).expect("it was packed so");
            let finish = Finish { bias: None, lo: f32::NEG_INFINITY, hi: f32::INFINITY };
            let sum = |i: usize| (0..k).fold(0.0, |sum, j| sum + a[i / n * k + j] * w[j * n + i % n]);
            let expected: Vec<f32> = (0..m * n).map(sum).collect();
            for isa in Isa::supported() {
                let mut y = vec![f32::NAN; m * n];
                let kernel = Packed::select(isa, Fusion::Never);
                let mut scratch = vec![0.0; kernel.multiply_scratch([m, k], false)];
                kernel.multiply((&a, m), panels, finish, &mut y, &mut scratch).expect("the slices fit");
                assert_eq!(y, expected, "{isa} {m}x{n}x{k}");
            }
        }
    }

    #[test]
    fn slices_that_are_too_short_are_errors() {
        let (w, finish) = (vec![0.0; 32], Finish { bias: None, lo: 0.0, hi: 1.0 });
        let panels = Panels::new(Matrix::F32(&w), 3, 2).expect("one panel");
        let kernel = Packed::select(Isa::best(), Fusion::Allowed);
        let run = |a: usize, y: usize, scratch: usize| {
            let (a, mut y, mut scratch) = (vec![0.0; a], vec![0.0; y], vec![0.0; scratch]);
            kernel.multiply((&a, 4), panels, finish, &mut y, &mut scratch)
        };
        let scratch = kernel.multiply_scratch([4, 2], false);
        assert!(run(8, 12, scratch).is_ok());
        for (a, y, scratch) in [(7, 12, scratch), (8, 11, scratch), (8, 12, 0)] {
            assert!(run(a, y, scratch).is_err());
        }
    }
}
