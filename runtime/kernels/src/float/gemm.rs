//! Matrix products, tiled over rows and columns.
//!
//! A tile of MR rows by NR columns keeps its sums in registers while k runs from first to last, so that each sum has
//! one order whatever the tile: the tile's size, which differs by instruction set, changes no bits. Columns are
//! worked on in panels of [`PANEL`]; one that can't be read where it lies (f16, transposed, or the
//! last, narrower one) is first copied to scratch as f32.

use core::array;

use super::simd::widen;
use super::{math, multiversion};
use crate::Isa;

/// Columns that are worked on together.
pub const PANEL: usize = 32;

/// What is added where there is no bias, to as many columns as are finished together: changes no bit.
static NO_BIAS: [f32; PANEL] = [-0.0; PANEL];

/// Rows that the portable bodies take together; on x86 they are the reference alone.
const PORTABLE_ROWS: usize = if cfg!(target_arch = "x86_64") { 1 } else { 4 };

/// The second factor of a product: weights, or another activation.
#[derive(Clone, Copy, Debug)]
pub enum Matrix<'a> {
    /// Elements used as they are.
    F32(&'a [f32]),
    /// Bits of f16 elements, converted when they are used.
    F16(&'a [u16]),
}

impl<'a> Matrix<'a> {
    /// Number of elements.
    pub const fn len(&self) -> usize {
        match self {
            Self::F32(elements) => elements.len(),
            Self::F16(elements) => elements.len(),
        }
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `len` elements from `first` on.
    ///
    /// # Panics
    /// When there are fewer.
    pub fn part(&self, first: usize, len: usize) -> Self {
        match self {
            Self::F32(elements) => Self::F32(&elements[first..][..len]),
            Self::F16(elements) => Self::F16(&elements[first..][..len]),
        }
    }
}

/// What is done to each sum when it is complete.
#[derive(Clone, Copy, Debug)]
pub struct Finish<'a> {
    /// Added to each column, one per column.
    pub bias: Option<&'a [f32]>,
    /// Smallest result.
    pub lo: f32,
    /// Largest result.
    pub hi: f32,
}

/// A product `[m, k] x [k, n]`, or `[m, k] x [n, k]` with `trans_b`.
#[derive(Clone, Copy, Debug)]
pub struct Product<'a> {
    /// Rows of the result.
    pub m: usize,
    /// Columns of the result.
    pub n: usize,
    /// Length of each sum.
    pub k: usize,
    /// The second factor, row-major.
    pub b: Matrix<'a>,
    /// Whether the second factor is transposed.
    pub trans_b: bool,
    /// What becomes of the sums.
    pub finish: Finish<'a>,
}

/// Elements of scratch that [`gemm`] needs for sums of `k` products.
pub const fn scratch_len(k: usize) -> usize {
    k * PANEL
}

/// `y = a x b`. `scratch` has [`scratch_len`] elements.
///
/// # Panics
/// When a slice is shorter than the dimensions demand.
pub fn gemm(isa: Isa, product: &Product<'_>, a: &[f32], y: &mut [f32], scratch: &mut [f32]) {
    let &Product { m, n, k, b, trans_b, finish } = product;
    for first in (0..n).step_by(PANEL) {
        let width = (n - first).min(PANEL);
        let (origin, step) = if trans_b { (first * k, [1, k]) } else { (first, [n, 1]) };
        let panel = Panel::of(b, origin, step, [k, width], scratch);
        panel_product(isa, a, m, panel, finish.columns(first, width), Columns { y, first, stride: n });
    }
}

/// Some neighbouring columns of a result.
#[derive(Debug)]
pub(super) struct Columns<'a> {
    /// All of the result.
    pub(super) y: &'a mut [f32],
    /// The first of the columns.
    pub(super) first: usize,
    /// Elements of a row.
    pub(super) stride: usize,
}

/// Up to [`PANEL`] columns of the second factor, as f32.
#[derive(Clone, Copy, Debug)]
pub(super) struct Panel<'a> {
    /// Starts at the first element of the first column; whole [`PANEL`]s may be read from each row.
    elements: &'a [f32],
    /// Elements between rows.
    stride: usize,
    /// Rows: the length of the sums.
    k: usize,
    /// Columns.
    pub(super) width: usize,
}

impl<'a> Panel<'a> {
    /// The panel whose element at row i and column j lies at `origin + i * step[0] + j * step[1]`.
    #[inline(never)]
    pub(super) fn of(
        b: Matrix<'a>,
        origin: usize,
        step: [usize; 2],
        [k, width]: [usize; 2],
        scratch: &'a mut [f32],
    ) -> Self {
        match b {
            Matrix::F32(b) if width == PANEL && step[1] == 1 => {
                Self { elements: b.get(origin..).unwrap_or_default(), stride: step[0], k, width }
            }
            Matrix::F32(b) => Self::copied(b, origin, step, [k, width], scratch, |v| v),
            Matrix::F16(b) => Self::copied(b, origin, step, [k, width], scratch, widen),
        }
    }

    fn copied<T: Copy>(
        b: &[T],
        origin: usize,
        step: [usize; 2],
        [k, width]: [usize; 2],
        scratch: &'a mut [f32],
        convert: impl Fn(T) -> f32,
    ) -> Self {
        let rows = &mut scratch[..k * PANEL];
        for (i, row) in rows.chunks_exact_mut(PANEL).enumerate() {
            let start = origin + i * step[0];
            for (j, slot) in row[..width].iter_mut().enumerate() {
                *slot = convert(b[start + j * step[1]]);
            }
            row[width..].fill(0.0);
        }
        Self { elements: rows, stride: PANEL, k, width }
    }
}

