//! Convolutions as matrix products.
//!
//! A line of output points is a product whose rows overlap: the row of a point is one segment of each line of the
//! window, and neighbouring points begin one pixel step apart. So nothing is unfolded where a segment is a
//! whole number of groups. Otherwise (first layers of 3 channels, dilation, groups) the rows are copied into
//! a scratch, some points at a time, which is cheap against their products.

use super::gemm::{Form, Rows, Tiles};
use super::lines::{self, Lines, MAX_LINES};
use crate::arch::choice::TileChoice;
use crate::conv::ConvInput;
use crate::epilogue::Requant;
use crate::panel::GROUP;
use crate::taps::{Line, Taps};

/// Bytes of unfolded rows at a time, more or less.
const UNFOLDED: usize = 16 * 1024;
/// Rows unfolded at a time at least, if the line has them.
const FEWEST: usize = 24;
/// Bytes of one step of [`copy_run`].
const STEP: usize = 16;

/// How the rows of the products are found.
enum Access {
    /// All output points are the rows of one product, at this distance.
    Whole(Line),
    /// Segments of padded lines.
    Segments(Line),
    /// Copies of segments.
    Unfolded(Option<Line>),
}

/// Bytes of scratch for these windows.
pub(crate) fn scratch_len(tiles: &Tiles, taps: &Taps<'_>) -> usize {
    match access(tiles.form, taps) {
        Access::Whole(_) => tiles.scratch_len(taps.points(), taps.depth()),
        Access::Segments(line) => lines::scratch_len(line, taps.shape().kernel[0], tiles.form.expanded),
        Access::Unfolded(line) => {
            let points = unfolded_points(taps);
            let rows = points * row_len(taps) + lines::SLACK;
            lines_len(taps, line) + rows + tiles.scratch_len(points, row_len(taps))
        }
    }
}

/// Rows of one product: all output points, or those of a line that are at hand at a time.
pub(crate) fn rows(form: Form, taps: &Taps<'_>) -> usize {
    match access(form, taps) {
        Access::Whole(_) => taps.points(),
        Access::Segments(_) => taps.shape().out[1],
        Access::Unfolded(_) => unfolded_points(taps),
    }
}

/// # Safety
/// The CPU has the instruction set of the tiles, and the arguments have passed the checks of `Conv::run`.
pub(crate) unsafe fn conv(
    tiles: &Tiles,
    tile: TileChoice,
    input: &ConvInput<'_>,
    epilogue: &Requant<'_>,
    out: &mut [u8],
    ldo: usize,
    scratch: &mut [u8],
) {
    let job = Job { tiles, tile, input, epilogue, out: out.as_mut_ptr(), ldo };
    // SAFETY: the caller's promise.
    unsafe {
        match access(tiles.form, &input.taps) {
            Access::Whole(line) => job.whole(line, scratch),
            Access::Segments(line) => job.segments(line, scratch),
            Access::Unfolded(line) => job.unfolded(line, scratch),
        }
    }
}

fn access(form: Form, taps: &Taps<'_>) -> Access {
    let Some(line) = lines::line_of(taps) else { return Access::Unfolded(None) };
    let shape = taps.shape();
    // Where lines are expanded, each pixel has to begin with a group.
    let piece = if form.in_place() { shape.kernel[1] * shape.run } else { shape.run };
    if line.one_piece {
        Access::Whole(line)
    } else if piece.is_multiple_of(GROUP) {
        Access::Segments(line)
    } else {
        Access::Unfolded(Some(line))
    }
}

/// Bytes of scratch for the lines that are unfolded.
fn lines_len(taps: &Taps<'_>, line: Option<Line>) -> usize {
    line.map_or(0, |line| lines::scratch_len(line, taps.shape().kernel[0], 1))
}

/// Bytes from one unfolded row to the next.
fn row_len(taps: &Taps<'_>) -> usize {
    taps.depth().next_multiple_of(GROUP)
}

fn unfolded_points(taps: &Taps<'_>) -> usize {
    (UNFOLDED / row_len(taps)).max(FEWEST).min(taps.shape().out[1])
}

struct Job<'a> {
    tiles: &'a Tiles,
    tile: TileChoice,
    input: &'a ConvInput<'a>,
    epilogue: &'a Requant<'a>,
    out: *mut u8,
    ldo: usize,
}

