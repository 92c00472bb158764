//! Matrix products cut into tiles.
//!
//! Panels are the outer loop, so that the weights of one or two panels stay in the L1 cache while all rows pass
//! by: every weight is read from memory once. Rows are spread evenly over the fewest tiles.

use super::simd::Simd;
use super::tile::{RequantTile, SumTile, Tile, TileRequant};
use crate::epilogue::{Dynamic, Raw, Requant};
use crate::gemm::GemmInput;
use crate::panel::{GROUP, PANEL, Panels};

/// The tiles of one instruction set.
#[derive(Debug)]
pub(crate) struct Tiles {
    /// Element `i` is `i + 1` panels wide.
    pub families: &'static [Family],
    pub byte_sum: unsafe fn(*const u8, usize) -> i32,
}

/// Tiles of one width: element `i` has `i + 1` rows.
#[derive(Debug)]
pub(crate) struct Family {
    pub requant: &'static [RequantTile],
    pub sum: &'static [SumTile],
}

/// Rows of a product: see [`Tile`].
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub segments: &'a [*const u8],
    /// Bytes of a segment, with those that stand against weights of padding; a multiple of 4, unless there is only one.
    pub segment_len: usize,
    /// Bytes of a segment without them.
    pub counted: usize,
    pub lda: usize,
    pub m: usize,
}

/// Rows whose sums are kept on the stack at a time.
const SUMMED: usize = 128;
/// Rows of a tile at most.
const MOST_ROWS: usize = 16;

impl Tiles {
    /// Rows and channels of the largest tile of a product of `m` rows and `n` channels.
    pub(crate) fn shape(&self, m: usize, n: usize) -> [usize; 2] {
        let width = n.div_ceil(PANEL).clamp(1, self.families.len());
        let largest = self.families[width - 1].requant.len();
        let tiles = m.div_ceil(largest).max(1);
        [m.div_ceil(tiles), width * PANEL]
    }

    /// Writes `out[r * ldo + c]`.
    ///
    /// # Safety
    /// The CPU has the instruction set of the tiles; rows are valid and as long as `panels` are deep; the epilogue and
    /// `w_zero` (if it is not empty) have an entry for each channel; `out` is valid for m rows of n bytes, `ldo` apart.
    pub(crate) unsafe fn requant(
        &self,
        rows: Rows<'_>,
        panels: &Panels<'_>,
        w_zero: &[i32],
        epilogue: &Requant<'_>,
        out: *mut u8,
        ldo: usize,
    ) {
        if w_zero.is_empty() {
            // SAFETY: the caller's promise.
            return unsafe { self.requant_rows(rows, 0..rows.m, panels, None, epilogue, out, ldo) };
        }
        let mut sums = [0_i32; SUMMED];
        for first in (0..rows.m).step_by(SUMMED) {
            let end = rows.m.min(first + SUMMED);
            for r in first..end {
                // SAFETY: row `r` is valid in each segment.
                sums[r - first] = unsafe { self.row_sum(rows, r) };
            }
            // SAFETY: the caller's promise.
            unsafe { self.requant_rows(rows, first..end, panels, Some((w_zero, &sums)), epilogue, out, ldo) };
        }
    }

    /// # Safety
    /// As for [`Tiles::requant`]; the range lies in `0..m`, and the sums begin with its first row.
    #[expect(clippy::too_many_arguments, reason = "the two levels of one loop nest")]
    unsafe fn requant_rows(
        &self,
        rows: Rows<'_>,
        range: core::ops::Range<usize>,
        panels: &Panels<'_>,
        zeros: Option<(&[i32], &[i32; SUMMED])>,
        epilogue: &Requant<'_>,
        out: *mut u8,
        ldo: usize,
    ) {
        for block in self.blocks(panels) {
            let family = self.family(block);
            for (first, count) in spread(range.clone(), family.requant.len()) {
                // SAFETY: the tile's rows are valid.
                let tails = unsafe { tails(rows, first, count) };
                let tile = tile(rows, first, &tails, panels, block, ldo);
                let (w_zero, row_sums) = match zeros {
                    Some((w_zero, sums)) => (w_zero[block.channel..].as_ptr(), sums[first - range.start..].as_ptr()),
                    None => (core::ptr::null(), core::ptr::null()),
                };
                let epilogue = TileRequant {
                    bias: epilogue.bias[block.channel..].as_ptr(),
                    scale: epilogue.scale[block.channel..].as_ptr(),
                    w_zero,
                    row_sums,
                    zero: epilogue.zero,
                    lo: epilogue.lo,
                    hi: epilogue.hi,
                };
                // SAFETY: the tile covers `count` rows from `first` on and the channels of the block.
                unsafe { family.requant[count - 1](&tile, &epilogue, out.add(first * ldo + block.channel)) };
            }
        }
    }

