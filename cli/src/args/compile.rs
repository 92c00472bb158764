//! What `dunlin compile` takes.

use std::path::PathBuf;

use clap::{ArgAction, ValueEnum};
use dunlin_compiler::ptq::Range;
use dunlin_engine::task::{Filter, Fit, MIN_CROP_PERMILLE};

use super::at_least_one;
use super::head::head;

const COMPILE_EXAMPLES: &str = "\
Examples:
  dunlin compile kws_int8.onnx -o kws.dunlin --strict-int8
  dunlin compile net.onnx -o net.dunlin --task image --mean 123.7,116.3,103.5 --std 58.4,57.1,57.4 \\
      --fit center-crop --labels labels.txt --calibrate pictures/
  dunlin compile net.onnx -o net.dunlin --calibrate samples.npz --report net.json
  dunlin compile net.onnx -o net.dunlin --precision f16 --dim batch=1
  dunlin compile net.onnx -o net.dunlin --labels animals.txt --head scene=scenes.txt --head quality

An ONNX model that is quantized (QDQ, QLinear) needs no calibration; a float one does, unless --precision is f16 or f32.

Exit codes: 0 compiled, 1 an option or file you gave doesn't fit, 2 wrong command line, 3 the model can't be compiled";

/// Of `dunlin compile`.
#[derive(Debug, clap::Args)]
#[command(after_help = COMPILE_EXAMPLES)]
pub struct CompileArgs {
    /// The ONNX model
    #[arg(value_name = "MODEL.onnx")]
    pub model: PathBuf,
    /// Where the artifact is written
    #[arg(short, long, value_name = "MODEL.dunlin")]
    pub output: PathBuf,
    /// In what numbers the model computes
    #[arg(long, value_enum, default_value_t = PrecisionArg::Int8)]
    pub precision: PrecisionArg,
    /// Fail when an operator leaves int8
    #[arg(long)]
    pub strict_int8: bool,
    /// Samples to calibrate with: a folder of pictures (with --task image), or arrays named as the model's inputs
    /// or `input`, and maybe `labels`
    #[arg(long, value_name = "DIR|FILE.npz")]
    pub calibrate: Option<PathBuf>,
    /// How the ranges of activations are chosen from the samples
    #[arg(long, value_enum, default_value_t = RangeArg::Mse)]
    pub range: RangeArg,
    /// How many samples of these to use, spread evenly
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = at_least_one)]
    pub samples: usize,
    /// Names of the classes, one a line
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    /// An output after the first one that is a classifier too, by its name, and names of its classes, one a line; may be repeated
    #[arg(long = "head", value_name = "OUTPUT[=FILE]", value_parser = head, action = ArgAction::Append)]
    pub heads: Vec<(String, Option<PathBuf>)>,
    /// What the compiled model takes
    #[arg(long, value_enum, default_value_t = TaskArg::Tensor)]
    pub task: TaskArg,
    /// How text becomes ids (with --task text): docs/howto/text.md
    #[arg(long, value_name = "SPEC.json", required_if_eq("task", "text"))]
    pub text: Option<PathBuf>,
    /// What is subtracted from each channel of a pixel (0..=255), in the tensor's order [default: 0,0,0]
    #[arg(long, value_name = "R,G,B", value_parser = channels, requires = "std", allow_hyphen_values = true)]
    pub mean: Option<[f32; 3]>,
    /// What each channel is then divided by [default: 255,255,255]
    #[arg(long, value_name = "R,G,B", value_parser = divisors)]
    pub std: Option<[f32; 3]>,
    /// How a picture of other proportions is fitted in: `squeeze`, `center-crop`, or with the crop's share of the
    /// short side `center-crop:0.875`, which is the usual share [default: squeeze]
    #[arg(long, value_name = "FIT", value_parser = fit)]
    pub fit: Option<Fit>,
    /// The model wants blue first
    #[arg(long)]
    pub bgr: bool,
    /// How pictures are resized [default: bilinear]
    #[arg(long, value_enum)]
    pub filter: Option<FilterArg>,
    /// Size of a dimension that the model leaves open, by its name; may be repeated
    #[arg(long = "dim", value_name = "NAME=N", value_parser = dim, action = ArgAction::Append)]
    pub dims: Vec<(String, usize)>,
    /// An axis that varies from call to call, such as a text's length, up to its size in the model; may be repeated,
    /// and all such axes have the same length in a call
    #[arg(long = "vary", value_name = "INPUT.AXIS", action = ArgAction::Append)]
    pub vary: Vec<String>,
    /// What the author says of the model: a JSON object that goes into the artifact
    #[arg(long, value_name = "FILE.json")]
    pub card: Option<PathBuf>,
    /// Where the report is written as JSON
    #[arg(long, value_name = "FILE.json")]
    pub report: Option<PathBuf>,
}

