//! Image preprocessing as data, and where a picture's pixels come to lie in the tensor.

use core::fmt;

use super::axis::{Axis, Filter};

/// The most pixels that a tensor has on one side.
pub const MAX_TARGET_SIDE: u32 = 2048;

/// The smallest [`Fit::CenterCrop`] ratio. It bounds how far a picture is scaled up only to be cropped.
pub const MIN_CROP_PERMILLE: u16 = 250;

/// How pixels become a model's input tensor: colours, resize and crop, normalization. Lies in the artifact.
///
/// The tensor is NHWC with N = 1. The order of work is that of Pillow and torchvision: convert the colours, resize
/// (to bytes), crop, then `pixel * scale + offset` on each channel. [`ImagePreparer::new`] refuses a spec that
/// can't be carried out.
///
/// [`ImagePreparer::new`]: super::ImagePreparer::new
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ImageSpec {
    /// Columns of the tensor, `1..=MAX_TARGET_SIDE`.
    pub width: u32,
    /// Rows of the tensor, `1..=MAX_TARGET_SIDE`.
    pub height: u32,
    /// Channels of the tensor.
    pub color: Color,
    /// How a picture of other proportions is fitted in.
    pub fit: Fit,
    /// How pixels are resampled.
    pub filter: Filter,
    /// Factor of each channel, in the tensor's order; a tensor with one channel uses the first alone. Finite.
    pub scale: [f32; 3],
    /// Summand of each channel, in the tensor's order; a tensor with one channel uses the first alone. Finite.
    pub offset: [f32; 3],
}

impl ImageSpec {
    /// Elements of the tensor.
    pub const fn len(&self) -> usize {
        self.width as usize * self.height as usize * self.color.channels()
    }

    /// Whether the tensor has no elements, which no [`ImagePreparer`](super::ImagePreparer) takes.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn check(&self) -> Result<(), ImageSpecError> {
        let ImageSpec { width, height, .. } = *self;
        let sides = 1..=MAX_TARGET_SIDE;
        if !sides.contains(&width) || !sides.contains(&height) {
            return Err(ImageSpecError::Target { width, height });
        }
        if let Fit::CenterCrop { permille } = self.fit
            && !(MIN_CROP_PERMILLE..=1000).contains(&permille)
        {
            return Err(ImageSpecError::Crop { permille });
        }
        match (0..3).find(|&c| !(self.scale[c].is_finite() && self.offset[c].is_finite())) {
            Some(channel) => Err(ImageSpecError::Normalization { channel }),
            None => Ok(()),
        }
    }

    /// What each row (first) and each column (second) of the tensor sees of a picture of `width` x `height`.
    pub(super) fn place(&self, width: u32, height: u32) -> (Axis, Axis) {
        let (full_width, full_height) = self.full_size(width, height);
        let columns = Axis::centred(width, full_width, self.width, self.filter);
        let rows = Axis::centred(height, full_height, self.height, self.filter);
        (rows, columns)
    }

    /// The size to which the whole picture would be resized before cropping; nowhere below the tensor's.
    fn full_size(&self, width: u32, height: u32) -> (u64, u64) {
        match self.fit {
            Fit::Squeeze => (u64::from(self.width), u64::from(self.height)),
            Fit::CenterCrop { permille } => {
                let side = u64::from(self.width.max(self.height));
                let permille = u64::from(permille);
                let short = (side * 1000 + permille / 2) / permille;
                let long = short * u64::from(width.max(height)) / u64::from(width.min(height));
                if width <= height { (short, long) } else { (long, short) }
            }
        }
    }
}

/// Channels of the tensor. Pictures are converted to it as Pillow's `convert` does: grey becomes three equal
/// channels, colour becomes ITU-R 601 luma in 16-bit fixed point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    /// One channel of luminance.
    Gray,
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red.
    Bgr,
}

impl Color {
    /// Channels of the tensor, 1 or 3.
    pub const fn channels(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::Rgb | Self::Bgr => 3,
        }
    }
}

/// How a picture is fitted into a tensor of other proportions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// Both sides are resized to the tensor's, whatever that does to the proportions.
    Squeeze,
    /// The picture is resized in proportion, then its centre is cut out, as torchvision's `Resize(short)` and
    /// `CenterCrop` do. With S the tensor's larger side: short side = S * 1000 / permille, rounded half up;
    /// long side = short * long / short of the picture, rounded down; the crop starts at half of what is left
    /// over, rounded half to even.
    CenterCrop {
        /// S / short side in thousandths: 875 resizes to 256 for 224. From [`MIN_CROP_PERMILLE`] to 1000.
        permille: u16,
    },
}

