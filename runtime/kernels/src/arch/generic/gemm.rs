//! Matrix products cut into tiles.
//!
//! Panels are the outer loop, so that the weights of one or two panels stay in the L1 cache while all rows pass
//! by: every weight is read from memory once. Rows are cut into tiles of the chosen size, and what is left into smaller ones: see
//! [`Heights`].

use core::ops::Range;

use super::simd::Simd;
use super::tile::{RequantTile, SumTile, Tile, TileRequant};
use crate::arch::choice::TileChoice;
use crate::epilogue::{Dynamic, Raw, Requant};
use crate::gemm::GemmInput;
use crate::panel::{GROUP, PANEL, Panels};

/// The tiles of one instruction set.
#[derive(Debug)]
pub(crate) struct Tiles {
    /// Element `i` is `i + 1` panels wide.
    pub families: &'static [Family],
    pub form: Form,
    pub row_sum: unsafe fn(*const u8, usize) -> i32,
}

/// How the rows of tiles hold activations: see `Simd::expand`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form {
    pub expanded: usize,
    pub expand: unsafe fn(*const u8, *mut u8, usize),
    in_place: fn() -> bool,
}

impl Form {
    pub(crate) const fn of<S: Simd>() -> Self {
        Self { expanded: S::EXPANDED, expand: S::expand, in_place: S::in_place }
    }

    /// Bytes as they are.
    pub(crate) const PLAIN: Self = Self { expanded: 1, expand: copy, in_place: || true };

    /// Whether activations are used where they lie, if they are whole groups.
    pub(crate) fn in_place(self) -> bool {
        (self.in_place)()
    }

    /// Whether rows of `len` activations are used where they lie.
    fn takes(self, len: usize) -> bool {
        self.in_place() && len.is_multiple_of(GROUP)
    }

    /// Copies `len` activations into this form.
    ///
    /// # Safety
    /// The CPU has the instruction set; `from` is valid for `len` bytes and `to` for [`Form::row_len`].
    #[inline]
    pub(crate) unsafe fn copy(self, from: *const u8, to: *mut u8, len: usize) {
        // SAFETY: the caller's promise.
        unsafe { (self.expand)(from, to, len) }
    }

    /// Expands `m` rows of `len` activations, `lda` bytes apart.
    ///
    /// # Safety
    /// As for [`Form::copy`], of each row.
    unsafe fn rows(self, from: *const u8, [m, len, lda]: [usize; 3], to: &mut [u8]) {
        // Rows of whole groups that lie one after another are one long row.
        let (m, len) = if lda == len && len.is_multiple_of(GROUP) { (1, m * len) } else { (m, len) };
        for (r, row) in to.chunks_exact_mut(self.row_len(len)).take(m).enumerate() {
            // SAFETY: row `r` has `len` activations, and `row` room for them.
            unsafe { (self.expand)(from.add(r * lda), row.as_mut_ptr(), len) };
        }
    }

    /// Bytes of an expanded row of `len` activations.
    pub(crate) const fn row_len(self, len: usize) -> usize {
        len.next_multiple_of(GROUP) * self.expanded
    }

    /// Rows of `len` activations that are expanded at a time.
    pub(crate) fn block(self, m: usize, len: usize) -> usize {
        (EXPANDED_BYTES / self.row_len(len)).max(FEWEST_EXPANDED).min(m)
    }
}

/// # Safety
/// As for [`Form::copy`].
unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: the caller's promise.
    unsafe { core::ptr::copy_nonoverlapping(from, to, len) }
}

/// Tiles of one width: the first is of one row, and each has more than the one before.
pub(crate) type Family = &'static [Height];

/// The tiles of one width with so many rows.
#[derive(Debug)]
pub(crate) struct Height {
    pub rows: usize,
    pub requant: RequantTile,
    pub sum: SumTile,
}

/// Rows of a product: see [`Tile`].
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub segments: &'a [*const u8],
    /// Activations of a segment, with those that stand against weights of padding: a multiple of 4.
    pub segment_len: usize,
    /// Activations of a segment without them.
    pub counted: usize,
    /// Bytes from one row to the next, in the form of the tiles.
    pub lda: usize,
    pub m: usize,
}

