//! Rows of the first factor of a product with packed weights, cut into tiles: where their elements lie.

use core::ops::Range;

use super::conv::Geometry;
use super::tile::{PAD, Runs};

/// Most rows of a tile of any instruction set.
pub(super) const MOST_ROWS: usize = 8;

/// Elements of the rows of a block, about: half of a small second cache.
const BLOCK: usize = 1 << 16;

/// Most rows of a block, and most offsets of all its rows.
const BLOCK_ROWS: usize = 192;
const BLOCK_OFFSETS: usize = 1 << 13;

/// Elements of the rows that are gathered for a block, about, and their number.
const GATHERED: usize = 1 << 12;
const GATHERED_ROWS: usize = 48;

/// Windows whose lines are shorter than this are gathered.
const SHORT: usize = 8;

/// Words in front of a tile's offsets: its rows, its runs, their length.
const HEADER: usize = 3;

/// Rows of the first factor.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rows<'a> {
    /// Contiguous rows of `k` elements.
    Plain { k: usize },
    /// Windows of a convolution, reading `depth` channels of each pixel from channel `first` on.
    Windows { geometry: &'a Geometry, depth: usize, first: usize },
}

impl Rows<'_> {
    /// Elements of a row, and pieces that it may consist of.
    fn extent(&self) -> [usize; 2] {
        match *self {
            Self::Plain { k } => [k, 1],
            Self::Windows { geometry, depth, .. } => {
                let [kh, kw] = geometry.kernel;
                [kh * kw * depth, kh * kw]
            }
        }
    }

    /// Whether windows are copied.
    fn gathers(&self) -> bool {
        matches!(self, Self::Windows { geometry, depth, .. } if geometry.kernel[1] * depth < SHORT)
    }

    /// Most rows of a block.
    fn block(&self) -> usize {
        let [k, pieces] = self.extent().map(|extent| extent.max(1));
        let rows = match self.gathers() {
            true => (GATHERED / k).min(GATHERED_ROWS),
            false => (BLOCK / k).min(BLOCK_OFFSETS / pieces).min(BLOCK_ROWS),
        };
        rows.max(MOST_ROWS)
    }

    /// Elements of the longest run.
    fn longest_run(&self) -> usize {
        match *self {
            Self::Windows { geometry, depth, .. } if !self.gathers() => geometry.kernel[1] * depth,
            _ => 0,
        }
    }

    /// Words of scratch that a [`Table`] needs; `usize::MAX` beyond that.
    pub(super) fn scratch(&self) -> usize {
        let ([k, pieces], rows) = (self.extent(), self.block());
        let gathered = if self.gathers() { rows.saturating_mul(k) } else { 0 };
        let offsets = rows.saturating_mul(pieces + HEADER);
        self.longest_run().saturating_add(offsets).saturating_add(gathered).saturating_add(self.height())
    }

    /// Rows of taps of a window.
    fn height(&self) -> usize {
        match self {
            Self::Plain { .. } => 0,
            Self::Windows { geometry, .. } => geometry.kernel[0],
        }
    }
}

/// Elements of scratch that a product of rows of `k` elements needs.
pub const fn gemm_scratch() -> usize {
    BLOCK_ROWS * (1 + HEADER)
}

/// Elements of scratch that a convolution of windows of `geometry`, with `depth` channels of each pixel, needs.
pub fn conv_scratch(geometry: &Geometry, depth: usize) -> usize {
    Rows::Windows { geometry, depth, first: 0 }.scratch().max(gemm_scratch())
}

/// Goes over the rows block by block and works out where they lie.
#[derive(Debug)]
pub(super) struct Table<'a> {
    rows: Rows<'a>,
    /// Rows of a tile, but for the first `longer` tiles, which have one more.
    each: usize,
    longer: usize,
    /// Tiles of all rows, of a block, and those that are done.
    tiles: usize,
    per_block: usize,
    done: usize,
    /// The next row, and where its window is.
    next: usize,
    place: [usize; 3],
    /// Where the lines under the taps of the current row of windows begin, as offsets.
    lines: &'a mut [u32],
    /// Columns whose windows lie inside.
    inside: Range<usize>,
    zeros: &'a [f32],
    words: &'a mut [u32],
    gathered: &'a mut [f32],
}