impl CompileArgs {
    /// Whether an option about pictures is given.
    pub fn asks_for_pictures(&self) -> bool {
        self.mean.is_some() || self.std.is_some() || self.fit.is_some() || self.bgr || self.filter.is_some()
    }
}

/// In what numbers a model computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PrecisionArg {
    /// 8-bit integers
    Int8,
    /// Floats, weights stored in 16 bits
    F16,
    /// Floats
    F32,
}

/// What the compiled model takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TaskArg {
    /// Pictures
    Image,
    /// Text
    Text,
    /// Tensors, as the ONNX model takes them
    Tensor,
}

/// How the ranges of activations are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RangeArg {
    /// All that was seen
    MinMax,
    /// 99.99 % of what was seen
    Percentile,
    /// The least squared error of rounding and clipping together
    Mse,
}

impl From<RangeArg> for Range {
    fn from(range: RangeArg) -> Self {
        match range {
            RangeArg::MinMax => Self::MinMax,
            RangeArg::Percentile => Self::Percentile(99.99),
            RangeArg::Mse => Self::Mse,
        }
    }
}

/// How pictures are resized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FilterArg {
    /// A triangle, antialiased
    Bilinear,
    /// Keys' cubic, antialiased
    Bicubic,
    /// The nearest pixel
    Nearest,
}

impl From<FilterArg> for Filter {
    fn from(filter: FilterArg) -> Self {
        match filter {
            FilterArg::Bilinear => Self::Bilinear,
            FilterArg::Bicubic => Self::Bicubic,
            FilterArg::Nearest => Self::Nearest,
        }
    }
}

/// Three numbers, or one for all three channels.
fn channels(text: &str) -> Result<[f32; 3], String> {
    let numbers: Option<Vec<f32>> =
        text.split(',').map(|n| n.trim().parse().ok().filter(|n: &f32| n.is_finite())).collect();
    match numbers.as_deref() {
        Some(&[one]) => Ok([one; 3]),
        Some(&[r, g, b]) => Ok([r, g, b]),
        _ => Err("expected one number or three, such as 123.7,116.3,103.5".to_owned()),
    }
}

fn divisors(text: &str) -> Result<[f32; 3], String> {
    let numbers = channels(text)?;
    if numbers.iter().any(|n| !n.is_normal() || *n < 0.0) {
        return Err("expected positive numbers".to_owned());
    }
    Ok(numbers)
}

fn fit(text: &str) -> Result<Fit, String> {
    let share = match text.split_once(':') {
        None if text == "squeeze" => return Ok(Fit::Squeeze),
        None if text == "center-crop" => "0.875",
        Some(("center-crop", share)) => share,
        _ => return Err("expected squeeze, center-crop or center-crop:SHARE".to_owned()),
    };
    let permille = share.parse::<f64>().ok().map(|share| (share * 1000.0).round());
    let range = f64::from(MIN_CROP_PERMILLE)..=1000.0;
    let permille = permille.filter(|p| range.contains(p)).ok_or("expected a share of the short side from 0.25 to 1")?;
    Ok(Fit::CenterCrop { permille: permille as u16 })
}

fn dim(text: &str) -> Result<(String, usize), String> {
    let fault = || "expected NAME=N, such as batch=1".to_owned();
    let (name, size) = text.split_once('=').ok_or_else(fault)?;
    let size = size.parse().ok().filter(|&n| n > 0).ok_or_else(fault)?;
    Ok((name.to_owned(), size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fits_are_read() {
        let crop = |permille| Some(Fit::CenterCrop { permille });
        let cases = [
            ("squeeze", Some(Fit::Squeeze)),
            ("center-crop", crop(875)),
            ("center-crop:1", crop(1000)),
            ("center-crop:0.25", crop(250)),
            ("center-crop:0.2", None),
            ("center-crop:1.1", None),
            ("center-crop:NaN", None),
            ("center-crop:", None),
            ("squeeze:0.5", None),
            ("stretch", None),
        ];
        for (text, expected) in cases {
            assert_eq!(fit(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn channel_lists_are_read() {
        assert_eq!(channels("1,2.5,-3"), Ok([1.0, 2.5, -3.0]));
        assert_eq!(channels("128"), Ok([128.0; 3]));
        for text in ["", "1,2", "1,2,3,4", "1,x,3", "inf"] {
            assert!(channels(text).is_err(), "{text}");
        }
        assert!(divisors("0").is_err());
        assert!(divisors("1,-1,1").is_err());
    }

    #[test]
    fn dimensions_are_read() {
        assert_eq!(dim("batch=1"), Ok(("batch".to_owned(), 1)));
        for text in ["batch", "batch=", "batch=0", "batch=-1"] {
            assert!(dim(text).is_err(), "{text}");
        }
    }
}