/// Rows whose sums are kept on the stack at a time.
const SUMMED: usize = 128;
/// Bytes of expanded rows that meet all panels before the next are expanded: they share the L1 cache with a panel.
const EXPANDED_BYTES: usize = 16 * 1024;
/// But no fewer rows, lest deep weights are read too often.
const FEWEST_EXPANDED: usize = 24;

impl Tiles {
    /// Rows of the largest tile of this many panels and at most `limit` rows; `None` if there is none.
    pub(crate) fn rows(&self, panels: usize, limit: usize) -> Option<usize> {
        let family = self.families.get(panels.checked_sub(1)?)?;
        family.iter().map(|height| height.rows).rfind(|&rows| rows <= limit)
    }

    /// The widest tile, with as many rows as it has.
    pub(crate) fn widest(&self) -> TileChoice {
        let panels = self.families.len();
        TileChoice { panels, rows: largest(self.families[panels - 1]) }
    }

    /// The choice for products of `n` channels: no wider than they are.
    pub(crate) fn fit(&self, wanted: TileChoice, n: usize) -> TileChoice {
        let panels = n.div_ceil(PANEL).clamp(1, wanted.panels);
        let rows = if panels < wanted.panels { largest(self.families[panels - 1]) } else { wanted.rows };
        TileChoice { panels, rows }
    }

    pub(crate) fn cut(&self, choice: TileChoice) -> Cut<'_> {
        Cut { tiles: self, choice }
    }

    /// # Safety
    /// The CPU has the instruction set, and row `r` is valid.
    unsafe fn row_sum(&self, rows: Rows<'_>, r: usize) -> i32 {
        let segments = rows.segments.iter();
        // SAFETY: the caller's promise.
        segments.fold(0, |sum, segment| unsafe {
            sum.wrapping_add((self.row_sum)(segment.add(r * rows.lda), rows.counted))
        })
    }

    /// Bytes of scratch for rows that have to be copied, `m` of `len` activations.
    pub(crate) fn scratch_len(&self, m: usize, len: usize) -> usize {
        if self.form.takes(len) { 0 } else { self.form.block(m, len) * self.form.row_len(len) }
    }

    /// Calls `product` with all rows, or with some at a time that have been copied, and the first of them.
    ///
    /// # Safety
    /// The CPU has the instruction set; `m` rows of `len` activations, `lda` bytes apart, are valid from `a` on.
    #[inline(always)]
    pub(crate) unsafe fn each_block(
        &self,
        a: *const u8,
        [m, len, lda]: [usize; 3],
        scratch: &mut [u8],
        mut product: impl FnMut(Rows<'_>, usize),
    ) {
        if self.form.takes(len) {
            return product(Rows { segments: &[a], segment_len: len, counted: len, lda, m }, 0);
        }
        let row_len = self.form.row_len(len);
        let block = self.form.block(m, len);
        let scratch = &mut scratch[..block * row_len];
        for first in (0..m).step_by(block) {
            let count = block.min(m - first);
            // SAFETY: row `first` is valid.
            unsafe { self.form.rows(a.add(first * lda), [count, len, lda], scratch) };
            let segments = [scratch.as_ptr()];
            let segment_len = len.next_multiple_of(GROUP);
            product(Rows { segments: &segments, segment_len, counted: len, lda: row_len, m: count }, first);
        }
    }
}

/// Tiles with the choice among them.
#[derive(Clone, Copy)]
pub(crate) struct Cut<'a> {
    tiles: &'a Tiles,
    choice: TileChoice,
}

