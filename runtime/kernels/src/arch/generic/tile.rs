//! Tiles: the innermost matrix product.
//!
//! A tile is MR rows by NP panels of 16 channels. Its sums stay in registers over the whole depth: each step reads
//! 4 activations of each row, the same for all channels, and 64 bytes of each panel. A row is the concatenation of `segments`,
//! runs of equal length at one offset from several bases, so that the rows of a convolution are read
//! where they lie: one segment for each line of the window. Tiles of few rows split the depth over KU sets of
//! sums, because the dot products of one sum wait for each other.

use super::simd::{Quanta, Simd};
use crate::panel::{GROUP, PANEL};

/// One tile's operands. All pointers are valid for what the tile's extents say.
#[derive(Clone, Copy)]
pub(crate) struct Tile {
    /// Bases of the segments.
    pub segments: *const *const u8,
    /// How many.
    pub segment_count: usize,
    /// Where row 0 begins in each segment.
    pub offset: usize,
    /// Groups of 4 activations of each row in each segment.
    pub groups: usize,
    /// Bytes from one row to the next.
    pub lda: usize,
    /// The first panel.
    pub weights: *const i8,
    /// Bytes of a panel.
    pub panel_len: usize,
    /// Channels of the tile and of those beside it.
    pub channels: usize,
    /// Elements from one output row to the next.
    pub ldo: usize,
}

/// What [`requant_tiles`] needs besides; the pointers are to the tile's first channel.
#[derive(Clone, Copy)]
pub(crate) struct TileRequant {
    pub bias: *const i32,
    pub scale: *const f32,
    /// Zero points of the weights, null if there are none.
    pub w_zero: *const i32,
    /// Sums of the tile's rows, where `w_zero` is not null.
    pub row_sums: *const i32,
    pub zero: u8,
    pub lo: u8,
    pub hi: u8,
}

impl Tile {
    /// Goes on to the tile at its right, of a single row; gives how many channels lie behind it.
    #[inline(always)]
    fn pass<const NP: usize>(&mut self) -> usize {
        self.weights = self.weights.wrapping_add(NP * self.panel_len);
        self.channels -= NP * PANEL;
        NP * PANEL
    }
}

impl TileRequant {
    /// Of the tile at the right of `channels` channels.
    #[inline(always)]
    fn after(self, channels: usize) -> Self {
        Self {
            bias: self.bias.wrapping_add(channels),
            scale: self.scale.wrapping_add(channels),
            w_zero: if self.w_zero.is_null() { self.w_zero } else { self.w_zero.wrapping_add(channels) },
            ..self
        }
    }
}

/// As many tiles as the last argument says: one below the other or, where they are of one row, side by side.
pub(crate) type RequantTile = unsafe fn(&Tile, &TileRequant, *mut u8, usize);
pub(crate) type SumTile = unsafe fn(&Tile, *mut i32, usize);

/// Vectors that are narrowed to bytes together.
const VECTORS: usize = 4;

type Sums<S, const MR: usize, const NP: usize> = [[<S as Simd>::Acc; NP]; MR];

/// Writes requantized bytes of `tiles` tiles.
///
/// # Safety
/// The CPU has the instruction set, and the operands are valid for the tiles, which are MR rows by NP panels each.
#[inline(always)]
pub(crate) unsafe fn requant_tiles<S: Simd, const MR: usize, const NP: usize, const KU: usize>(
    tile: &Tile,
    epilogue: &TileRequant,
    out: *mut u8,
    tiles: usize,
) {
    let (mut tile, mut epilogue, mut out) = (*tile, *epilogue, out);
    // SAFETY: the caller's promise.
    let mut offsets = unsafe { S::offsets::<NP>(&tile) };
    for left in (0..tiles).rev() {
        // SAFETY: the caller's promise.
        unsafe { requant_tile::<S, MR, NP, KU>(&tile, offsets, &epilogue, out) };
        if MR > 1 {
            tile.offset += MR * tile.lda;
            epilogue.row_sums = epilogue.row_sums.wrapping_add(MR);
            out = out.wrapping_add(MR * tile.ldo);
        } else if left > 0 {
            let channels = tile.pass::<NP>();
            epilogue = epilogue.after(channels);
            out = out.wrapping_add(channels);
            // SAFETY: the caller's promise.
            offsets = unsafe { S::offsets::<NP>(&tile) };
        }
    }
}

