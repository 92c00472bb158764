//! Separable resampling of byte pictures, with the arithmetic of Pillow and another schedule.
//!
//! Pillow resizes all rows horizontally into a picture of bytes and then that picture vertically. Each byte of
//! the result is a sum of products in integers, so the order of summing is free: here a source row is resized
//! into one line of bytes and that line is at once added to the sums of the few result rows that read it, while
//! it lies in the nearest cache. Memory is a line and those sums whatever the picture's height, rows and columns
//! outside of the crop are never read, and the bytes are Pillow's.

use alloc::vec::Vec;

use super::axis::{Axis, HALF, Taps, to_byte};
use super::pixels::{PixelFormat, Pixels};

/// Buffers and tables of a resize, kept from one picture to the next.
#[derive(Default)]
pub(super) struct Resampler {
    rows: Taps,
    columns: Taps,
    /// A source row as luma.
    luma: Vec<u8>,
    /// A source row, resized.
    line: Vec<u8>,
    sums: Sums,
    plane: Vec<u8>,
}

impl Resampler {
    /// Resizes and crops `pixels` to `rows` x `columns`, as luma or with the picture's own channels.
    pub(super) fn run(&mut self, pixels: &Pixels<'_>, rows: Axis, columns: Axis, luma: bool) -> Plane<'_> {
        self.rows.set(rows);
        self.columns.set(columns);
        let channels = if luma || pixels.format() == PixelFormat::Gray8 { 1 } else { 3 };
        let width = self.columns.len() * channels;
        self.line.resize(width, 0);
        self.sums.reset(width, self.rows.overlap());
        self.plane.clear();
        self.plane.reserve(width * self.rows.len());
        self.stream(pixels, channels);
        Plane { bytes: &self.plane, channels }
    }

    /// Goes once over the source rows: `begun` result rows have read one already, `done` of them their last.
    fn stream(&mut self, pixels: &Pixels<'_>, channels: usize) {
        let (mut done, mut begun) = (0, 0);
        for y in self.rows.span() {
            while begun < self.rows.len() && self.rows.range(begun).start <= y {
                self.sums.row(begun).fill(HALF);
                begun += 1;
            }
            if done < begun {
                self.resize_row(pixels, y, channels);
            }
            for row in done..begun {
                add_scaled(self.sums.row(row), &self.line, self.rows.weight(row, y));
            }
            while done < begun && self.rows.range(done).end == y + 1 {
                self.plane.extend(self.sums.row(done).iter().map(|&sum| to_byte(sum)));
                done += 1;
            }
        }
    }

    /// Source row `y`, converted and resized, into `line`.
    fn resize_row(&mut self, pixels: &Pixels<'_>, y: usize, channels: usize) {
        let Self { columns, luma, line, .. } = self;
        let row = pixels.row(y);
        match (pixels.format(), channels) {
            (PixelFormat::Gray8, _) => weigh_row::<1, 1>(row, columns, line),
            (PixelFormat::Rgb8, 3) => weigh_row::<3, 3>(row, columns, line),
            (PixelFormat::Rgba8, 3) => weigh_row::<4, 3>(row, columns, line),
            (PixelFormat::Rgb8, _) => {
                to_luma::<3>(row, columns.span(), luma);
                weigh_row::<1, 1>(luma, columns, line);
            }
            (PixelFormat::Rgba8, _) => {
                to_luma::<4>(row, columns.span(), luma);
                weigh_row::<1, 1>(luma, columns, line);
            }
        }
    }
}

/// A resized picture: bytes in rows, `channels` (1, or red, green, blue) for each pixel.
#[derive(Clone, Copy)]
pub(super) struct Plane<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) channels: usize,
}

/// Sums of the result rows that are being made, at most `slots` consecutive ones at a time.
#[derive(Default)]
struct Sums {
    data: Vec<i32>,
    width: usize,
    slots: usize,
}

