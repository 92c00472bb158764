//! What the cloud is asked: an input, and what the model said of it.

use dunlin_client::{Context, Outcome};
use dunlin_engine::task::{PixelFormat, Pixels};
use dunlin_protocol::oip::{AUDIT, Input};
use dunlin_sync::fallback::Question;

use super::Ask;
use super::models::{Loaded, Shared};

/// How the cloud is asked where a model isn't sure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cloud {
    /// The most milliseconds that the app waits; with 0 the local answer stands at once, and the cloud's may come later.
    pub budget: u64,
    /// Whether a person may look at the question.
    pub review: bool,
}

/// Why somebody else is to look at a model's answer, with all that they may be told of it.
#[derive(Debug)]
pub struct Doubt {
    file: Shared,
    /// None where it isn't in doubt.
    reason: Option<&'static str>,
    class: usize,
    probability: f32,
    labels: Vec<String>,
    features: Vec<f32>,
}

impl Doubt {
    /// About what the model said last; none where it is sure and isn't to be `audited`, or nobody is to be asked.
    pub fn of(loaded: &Loaded, context: &Context<'_>, audited: bool) -> Option<Self> {
        let answer = loaded.answer(context);
        let reason = match answer.outcome {
            Outcome::Fallback(reason) => Some(reason.name()),
            Outcome::Answer if audited => None,
            _ => return None,
        };
        let classifier = loaded.classifier();
        let logits = classifier.scores().logits;
        let mut names = classifier.labels().ok().into_iter().flat_map(|labels| labels.in_locale(""));
        let mut label = |class: usize| {
            let name = names.next().filter(|name| !name.is_empty());
            name.map_or_else(|| class.to_string(), str::to_owned)
        };
        Some(Self {
            file: loaded.file().clone(),
            reason,
            class: answer.class,
            probability: answer.probability,
            labels: (0..logits.len()).map(&mut label).collect(),
            features: logits.to_vec(),
        })
    }

    /// How sure the model was of an answer that isn't in doubt.
    pub fn audit(&self) -> Option<f32> {
        self.reason.is_none().then_some(self.probability)
    }

    /// The question, which takes the model's digest and a copy of the input.
    pub fn question(self, ask: Ask<'_>, review: bool) -> Question {
        let input = match ask {
            Ask::Text(text) => Some(Input::Text(text.to_owned())),
            Ask::Pixels(pixels) => Some(small(pixels)),
            // The protocol has no form for what isn't a picture or a text: of a tensor the logits are all that can be sent.
            Ask::Values(_) => None,
        };
        Question {
            model: self.file.digest(),
            reason: self.reason.unwrap_or(AUDIT).to_owned(),
            labels: self.labels,
            class: self.class,
            input,
            features: Some(self.features),
            review,
        }
    }
}

/// A picture as model servers take them: three bytes a pixel, red first, no side longer than [`MOST`]. Of a larger one each pixel is the mean
/// of a square.
fn small(pixels: &Pixels<'_>) -> Input {
    let [width, height] = [pixels.width(), pixels.height()].map(|side| side as usize);
    let square = width.max(height).div_ceil(MOST);
    // A side that is shorter than a square is one pixel.
    let [columns, rows] = [width, height].map(|side| (side / square).max(1));
    let (bytes, colours) =
        (pixels.format().bytes(), if pixels.format() == PixelFormat::Gray8 { [0; 3] } else { [0, 1, 2] });
    let mut small = Vec::with_capacity(rows * columns * 3);
    for row in 0..rows {
        let lines = row * square..((row + 1) * square).min(height);
        for column in 0..columns {
            let places = column * square..((column + 1) * square).min(width);
            let count = (lines.len() * places.len()) as u32;
            for colour in colours {
                let line = |y: usize| {
                    let line = pixels.row(y);
                    places.clone().map(|x| u32::from(line[x * bytes + colour])).sum::<u32>()
                };
                let sum: u32 = lines.clone().map(line).sum();
                small.push(((sum + count / 2) / count) as u8);
            }
        }
    }
    Input::Image { height: rows, width: columns, pixels: small }
}

/// The longest side of a picture that is sent.
const MOST: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(width: u32, height: u32, format: PixelFormat, byte: impl Fn(usize) -> u8) -> (usize, usize, Vec<u8>) {
        let data: Vec<u8> = (0..(width * height) as usize * format.bytes()).map(byte).collect();
        let pixels = Pixels::new(&data, width, height, format).expect("a picture");
        let Input::Image { height, width, pixels } = small(&pixels) else { panic!("a picture") };
        assert_eq!(pixels.len(), width * height * 3);
        (width, height, pixels)
    }

    #[test]
    fn pictures_are_sent_in_three_colours() {
        let gray = sizes(2, 1, PixelFormat::Gray8, |place| [10, 200][place]);
        assert_eq!(gray, (2, 1, vec![10, 10, 10, 200, 200, 200]));
        let rgba = sizes(2, 1, PixelFormat::Rgba8, |place| place as u8);
        assert_eq!(rgba, (2, 1, vec![0, 1, 2, 4, 5, 6]));
    }

    #[test]
    fn large_pictures_are_sent_small() {
        let cases = [(512, 3, 512, 3), (513, 3, 256, 1), (1024, 1024, 512, 512), (5000, 1, 500, 1), (1, 1300, 1, 433)];
        for (width, height, columns, rows) in cases {
            let (found_columns, found_rows, _) = sizes(width, height, PixelFormat::Rgb8, |_| 7);
            assert_eq!((found_columns, found_rows), (columns, rows), "{width}x{height}");
        }
        // Squares of two by two: 0, 0, 1024 mod 256, ... each line is the same, so that a pixel is the mean of two columns.
        let (_, _, pixels) = sizes(1024, 2, PixelFormat::Gray8, |place| (place % 1024 % 256) as u8);
        assert_eq!(pixels[..6], [1, 1, 1, 3, 3, 3]);
        assert_eq!(pixels[381..387], [255, 255, 255, 1, 1, 1]);
    }
}
