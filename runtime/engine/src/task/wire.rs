//! How a task lies in the artifact: the scoring, one word for the kind of input, then its fields in order.

use super::{Color, Filter, Fit, ImageSpec, Task, TaskSpec};
#[cfg(feature = "write")]
use crate::wire::Put;
use crate::wire::{Take, Words};

impl Take for Task {
    fn take(words: &mut Words<'_>) -> Self {
        Self { scoring: Take::take(words), spec: Take::take(words) }
    }
}

impl Take for TaskSpec {
    fn take(words: &mut Words<'_>) -> Self {
        match words.word() {
            0 => Self::Tensor,
            1 => Self::Image(ImageSpec::take(words)),
            2 => Self::Text,
            _ => words.reject(Self::Tensor),
        }
    }
}

impl Take for ImageSpec {
    fn take(words: &mut Words<'_>) -> Self {
        let spec = Self {
            width: words.word(),
            height: words.word(),
            color: match words.word() {
                0 => Color::Gray,
                1 => Color::Rgb,
                2 => Color::Bgr,
                _ => words.reject(Color::Gray),
            },
            fit: match words.word() {
                0 => Fit::Squeeze,
                1 => Fit::CenterCrop { permille: Take::take(words) },
                _ => words.reject(Fit::Squeeze),
            },
            filter: match words.word() {
                0 => Filter::Nearest,
                1 => Filter::Bilinear,
                2 => Filter::Bicubic,
                _ => words.reject(Filter::Nearest),
            },
            scale: Take::take(words),
            offset: Take::take(words),
        };
        if spec.check().is_ok() { spec } else { words.reject(spec) }
    }
}

#[cfg(feature = "write")]
impl Put for Task {
    fn put(&self, out: &mut alloc::vec::Vec<u32>) {
        self.scoring.put(out);
        self.spec.put(out);
    }
}

#[cfg(feature = "write")]
impl Put for TaskSpec {
    fn put(&self, out: &mut alloc::vec::Vec<u32>) {
        match self {
            Self::Tensor => out.push(0),
            Self::Image(spec) => {
                out.push(1);
                spec.put(out);
            }
            Self::Text => out.push(2),
        }
    }
}

#[cfg(feature = "write")]
impl Put for ImageSpec {
    fn put(&self, out: &mut alloc::vec::Vec<u32>) {
        out.extend([self.width, self.height]);
        out.push(match self.color {
            Color::Gray => 0,
            Color::Rgb => 1,
            Color::Bgr => 2,
        });
        match self.fit {
            Fit::Squeeze => out.push(0),
            Fit::CenterCrop { permille } => out.extend([1, u32::from(permille)]),
        }
        out.push(match self.filter {
            Filter::Nearest => 0,
            Filter::Bilinear => 1,
            Filter::Bicubic => 2,
        });
        self.scale.put(out);
        self.offset.put(out);
    }
}
