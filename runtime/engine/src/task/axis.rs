//! Which samples of a picture's side make up each sample of a tensor's side, and with what weight.

use alloc::vec::Vec;

/// How a sample is made of its neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// The one sample under the centre; no antialiasing. Pillow's `NEAREST`.
    Nearest,
    /// A triangle, as wide as the picture is scaled down (antialiased). Pillow's `BILINEAR`.
    Bilinear,
    /// Keys' cubic with a = -0.5, as wide as the picture is scaled down (antialiased). Pillow's `BICUBIC`.
    Bicubic,
}

impl Filter {
    /// Half the width, in samples, when scaling up.
    const fn support(self) -> f64 {
        match self {
            Self::Nearest => 0.5,
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
        }
    }

    /// Height at the distance `x` from the centre.
    fn height(self, x: f64) -> f64 {
        let x = x.abs();
        match self {
            Self::Nearest => 1.0,
            Self::Bilinear => (1.0 - x).max(0.0),
            Self::Bicubic if x < 1.0 => ((CUBIC + 2.0) * x - (CUBIC + 3.0)) * x * x + 1.0,
            Self::Bicubic if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * CUBIC,
            Self::Bicubic => 0.0,
        }
    }
}

/// The free parameter of Keys' cubic.
const CUBIC: f64 = -0.5;

/// One side of a resize with crop: `source` samples would become `full`, of which `count` from `first` on are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Axis {
    pub(super) source: u32,
    pub(super) full: u64,
    pub(super) first: u64,
    pub(super) count: u32,
    pub(super) filter: Filter,
}

impl Axis {
    /// Keeps the middle `count <= full` samples; half a sample goes to the even side, as Python's `round` does.
    pub(super) fn centred(source: u32, full: u64, count: u32, filter: Filter) -> Self {
        let rest = full - u64::from(count);
        let first = (rest + (rest >> 1 & 1)) >> 1;
        Self { source, full, first, count, filter }
    }
}

/// Fraction bits of a weight. Bytes times weights, summed up with [`HALF`], stay within an `i32`: a filter's
/// weights sum up to 1 and their magnitudes to less than 1.5 (Bicubic), a side of 2^16 has at most 2^18 weights
/// that are rounded by half a unit each, and (1.5 * 2^22 + 2^17) * 255 + 2^21 < 2^31.
const FRACTION: u32 = 22;

/// What a sum starts with, so that [`to_byte`] rounds.
pub(super) const HALF: i32 = 1 << (FRACTION - 1);

/// A sum of bytes times weights as a byte: rounded, and clipped where a cubic overshoots.
#[inline]
pub(super) fn to_byte(sum: i32) -> u8 {
    (sum >> FRACTION).clamp(0, 255) as u8
}

/// The weights of an [`Axis`], computed when the axis changes and kept until then.
#[derive(Default)]
pub(super) struct Taps {
    axis: Option<Axis>,
    windows: Vec<Window>,
    weights: Vec<i32>,
    heights: Vec<f64>,
}

/// The samples `start..end` of the source, whose weights begin at `weights` in the table. Starts and ends never
/// fall from one window to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Window {
    start: u32,
    end: u32,
    weights: usize,
}

impl Taps {
    /// Makes these the taps of `axis`.
    pub(super) fn set(&mut self, axis: Axis) {
        if self.axis == Some(axis) {
            return;
        }
        self.axis = Some(axis);
        self.windows.clear();
        self.weights.clear();
        match axis.filter {
            Filter::Nearest => self.pick(axis),
            Filter::Bilinear | Filter::Bicubic => self.convolve(axis),
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.windows.len()
    }

    /// The source samples that tap `i < len()` reads.
    pub(super) fn range(&self, i: usize) -> core::ops::Range<usize> {
        self.windows[i].start as usize..self.windows[i].end as usize
    }

    /// The source samples from the first to the last that is read.
    pub(super) fn span(&self) -> core::ops::Range<usize> {
        match (self.windows.first(), self.windows.last()) {
            (Some(first), Some(last)) => first.start as usize..last.end as usize,
            _ => 0..0,
        }
    }

    /// The first source sample and the weights of each tap.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &[i32])> {
        self.windows.iter().map(|w| {
            let len = (w.end - w.start) as usize;
            (w.start as usize, &self.weights[w.weights..][..len])
        })
    }

    /// The weight of sample `y` in tap `i`; `y` lies in `range(i)`.
    pub(super) fn weight(&self, i: usize, y: usize) -> i32 {
        let window = &self.windows[i];
        self.weights[window.weights + (y - window.start as usize)]
    }

    /// How many taps, at most, read the same source sample.
    pub(super) fn overlap(&self) -> usize {
        let mut open = 0;
        let widest = self.windows.iter().enumerate().map(|(i, window)| {
            open += self.windows[open..].iter().take_while(|w| w.start < window.end).count();
            open - i
        });
        widest.max().unwrap_or(0)
    }

    /// The sample under each centre. Positions are summed up one step at a time, not multiplied, because Pillow
    /// (ImagingScaleAffine) does and the rounding errors decide where a centre falls on a border.
    fn pick(&mut self, axis: Axis) {
        let step = f64::from(axis.source) / axis.full as f64;
        let mut centre = step * 0.5;
        for _ in 0..axis.first {
            centre += step;
        }
        for weights in 0..axis.count as usize {
            let start = (centre as u32).min(axis.source - 1);
            self.windows.push(Window { start, end: start + 1, weights });
            self.weights.push(1 << FRACTION);
            centre += step;
        }
    }

