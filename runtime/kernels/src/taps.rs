//! Offset tables of sliding windows.

use alloc::vec::Vec;
use core::ops::Range;

use crate::error::TapsError;

/// Table entry of a tap that lies in the padding.
pub const PAD: u32 = u32::MAX;

/// Extents of a sliding window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TapsShape {
    /// Height and width of the output.
    pub out: [usize; 2],
    /// Height and width of the window.
    pub kernel: [usize; 2],
    /// Bytes read at each tap: the input channels, or those of one group.
    pub run: usize,
}

/// Where each tap of each output point lies in the input: the tap `(ky, kx)` of the output point `(oy, ox)` is the
/// `run` bytes at `rows[oy * kh + ky] + cols[ox * kw + kx]`, or padding if either entry is [`PAD`].
///
/// A value of this type is proof that no tap reaches outside of the input. For a batch the tables describe one
/// image. For `g` groups they describe the first, and `input_len` is the image's length less `(g - 1) * run`: the
/// later groups get the input from their first channel on.
#[derive(Clone, Copy, Debug)]
pub struct Taps<'a> {
    rows: &'a [u32],
    cols: &'a [u32],
    shape: TapsShape,
    input_len: usize,
    line: Option<Line>,
}

/// Columns that are a plain sliding window over a line of pixels that lie one after another: tap `kx` of the point `ox` is
/// at `ox * step + kx * run` of a line which is padding, then `len` bytes of the input from `source`, then padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Bytes between the windows of two neighbouring output points.
    pub step: usize,
    /// Padding bytes before the input.
    pub before: usize,
    /// Where the input begins, relative to a row.
    pub source: usize,
    /// Bytes of the input.
    pub len: usize,
    /// Bytes of the line with its padding.
    pub width: usize,
    /// Whether windows of one tap are all inside the image and each begins one step after the one before, across
    /// lines too.
    pub one_piece: bool,
}

impl<'a> Taps<'a> {
    /// Checks both tables, once, against an input of `input_len` bytes.
    pub fn new(rows: &'a [u32], cols: &'a [u32], shape: TapsShape, input_len: usize) -> Result<Self, TapsError> {
        let TapsShape { out: [oh, ow], kernel: [kh, kw], run } = shape;
        if [oh, ow, kh, kw, run].contains(&0) {
            return Err(TapsError::Empty);
        }
        check_len("rows", oh.checked_mul(kh), rows.len())?;
        check_len("cols", ow.checked_mul(kw), cols.len())?;
        // The kernels multiply these extents freely.
        kh.checked_mul(kw).and_then(|taps| taps.checked_mul(run)).ok_or(TapsError::TooLarge)?;
        oh.checked_mul(ow).ok_or(TapsError::TooLarge)?;
        if let (Some(row), Some(col)) = (farthest(rows), farthest(cols)) {
            let reach = u64::from(row) + u64::from(col) + run as u64;
            if reach > input_len as u64 {
                return Err(TapsError::OutOfBounds { reach, input_len });
            }
        }
        Ok(Self { rows, cols, shape, input_len, line: Line::find(rows, cols, shape) })
    }

    /// The extents.
    pub const fn shape(&self) -> TapsShape {
        self.shape
    }

    /// Bytes of the input that the tables were checked against.
    pub const fn input_len(&self) -> usize {
        self.input_len
    }

    /// Output points.
    pub const fn points(&self) -> usize {
        self.shape.out[0] * self.shape.out[1]
    }

    /// Taps of a window.
    pub const fn window(&self) -> usize {
        self.shape.kernel[0] * self.shape.kernel[1]
    }

    /// Bytes of a window: the depth of its products.
    pub const fn depth(&self) -> usize {
        self.window() * self.shape.run
    }

    /// The tables of some lines of output points, of the same input; `None` when there are no such lines.
    pub fn lines(&self, lines: Range<usize>) -> Option<Self> {
        let TapsShape { out: [_, ow], kernel: [kh, _], .. } = self.shape;
        let rows = self.rows.get(lines.start.checked_mul(kh)?..lines.end.checked_mul(kh)?)?;
        let shape = TapsShape { out: [lines.len(), ow], ..self.shape };
        (!rows.is_empty()).then_some(Self { rows, shape, ..*self })
    }

    /// Where a tap begins in the input, or `None` in the padding.
    pub fn at(&self, oy: usize, ox: usize, ky: usize, kx: usize) -> Option<usize> {
        let row = self.rows[oy * self.shape.kernel[0] + ky];
        let col = self.cols[ox * self.shape.kernel[1] + kx];
        (row != PAD && col != PAD).then(|| row as usize + col as usize)
    }

    /// The row offsets of one line of output points, one for each `ky`.
    pub(crate) fn rows_of(&self, oy: usize) -> &'a [u32] {
        let kh = self.shape.kernel[0];
        &self.rows[oy * kh..][..kh]
    }

    /// The row and column offsets of one output point.
    pub(crate) fn entries(&self, point: usize) -> (&'a [u32], &'a [u32]) {
        let [_, kw] = self.shape.kernel;
        let (oy, ox) = (point / self.shape.out[1], point % self.shape.out[1]);
        (self.rows_of(oy), &self.cols[ox * kw..][..kw])
    }

    pub(crate) fn line(&self) -> Option<Line> {
        self.line
    }
}

