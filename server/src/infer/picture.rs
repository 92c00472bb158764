//! A picture to a model's input: resized so that it fills it, then normalized.

use serde::Deserialize;
use tract_onnx::prelude::Tensor;

use super::onnx::Port;

/// How pixels become numbers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Picture {
    /// Rows and columns; those of the model's input where it fixes them.
    size: Option<[usize; 2]>,
    /// What is subtracted from each channel, 0 to 255.
    #[serde(default)]
    mean: [f32; 3],
    /// What each is then divided by.
    #[serde(default = "whole")]
    std: [f32; 3],
    /// Whether channels stand before rows. Found out from the model's input.
    #[serde(skip)]
    planes: bool,
}

const fn whole() -> [f32; 3] {
    [255.0; 3]
}

impl Picture {
    /// As it goes with the model.
    pub(super) fn checked(mut self, inputs: &[Port]) -> Result<Self, String> {
        let shape = match inputs {
            [port] => &port.shape[..],
            _ => return Err("`picture` is for a model with one input".to_owned()),
        };
        let (planes, rows, columns) = match *shape {
            [_, Some(3), rows, columns] => (true, rows, columns),
            [_, rows, columns, Some(3)] => (false, rows, columns),
            _ => return Err("the model's input isn't a batch of pictures with three channels".to_owned()),
        };
        let fixed = rows.zip(columns).map(|(rows, columns)| [rows, columns]);
        let size = fixed.or(self.size).ok_or("`picture` needs `size`, because the model takes any")?;
        if size.contains(&0)
            || size.iter().any(|&side| side > 4096)
            || self.std.iter().any(|&std| !(std.is_finite() && std > 0.0))
        {
            return Err("`size` is 1 to 4096, `std` above 0".to_owned());
        }
        self.size = Some(size);
        self.planes = planes;
        Ok(self)
    }

    /// The model's input; none where the bytes aren't three a pixel.
    pub(super) fn tensor(&self, height: usize, width: usize, pixels: &[u8]) -> Option<Tensor> {
        let [rows, columns] = self.size?;
        if height * width * 3 != pixels.len() {
            return None;
        }
        let across = resize(pixels, |row, column| (row * width + column) * 3, height, width, columns);
        let down = resize(&across, |column, row| (row * columns + column) * 3, columns, height, rows);
        // What was resized last runs fastest: columns, rows, channels.
        let at = |row: usize, column: usize, channel: usize| down[(column * rows + row) * 3 + channel];
        let value = |row, column, channel: usize| (at(row, column, channel) - self.mean[channel]) / self.std[channel];
        let mut values = Vec::with_capacity(rows * columns * 3);
        if self.planes {
            for channel in 0..3 {
                (0..rows).for_each(|row| values.extend((0..columns).map(|column| value(row, column, channel))));
            }
            Tensor::from_shape(&[1, 3, rows, columns], &values).ok()
        } else {
            for row in 0..rows {
                (0..columns).for_each(|column| values.extend((0..3).map(|channel| value(row, column, channel))));
            }
            Tensor::from_shape(&[1, rows, columns, 3], &values).ok()
        }
    }
}

/// Resizes lines of pixels with a triangle that is as wide as a step, so that nothing between the new pixels is skipped.
fn resize<T: Copy + Into<f32>>(
    pixels: &[T],
    at: impl Fn(usize, usize) -> usize,
    lines: usize,
    from: usize,
    to: usize,
) -> Vec<f32> {
    let step = from as f32 / to as f32;
    let reach = step.max(1.0);
    let weights: Vec<(usize, Vec<f32>)> = (0..to)
        .map(|target| {
            let centre = (target as f32 + 0.5) * step - 0.5;
            let first = (centre - reach).ceil().max(0.0) as usize;
            let last = ((centre + reach).floor() as usize).min(from - 1);
            let raw: Vec<f32> =
                (first..=last).map(|source| (1.0 - (source as f32 - centre).abs() / reach).max(0.0)).collect();
            let sum: f32 = raw.iter().sum();
            (first, raw.into_iter().map(|weight| weight / sum).collect())
        })
        .collect();
    let mut resized = Vec::with_capacity(lines * to * 3);
    for line in 0..lines {
        for (first, weights) in &weights {
            let mut sums = [0.0; 3];
            for (offset, weight) in weights.iter().enumerate() {
                let place = at(line, first + offset);
                for (sum, &pixel) in sums.iter_mut().zip(&pixels[place..place + 3]) {
                    *sum += weight * pixel.into();
                }
            }
            resized.extend(sums);
        }
    }
    resized
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(picture: &Picture, height: usize, width: usize, pixels: &[u8]) -> (Vec<usize>, Vec<f32>) {
        let tensor = picture.tensor(height, width, pixels).expect("three bytes a pixel");
        (tensor.shape().to_vec(), tensor.to_plain_array_view::<f32>().expect("floats").iter().copied().collect())
    }

    #[test]
    fn a_picture_of_the_right_size_stays_as_it_is_in_the_models_order() {
        let pixels: Vec<u8> = (0..12).collect();
        let mut picture = Picture { size: Some([1, 4]), mean: [0.0; 3], std: [1.0; 3], planes: false };
        let expected: Vec<f32> = (0..12u8).map(f32::from).collect();
        assert_eq!(values(&picture, 1, 4, &pixels), (vec![1, 1, 4, 3], expected));
        picture.planes = true;
        assert_eq!(values(&picture, 1, 4, &pixels).1[..5], [0.0, 3.0, 6.0, 9.0, 1.0]);
        assert!(picture.tensor(1, 3, &pixels).is_none());
    }

    #[test]
    fn one_colour_stays_one_colour_at_any_size_and_halving_takes_means() {
        let picture = |size| Picture { size: Some(size), mean: [10.0; 3], std: [2.0; 3], planes: true };
        for size in [[1, 1], [3, 5], [40, 7]] {
            let (_, values) = values(&picture(size), 6, 4, &[110; 72]);
            assert!(values.iter().all(|value| (value - 50.0).abs() < 1e-4));
        }
        let pixels: Vec<u8> = [0, 100].iter().flat_map(|&value| [value; 3]).collect();
        assert!((values(&picture([1, 1]), 1, 2, &pixels).1[0] - 20.0).abs() < 1e-4);
    }
}