/// # Safety
/// As for [`requant_tiles`], of one tile.
#[inline(always)]
unsafe fn requant_tile<S: Simd, const MR: usize, const NP: usize, const KU: usize>(
    tile: &Tile,
    offsets: [S::I32; NP],
    epilogue: &TileRequant,
    out: *mut u8,
) {
    // SAFETY: the caller's promise; panel `p` has the channels from `16 * p` on.
    unsafe {
        let mut init = [[S::splat_i32(0); NP]; MR];
        for p in 0..NP {
            let len = channels_of(tile, p);
            let bias = S::add(S::load_i32(epilogue.bias.add(p * PANEL), len), offsets[p]);
            for row in &mut init {
                row[p] = bias;
            }
            if !epilogue.w_zero.is_null() {
                let w_zero = S::load_i32(epilogue.w_zero.add(p * PANEL), len);
                for (r, row) in init.iter_mut().enumerate() {
                    row[p] = S::sub(bias, S::mul(w_zero, S::splat_i32(*epilogue.row_sums.add(r))));
                }
            }
        }
        let sums = S::products::<MR, NP, KU>(tile, init);
        let quanta = Quanta::<S>::new(epilogue.zero, epilogue.lo, epilogue.hi);
        finish::<S, MR, NP>(tile, &sums, epilogue, &quanta, out);
    }
}

/// Requantizes the sums and writes them, four vectors at a time.
///
/// # Safety
/// As for [`requant_tiles`], of one tile.
#[inline(always)]
unsafe fn finish<S: Simd, const MR: usize, const NP: usize>(
    tile: &Tile,
    sums: &[[S::I32; NP]; MR],
    epilogue: &TileRequant,
    quanta: &Quanta<S>,
    out: *mut u8,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut scale = [S::splat_f32(0.0); NP];
        for (p, scale) in scale.iter_mut().enumerate() {
            *scale = S::load_f32(epilogue.scale.add(p * PANEL), channels_of(tile, p));
        }
        for first in (0..MR * NP).step_by(VECTORS) {
            let mut reals = [scale[0]; VECTORS];
            for (real, i) in reals.iter_mut().zip(first..) {
                let i = i.min(MR * NP - 1);
                *real = S::mul_f32(S::to_f32(sums[i / NP][i % NP]), scale[i % NP]);
            }
            let bytes = quanta.requantize(reals);
            let count = VECTORS.min(MR * NP - first);
            for at in 0..count {
                let (r, p) = ((first + at) / NP, (first + at) % NP);
                let to = out.add(r * tile.ldo + p * PANEL);
                let len = tile.channels - p * PANEL;
                // Where panels are even, so is the place of the first of two, and where they are four it is 0.
                match NP {
                    4 if p == 0 => S::store_four(to, bytes, len.min(4 * PANEL)),
                    2 if p == 0 => S::store_pair(to, bytes, at, len.min(2 * PANEL)),
                    2 | 4 => (),
                    _ => S::store_u8(to, bytes, at, len.min(PANEL)),
                }
            }
        }
    }
}

