//! Padded lines of an image.
//!
//! A window that slides without dilation reads, for each `ky`, one run of bytes of a line of pixels. Copied once
//! into a scratch with its padding around it, a line serves every output line that needs it, and no
//! inner loop knows of padding. Lines without padding are read where they lie, if the reader stays inside.

use super::gemm::Form;
use crate::panel::GROUP;
use crate::taps::{Line, PAD, Taps};

/// Lines kept at most.
pub(crate) const MAX_LINES: usize = 16;

/// Bytes of an activation in any form, at most.
const MOST_EXPANDED: usize = 2;

/// Bytes after a line that may be read, though not used.
pub(crate) const SLACK: usize = 64;

/// The lines that some output lines need, kept for the next.
pub(crate) struct Lines<'a> {
    input: &'a [u8],
    line: Line,
    in_place: bool,
    form: Form,
    slots: *mut u8,
    slot_len: usize,
    /// The row offset of the line in each slot.
    held: [u32; MAX_LINES],
    count: usize,
}

/// Whether [`Lines`] can serve these windows.
pub(crate) fn line_of(taps: &Taps<'_>) -> Option<Line> {
    taps.line().filter(|_| taps.shape().kernel[0] <= MAX_LINES)
}

/// Bytes of scratch for `count` lines whose activations take `expanded` bytes.
pub(crate) fn scratch_len(line: Line, count: usize, expanded: usize) -> usize {
    (count + 1) * slot_len(line, expanded) + 64
}

fn slot_len(line: Line, expanded: usize) -> usize {
    (line.width * expanded).next_multiple_of(64) + SLACK
}

impl<'a> Lines<'a> {
    /// Room for `count` lines, the most that one call of [`Lines::fetch`] asks for. `in_place`: the reader does not need the
    /// slack, lines without padding need not be copied unless `form` expands them. `scratch` holds [`scratch_len`] bytes.
    ///
    /// # Safety
    /// The CPU has the instruction set of the form; where that expands, pixels are whole groups.
    pub(crate) unsafe fn new(
        input: &'a [u8],
        zero: u8,
        line: Line,
        count: usize,
        in_place: bool,
        form: Form,
        scratch: &'a mut [u8],
    ) -> Self {
        let in_place = in_place && form.in_place() && line.len == line.width;
        let skipped = scratch.as_ptr().align_offset(64).min(63);
        let slot_len = slot_len(line, form.expanded);
        let slots = &mut scratch[skipped..][..(count + 1) * slot_len];
        let (kept, padding) = slots.split_at_mut(count * slot_len);
        let mut group = [zero; GROUP * MOST_EXPANDED];
        if !form.in_place() {
            // SAFETY: the caller's promise; one group has room.
            unsafe { (form.expand)([zero; GROUP].as_ptr(), group.as_mut_ptr(), GROUP) };
        }
        let fill = |bytes: &mut [u8]| match form.in_place() {
            true => bytes.fill(zero),
            false => bytes.chunks_mut(GROUP * form.expanded).for_each(|to| to.copy_from_slice(&group[..to.len()])),
        };
        for slot in kept.chunks_exact_mut(slot_len) {
            fill(&mut slot[..line.before * form.expanded]);
            fill(&mut slot[(line.before + line.len) * form.expanded..]);
        }
        fill(padding);
        Self { input, line, in_place, form, slots: slots.as_mut_ptr(), slot_len, held: [PAD; MAX_LINES], count }
    }

    /// Where the line at each row offset begins. The pointers are valid for the line's width and, unless lines are read in
    /// place, its slack, until the next call.
    pub(crate) fn fetch(&mut self, rows: &[u32]) -> [*const u8; MAX_LINES] {
        let mut starts = [core::ptr::null(); MAX_LINES];
        for (start, &row) in starts.iter_mut().zip(rows) {
            *start = match row {
                PAD => self.slot(self.count),
                row if self.in_place => self.input[row as usize + self.line.source..].as_ptr(),
                row => self.copied(row, rows),
            };
        }
        starts
    }

    /// The slot that holds the line at `row`; one of those that `rows` does not need, if it had to be copied.
    fn copied(&mut self, row: u32, rows: &[u32]) -> *const u8 {
        let held = &self.held[..self.count];
        if let Some(slot) = held.iter().position(|&held| held == row) {
            return self.slot(slot);
        }
        let free = held.iter().position(|held| !rows.contains(held) || *held == PAD);
        let slot = free.expect("as many slots as lines that are needed, and this one is in none");
        let source = &self.input[row as usize + self.line.source..][..self.line.len];
        let to = self.slot(slot);
        // SAFETY: a slot is longer than a line with its padding, and the input lies elsewhere; the promise of `new`.
        unsafe { self.form.copy(source.as_ptr(), to.add(self.line.before * self.form.expanded), source.len()) };
        self.held[slot] = row;
        to
    }

    fn slot(&self, slot: usize) -> *mut u8 {
        self.slots.wrapping_add(slot * self.slot_len)
    }
}