    /// Writes the sums to `out[r * ldo + c]`.
    ///
    /// # Safety
    /// As for [`Tiles::requant`].
    unsafe fn sums(&self, rows: Rows<'_>, panels: &Panels<'_>, out: *mut i32, ldo: usize) {
        for block in self.blocks(panels) {
            let family = self.family(block);
            for (first, count) in spread(0..rows.m, family.sum.len()) {
                // SAFETY: the tile's rows are valid.
                let tails = unsafe { tails(rows, first, count) };
                let tile = tile(rows, first, &tails, panels, block, ldo);
                // SAFETY: the tile covers `count` rows from `first` on and the channels of the block.
                unsafe { family.sum[count - 1](&tile, out.add(first * ldo + block.channel)) };
            }
        }
    }

    fn family(&self, block: Block) -> &Family {
        &self.families[block.channels.div_ceil(PANEL) - 1]
    }

    /// Neighbouring panels, as many as the widest tile has.
    fn blocks(&self, panels: &Panels<'_>) -> impl Iterator<Item = Block> + use<> {
        let (n, width) = (panels.n(), self.families.len() * PANEL);
        (0..n).step_by(width).map(move |channel| Block { channel, channels: (n - channel).min(width) })
    }

    /// # Safety
    /// The CPU has the instruction set, and row `r` is valid.
    unsafe fn row_sum(&self, rows: Rows<'_>, r: usize) -> i32 {
        let segments = rows.segments.iter();
        // SAFETY: the caller's promise.
        segments.fold(0, |sum, segment| unsafe {
            sum.wrapping_add((self.byte_sum)(segment.add(r * rows.lda), rows.counted))
        })
    }

    /// # Safety
    /// The CPU has the instruction set, and the arguments have passed the checks of `Gemm::run`.
    pub(crate) unsafe fn gemm_requant(
        &self,
        input: &GemmInput<'_>,
        epilogue: &Requant<'_>,
        out: &mut [u8],
        ldo: usize,
    ) {
        // SAFETY: the caller's promise.
        unsafe {
            self.requant(
                rows(input, &[input.a.as_ptr()]),
                &input.panels,
                input.w_zero,
                epilogue,
                out.as_mut_ptr(),
                ldo,
            );
        }
    }

    /// Writes the sums of a product, less the part of the weights' zero points, to `out`.
    ///
    /// # Safety
    /// As for [`Tiles::gemm_requant`].
    pub(crate) unsafe fn gemm_sums(&self, input: &GemmInput<'_>, out: &mut [i32], ldo: usize) {
        let segments = [input.a.as_ptr()];
        let rows = rows(input, &segments);
        // SAFETY: the caller's promise.
        unsafe { self.sums(rows, &input.panels, out.as_mut_ptr(), ldo) };
        if input.w_zero.is_empty() {
            return;
        }
        for r in 0..input.m {
            // SAFETY: `r` is one of the rows.
            let row_sum = unsafe { self.row_sum(rows, r) };
            for (out, &w_zero) in out[r * ldo..].iter_mut().zip(input.w_zero) {
                *out = out.wrapping_sub(w_zero.wrapping_mul(row_sum));
            }
        }
    }
}