/// Writes the sums themselves of `tiles` tiles.
///
/// # Safety
/// As for [`requant_tiles`].
#[inline(always)]
pub(crate) unsafe fn sum_tiles<S: Simd, const MR: usize, const NP: usize, const KU: usize>(
    tile: &Tile,
    out: *mut i32,
    tiles: usize,
) {
    let (mut tile, mut out) = (*tile, out);
    // SAFETY: the caller's promise.
    let mut offsets = unsafe { S::offsets::<NP>(&tile) };
    for left in (0..tiles).rev() {
        // SAFETY: the caller's promise; panel `p` has the channels from `16 * p` on.
        unsafe {
            let sums = S::products::<MR, NP, KU>(&tile, [offsets; MR]);
            for (r, row) in sums.iter().enumerate() {
                for (p, &sum) in row.iter().enumerate() {
                    S::store_i32(out.add(r * tile.ldo + p * PANEL), sum, channels_of(&tile, p));
                }
            }
        }
        if MR > 1 {
            tile.offset += MR * tile.lda;
            out = out.wrapping_add(MR * tile.ldo);
        } else if left > 0 {
            out = out.wrapping_add(tile.pass::<NP>());
            // SAFETY: the caller's promise.
            offsets = unsafe { S::offsets::<NP>(&tile) };
        }
    }
}

fn channels_of(tile: &Tile, panel: usize) -> usize {
    (tile.channels - panel * PANEL).min(PANEL)
}

/// The sums of a tile that begin with `init`.
///
/// # Safety
/// As for [`requant_tiles`].
#[inline(always)]
pub(crate) unsafe fn products<S: Simd, const MR: usize, const NP: usize, const KU: usize>(
    tile: &Tile,
    init: [[S::I32; NP]; MR],
) -> [[S::I32; NP]; MR] {
    // SAFETY: the caller's promise; the weights advance by one group for each 4 activations of a row.
    unsafe {
        let mut sums = [[[S::start(S::splat_i32(0)); NP]; MR]; KU];
        for r in 0..MR {
            for p in 0..NP {
                sums[0][r][p] = S::start(init[r][p]);
            }
        }
        let mut weights = tile.weights;
        for s in 0..tile.segment_count {
            let mut a = (*tile.segments.add(s)).add(tile.offset);
            for _ in 0..tile.groups / KU {
                for sums in &mut sums {
                    step::<S, MR, NP>(tile, sums, a, weights);
                    a = a.add(GROUP * S::EXPANDED);
                    weights = weights.add(PANEL * GROUP);
                }
            }
            for _ in 0..tile.groups % KU {
                step::<S, MR, NP>(tile, &mut sums[0], a, weights);
                a = a.add(GROUP * S::EXPANDED);
                weights = weights.add(PANEL * GROUP);
            }
        }
        join::<S, MR, NP, KU>(sums)
    }
}

/// # Safety
/// As for [`requant_tiles`]; `a` is valid for 4 activations of each row.
#[inline(always)]
unsafe fn step<S: Simd, const MR: usize, const NP: usize>(
    tile: &Tile,
    sums: &mut Sums<S, MR, NP>,
    a: *const u8,
    weights: *const i8,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut w = [S::weights(weights); NP];
        for (p, w) in w.iter_mut().enumerate().skip(1) {
            *w = S::weights(weights.add(p * tile.panel_len));
        }
        for (r, sums) in sums.iter_mut().enumerate() {
            let splat = S::splat(a.add(r * tile.lda));
            for (sum, &w) in sums.iter_mut().zip(&w) {
                *sum = S::dot(*sum, splat, w);
            }
        }
    }
}

/// The sums of all KU sets.
///
/// # Safety
/// The CPU has the instruction set.
#[inline(always)]
unsafe fn join<S: Simd, const MR: usize, const NP: usize, const KU: usize>(
    sums: [Sums<S, MR, NP>; KU],
) -> [[S::I32; NP]; MR] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut total = [[S::splat_i32(0); NP]; MR];
        for r in 0..MR {
            for p in 0..NP {
                total[r][p] = S::sum(sums[0][r][p]);
                for part in &sums[1..] {
                    total[r][p] = S::add(total[r][p], S::sum(part[r][p]));
                }
            }
        }
        total
    }
}
