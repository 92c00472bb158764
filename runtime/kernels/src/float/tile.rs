//! The innermost product of float matrices.
//!
//! A tile is up to MR rows by NV vectors of columns. Its sums stay in registers while the depth runs from first to last, so
//! that each sum has one order whatever the tile. Rows are read where they lie, in runs: pieces of equal length, each at an
//! offset of its own for every row, as the taps of a convolution's window are.

use core::array;

use super::panels::CHANNELS;
use super::simd::{Vector, Weight};

/// Offset of a run that lies in the padding.
pub(super) const PAD: u32 = u32::MAX;

/// Rows of the first factor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Runs {
    /// What offsets count from, in elements.
    pub base: *const f32,
    /// What is read instead at [`PAD`]: `len` zeros.
    pub zeros: *const f32,
    /// Offsets, `[count][rows]`.
    pub offsets: *const u32,
    /// Runs of each row.
    pub count: usize,
    /// Elements of a run.
    pub len: usize,
}

/// The columns of a tile.
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns<W> {
    /// Where the first panel lies.
    pub weights: W,
    /// Elements of a panel.
    pub panel: usize,
    /// Bias, as long as the tile's vectors.
    pub bias: *const f32,
    /// Smallest result.
    pub lo: f32,
    /// Largest result.
    pub hi: f32,
    /// Where the first row's results go.
    pub y: *mut f32,
    /// Elements from one row of results to the next.
    pub stride: usize,
    /// Columns that are written, at least one and no more than the tile's.
    pub width: usize,
}

impl<W> Columns<W> {
    /// The same with other weights.
    #[inline(always)]
    pub(super) fn with<T>(self, weights: *const T) -> Columns<*const T> {
        let Self { panel, bias, lo, hi, y, stride, width, .. } = self;
        Columns { weights, panel, bias, lo, hi, y, stride, width }
    }
}

/// Computes and writes a tile of `rows` rows, no more than MR: the last of them again where there are fewer.
///
/// # Safety
/// - The CPU has V's instruction set.
/// - There is a row. The offsets and what they lead to are valid for `rows` rows; the panels, bias and results for the tile's columns.
#[inline(always)]
pub(super) unsafe fn tile<V: Vector, W: Weight, const MR: usize, const NV: usize>(
    rows: usize,
    runs: &Runs,
    columns: &Columns<*const W>,
) {
    let last = rows - 1;
    // SAFETY: the caller's promise: run `i` meets the weights from depth `i * len` on.
    unsafe {
        let mut sums = [[V::splat(0.0); NV]; MR];
        for run in 0..runs.count {
            let from: [*const f32; MR] = array::from_fn(|r| {
                let offset = *runs.offsets.add(run * rows + r.min(last));
                if offset == PAD { runs.zeros } else { runs.base.add(offset as usize) }
            });
            let weights = columns.weights.add(run * runs.len * CHANNELS);
            sums = products::<V, W, MR, NV>(sums, from, runs.len, weights, columns.panel);
        }
        finish(sums, last, columns);
    }
}

/// Adds the products of `len` elements of each row.
///
/// # Safety
/// The rows have `len` elements, the panels `len` steps.
#[inline(always)]
pub(super) unsafe fn products<V: Vector, W: Weight, const MR: usize, const NV: usize>(
    mut sums: [[V; NV]; MR],
    rows: [*const f32; MR],
    len: usize,
    weights: *const W,
    panel: usize,
) -> [[V; NV]; MR] {
    // SAFETY: the caller's promise; vector `v` begins at column `v * LEN` of the tile.
    unsafe {
        for i in 0..len {
            let mut vectors = [V::splat(0.0); NV];
            for (v, vector) in vectors.iter_mut().enumerate() {
                let column = v * V::LEN;
                *vector = W::load(weights.add(column / CHANNELS * panel + i * CHANNELS + column % CHANNELS));
            }
            for (sums, row) in sums.iter_mut().zip(rows) {
                let a = V::splat(*row.add(i));
                for (sum, &w) in sums.iter_mut().zip(&vectors) {
                    *sum = sum.add_product(a, w);
                }
            }
        }
    }
    sums
}

/// Adds the bias, clamps, and writes the rows up to the `last`.
///
/// # Safety
/// As for [`tile`].
#[inline(always)]
unsafe fn finish<V: Vector, W, const MR: usize, const NV: usize>(
    mut sums: [[V; NV]; MR],
    last: usize,
    columns: &Columns<W>,
) {
    let &Columns { y, stride, width, .. } = columns;
    // SAFETY: the caller's promise.
    unsafe {
        let (lo, hi) = (V::splat(columns.lo), V::splat(columns.hi));
        let whole = width == NV * V::LEN;
        for (r, sums) in sums.iter_mut().enumerate() {
            let y = y.add(r.min(last) * stride);
            for (v, sum) in sums.iter_mut().enumerate() {
                let column = v * V::LEN;
                *sum = sum.add(V::load(columns.bias.add(column))).clamp(lo, hi);
                if V::MASKED {
                    sum.store_some(y.wrapping_add(column), width.saturating_sub(column));
                } else if whole {
                    sum.store(y.add(column));
                }
            }
        }
        if !V::MASKED && !whole {
            for (r, sums) in sums.iter().enumerate().take(last + 1) {
                core::ptr::copy_nonoverlapping(sums.as_ptr().cast(), y.add(r * stride), width);
            }
        }
    }
}