impl Cut<'_> {
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
                sums[r - first] = unsafe { self.tiles.row_sum(rows, r) };
            }
            // SAFETY: the caller's promise.
            unsafe { self.requant_rows(rows, first..end, panels, Some((w_zero, &sums)), epilogue, out, ldo) };
        }
    }

    /// # Safety
    /// As for [`Cut::requant`]; the range lies in `0..m`, and the sums begin with its first row.
    #[expect(clippy::too_many_arguments, reason = "the two levels of one loop nest")]
    unsafe fn requant_rows(
        &self,
        rows: Rows<'_>,
        range: Range<usize>,
        panels: &Panels<'_>,
        zeros: Option<(&[i32], &[i32; SUMMED])>,
        epilogue: &Requant<'_>,
        out: *mut u8,
        ldo: usize,
    ) {
        for block in self.blocks(panels, range.len()) {
            for Stack { first, height, tiles } in self.stacks(block, range.clone()) {
                let tile = tile(rows, first, panels, block, ldo);
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
                // SAFETY: the tiles cover rows from `first` on and the channels of the block.
                unsafe { (height.requant)(&tile, &epilogue, out.add(first * ldo + block.channel), tiles) };
            }
        }
    }

    /// Writes the sums of a block's channels to `out[r * ldo + c]`.
    ///
    /// # Safety
    /// As for [`Cut::requant`].
    unsafe fn sums(&self, rows: Rows<'_>, panels: &Panels<'_>, block: Block, out: *mut i32, ldo: usize) {
        for Stack { first, height, tiles } in self.stacks(block, 0..rows.m) {
            let tile = tile(rows, first, panels, block, ldo);
            // SAFETY: the tiles cover rows from `first` on and the channels of the block.
            unsafe { (height.sum)(&tile, out.add(first * ldo + block.channel), tiles) };
        }
    }

    /// Neighbouring panels, as many as the chosen tile has; of a single row all those together.
    fn blocks(&self, panels: &Panels<'_>, rows: usize) -> impl Iterator<Item = Block> + use<> {
        let (n, width) = (panels.n(), self.choice.panels * PANEL);
        let whole = n - n % width;
        let step = if rows == 1 { whole.max(1) } else { width };
        let wide = (0..whole).step_by(step);
        let wide = wide.map(move |channel| Block { channel, channels: step, panels: width / PANEL });
        let rest = Block { channel: whole, channels: n - whole, panels: (n - whole).div_ceil(PANEL) };
        wide.chain((rest.channels > 0).then_some(rest))
    }

    /// The tiles of a block. Those of single rows lie side by side, others one below the other.
    #[inline]
    fn stacks(&self, block: Block, rows: Range<usize>) -> impl Iterator<Item = Stack> + use<> {
        let family = self.tiles.families[block.panels - 1];
        let chosen = block.panels == self.choice.panels;
        let largest = if chosen { self.choice.rows } else { largest(family) };
        let side_by_side = block.channels.div_ceil(block.panels * PANEL);
        Heights::new(family, largest, rows).map(move |stack| match stack.height.rows {
            1 => Stack { tiles: side_by_side, ..stack },
            _ => stack,
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
        scratch: &mut [u8],
    ) {
        let GemmInput { a, m, lda, panels, w_zero } = input;
        let out = out.as_mut_ptr();
        // SAFETY: the caller's promise; row `first` of `out` is valid.
        unsafe {
            self.tiles.each_block(a.as_ptr(), [*m, panels.k(), *lda], scratch, |rows, first| {
                self.requant(rows, panels, w_zero, epilogue, out.add(first * ldo), ldo);
            });
        }
    }

    /// Writes the sums of a product, less the part of the weights' zero points, to `out`, and calls `finish` with the sums of some
    /// rows and channels at a time, from the first of them on, while they are in the cache.
    ///
    /// # Safety
    /// As for [`Cut::gemm_requant`].
    pub(crate) unsafe fn gemm_sums(
        &self,
        input: &GemmInput<'_>,
        out: &mut [i32],
        ldo: usize,
        scratch: &mut [u8],
        finish: Finish<'_>,
    ) {
        let GemmInput { a, m, lda, panels, w_zero } = input;
        // SAFETY: the caller's promise; row `first` of `out` is valid.
        unsafe {
            self.tiles.each_block(a.as_ptr(), [*m, panels.k(), *lda], scratch, |rows, first| {
                let out = &mut out[first * ldo..];
                for block in self.blocks(panels, rows.m) {
                    self.sums(rows, panels, block, out.as_mut_ptr(), ldo);
                    let channels = block.channel..block.channel + block.channels;
                    if !w_zero.is_empty() {
                        self.subtract_zeros(rows, &w_zero[channels.clone()], &mut out[block.channel..], ldo);
                    }
                    finish(&mut out[block.channel..], rows.m, channels);
                }
            });
        }
    }

    /// Takes the part of the weights' zero points from the sums of `rows`.
    ///
    /// # Safety
    /// As for [`Cut::gemm_requant`].
    unsafe fn subtract_zeros(&self, rows: Rows<'_>, w_zero: &[i32], out: &mut [i32], ldo: usize) {
        for r in 0..rows.m {
            // SAFETY: `r` is one of the rows.
            let row_sum = unsafe { self.tiles.row_sum(rows, r) };
            for (out, &w_zero) in out[r * ldo..].iter_mut().zip(w_zero) {
                *out = out.wrapping_sub(w_zero.wrapping_mul(row_sum));
            }
        }
    }
}

/// From sums of `channels` in `m` rows to the result of [`Dynamic`], in place.
///
/// # Safety
/// The CPU has the instruction set, and the epilogue has an entry for each channel.
#[inline(always)]
pub(crate) unsafe fn finish_dynamic<S: Simd>(
    epilogue: &Dynamic<'_>,
    out: &mut [i32],
    extents: [usize; 2],
    channels: Range<usize>,
) {
    // SAFETY: the caller's promise; there are `len` channels from `first` on.
    unsafe {
        centre::<S, _>(epilogue.a_zero, epilogue.wsum, out, extents, channels, |first, len| {
            let scale = S::mul_f32(S::splat_f32(epilogue.a_scale), S::load_f32(epilogue.scale[first..].as_ptr(), len));
            let bias = S::load_f32(epilogue.bias[first..].as_ptr(), len);
            move |centred, to| S::store_f32(to.cast(), S::add_f32(S::mul_f32(S::to_f32(centred), scale), bias), len)
        });
    }
}

/// From sums of `channels` in `m` rows to the result of [`Raw`], in place.
///
/// # Safety
/// As for [`finish_dynamic`].
#[inline(always)]
pub(crate) unsafe fn finish_raw<S: Simd>(
    epilogue: &Raw<'_>,
    out: &mut [i32],
    extents: [usize; 2],
    channels: Range<usize>,
) {
    // SAFETY: as in `finish_dynamic`.
    unsafe {
        centre::<S, _>(epilogue.a_zero, epilogue.wsum, out, extents, channels, |_, len| {
            move |centred, to| S::store_i32(to, centred, len)
        });
    }
}

/// Takes the part of the input's zero point from sums of `channels` in `m` rows, `ldo` apart. What `panel` gives for the channels of a
/// panel, the first and how many, writes each row of them.
///
/// # Safety
/// The CPU has the instruction set, `wsum` has an entry for each channel, and what `panel` gives writes no more than its channels.
#[inline(always)]
unsafe fn centre<S: Simd, W: Fn(S::I32, *mut i32)>(
    a_zero: u8,
    wsum: &[i32],
    out: &mut [i32],
    [m, ldo]: [usize; 2],
    channels: Range<usize>,
    panel: impl Fn(usize, usize) -> W,
) {
    for first in channels.clone().step_by(PANEL) {
        let len = (channels.end - first).min(PANEL);
        let write = panel(first, len);
        // SAFETY: there are `len` channels from `first` on, in `wsum` and in each chunk.
        unsafe {
            let zeros = S::mul(S::load_i32(wsum[first..].as_ptr(), len), S::splat_i32(i32::from(a_zero)));
            for chunk in out[first - channels.start..].chunks_mut(ldo).take(m) {
                let chunk = &mut chunk[..len];
                write(S::sub(S::load_i32(chunk.as_ptr(), len), zeros), chunk.as_mut_ptr());
            }
        }
    }
}

/// See [`Cut::gemm_sums`].
type Finish<'a> = &'a dyn Fn(&mut [i32], usize, Range<usize>);

/// Neighbouring panels.
#[derive(Clone, Copy)]
struct Block {
    channel: usize,
    channels: usize,
    /// Width of its tiles.
    panels: usize,
}

/// Equal tiles: one below the other or, where they are of one row, side by side.
#[derive(Clone, Copy)]
struct Stack {
    first: usize,
    height: &'static Height,
    tiles: usize,
}

/// Rows of the largest tile.
fn largest(family: Family) -> usize {
    family.last().map_or(1, |height| height.rows)
}

/// Cuts rows into tiles: as many of the largest as there are rows for, and smaller ones for what is left. Where a tile has few rows more
/// than that, it computes rows again instead. Two tiles that are enough are about as large. Stacks of single rows have one tile.
struct Heights {
    family: Family,
    at: usize,
    rows: Range<usize>,
    start: usize,
}

impl Heights {
    #[inline]
    fn new(family: Family, largest: usize, rows: Range<usize>) -> Self {
        let wanted = if rows.len() <= 2 * largest { rows.len().div_ceil(2) } else { largest };
        let at = family.iter().position(|height| height.rows >= wanted).unwrap_or(family.len() - 1);
        Self { family, at, start: rows.start, rows }
    }
}

impl Iterator for Heights {
    type Item = Stack;

    #[inline]
    fn next(&mut self) -> Option<Stack> {
        let left = self.rows.len();
        if left == 0 {
            return None;
        }
        loop {
            let height = &self.family[self.at];
            if height.rows <= left {
                let tiles = if height.rows == 1 { 1 } else { left / height.rows };
                let first = self.rows.start;
                self.rows.start += tiles * height.rows;
                return Some(Stack { first, height, tiles });
            }
            let again = height.rows - left;
            if 4 * again <= height.rows && self.start + again <= self.rows.start {
                let first = self.rows.start - again;
                self.rows.start = self.rows.end;
                return Some(Stack { first, height, tiles: 1 });
            }
            self.at -= 1;
        }
    }
}

fn tile(rows: Rows<'_>, first: usize, panels: &Panels<'_>, block: Block, ldo: usize) -> Tile {
    let panel_len = panels.groups() * GROUP * PANEL;
    Tile {
        segments: rows.segments.as_ptr(),
        segment_count: rows.segments.len(),
        offset: first * rows.lda,
        groups: rows.segment_len / GROUP,
        lda: rows.lda,
        weights: panels.weights()[block.channel / PANEL * panel_len..].as_ptr(),
        panel_len,
        channels: block.channels,
        ldo,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    unsafe fn requant(_: &Tile, _: &TileRequant, _: *mut u8, _: usize) {}
    unsafe fn sum(_: &Tile, _: *mut i32, _: usize) {}

    const fn height(rows: usize) -> Height {
        Height { rows, requant, sum }
    }

    static FAMILIES: [Family; 3] = [
        &[height(1)],
        &[height(1), height(2), height(4), height(6)],
        &[height(1), height(2), height(4), height(8), height(16)],
    ];

    #[test]
    fn tiles_cover_all_rows_and_no_other() {
        for family in FAMILIES {
            for largest in family.iter().map(|height| height.rows) {
                for rows in 0..70 {
                    let mut covered = vec![false; rows];
                    for Stack { first, height, tiles } in Heights::new(family, largest, 5..5 + rows) {
                        assert!(height.rows <= largest);
                        covered[first - 5..][..tiles * height.rows].fill(true);
                    }
                    assert!(covered.iter().all(|&covered| covered), "{rows} rows in tiles of up to {largest}");
                }
            }
        }
    }

    #[test]
    fn few_rows_are_computed_again() {
        for family in FAMILIES {
            for rows in 1_usize..70 {
                let stacks = Heights::new(family, 16.min(largest(family)), 0..rows);
                let computed: usize = stacks.map(|stack| stack.tiles * stack.height.rows).sum();
                assert!(computed - rows <= 4 && 3 * computed <= 4 * rows, "{computed} instead of {rows}");
            }
        }
    }
}