impl Sums {
    fn reset(&mut self, width: usize, slots: usize) {
        self.width = width;
        self.slots = slots;
        self.data.resize(width * slots, 0);
    }

    fn row(&mut self, row: usize) -> &mut [i32] {
        &mut self.data[row % self.slots * self.width..][..self.width]
    }
}

/// sums += line * weight
fn add_scaled(sums: &mut [i32], line: &[u8], weight: i32) {
    for (sum, &byte) in sums.iter_mut().zip(line) {
        *sum += i32::from(byte) * weight;
    }
}

/// Makes each pixel of `line` of the pixels in its window; of `STRIDE` source bytes the first `CHANNELS` count.
fn weigh_row<const STRIDE: usize, const CHANNELS: usize>(row: &[u8], columns: &Taps, line: &mut [u8]) {
    let (pixels, _) = row.as_chunks::<STRIDE>();
    let (out, _) = line.as_chunks_mut::<CHANNELS>();
    for (out, (start, weights)) in out.iter_mut().zip(columns.iter()) {
        let mut sums = [HALF; CHANNELS];
        for (pixel, &weight) in pixels[start..].iter().zip(weights) {
            for (sum, &byte) in sums.iter_mut().zip(pixel) {
                *sum += i32::from(byte) * weight;
            }
        }
        *out = sums.map(to_byte);
    }
}

/// The pixels `span` of `row` as luma at the same places of `luma`: ITU-R 601 in 16-bit fixed point, rounded, as
/// Pillow's `convert("L")`.
fn to_luma<const STRIDE: usize>(row: &[u8], span: core::ops::Range<usize>, luma: &mut Vec<u8>) {
    let (pixels, _) = row.as_chunks::<STRIDE>();
    luma.resize(pixels.len(), 0);
    for (out, pixel) in luma[span.clone()].iter_mut().zip(&pixels[span]) {
        let [r, g, b] = [pixel[0], pixel[1], pixel[2]].map(u32::from);
        *out = ((r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::super::axis::Filter;
    use super::*;

    fn ramp(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i * 37 + i / 7) as u8).collect()
    }

    #[test]
    fn keeps_every_byte_when_sizes_are_equal() {
        let data = ramp(9 * 5 * 3);
        for filter in [Filter::Nearest, Filter::Bilinear, Filter::Bicubic] {
            let pixels = Pixels::new(&data, 9, 5, PixelFormat::Rgb8).expect("135 bytes are 9x5");
            let [rows, columns] = [5, 9].map(|side| Axis::centred(side, side.into(), side, filter));
            let mut resampler = Resampler::default();
            assert_eq!(resampler.run(&pixels, rows, columns, false).bytes, data, "{filter:?}");
        }
    }

    #[test]
    fn a_second_picture_of_the_same_size_allocates_nothing() {
        let data = ramp(40 * 30 * 4);
        let pixels = Pixels::new(&data, 40, 30, PixelFormat::Rgba8).expect("4800 bytes are 40x30");
        let columns = Axis::centred(40, 20, 12, Filter::Bilinear);
        let rows = Axis::centred(30, 15, 12, Filter::Bilinear);
        for luma in [false, true] {
            let mut resampler = Resampler::default();
            let first = resampler.run(&pixels, rows, columns, luma).bytes.to_vec();
            let before = buffers(&resampler);
            assert_eq!(resampler.run(&pixels, rows, columns, luma).bytes, first);
            assert_eq!(buffers(&resampler), before);
        }
    }

    /// Where each buffer lies and how much it holds.
    fn buffers(resampler: &Resampler) -> [(usize, usize); 4] {
        let Resampler { luma, line, sums, plane, .. } = resampler;
        let of = |bytes: &Vec<u8>| (bytes.as_ptr() as usize, bytes.capacity());
        [of(luma), of(line), of(plane), (sums.data.as_ptr() as usize, sums.data.capacity())]
    }
}
