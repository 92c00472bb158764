//! Normalizations.

use super::reduce::sum;
use super::{math, multiversion};

/// Scale and shift of a normalization, one value per element of a row.
#[derive(Clone, Copy, Debug)]
pub struct Affine<'a> {
    /// Multiplied.
    pub scale: &'a [f32],
    /// Added afterwards.
    pub bias: Option<&'a [f32]>,
}

multiversion! {
    /// `(x - mean) / sqrt(variance + epsilon) * scale + bias` of each row of `affine.scale.len()` elements; with `rms`
    /// no mean is subtracted and the mean of squares takes the variance's place.
    pub fn layer_norm(x: &[f32], y: &mut [f32], affine: Affine<'_>, epsilon: f32, rms: bool) {
        layer_norm_body
    }
}

#[inline(always)]
fn layer_norm_body(x: &[f32], y: &mut [f32], affine: Affine<'_>, epsilon: f32, rms: bool) {
    let n = affine.scale.len().max(1);
    for (x, y) in x.chunks_exact(n).zip(y.chunks_exact_mut(n)) {
        let mean = if rms { 0.0 } else { sum(x, |v| v) / n as f32 };
        let variance = sum(x, |v| (v - mean) * (v - mean)) / n as f32;
        let factor = 1.0 / math::sqrt(variance + epsilon);
        let row = y.iter_mut().zip(x).zip(affine.scale);
        match affine.bias {
            Some(bias) => row.zip(bias).for_each(|(((y, &v), &scale), &bias)| *y = (v - mean) * factor * scale + bias),
            None => row.for_each(|((y, &v), &scale)| *y = (v - mean) * factor * scale),
        }
    }
}

/// Local response normalization across each row of `channels` elements:
/// `x / (bias + alpha / size * sum of x^2)^beta`, summed over the `size` channels around each.
pub fn local_response(x: &[f32], y: &mut [f32], channels: usize, size: usize, [alpha, beta, bias]: [f32; 3]) {
    let before = size.saturating_sub(1) / 2;
    let after = size / 2;
    for (x, y) in x.chunks_exact(channels.max(1)).zip(y.chunks_exact_mut(channels.max(1))) {
        for (c, y) in y.iter_mut().enumerate() {
            let end = c.saturating_add(after).saturating_add(1).min(channels);
            let around = &x[c.saturating_sub(before)..end];
            let sum = around.iter().fold(0.0, |sum, v| sum + v * v);
            *y = x[c] / math::pow(bias + alpha / size as f32 * sum, beta);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;
    use alloc::vec;
    use alloc::vec::Vec;

    #[test]
    fn layer_norm_is_accurate_and_equal_on_every_isa() {
        for (n, rms) in [(1, false), (5, false), (64, true), (100, false)] {
            let x: Vec<f32> = (0..2 * n).map(|i| (i * 31 % 17) as f32 / 4.0).collect();
            let scale: Vec<f32> = (0..n).map(|i| 1.0 + i as f32 / 8.0).collect();
            let bias: Vec<f32> = (0..n).map(|i| i as f32 - 2.0).collect();
            let affine = Affine { scale: &scale, bias: Some(&bias) };
            let mut reference = vec![0.0; x.len()];
            layer_norm(Isa::REFERENCE, &x, &mut reference, affine, 1e-5, rms);
            for (row, found) in x.chunks(n).zip(reference.chunks(n)) {
                let mean = if rms { 0.0 } else { row.iter().map(|&v| f64::from(v)).sum::<f64>() / n as f64 };
                let variance = row.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n as f64;
                for (i, &found) in found.iter().enumerate() {
                    let unit = (f64::from(row[i]) - mean) / (variance + 1e-5).sqrt();
                    let expected = unit * f64::from(scale[i]) + f64::from(bias[i]);
                    assert!((f64::from(found) - expected).abs() < 1e-5 * expected.abs().max(1.0), "{found} {expected}");
                }
            }
            for isa in Isa::supported() {
                let mut y = vec![0.0; x.len()];
                layer_norm(isa, &x, &mut y, affine, 1e-5, rms);
                assert_eq!(y, reference, "{isa}");
            }
        }
    }

    #[test]
    fn local_response_sums_an_even_window_one_further_after() {
        let mut y = [0.0; 3];
        local_response(&[1.0, 2.0, 3.0], &mut y, 3, 2, [2.0, 1.0, 1.0]);
        assert_eq!(y, [1.0 / 6.0, 2.0 / 14.0, 3.0 / 10.0]);
    }
}
