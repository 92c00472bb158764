//! Picture files -> pixels.

use std::fmt;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use dunlin_engine::task::{MAX_PIXELS, MAX_SIDE, PixelFormat, Pixels, PixelsError};
use image::error::ImageError;
use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, ImageDecoder, ImageReader, Limits, RgbImage, RgbaImage};

use crate::error::CliError;

/// The most memory that a decoder may take besides the picture itself, in bytes.
const DECODER_MEMORY: u64 = 1 << 30;

/// The longest side of a picture that is sent to a model server, in pixels.
const SENT_SIDE: u32 = 512;

/// A decoded picture, upright.
pub struct Picture {
    data: Vec<u8>,
    width: u32,
    height: u32,
    format: PixelFormat,
}

impl Picture {
    /// Decodes a PNG, JPEG or WebP file and turns it as its EXIF orientation says. 16-bit channels become 8-bit ones;
    /// colour profiles aren't applied.
    ///
    /// # Errors
    /// [`PictureError`] when the bytes are of no such format, damaged, or larger than the engine takes.
    pub fn decode(bytes: &[u8]) -> Result<Self, PictureError> {
        let mut reader =
            ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|_| PictureError::Format)?;
        reader.limits(limits());
        let mut decoder = reader.into_decoder().map_err(PictureError::from_image)?;
        let (width, height) = decoder.dimensions();
        if u64::from(width) * u64::from(height) > MAX_PIXELS || width.max(height) > MAX_SIDE {
            return Err(PictureError::TooLarge { width, height });
        }
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        let mut image = DynamicImage::from_decoder(decoder).map_err(PictureError::from_image)?;
        image.apply_orientation(orientation);
        Ok(Self::from_image(image))
    }

    fn from_image(image: DynamicImage) -> Self {
        let (width, height) = (image.width(), image.height());
        let (data, format) = match (image.color().has_color(), image.color().has_alpha()) {
            (false, _) => (image.into_luma8().into_raw(), PixelFormat::Gray8),
            (true, false) => (image.into_rgb8().into_raw(), PixelFormat::Rgb8),
            (true, true) => (image.into_rgba8().into_raw(), PixelFormat::Rgba8),
        };
        Self { data, width, height, format }
    }

    /// Three bytes a pixel, red first, as model servers take them: no side longer than 512 pixels. Behind its rows and columns.
    pub fn small_rgb(&self) -> (usize, usize, Vec<u8>) {
        let (width, height) = (self.width, self.height);
        let data = self.data.clone();
        let image = match self.format {
            PixelFormat::Gray8 => GrayImage::from_raw(width, height, data).map(DynamicImage::from),
            PixelFormat::Rgba8 => RgbaImage::from_raw(width, height, data).map(DynamicImage::from),
            _ => RgbImage::from_raw(width, height, data).map(DynamicImage::from),
        };
        let image = image.expect("as many bytes as its own format has");
        let long = width.max(height) > SENT_SIDE;
        let image = if long { image.thumbnail(SENT_SIDE, SENT_SIDE) } else { image };
        (image.height() as usize, image.width() as usize, image.into_rgb8().into_raw())
    }

    /// The picture as the engine takes it.
    ///
    /// # Errors
    /// [`PixelsError`] when it has no pixels.
    pub fn pixels(&self) -> Result<Pixels<'_>, PixelsError> {
        Pixels::new(&self.data, self.width, self.height, self.format)
    }
}

/// Shows the size, never the pixels.
impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Picture({}x{} {:?})", self.width, self.height, self.format)
    }
}

/// Reads and decodes a picture file.
///
/// # Errors
/// [`CliError::Read`], [`CliError::Picture`].
pub fn open(path: &Path) -> Result<Picture, CliError> {
    let bytes = std::fs::read(path).map_err(|source| CliError::Read { path: path.to_owned(), source })?;
    Picture::decode(&bytes).map_err(|source| CliError::Picture { path: path.to_owned(), source })
}

/// Whether a file's name ends as those of pictures do.
pub fn is_picture_name(path: &Path) -> bool {
    let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    extension.is_some_and(|e| matches!(e.as_str(), "png" | "jpg" | "jpeg" | "webp"))
}

