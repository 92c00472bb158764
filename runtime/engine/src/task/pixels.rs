//! Borrowed pictures as apps have them.

use crate::error::Code;
use core::fmt;

/// The most pixels that a picture has: 2^28, a square of 16384.
pub const MAX_PIXELS: u64 = 1 << 28;

/// The most pixels that a picture has on one side. JPEG can't say more, and resampling tables stay small.
pub const MAX_SIDE: u32 = 1 << 16;

/// What the bytes of a picture mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PixelFormat {
    /// One byte of luminance for each pixel.
    Gray8,
    /// Red, green, blue.
    Rgb8,
    /// Red, green, blue, alpha. Alpha is dropped and not composed over anything, as `convert("RGB")` of Pillow
    /// does; colours are taken as they stand (not premultiplied).
    Rgba8,
}

impl PixelFormat {
    /// Bytes of one pixel.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Gray8 => 1,
            Self::Rgb8 => 3,
            Self::Rgba8 => 4,
        }
    }
}

/// A picture: rows from top to bottom without padding, upright. Turning it as EXIF says is up to who decodes it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Pixels<'a> {
    data: &'a [u8],
    width: u32,
    height: u32,
    format: PixelFormat,
}

impl<'a> Pixels<'a> {
    /// `data` has exactly `width * height` pixels of `format`.
    ///
    /// # Errors
    /// A side is zero, the picture is beyond [`MAX_PIXELS`] or [`MAX_SIDE`], or `data` has another length.
    pub fn new(data: &'a [u8], width: u32, height: u32, format: PixelFormat) -> Result<Self, PixelsError> {
        if width == 0 || height == 0 {
            return Err(PixelsError::Empty { width, height });
        }
        let count = u64::from(width) * u64::from(height);
        if count > MAX_PIXELS || width.max(height) > MAX_SIDE {
            return Err(PixelsError::TooLarge { width, height });
        }
        let expected = count * format.bytes() as u64;
        if data.len() as u64 != expected {
            let found = data.len();
            return Err(PixelsError::Length { expected, found });
        }
        Ok(Self { data, width, height, format })
    }

    /// Pixels of one row.
    pub const fn width(&self) -> u32 {
        self.width
    }

    /// Rows.
    pub const fn height(&self) -> u32 {
        self.height
    }

    /// What the bytes mean.
    pub const fn format(&self) -> PixelFormat {
        self.format
    }

    /// The mean of all colours, 0 to 1, over an even grid of at most 64 by 64 pixels; transparency doesn't count.
    pub fn brightness(&self) -> f32 {
        let (bytes, colours) = (self.format.bytes(), self.format.bytes().min(3));
        let step = |side: u32| (side as usize).div_ceil(64);
        let (mut sum, mut count) = (0_u64, 0_u64);
        for y in (0..self.height as usize).step_by(step(self.height)) {
            for pixel in self.row(y).chunks_exact(bytes).step_by(step(self.width)) {
                sum += pixel[..colours].iter().map(|&colour| u64::from(colour)).sum::<u64>();
                count += colours as u64;
            }
        }
        sum as f32 / (255 * count) as f32
    }

    /// The bytes of row `y < height`.
    pub fn row(&self, y: usize) -> &'a [u8] {
        let bytes = self.width as usize * self.format.bytes();
        &self.data[y * bytes..][..bytes]
    }
}

/// Shows the sizes, never the pixels: a user's picture has no way into a log.
impl fmt::Debug for Pixels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pixels({}x{} {:?})", self.width, self.height, self.format)
    }
}

/// Bytes that are not a picture. The caller is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PixelsError {
    /// A side is zero.
    Empty {
        /// The width given.
        width: u32,
        /// The height given.
        height: u32,
    },
    /// More than [`MAX_PIXELS`], or a side beyond [`MAX_SIDE`]. Decode it at a smaller size.
    TooLarge {
        /// The width given.
        width: u32,
        /// The height given.
        height: u32,
    },
    /// The length is not width * height * bytes of a pixel. Rows with padding have to be made dense first.
    Length {
        /// Bytes that the sizes call for.
        expected: u64,
        /// Bytes given.
        found: usize,
    },
}

impl PixelsError {
    /// Its stable code.
    pub const fn code(&self) -> Code {
        Code::Picture
    }
}

impl fmt::Display for PixelsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty { width, height } => {
                write!(f, "a picture of {width}x{height} has no pixels")
            }
            Self::TooLarge { width, height } => {
                write!(f, "a picture of {width}x{height} is beyond {MAX_PIXELS} pixels or {MAX_SIDE} a side")
            }
            Self::Length { expected, found } => {
                write!(f, "the picture's sizes call for {expected} bytes, found {found}")
            }
        }
    }
}

impl core::error::Error for PixelsError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brightness_is_the_mean_of_colours() {
        let mean = |data: &[u8], width, height, format| {
            Pixels::new(data, width, height, format).map(|pixels| pixels.brightness())
        };
        assert_eq!(mean(&[0, 255, 255, 0], 2, 2, PixelFormat::Gray8), Ok(0.5));
        assert_eq!(mean(&[255, 0, 0, 0, 255, 0, 255, 255], 1, 2, PixelFormat::Rgba8), Ok(0.5));
        assert_eq!(mean(&[51; 3 * 1000 * 70], 1000, 70, PixelFormat::Rgb8), Ok(0.2));
    }

    #[test]
    fn refuses_what_is_no_picture() {
        let large = |width, height| Err(PixelsError::TooLarge { width, height });
        let cases = [
            ("no width", 0, 3, PixelFormat::Gray8, Err(PixelsError::Empty { width: 0, height: 3 })),
            ("no height", 3, 0, PixelFormat::Gray8, Err(PixelsError::Empty { width: 3, height: 0 })),
            ("short", 4, 4, PixelFormat::Rgb8, Err(PixelsError::Length { expected: 48, found: 12 })),
            ("long", 1, 1, PixelFormat::Rgb8, Err(PixelsError::Length { expected: 3, found: 12 })),
            ("many pixels", 16385, 16384, PixelFormat::Gray8, large(16385, 16384)),
            ("long side", MAX_SIDE + 1, 1, PixelFormat::Gray8, large(MAX_SIDE + 1, 1)),
            ("extreme", u32::MAX, u32::MAX, PixelFormat::Rgba8, large(u32::MAX, u32::MAX)),
            ("gray", 4, 3, PixelFormat::Gray8, Ok(())),
            ("rgb", 2, 2, PixelFormat::Rgb8, Ok(())),
            ("rgba", 3, 1, PixelFormat::Rgba8, Ok(())),
        ];
        for (name, width, height, format, expected) in cases {
            let result = Pixels::new(&[0; 12], width, height, format).map(|_| ());
            assert_eq!(result, expected, "{name}");
        }
    }
}
