//! Pixels -> tensor.

use core::fmt;

use super::image::{Color, ImageSpec, ImageSpecError};
use super::pixels::Pixels;
use super::resample::{Plane, Resampler};

/// Carries out an [`ImageSpec`]. Keeps its tables and buffers: a picture of the same size and format as the one
/// before allocates nothing and computes no weights.
///
/// It holds one resized picture; sums for the rows that are being made, a few when scaling down and never more than
/// four bytes for each element of the tensor; one row of the picture if that has to be converted to luma; and
/// weights, whose number grows with the sides of picture and tensor, not with their areas.
pub struct ImagePreparer {
    spec: ImageSpec,
    resampler: Resampler,
}

impl ImagePreparer {
    /// Allocates nothing yet.
    ///
    /// # Errors
    /// The spec can't be carried out.
    pub fn new(spec: ImageSpec) -> Result<Self, ImageSpecError> {
        spec.check()?;
        Ok(Self { spec, resampler: Resampler::default() })
    }

    /// What is carried out.
    pub const fn spec(&self) -> &ImageSpec {
        &self.spec
    }

    /// Converts, resizes and crops. The result is borrowed from here until the next picture.
    pub fn prepare(&mut self, pixels: &Pixels<'_>) -> Prepared<'_> {
        let (rows, columns) = self.spec.place(pixels.width(), pixels.height());
        let luma = self.spec.color == Color::Gray;
        let plane = self.resampler.run(pixels, rows, columns, luma);
        Prepared { spec: &self.spec, plane }
    }
}

/// Shows the spec, never the pixels: a user's picture has no way into a log.
impl fmt::Debug for ImagePreparer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImagePreparer").field("spec", &self.spec).finish_non_exhaustive()
    }
}

/// A picture at the tensor's size, still as bytes: one step from being a tensor of bytes or of floats.
#[derive(Clone, Copy)]
pub struct Prepared<'a> {
    spec: &'a ImageSpec,
    plane: Plane<'a>,
}

impl Prepared<'_> {
    /// The NHWC tensor for a quantized input: `out = tables[channel][pixel]`, one table for each channel, in the
    /// tensor's order. [`identity_table`] where normalization folds away; a table of `i8` bits for int8.
    ///
    /// # Errors
    /// The number of tables or the length of `out` is not the spec's; `out` is left as it was.
    pub fn to_u8(&self, tables: &[[u8; 256]], out: &mut [u8]) -> Result<(), OutputError> {
        let expected = self.spec.color.channels();
        if tables.len() != expected {
            return Err(OutputError::Tables { expected, found: tables.len() });
        }
        self.fill(out, |channel, byte| tables[channel][usize::from(byte)])
    }

    /// The NHWC tensor for a float input: `out = pixel * scale + offset`, rounded after each of the two.
    ///
    /// # Errors
    /// The length of `out` is not the spec's; `out` is left as it was.
    pub fn to_f32(&self, out: &mut [f32]) -> Result<(), OutputError> {
        let ImageSpec { scale, offset, .. } = self.spec;
        self.fill(out, |channel, byte| f32::from(byte) * scale[channel] + offset[channel])
    }

    /// Picks the byte of each element in the tensor's order of channels and writes what `element` makes of it.
    fn fill<T>(&self, out: &mut [T], element: impl Fn(usize, u8) -> T) -> Result<(), OutputError> {
        let expected = self.spec.len();
        if out.len() != expected {
            return Err(OutputError::Length { expected, found: out.len() });
        }
        let bytes = self.plane.bytes;
        let three = |[a, b, c]: [u8; 3]| [element(0, a), element(1, b), element(2, c)];
        match (self.spec.color, self.plane.channels) {
            (Color::Gray, _) => spread(out, bytes, |[y]| [element(0, y)]),
            (_, 1) => spread(out, bytes, |[y]| three([y, y, y])),
            (Color::Rgb, _) => spread(out, bytes, three),
            (Color::Bgr, _) => spread(out, bytes, |[r, g, b]| three([b, g, r])),
        }
        Ok(())
    }
}

impl fmt::Debug for Prepared<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Prepared({}x{} {:?})", self.spec.width, self.spec.height, self.spec.color)
    }
}

/// Each pixel of `I` bytes becomes `O` elements.
fn spread<T, const I: usize, const O: usize>(out: &mut [T], bytes: &[u8], pixel: impl Fn([u8; I]) -> [T; O]) {
    let (out, _) = out.as_chunks_mut::<O>();
    let (bytes, _) = bytes.as_chunks::<I>();
    for (out, &bytes) in out.iter_mut().zip(bytes) {
        *out = pixel(bytes);
    }
}

/// The table that leaves every byte as it is.
pub const fn identity_table() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = byte as u8;
        byte += 1;
    }
    table
}

/// A tensor that a prepared picture can't be written to. The caller is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OutputError {
    /// The tensor has another length than the spec's.
    Length {
        /// Elements of the spec's tensor.
        expected: usize,
        /// Elements given.
        found: usize,
    },
    /// There is not exactly one table for each channel.
    Tables {
        /// Channels of the spec's tensor.
        expected: usize,
        /// Tables given.
        found: usize,
    },
}

impl fmt::Display for OutputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { expected, found } => {
                write!(f, "the image tensor has {expected} elements, found room for {found}")
            }
            Self::Tables { expected, found } => {
                write!(f, "the image tensor has {expected} channels, found {found} tables")
            }
        }
    }
}

impl core::error::Error for OutputError {}