    /// The filter laid over each centre, stretched by the factor of downscaling, its heights divided by their
    /// sum and rounded to fixed point: the algorithm of Pillow (libImaging/Resample.c, `precompute_coeffs` and
    /// `normalize_coeffs_8bpc`). Every operation is in Pillow's order, because its rounding shows in the bytes.
    fn convolve(&mut self, axis: Axis) {
        let scale = f64::from(axis.source) / axis.full as f64;
        let stretch = scale.max(1.0);
        let support = axis.filter.support() * stretch;
        let shrink = 1.0 / stretch;
        for i in axis.first..axis.first + u64::from(axis.count) {
            let centre = (i as f64 + 0.5) * scale;
            // Casts of floats cut off the fraction, and saturate: what lies left of the picture becomes 0.
            let start = (centre - support + 0.5) as u32;
            let end = ((centre + support + 0.5) as u32).min(axis.source);
            let height = |x: u32| axis.filter.height((f64::from(x) - centre + 0.5) * shrink);
            self.heights.clear();
            self.heights.extend((start..end).map(height));
            let sum: f64 = self.heights.iter().fold(0.0, |sum, h| sum + h);
            self.windows.push(Window { start, end, weights: self.weights.len() });
            self.weights.extend(self.heights.iter().map(|h| to_fixed(h / sum)));
        }
    }
}

/// Rounded half away from zero.
fn to_fixed(weight: f64) -> i32 {
    let scaled = weight * f64::from(1 << FRACTION);
    (if scaled < 0.0 { scaled - 0.5 } else { scaled + 0.5 }) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: i32 = 1 << FRACTION;

    /// Start and weights of each tap.
    type Expected = &'static [(usize, &'static [i32])];

    fn whole(source: u32, full: u32, filter: Filter) -> Axis {
        Axis::centred(source, u64::from(full), full, filter)
    }

    fn taps(axis: Axis) -> Taps {
        let mut taps = Taps::default();
        taps.set(axis);
        taps
    }

    #[test]
    fn weighs_small_sides_as_by_hand() {
        // (source, full, filter) -> (start, weights in 1/64) of each tap
        let cases: [(u32, u32, Filter, Expected); 7] = [
            (1, 1, Filter::Bilinear, &[(0, &[64])]),
            (2, 2, Filter::Bilinear, &[(0, &[64, 0]), (1, &[64])]),
            (2, 1, Filter::Bilinear, &[(0, &[32, 32])]),
            (2, 4, Filter::Bilinear, &[(0, &[64]), (0, &[48, 16]), (0, &[16, 48]), (1, &[64])]),
            (4, 2, Filter::Bilinear, &[(0, &[27, 27, 9]), (1, &[9, 27, 27])]),
            (2, 1, Filter::Bicubic, &[(0, &[32, 32])]),
            (3, 2, Filter::Nearest, &[(0, &[64]), (2, &[64])]),
        ];
        for (source, full, filter, expected) in cases {
            let taps = taps(whole(source, full, filter));
            let found: Vec<_> = taps.iter().collect();
            assert_eq!(found.len(), expected.len(), "{source} to {full}");
            for ((start, weights), (expected_start, parts)) in found.iter().zip(expected) {
                assert_eq!(start, expected_start, "{source} to {full}");
                let sum: i32 = parts.iter().sum();
                let exact = parts.iter().map(|&p| (f64::from(p) / f64::from(sum)) * f64::from(ONE));
                for (weight, exact) in weights.iter().zip(exact) {
                    assert!((f64::from(*weight) - exact).abs() <= 0.5, "{source} to {full}: {weights:?}");
                }
                assert_eq!(weights.len(), parts.len(), "{source} to {full}");
            }
        }
    }

    /// What the resampler's schedule and the range of its sums rest on.
    #[test]
    fn windows_never_turn_back_and_weights_sum_up_to_one() {
        let sides = [1, 2, 3, 5, 7, 16, 31, 32, 33, 100, 224, 300, 1023];
        for filter in [Filter::Nearest, Filter::Bilinear, Filter::Bicubic] {
            for (source, full) in sides.iter().flat_map(|&s| sides.map(|f| (s, f))) {
                let taps = taps(whole(source, full, filter));
                assert!(taps.windows.is_sorted_by(|a, b| a.start <= b.start && a.end <= b.end));
                for (start, weights) in taps.iter() {
                    let (sum, len) = (weights.iter().sum::<i32>(), weights.len() as i32);
                    assert!(len > 0 && start + weights.len() <= source as usize);
                    assert!((sum - ONE).abs() <= len, "{filter:?} {source} to {full}: {sum}");
                    assert!(weights.iter().map(|w| w.abs()).sum::<i32>() < ONE / 2 * 3);
                }
                let readers = |y| (0..taps.len()).filter(|&i| taps.range(i).contains(&y)).count();
                let most = (0..source as usize).map(readers).max();
                assert!(Some(taps.overlap()) >= most, "{filter:?} {source} to {full}");
            }
        }
    }

    #[test]
    fn a_crop_has_the_taps_of_the_whole() {
        for filter in [Filter::Nearest, Filter::Bilinear, Filter::Bicubic] {
            for (source, full, count) in [(30, 20, 7), (20, 30, 11), (1000, 256, 224), (5, 5, 1)] {
                let axis = Axis::centred(source, full, count, filter);
                let (part, whole) = (taps(axis), taps(whole(source, full as u32, filter)));
                let expected = whole.iter().skip(axis.first as usize).take(count as usize);
                assert!(part.iter().eq(expected), "{axis:?}");
            }
        }
    }
}