impl Line {
    fn find(rows: &[u32], cols: &[u32], shape: TapsShape) -> Option<Self> {
        let [_, kw] = shape.kernel;
        let step = find_step(cols, shape)?;
        let width = (shape.out[1] - 1).checked_mul(step)?.checked_add(kw.checked_mul(shape.run)?)?;
        let virtual_at = |i: usize| (i / kw) * step + (i % kw) * shape.run;
        let inside = || cols.iter().enumerate().filter(|&(_, &col)| col != PAD);
        let (first, &source) = inside().min_by_key(|&(i, _)| virtual_at(i))?;
        let (last, _) = inside().max_by_key(|&(i, _)| virtual_at(i))?;
        let before = virtual_at(first);
        let end = virtual_at(last) + shape.run;
        let fits = |i: usize, col: u32| {
            let at = virtual_at(i);
            match col {
                PAD => at + shape.run <= before || at >= end,
                col => at >= before && at + shape.run <= end && col as usize == source as usize + (at - before),
            }
        };
        // A hostile table must not make a line of padding that dwarfs its input.
        let modest = width / 2 <= (end - before).saturating_add(kw * shape.run);
        let regular = modest && cols.iter().enumerate().all(|(i, &col)| fits(i, col));
        let line = Self { step, before, source: source as usize, len: end - before, width, one_piece: false };
        regular.then(|| Self { one_piece: line.is_one_piece(rows, shape), ..line })
    }
}

impl Line {
    fn is_one_piece(&self, rows: &[u32], shape: TapsShape) -> bool {
        let start = |oy: usize| rows[0] as usize + oy * shape.out[1] * self.step;
        let follows = |(oy, &row): (usize, &u32)| row != PAD && row as usize == start(oy);
        shape.kernel == [1, 1] && self.len == self.width && rows.iter().enumerate().all(follows)
    }
}

/// The distance of two neighbouring windows, taken from the first pair that shows it.
fn find_step(cols: &[u32], shape: TapsShape) -> Option<usize> {
    let kw = shape.kernel[1];
    if shape.out[1] == 1 {
        return Some(shape.run);
    }
    let pair = cols.iter().zip(cols.get(kw..)?).find(|&(&a, &b)| a != PAD && b != PAD);
    let (&a, &b) = pair?;
    b.checked_sub(a).map(|step| step as usize)
}

fn check_len(table: &'static str, needed: Option<usize>, found: usize) -> Result<(), TapsError> {
    match needed.ok_or(TapsError::TooLarge)? {
        needed if needed == found => Ok(()),
        needed => Err(TapsError::Length { table, needed, found }),
    }
}

fn farthest(table: &[u32]) -> Option<u32> {
    table.iter().copied().filter(|&offset| offset != PAD).max()
}

/// Offset tables with the memory that they lie in, for those who keep them.
#[derive(Clone, Debug)]
pub struct TapsBuf {
    rows: Vec<u32>,
    cols: Vec<u32>,
    shape: TapsShape,
    input_len: usize,
    line: Option<Line>,
}

impl TapsBuf {
    /// Checks both tables as [`Taps::new`] does.
    pub fn new(rows: Vec<u32>, cols: Vec<u32>, shape: TapsShape, input_len: usize) -> Result<Self, TapsError> {
        let line = Taps::new(&rows, &cols, shape, input_len)?.line;
        Ok(Self { rows, cols, shape, input_len, line })
    }

    /// Bytes that the tables take.
    pub fn heap_len(&self) -> usize {
        (self.rows.capacity() + self.cols.capacity()) * size_of::<u32>()
    }

    /// The tables, which were checked already.
    pub fn taps(&self) -> Taps<'_> {
        let Self { rows, cols, shape, input_len, line } = self;
        Taps { rows, cols, shape: *shape, input_len: *input_len, line: *line }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn lines_are_those_of_the_whole_and_none_beyond() {
        let shape = TapsShape { out: [3, 2], kernel: [2, 1], run: 4 };
        let buffer = TapsBuf::new(vec![PAD, 0, 0, 8, 8, 16], vec![0, 4], shape, 24).expect("the taps are inside");
        let all = buffer.taps();
        for (start, end) in [(0, 3), (0, 1), (1, 3), (2, 3)] {
            let lines = all.lines(start..end).expect("there are such lines");
            assert_eq!((lines.shape().out, lines.input_len()), ([end - start, 2], 24));
            for (oy, ox, ky) in (start..end).flat_map(|oy| [(oy, 0, 0), (oy, 1, 0), (oy, 0, 1), (oy, 1, 1)]) {
                assert_eq!(lines.at(oy - start, ox, ky, 0), all.at(oy, ox, ky, 0), "{oy} {ox} {ky}");
            }
        }
        for (start, end) in [(0, 0), (0, 4), (3, 4), (usize::MAX, usize::MAX), (2, 1)] {
            assert!(all.lines(start..end).is_none(), "{start}..{end}");
        }
    }
}