/// From sums to the result of [`Dynamic`], in place.
///
/// # Safety
/// The CPU has the instruction set, and the epilogue has an entry for each of the `n` channels.
#[inline(always)]
pub(crate) unsafe fn finish_dynamic<S: Simd>(epilogue: &Dynamic<'_>, out: &mut [f32], [m, n, ldo]: [usize; 3]) {
    for row in out.chunks_mut(ldo).take(m) {
        for (i, chunk) in row[..n].chunks_mut(PANEL).enumerate() {
            let (c, len) = (i * PANEL, chunk.len());
            // SAFETY: the chunk has `len` channels from `c` on, and so have the epilogue's slices.
            unsafe {
                let sum = S::load_i32(chunk.as_ptr().cast(), len);
                let wsum = S::load_i32(epilogue.wsum[c..].as_ptr(), len);
                let centred = S::sub(sum, S::mul(wsum, S::splat_i32(i32::from(epilogue.a_zero))));
                let scale = S::mul_f32(S::splat_f32(epilogue.a_scale), S::load_f32(epilogue.scale[c..].as_ptr(), len));
                let bias = S::load_f32(epilogue.bias[c..].as_ptr(), len);
                let real = S::add_f32(S::mul_f32(S::to_f32(centred), scale), bias);
                S::store_f32(chunk.as_mut_ptr(), real, len);
            }
        }
    }
}

/// From sums to the result of [`Raw`], in place.
///
/// # Safety
/// As for [`finish_dynamic`].
#[inline(always)]
pub(crate) unsafe fn finish_raw<S: Simd>(epilogue: &Raw<'_>, out: &mut [i32], [m, n, ldo]: [usize; 3]) {
    for row in out.chunks_mut(ldo).take(m) {
        for (i, chunk) in row[..n].chunks_mut(PANEL).enumerate() {
            let len = chunk.len();
            // SAFETY: the chunk has `len` channels, and so has the epilogue's slice.
            unsafe {
                let wsum = S::load_i32(epilogue.wsum[i * PANEL..].as_ptr(), len);
                let zeros = S::mul(wsum, S::splat_i32(i32::from(epilogue.a_zero)));
                S::store_i32(chunk.as_mut_ptr(), S::sub(S::load_i32(chunk.as_ptr(), len), zeros), len);
            }
        }
    }
}

fn rows<'a>(input: &GemmInput<'_>, segments: &'a [*const u8]) -> Rows<'a> {
    let k = input.panels.k();
    Rows { segments, segment_len: k, counted: k, lda: input.lda, m: input.m }
}

/// Neighbouring panels.
#[derive(Clone, Copy)]
struct Block {
    channel: usize,
    channels: usize,
}

/// The first row and the number of rows of each tile.
fn spread(range: core::ops::Range<usize>, largest: usize) -> impl Iterator<Item = (usize, usize)> {
    let tiles = range.len().div_ceil(largest);
    let (rows, larger) = (range.len() / tiles.max(1), range.len() % tiles.max(1));
    let edge = move |i: usize| range.start + i * rows + i.min(larger);
    (0..tiles).map(move |i| (edge(i), edge(i + 1) - edge(i)))
}

/// What is left of each row of a tile after its groups, followed by zeros, so that no tile reads past a row.
///
/// # Safety
/// The rows are valid.
unsafe fn tails(rows: Rows<'_>, first: usize, count: usize) -> [[u8; GROUP]; MOST_ROWS] {
    let mut tails = [[0; GROUP]; MOST_ROWS];
    let rest = rows.segment_len % GROUP;
    if rest != 0 {
        for (r, tail) in tails.iter_mut().enumerate().take(count) {
            let end = (first + r) * rows.lda + rows.segment_len;
            // SAFETY: the last bytes of the row.
            unsafe { core::ptr::copy_nonoverlapping(rows.segments[0].add(end - rest), tail.as_mut_ptr(), rest) };
        }
    }
    tails
}

fn tile(
    rows: Rows<'_>,
    first: usize,
    tails: &[[u8; GROUP]; MOST_ROWS],
    panels: &Panels<'_>,
    block: Block,
    ldo: usize,
) -> Tile {
    let panel_len = panels.groups() * GROUP * PANEL;
    let has_tails = !rows.segment_len.is_multiple_of(GROUP);
    Tile {
        segments: rows.segments.as_ptr(),
        segment_count: rows.segments.len(),
        offset: first * rows.lda,
        groups: rows.segment_len / GROUP,
        tails: if has_tails { tails.as_ptr().cast() } else { core::ptr::null() },
        lda: rows.lda,
        weights: panels.weights()[block.channel / PANEL * panel_len..].as_ptr(),
        panel_len,
        channels: block.channels,
        ldo,
    }
}