/// The pictures of a folder, sorted by name; not those of folders in it.
///
/// # Errors
/// [`CliError::Read`].
pub fn list(folder: &Path) -> Result<Vec<PathBuf>, CliError> {
    let fault = |source| CliError::Read { path: folder.to_owned(), source };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(fault)? {
        let path = entry.map_err(fault)?.path();
        if is_picture_name(&path) && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(DECODER_MEMORY);
    limits
}

/// Bytes that are no picture. Whoever gave them is at fault.
#[derive(Debug)]
pub enum PictureError {
    /// Of no format that is read here.
    Format,
    /// Of such a format, but cut off or changed.
    Damaged {
        /// What the decoder says.
        what: String,
    },
    /// Larger than the engine or the decoder takes.
    TooLarge {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// The decoder needs more memory than it may have.
    Memory,
    /// The engine refuses it.
    Pixels(PixelsError),
}

impl PictureError {
    fn from_image(error: ImageError) -> Self {
        match error {
            ImageError::Unsupported(_) => Self::Format,
            ImageError::Limits(_) => Self::Memory,
            other => Self::Damaged { what: other.to_string() },
        }
    }
}

impl fmt::Display for PictureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Format => f.write_str("not a picture that can be read; give a PNG, JPEG or WebP file"),
            Self::Damaged { what } => write!(f, "a damaged picture ({what}); fetch or export it again"),
            Self::TooLarge { width, height } => {
                write!(
                    f,
                    "a picture of {width}x{height} is too large; give one of at most {MAX_PIXELS} pixels and {MAX_SIDE} a side"
                )
            }
            Self::Memory => f.write_str("a picture that takes too much memory to decode; give a smaller one"),
            Self::Pixels(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for PictureError {}

#[cfg(test)]
mod tests {
    use image::{ImageFormat, RgbImage};

    use super::*;

    fn encoded(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image.into().write_to(&mut bytes, format).expect("memory takes it");
        bytes.into_inner()
    }

    /// A JPEG whose EXIF says that it was taken with the camera turned.
    fn turned(orientation: u8) -> Vec<u8> {
        let plain = encoded(RgbImage::new(16, 8), ImageFormat::Jpeg);
        let mut tiff = b"Exif\0\0II*\0\x08\0\0\0\x01\0".to_vec();
        tiff.extend([0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0, 0, 0, 0, 0]);
        let mut bytes = plain[..2].to_vec();
        bytes.extend([0xff, 0xe1, 0, tiff.len() as u8 + 2]);
        bytes.extend(tiff);
        bytes.extend(&plain[2..]);
        bytes
    }

    #[test]
    fn formats_are_told_by_their_contents() {
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
            let picture = Picture::decode(&encoded(RgbImage::new(5, 3), format)).expect("a picture");
            assert_eq!((picture.width, picture.height, picture.format), (5, 3, PixelFormat::Rgb8), "{format:?}");
        }
    }

    #[test]
    fn channels_are_kept_and_16_bits_become_8() {
        let cases: [(DynamicImage, PixelFormat); 5] = [
            (image::GrayImage::new(2, 2).into(), PixelFormat::Gray8),
            (image::GrayAlphaImage::new(2, 2).into(), PixelFormat::Gray8),
            (image::RgbaImage::new(2, 2).into(), PixelFormat::Rgba8),
            (DynamicImage::new_luma16(2, 2), PixelFormat::Gray8),
            (DynamicImage::new_rgb16(2, 2), PixelFormat::Rgb8),
        ];
        for (image, format) in cases {
            let picture = Picture::decode(&encoded(image, ImageFormat::Png)).expect("a picture");
            assert_eq!(picture.format, format);
            assert!(picture.pixels().is_ok());
        }
    }

    #[test]
    fn pictures_are_turned_upright() {
        let size = |orientation| Picture::decode(&turned(orientation)).map(|p| (p.width, p.height)).expect("a picture");
        assert_eq!(size(1), (16, 8));
        assert_eq!(size(6), (8, 16));
        assert_eq!(size(3), (16, 8));
    }

    #[test]
    fn what_is_no_picture_is_an_error() {
        assert!(matches!(Picture::decode(b""), Err(PictureError::Format)));
        assert!(matches!(Picture::decode(b"hello, world"), Err(PictureError::Format)));
        assert!(matches!(Picture::decode(b"GIF89a\x01\0\x01\0"), Err(PictureError::Format)));
        let png = encoded(RgbImage::new(64, 64), ImageFormat::Png);
        for end in [8, 20, 40, png.len() - 20] {
            assert!(matches!(Picture::decode(&png[..end]), Err(PictureError::Damaged { .. })), "{end}");
        }
    }

    #[test]
    fn sizes_beyond_the_engine_are_refused_before_decoding() {
        let mut png = encoded(RgbImage::new(1, 1), ImageFormat::Png);
        png[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]);
        assert!(Picture::decode(&png).is_err());
    }
}