/// Some tiles' rows.
#[derive(Debug)]
pub(super) struct Block<'t> {
    /// The first row.
    pub first: usize,
    base: *const f32,
    zeros: *const f32,
    words: &'t [u32],
    tiles: usize,
}

/// One tile's rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// How many.
    pub rows: usize,
    /// Where they lie.
    pub runs: Runs,
}

impl<'a> Table<'a> {
    /// `m` rows, not 0, in tiles of at most `most` rows and at least `least`; of one where there are too few rows.
    /// `scratch` has [`Rows::scratch`] elements.
    pub(super) fn new(rows: Rows<'a>, m: usize, [most, least]: [usize; 2], scratch: &'a mut [f32]) -> Self {
        let [k, pieces] = rows.extent();
        let count = rows.block();
        let (zeros, rest) = scratch.split_at_mut(rows.longest_run());
        zeros.fill(0.0);
        let (words, rest) = rest.split_at_mut(count * (pieces + HEADER));
        let (lines, rest) = rest.split_at_mut(rows.height());
        let gathered = if rows.gathers() { count * k } else { 0 };
        let tiles = m.div_ceil(most);
        let (each, longer, tiles) = if m / tiles < least { (1, 0, m) } else { (m / tiles, m % tiles, tiles) };
        let mut table = Self {
            rows,
            each,
            longer,
            tiles,
            per_block: count / if each + longer.min(1) == 1 { 1 } else { most },
            done: 0,
            next: 0,
            place: [0; 3],
            lines: bytemuck::cast_slice_mut(lines),
            inside: 0..0,
            zeros,
            words: bytemuck::cast_slice_mut(words),
            gathered: &mut rest[..gathered],
        };
        if let Rows::Windows { geometry, .. } = rows {
            table.inside = geometry.inside(1);
            table.find_lines(geometry);
        }
        table
    }

    /// Whether all tiles are single rows.
    pub(super) fn is_single(&self) -> bool {
        self.each + self.longer.min(1) == 1
    }