impl Finish<'_> {
    /// The finish of some of the columns.
    pub(super) fn columns(&self, first: usize, width: usize) -> Self {
        Self { bias: self.bias.map(|bias| &bias[first..first + width]), ..*self }
    }

    /// Finishes the sums of neighbouring columns, the first of them `column`, into `y`.
    #[inline(always)]
    pub(super) fn apply(&self, sums: &[f32], column: usize, y: &mut [f32]) {
        let bias = self.bias.map_or(&NO_BIAS[..], |bias| &bias[column..]);
        for ((y, &sum), &bias) in y.iter_mut().zip(sums).zip(bias) {
            *y = math::clamp(sum + bias, self.lo, self.hi);
        }
    }
}

multiversion! {
    /// Rows of `a` times a panel, into the columns at the start of each row of `y`.
    fn panel_product(a: &[f32], m: usize, panel: Panel<'_>, finish: Finish<'_>, columns: Columns<'_>) {
        any: product_body::<PORTABLE_ROWS, 8>, avx2: product_body::<6, 16>, avx512: product_body::<8, 32>,
    }
}

#[inline(always)]
fn product_body<const MR: usize, const NR: usize>(
    a: &[f32],
    m: usize,
    panel: Panel<'_>,
    finish: Finish<'_>,
    columns: Columns<'_>,
) {
    let Columns { y, first, stride } = columns;
    let k = panel.k;
    let row = |i: usize| &a[i * k..][..k];
    for column in (0..panel.width).step_by(NR) {
        let width = (panel.width - column).min(NR);
        let mut i = 0;
        while MR > 1 && i + MR <= m {
            let mut sums = [[0.0; NR]; MR];
            accumulate(&mut sums, array::from_fn(|r| row(i + r)), &panel, 0, column);
            for (r, sums) in sums.iter().enumerate() {
                finish.apply(sums, column, &mut y[(i + r) * stride + first + column..][..width]);
            }
            i += MR;
        }
        while i < m {
            let mut sums = [[0.0; NR]; 1];
            accumulate(&mut sums, [row(i)], &panel, 0, column);
            finish.apply(&sums[0], column, &mut y[i * stride + first + column..][..width]);
            i += 1;
        }
    }
}

/// Adds the products of some rows, from the panel's row `from` on, with NR of its columns.
#[inline(always)]
pub(super) fn accumulate<const MR: usize, const NR: usize>(
    sums: &mut [[f32; NR]; MR],
    rows: [&[f32]; MR],
    panel: &Panel<'_>,
    from: usize,
    column: usize,
) {
    let len = rows[0].len();
    let rows = rows.map(|row| &row[..len]);
    // A local copy, so that the sums can live in registers.
    let mut local = *sums;
    for i in 0..len {
        let b = &panel.elements[(from + i) * panel.stride + column..][..NR];
        for (sums, row) in local.iter_mut().zip(&rows) {
            let a = row[i];
            for (sum, &b) in sums.iter_mut().zip(b) {
                *sum += a * b;
            }
        }
    }
    *sums = local;
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

    fn exact(p: &Product<'_>, a: &[f32], b: &[f32]) -> Vec<f32> {
        let at = |i: usize, j: usize| if p.trans_b { b[j * p.k + i] } else { b[i * p.n + j] };
        let sum = |r: usize, j: usize| (0..p.k).fold(0.0, |sum, i| sum + a[r * p.k + i] * at(i, j));
        (0..p.m * p.n).map(|i| sum(i / p.n, i % p.n)).collect()
    }

    #[test]
    fn equals_the_plain_loop_bit_for_bit_on_every_isa() {
        for (m, n, k) in [(1, 1, 1), (1, 10, 7), (5, 32, 3), (9, 33, 16), (13, 70, 40), (2, 3, 0), (0, 4, 2)] {
            for trans_b in [false, true] {
                let (a, b) = (ramp(m * k, 1), ramp(k * n, 2));
                let finish = Finish { bias: None, lo: f32::NEG_INFINITY, hi: f32::INFINITY };
                let product = Product { m, n, k, b: Matrix::F32(&b), trans_b, finish };
                let expected = exact(&product, &a, &b);
                for isa in Isa::supported() {
                    let mut y = vec![f32::NAN; m * n];
                    gemm(isa, &product, &a, &mut y, &mut vec![0.0; scratch_len(k)]);
                    assert_eq!(y, expected, "{isa} {m}x{n}x{k}");
                }
            }
        }
    }

    #[test]
    fn half_weights_equal_their_f32_values_and_sums_are_finished() {
        let (a, b) = (ramp(15, 1), ramp(200, 2));
        let halves: Vec<u16> = b.iter().map(|&v| f16::from_f32(v).to_bits()).collect();
        let bias = ramp(40, 9);
        let finish = Finish { bias: Some(&bias), lo: -0.5, hi: 0.5 };
        let product = Product { m: 3, n: 40, k: 5, b: Matrix::F16(&halves), trans_b: false, finish };
        let expected: Vec<f32> =
            exact(&product, &a, &b).iter().zip(bias.iter().cycle()).map(|(y, b)| (y + b).clamp(-0.5, 0.5)).collect();
        let mut y = vec![0.0; 120];
        gemm(Isa::best(), &product, &a, &mut y, &mut vec![0.0; scratch_len(5)]);
        assert_eq!(y, expected);
    }
}
