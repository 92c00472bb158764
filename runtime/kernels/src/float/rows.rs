//! Rows of the first factor of a product with packed weights, cut into tiles: where their elements lie.

use super::conv::Geometry;
use super::tile::{PAD, Runs};

/// Most rows of a tile of any instruction set.
pub(super) const MOST_ROWS: usize = 8;

/// Elements of the rows of a block, about: half of a small second cache.
const BLOCK: usize = 1 << 16;

/// Most rows of a block, and most offsets of all its rows.
const BLOCK_ROWS: usize = 192;
const BLOCK_OFFSETS: usize = 1 << 13;

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
    /// Elements of a row, the runs that it consists of, and their length.
    fn extent(&self) -> [usize; 3] {
        match *self {
            Self::Plain { k } => [k, 1, k],
            Self::Windows { geometry, depth, .. } => {
                let [kh, kw] = geometry.kernel;
                let (runs, len) = if self.has_lines() { (kh, kw * depth) } else { (kh * kw, depth) };
                [kh * kw * depth, runs, len]
            }
        }
    }

    /// Elements of a row.
    pub(super) fn k(&self) -> usize {
        self.extent()[0]
    }

    /// Whether the taps of a window's line are one run, where they lie or once they are copied.
    fn has_lines(&self) -> bool {
        let Self::Windows { geometry, depth, .. } = *self else { return false };
        match geometry.kernel[1] {
            1 => depth == geometry.input[3] || !geometry.sticks_out(),
            _ => depth == geometry.input[3] && geometry.dilation[1] == 1,
        }
    }

    /// Whether lines are copied, with the padding at their ends.
    fn copies(&self) -> bool {
        matches!(self, Self::Windows { geometry, .. } if geometry.sticks_out()) && self.has_lines()
    }

    /// Most rows of a block.
    fn block(&self) -> usize {
        let [k, runs, _] = self.extent().map(|extent| extent.max(1));
        (BLOCK / k).min(BLOCK_OFFSETS / runs).clamp(MOST_ROWS, BLOCK_ROWS)
    }

    /// Elements of what is read in the padding.
    fn zeros(&self) -> usize {
        let [.., len] = self.extent();
        if matches!(self, Self::Plain { .. }) || self.copies() { 0 } else { len }
    }

    /// Elements of the lines that are copied for a block, at most; no fewer for larger images.
    fn copied(&self) -> usize {
        match self {
            Self::Windows { geometry, .. } if self.copies() => geometry.lines_under(self.block()),
            _ => 0,
        }
    }

    /// Words of scratch that a [`Table`] needs; `usize::MAX` beyond that.
    pub(super) fn scratch(&self) -> usize {
        let [_, runs, _] = self.extent();
        let offsets = self.block().saturating_mul(runs + HEADER);
        self.zeros().saturating_add(offsets).saturating_add(self.copied()).saturating_add(self.lines())
    }

    /// Lines of a window.
    fn lines(&self) -> usize {
        match self {
            Self::Plain { .. } => 0,
            Self::Windows { geometry, .. } => geometry.kernel[0],
        }
    }
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
    zeros: &'a [f32],
    words: &'a mut [u32],
    copied: &'a mut [f32],
    /// The first line that is copied, as [`Geometry::line`] counts.
    top: usize,
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
        let [_, runs, _] = rows.extent();
        let count = rows.block();
        let (zeros, rest) = scratch.split_at_mut(rows.zeros());
        zeros.fill(0.0);
        let (words, rest) = rest.split_at_mut(count * (runs + HEADER));
        let (lines, rest) = rest.split_at_mut(rows.lines());
        let tiles = m.div_ceil(most);
        let (each, longer, tiles) = if m / tiles < least { (1, 0, m) } else { (m / tiles, m % tiles, tiles) };
        Self {
            rows,
            each,
            longer,
            tiles,
            per_block: count / if each + longer.min(1) == 1 { 1 } else { most },
            done: 0,
            next: 0,
            place: [0; 3],
            lines: bytemuck::cast_slice_mut(lines),
            zeros,
            words: bytemuck::cast_slice_mut(words),
            copied: &mut rest[..rows.copied()],
            top: 0,
        }
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
        if let Rows::Windows { geometry, .. } = self.rows {
            if self.rows.copies() {
                let rows = tiles * self.each + tiles.min(self.longer.saturating_sub(self.done));
                self.copy(geometry, first + rows - 1, x);
            }
            self.find_lines(geometry);
        }
        for _ in 0..tiles {
            let rows = self.each + usize::from(self.done < self.longer);
            word += match self.rows {
                Rows::Plain { k } => self.plain(word, rows, k),
                Rows::Windows { geometry, first, .. } if self.rows.has_lines() => {
                    self.whole(word, rows, first, geometry)
                }
                Rows::Windows { geometry, depth, first } => self.taps(word, rows, [depth, first], geometry),
            };
            self.next += rows;
            self.done += 1;
        }
        let base = if self.rows.copies() { self.copied.as_ptr() } else { x.as_ptr() };
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

    /// Copies the lines under the windows from the current place to that of window `last`, with zeros around them.
    fn copy(&mut self, geometry: &Geometry, last: usize, x: &[f32]) {
        let [image, row, _] = geometry.place(last);
        self.top = geometry.line(self.place[0], self.place[1], 0);
        let lines = self.top..=geometry.line(image, row, geometry.kernel[0].saturating_sub(1));
        let [_, h, w, channels] = geometry.input;
        let pitch = geometry.pitch().max(1);
        let left = (geometry.pads[1] * channels).min(pitch);
        let len = (w * channels).min(pitch - left);
        for (line, to) in lines.zip(self.copied.chunks_exact_mut(pitch)) {
            let (image, at) = geometry.line_at(line);
            match at.filter(|at| *at < h) {
                Some(at) => {
                    let from = geometry.pixel(image, at, 0);
                    to[..left].fill(0.0);
                    to[left..][..len].copy_from_slice(&x[from..][..len]);
                    to[left + len..].fill(0.0);
                }
                None => to.fill(0.0),
            }
        }
    }

    /// Works out `lines` for the current place.
    #[inline(never)]
    fn find_lines(&mut self, geometry: &Geometry) {
        let ([image, row, _], pitch) = (self.place, geometry.pitch());
        let copied = self.rows.copies();
        for (ky, line) in self.lines.iter_mut().enumerate() {
            *line = match copied {
                true => ((geometry.line(image, row, ky) - self.top) * pitch) as u32,
                false => geometry.tap(0, row, ky).map_or(PAD, |at| geometry.pixel(image, at, 0) as u32),
            };
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

    /// Offsets of windows' lines, all of which lie inside along their length.
    #[inline(always)]
    fn whole(&mut self, word: usize, rows: usize, first: usize, geometry: &Geometry) -> usize {
        let [_, runs, len] = self.rows.extent();
        self.header(word, [rows, runs, len]);
        let step = (geometry.stride[1] * geometry.input[3]) as u32;
        let mut row = 0;
        while row < rows {
            // Neighbours in a row of windows.
            let column = self.place[2];
            let count = (rows - row).min(geometry.output[1] - column);
            let start = column as u32 * step + first as u32;
            let offsets = &mut self.words[word + HEADER..][..runs * rows];
            for (&line, offsets) in self.lines.iter().zip(offsets.chunks_exact_mut(rows)) {
                for (offset, i) in offsets[row..][..count].iter_mut().zip(0..) {
                    *offset = if line == PAD { PAD } else { line + start + i * step };
                }
            }
            row += count;
            self.place[2] += count - 1;
            self.step(geometry);
        }
        HEADER + runs * rows
    }

    /// Offsets of windows' taps.
    #[inline(always)]
    fn taps(&mut self, word: usize, rows: usize, [depth, first]: [usize; 2], geometry: &Geometry) -> usize {
        let [kh, kw] = geometry.kernel;
        let pixel = geometry.input[3];
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
}

impl Block<'_> {
    /// Its tiles in order.
    #[inline(always)]
    pub(super) fn tiles(&self) -> Tiles<'_> {
        Tiles { block: self, words: self.words, left: self.tiles }
    }
}

/// The tiles of a block that are left.
#[derive(Debug)]
pub(super) struct Tiles<'t> {
    block: &'t Block<'t>,
    words: &'t [u32],
    left: usize,
}

impl Iterator for Tiles<'_> {
    type Item = Entry;

    #[inline(always)]
    fn next(&mut self) -> Option<Entry> {
        self.left = self.left.checked_sub(1)?;
        let (header, offsets) = self.words.split_at(HEADER);
        let (rows, count, len) = (header[0] as usize, header[1] as usize, header[2] as usize);
        let (offsets, rest) = offsets.split_at(rows * count);
        self.words = rest;
        let Block { base, zeros, .. } = *self.block;
        Some(Entry { rows, runs: Runs { base, zeros, offsets: offsets.as_ptr(), count, len } })
    }
}