    /// The next block of tiles of the rows of x; `None` behind the last.
    pub(super) fn next_block(&mut self, x: &[f32]) -> Option<Block<'_>> {
        let tiles = self.per_block.min(self.tiles - self.done);
        if tiles == 0 {
            return None;
        }
        let (first, mut word) = (self.next, 0);
        for _ in 0..tiles {
            let rows = self.each + usize::from(self.done < self.longer);
            word += match self.rows {
                Rows::Plain { k } => self.plain(word, rows, k),
                Rows::Windows { geometry, depth, first: channel } if self.rows.gathers() => {
                    self.gather(word, rows, first, x, [depth, channel], geometry)
                }
                Rows::Windows { geometry, depth, first } => self.windows(word, rows, [depth, first], geometry),
            };
            self.next += rows;
            self.done += 1;
        }
        let base = if self.rows.gathers() { self.gathered.as_ptr() } else { x.as_ptr() };
        Some(Block { first, base, zeros: self.zeros.as_ptr(), words: &self.words[..word], tiles })
    }

    /// Writes a tile's header; gives the place of its offsets.
    fn header(&mut self, word: usize, [rows, runs, len]: [usize; 3]) -> &mut [u32] {
        let (header, offsets) = self.words[word..].split_at_mut(HEADER);
        header.copy_from_slice(&[rows, runs, len].map(|v| v as u32));
        &mut offsets[..rows * runs]
    }

    fn plain(&mut self, word: usize, rows: usize, k: usize) -> usize {
        let first = self.next;
        for (r, offset) in self.header(word, [rows, 1, k]).iter_mut().enumerate() {
            *offset = ((first + r) * k) as u32;
        }
        HEADER + rows
    }

    /// Works out `lines` for the current place.
    fn find_lines(&mut self, geometry: &Geometry) {
        let [image, row, _] = self.place;
        for (ky, line) in self.lines.iter_mut().enumerate() {
            *line = geometry.tap(0, row, ky).map_or(PAD, |at| geometry.pixel(image, at, 0) as u32);
        }
    }

    /// Goes to the next window.
    #[inline(always)]
    fn step(&mut self, geometry: &Geometry) {
        self.place = geometry.after(self.place);
        if self.place[2] == 0 && self.place[0] < geometry.input[0] {
            self.find_lines(geometry);
        }
    }

    /// Offsets of windows' taps; of their lines where those are in one piece.
    #[inline(always)]
    fn windows(&mut self, word: usize, rows: usize, [depth, first]: [usize; 2], geometry: &Geometry) -> usize {
        let [kh, kw] = geometry.kernel;
        let pixel = geometry.input[3];
        let (column, end) = (self.place[2], self.place[2] + rows);
        let inside = self.inside.start <= column && end <= self.inside.end;
        if inside && (kw == 1 || depth == pixel && geometry.dilation[1] == 1) {
            let start = ((column * geometry.stride[1] - geometry.pads[1]) * pixel + first) as u32;
            let step = (geometry.stride[1] * pixel) as u32;
            self.header(word, [rows, kh, kw * depth]);
            let offsets = &mut self.words[word + HEADER..][..kh * rows];
            for (&line, offsets) in self.lines.iter().zip(offsets.chunks_exact_mut(rows)) {
                for (offset, r) in offsets.iter_mut().zip(0..) {
                    *offset = if line == PAD { PAD } else { line + start + r * step };
                }
            }
            self.place[2] = end - 1;
            self.step(geometry);
            return HEADER + kh * rows;
        }
        self.header(word, [rows, kh * kw, depth]);
        for r in 0..rows {
            let column = self.place[2];
            let offsets = &mut self.words[word + HEADER..][..kh * kw * rows];
            for (&line, offsets) in self.lines.iter().zip(offsets.chunks_exact_mut(kw * rows)) {
                for (kx, offsets) in offsets.chunks_exact_mut(rows).enumerate() {
                    let at = geometry.tap(1, column, kx).filter(|_| line != PAD);
                    offsets[r] = at.map_or(PAD, |at| line + (at * pixel + first) as u32);
                }
            }
            self.step(geometry);
        }
        HEADER + kh * kw * rows
    }

    /// Copies windows, so that each is one run.
    #[inline(always)]
    fn gather(
        &mut self,
        word: usize,
        rows: usize,
        block: usize,
        x: &[f32],
        [depth, first]: [usize; 2],
        geometry: &Geometry,
    ) -> usize {
        let [kh, kw] = geometry.kernel;
        let (k, pixel) = (kh * kw * depth, geometry.input[3]);
        let slot = self.next - block;
        let together = depth == pixel && geometry.dilation[1] == 1;
        for r in 0..rows {
            let [left, taps] = geometry.taps_inside(1, self.place[2]);
            let start = geometry.tap(1, self.place[2], left).unwrap_or(0) * pixel + first;
            let window = &mut self.gathered[(slot + r) * k..][..k];
            for (line, to) in self.lines.iter().zip(window.chunks_exact_mut((kw * depth).max(1))) {
                let taps = if *line == PAD { 0 } else { taps };
                if taps < kw {
                    to.fill(0.0);
                }
                // Taps that lie together are copied together.
                let (pieces, len) = if together { (taps.min(1), taps * depth) } else { (taps, depth) };
                for tap in 0..pieces {
                    let from = start + *line as usize + tap * geometry.dilation[1] * pixel;
                    let to = &mut to[(left + tap) * depth..][..len];
                    to.iter_mut().zip(&x[from..][..len]).for_each(|(to, &from)| *to = from);
                }
            }
            self.step(geometry);
        }
        for (r, offset) in self.header(word, [rows, 1, k]).iter_mut().enumerate() {
            *offset = ((slot + r) * k) as u32;
        }
        HEADER + rows
    }
}

impl Block<'_> {
    /// Its tiles in order.
    pub(super) fn tiles(&self) -> impl Iterator<Item = Entry> {
        let mut words = self.words;
        (0..self.tiles).map(move |_| {
            let (header, offsets) = words.split_at(HEADER);
            let [rows, count, len] = [header[0], header[1], header[2]].map(|word| word as usize);
            let (offsets, rest) = offsets.split_at(rows * count);
            words = rest;
            let runs = Runs { base: self.base, zeros: self.zeros, offsets: offsets.as_ptr(), count, len };
            Entry { rows, runs }
        })
    }
}