/// # Safety of the methods
/// As for [`conv`].
impl Job<'_> {
    unsafe fn whole(&self, line: Line, scratch: &mut [u8]) {
        let taps = &self.input.taps;
        let start = taps.rows_of(0)[0] as usize + line.source;
        let from = self.input.input[start..].as_ptr();
        // SAFETY: the caller's promise; the rows are the taps.
        unsafe {
            self.tiles.each_block(from, [taps.points(), taps.shape().run, line.step], scratch, |rows, first| {
                self.requant(rows, first);
            });
        }
    }

    unsafe fn segments(&self, line: Line, scratch: &mut [u8]) {
        let ConvInput { input, zero, taps, .. } = self.input;
        let [oh, ow] = taps.shape().out;
        let [kh, kw] = taps.shape().kernel;
        let form = self.tiles.form;
        // SAFETY: the caller's promise; `access` has looked at the pixels.
        let mut lines = unsafe { Lines::new(input, *zero, line, kh, true, form, scratch) };
        let len = kw * taps.shape().run;
        for oy in 0..oh {
            let starts = lines.fetch(taps.rows_of(oy));
            let lda = line.step * form.expanded;
            let rows = Rows { segments: &starts[..kh], segment_len: len, counted: len, lda, m: ow };
            // SAFETY: the caller's promise; the last window of a line ends where the line does.
            unsafe { self.requant(rows, oy * ow) };
        }
    }

    unsafe fn unfolded(&self, line: Option<Line>, scratch: &mut [u8]) {
        let ConvInput { input, zero, taps, .. } = self.input;
        let (lines_scratch, scratch) = scratch.split_at_mut(lines_len(taps, line));
        let kh = taps.shape().kernel[0];
        let mut lines = line
            // SAFETY: the plain form needs nothing.
            .map(|line| unsafe { Lines::new(input, *zero, line, kh, false, Form::PLAIN, lines_scratch) });
        let [oh, ow] = taps.shape().out;
        let points = unfolded_points(taps);
        let (scratch, expanded) = scratch.split_at_mut(points * row_len(taps) + lines::SLACK);
        for oy in 0..oh {
            let starts = lines.as_mut().map(|lines| lines.fetch(taps.rows_of(oy)));
            for first in (0..ow).step_by(points) {
                let count = points.min(ow - first);
                match (&starts, line) {
                    // SAFETY: the lines have slack, and so has the scratch.
                    (Some(starts), Some(line)) => unsafe { self.unfold_lines(starts, line, first, count, scratch) },
                    _ => self.unfold_taps(oy, first, count, scratch),
                }
                let (len, counted) = (row_len(taps), taps.depth());
                // SAFETY: the caller's promise; the rows have just been written.
                unsafe {
                    self.tiles.each_block(scratch.as_ptr(), [count, len, len], expanded, |rows, at| {
                        self.requant(Rows { counted, ..rows }, oy * ow + first + at);
                    });
                }
            }
        }
    }

    /// Unfolds `count` points of a line from the point `first` on.
    unsafe fn unfold_lines(
        &self,
        starts: &[*const u8; MAX_LINES],
        line: Line,
        first: usize,
        count: usize,
        scratch: &mut [u8],
    ) {
        let taps = &self.input.taps;
        let [kh, kw] = taps.shape().kernel;
        let len = kw * taps.shape().run;
        let row_len = row_len(taps);
        let scratch = &mut scratch[..count * row_len + lines::SLACK];
        // What fills a row up stands against weights of 0; only sums of rows see it.
        let counted = !self.input.w_zero.is_empty();
        for i in 0..count {
            for (ky, start) in starts[..kh].iter().enumerate() {
                // SAFETY: both ends have slack; the bytes after a run are written by the next one.
                unsafe {
                    let to = scratch.as_mut_ptr().add(i * row_len + ky * len);
                    copy_run(start.add((first + i) * line.step), to, len);
                }
            }
            if counted {
                scratch[i * row_len + taps.depth()..][..row_len - taps.depth()].fill(0);
            }
        }
    }

    /// Unfolds `count` points of the output line `oy` from the point `first` on.
    fn unfold_taps(&self, oy: usize, first: usize, count: usize, scratch: &mut [u8]) {
        let ConvInput { input, zero, taps, .. } = self.input;
        let [kh, kw] = taps.shape().kernel;
        let run = taps.shape().run;
        for i in 0..count {
            let (row, rest) = scratch[i * row_len(taps)..][..row_len(taps)].split_at_mut(taps.depth());
            rest.fill(0);
            for (tap, to) in row.chunks_exact_mut(run).enumerate().take(kh * kw) {
                match taps.at(oy, first + i, tap / kw, tap % kw) {
                    Some(at) => to.copy_from_slice(&input[at..][..run]),
                    None => to.fill(*zero),
                }
            }
        }
    }

    /// The products of `rows`, which are the output points from `point` on.
    unsafe fn requant(&self, rows: Rows<'_>, point: usize) {
        let ConvInput { panels, w_zero, .. } = self.input;
        // SAFETY: the caller's promise; `out` reaches as far as the points do.
        unsafe {
            let out = self.out.add(point * self.ldo);
            self.tiles.cut(self.tile).requant(rows, panels, w_zero, self.epilogue, out, self.ldo);
        }
    }
}

/// Copies `len` bytes, and up to 15 more, in steps of a constant length.
///
/// # Safety
/// Both pointers are valid for 15 bytes more than `len`, and the two do not overlap.
#[inline(always)]
unsafe fn copy_run(from: *const u8, to: *mut u8, len: usize) {
    let mut at = 0;
    while at < len {
        // SAFETY: the caller's promise.
        unsafe { core::ptr::copy_nonoverlapping(from.add(at), to.add(at), STEP) };
        at += STEP;
    }
}