/// A spec that can't be carried out. The artifact is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImageSpecError {
    /// A side of the tensor is not in `1..=MAX_TARGET_SIDE`.
    Target {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// The crop ratio is not in `MIN_CROP_PERMILLE..=1000`.
    Crop {
        /// The ratio.
        permille: u16,
    },
    /// A scale or offset is infinite or not a number.
    Normalization {
        /// The first channel in which it is so.
        channel: usize,
    },
}

impl fmt::Display for ImageSpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target { width, height } => {
                write!(f, "an image tensor of {width}x{height} is not within 1..={MAX_TARGET_SIDE} a side")
            }
            Self::Crop { permille } => {
                write!(f, "a crop ratio of {permille}/1000 is not within {MIN_CROP_PERMILLE}..=1000")
            }
            Self::Normalization { channel } => {
                write!(f, "scale or offset of channel {channel} is not finite")
            }
        }
    }
}

impl core::error::Error for ImageSpecError {}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: ImageSpec = ImageSpec {
        width: 224,
        height: 224,
        color: Color::Rgb,
        fit: Fit::CenterCrop { permille: 875 },
        filter: Filter::Bilinear,
        scale: [1.0; 3],
        offset: [0.0; 3],
    };

    #[test]
    fn refuses_what_cannot_be_carried_out() {
        let crop = |permille| ImageSpec { fit: Fit::CenterCrop { permille }, ..SPEC };
        let target = |width, height| Err(ImageSpecError::Target { width, height });
        let cases = [
            ("usual", SPEC, Ok(())),
            ("no width", ImageSpec { width: 0, ..SPEC }, target(0, 224)),
            ("no height", ImageSpec { height: 0, ..SPEC }, target(224, 0)),
            ("largest", ImageSpec { width: MAX_TARGET_SIDE, ..SPEC }, Ok(())),
            ("too large", ImageSpec { height: MAX_TARGET_SIDE + 1, ..SPEC }, target(224, 2049)),
            ("crop of nothing", crop(0), Err(ImageSpecError::Crop { permille: 0 })),
            ("narrow crop", crop(249), Err(ImageSpecError::Crop { permille: 249 })),
            ("narrowest crop", crop(250), Ok(())),
            ("whole short side", crop(1000), Ok(())),
            ("crop beyond the picture", crop(1001), Err(ImageSpecError::Crop { permille: 1001 })),
            (
                "infinite scale",
                ImageSpec { scale: [1.0, f32::INFINITY, 1.0], ..SPEC },
                Err(ImageSpecError::Normalization { channel: 1 }),
            ),
            (
                "offset is no number",
                ImageSpec { offset: [0.0, 0.0, f32::NAN], ..SPEC },
                Err(ImageSpecError::Normalization { channel: 2 }),
            ),
        ];
        for (name, spec, expected) in cases {
            assert_eq!(spec.check(), expected, "{name}");
        }
    }

    #[test]
    fn crops_the_centre_as_torchvision_does() {
        // (tensor, permille, picture) -> (resized whole, columns left of the crop, rows above it)
        let cases = [
            ((224, 224), 875, (4032, 3024), ((341, 256), 58, 16)),
            ((224, 224), 875, (3024, 4032), ((256, 341), 16, 58)),
            ((224, 224), 875, (256, 256), ((256, 256), 16, 16)),
            ((96, 96), 875, (451, 300), ((165, 110), 34, 7)),
            ((32, 32), 875, (600, 400), ((55, 37), 12, 2)),
            ((10, 10), 1000, (13, 10), ((13, 10), 2, 0)),
            ((10, 10), 1000, (11, 10), ((11, 10), 0, 0)),
            ((20, 10), 1000, (30, 30), ((20, 20), 0, 5)),
            ((1, 1), 1000, (1, 65536), ((1, 65536), 0, 32768)),
        ];
        for ((width, height), permille, picture, (full, left, above)) in cases {
            let spec = ImageSpec { width, height, fit: Fit::CenterCrop { permille }, ..SPEC };
            let (rows, columns) = spec.place(picture.0, picture.1);
            assert_eq!(spec.full_size(picture.0, picture.1), full, "{picture:?}");
            assert_eq!((columns.first, rows.first), (left, above), "{picture:?}");
            assert_eq!((columns.count, rows.count), (width, height), "{picture:?}");
        }
    }
}
