//! Packed weights.
//!
//! The layout is the same in the artifact and for every instruction set: panels of 16 output channels, depth
//! in groups of 4, `[n.div_ceil(16)][k.div_ceil(4)][16][4]` signed bytes, missing channels and depth zero. One
//! group of a panel is 64 bytes: the second operand of one 512-bit byte dot product, of two 256-bit
//! ones or of four 128-bit ones.

use alloc::vec;
use alloc::vec::Vec;

use crate::error::PanelError;

/// Output channels of a panel.
pub const PANEL: usize = 16;
/// Depth of a group.
pub(crate) const GROUP: usize = 4;

/// Packed weights of `n` output channels, `k` deep, whose length has been checked.
#[derive(Clone, Copy, Debug)]
pub struct Panels<'a> {
    weights: &'a [i8],
    n: usize,
    k: usize,
}

impl<'a> Panels<'a> {
    /// Fails unless `weights` is exactly [`packed_len`] long.
    pub fn new(weights: &'a [i8], n: usize, k: usize) -> Result<Self, PanelError> {
        let needed = packed_len(n, k).ok_or(PanelError::TooLarge)?;
        match weights.len() {
            _ if needed == 0 => Err(PanelError::Empty),
            found if found == needed => Ok(Self { weights, n, k }),
            found => Err(PanelError::Length { needed, found }),
        }
    }

    /// Output channels.
    pub const fn n(&self) -> usize {
        self.n
    }

    /// Depth: products per output.
    pub const fn k(&self) -> usize {
        self.k
    }

    /// The packed bytes.
    pub const fn weights(&self) -> &'a [i8] {
        self.weights
    }

    /// Groups of a panel; the last may be partly zeros.
    pub(crate) const fn groups(&self) -> usize {
        self.k.div_ceil(GROUP)
    }

    /// The weight of one output channel at one depth.
    pub fn at(&self, channel: usize, depth: usize) -> i8 {
        self.weights[position(self.groups(), channel, depth)]
    }
}

/// Length of packed weights, `None` where it exceeds a `usize`.
pub const fn packed_len(n: usize, k: usize) -> Option<usize> {
    let Some(groups) = n.div_ceil(PANEL).checked_mul(k.div_ceil(GROUP)) else { return None };
    groups.checked_mul(PANEL * GROUP)
}

/// Packs row-major weights, one row of `k` per output channel.
///
/// # Panics
/// If `weights` is not `n * k` long; made for the compiler, which owns its shapes.
pub fn pack_panels(weights: &[i8], n: usize, k: usize) -> Vec<i8> {
    assert_eq!(weights.len(), n * k, "weights are n rows of k");
    let mut packed = vec![0; packed_len(n, k).expect("a packed copy of weights fits in memory")];
    for (channel, row) in weights.chunks_exact(k.max(1)).enumerate() {
        for (depth, &weight) in row.iter().enumerate() {
            packed[position(k.div_ceil(GROUP), channel, depth)] = weight;
        }
    }
    packed
}

/// Packs a matrix of activations so that it can stand in for weights: `q - 128` of `b`, which is `[k][n]`, or
/// `[n][k]` when `transposed`. The weight zero point of every channel is then the matrix's own less 128.
///
/// # Errors
/// [`PanelError`] if `b` is not `n * k` long or `out` not [`packed_len`].
pub fn pack_u8_panels(b: &[u8], n: usize, k: usize, transposed: bool, out: &mut [i8]) -> Result<(), PanelError> {
    Panels::new(out, n, k)?;
    let needed = n.checked_mul(k).ok_or(PanelError::TooLarge)?;
    if b.len() != needed {
        return Err(PanelError::Length { needed, found: b.len() });
    }
    out.fill(0);
    let (channel_step, depth_step) = if transposed { (k, 1) } else { (1, n) };
    for channel in 0..n {
        for depth in 0..k {
            let q = b[channel * channel_step + depth * depth_step];
            out[position(k.div_ceil(GROUP), channel, depth)] = (q ^ 0x80) as i8;
        }
    }
    Ok(())
}

/// Where a weight lies in panels of `groups` groups.
const fn position(groups: usize, channel: usize, depth: usize) -> usize {
    let group = (channel / PANEL) * groups + depth / GROUP;
    (group * PANEL + channel % PANEL) * GROUP + depth % GROUP
}
