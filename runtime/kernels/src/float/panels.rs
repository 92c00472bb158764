//! Packed weights of float products: what the file holds.
//!
//! Panels of 16 output channels, `[ceil(n / 16)][k][16]`, missing channels zero. A step of a sum reads 64 bytes that lie
//! together (32 of f16), whatever the number of channels: with rows of all channels it would meet another page each time.

use alloc::vec;
use alloc::vec::Vec;

use super::gemm::Matrix;

/// Output channels of a panel.
pub const CHANNELS: usize = 16;

/// Packed weights of `n` output channels, `k` deep, whose length has been checked.
#[derive(Clone, Copy, Debug)]
pub struct Panels<'a> {
    weights: Matrix<'a>,
    n: usize,
    k: usize,
}

impl<'a> Panels<'a> {
    /// `None` unless `weights` has exactly [`packed_len`] elements.
    pub fn new(weights: Matrix<'a>, n: usize, k: usize) -> Option<Self> {
        (weights.len() == packed_len(n, k)?).then_some(Self { weights, n, k })
    }

    /// The weights.
    pub const fn weights(&self) -> Matrix<'a> {
        self.weights
    }

    /// Output channels.
    pub const fn n(&self) -> usize {
        self.n
    }

    /// Products per sum.
    pub const fn k(&self) -> usize {
        self.k
    }
}

/// Elements that `n` channels of `k` weights take when packed; `None` beyond a `usize`.
pub fn packed_len(n: usize, k: usize) -> Option<usize> {
    n.div_ceil(CHANNELS).checked_mul(k)?.checked_mul(CHANNELS)
}

/// Packs `n` columns of `k` weights: that of column j at depth i lies at `origin + i * step[0] + j * step[1]`.
///
/// # Panics
/// When there are fewer weights.
pub fn pack<T: Copy + Default>(weights: &[T], origin: usize, step: [usize; 2], [k, n]: [usize; 2]) -> Vec<T> {
    let mut packed = vec![T::default(); n.div_ceil(CHANNELS) * k * CHANNELS];
    for (panel, rows) in packed.chunks_exact_mut((k * CHANNELS).max(1)).enumerate() {
        let column = panel * CHANNELS;
        let width = (n - column).min(CHANNELS);
        for (depth, row) in rows.chunks_exact_mut(CHANNELS).enumerate() {
            for (j, slot) in row[..width].iter_mut().enumerate() {
                *slot = weights[origin + depth * step[0] + (column + j) * step[1]];
            }
        }
    }
    packed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_hold_channels_side_by_side_and_zeros_behind() {
        // Two rows of 20 columns, of which 17 from the second on; then the same columns as rows.
        let weights: Vec<u16> = (0..40).collect();
        let packed = pack(&weights, 1, [20, 1], [2, 17]);
        let turned: Vec<u16> = (0..20).flat_map(|column| [column, column + 20]).collect();
        assert_eq!(pack(&turned, 2, [1, 2], [2, 17]), packed);
        assert_eq!(packed.len(), packed_len(17, 2).expect("small"));
        assert_eq!(packed[..16], (1..17).collect::<Vec<u16>>());
        assert_eq!(packed[16..32], (21..37).collect::<Vec<u16>>());
        assert_eq!((packed[32], packed[48]), (17, 37));
        assert!(packed[33..48].iter().chain(&packed[49..]).all(|&w| w == 0));
    }

    #[test]
    fn a_length_that_does_not_fit_is_refused() {
        for (len, expected) in [(63, false), (64, true), (65, false)] {
            assert_eq!(Panels::new(Matrix::F32(&vec![0.0; len]), 17, 2).is_some(), expected);
        }
        assert!(Panels::new(Matrix::F16(&[]), usize::MAX, usize::MAX).is_none());
    }
}
