//! Proof on the user's own device that it computes what the compiler computed.

use super::Digest;
use crate::tensor::DType;
use crate::wire::Words;
use alloc::vec::Vec;

/// An input, by its seed, and what it gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Golden {
    /// Seed of the input: see [`fill_golden`].
    pub seed: u64,
    /// What the compiler's machine computed.
    pub outputs: Expected,
}

/// What a golden input gives.
#[derive(Clone, Debug, PartialEq)]
pub enum Expected {
    /// SHA-256 of all outputs' bytes, one after the other: of a model whose bits are promised.
    Digest(Digest),
    /// Numbers: of a model of floats, whose sums may be rounded otherwise on another CPU.
    Values(Values),
}

/// Some elements of a model's f32 outputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Values {
    /// How far a device's elements may be off.
    pub tolerance: f32,
    /// Elements from one to the next, counting through all f32 outputs; not 0.
    pub step: usize,
    /// The elements.
    pub elements: Vec<f32>,
}

impl Values {
    /// Most elements that are kept of a golden input's outputs.
    pub const MOST: usize = 1 << 12;

    /// The tolerance in terms of the largest element; the numerics contract has it.
    pub const RELATIVE_TOLERANCE: f32 = 1e-4;

    /// Whether outputs' elements, given one output after the other, are near these.
    pub(crate) fn are_near<'a>(&self, outputs: impl Iterator<Item = &'a [f32]>) -> bool {
        let mut found = outputs.flatten().step_by(self.step);
        let near = |y: f32, expected: f32| {
            y == expected || (y - expected).abs() <= self.tolerance || y.is_nan() && expected.is_nan()
        };
        self.elements.iter().all(|&expected| found.next().is_some_and(|&y| near(y, expected))) && found.next().is_none()
    }

    /// What is kept of outputs' elements, given one output after the other.
    #[cfg(feature = "write")]
    pub fn of<'a>(outputs: impl Iterator<Item = &'a [f32]> + Clone) -> Self {
        let step = outputs.clone().flatten().count().div_ceil(Self::MOST).max(1);
        let elements: Vec<f32> = outputs.clone().flatten().copied().step_by(step).collect();
        let finite = outputs.flatten().map(|y| y.abs()).filter(|y| y.is_finite());
        Self { tolerance: Self::RELATIVE_TOLERANCE * finite.fold(0.0, f32::max), step, elements }
    }

    fn take(words: &mut Words<'_>) -> Option<Self> {
        let tolerance = words.read().filter(|&tolerance: &f32| tolerance >= 0.0)?;
        let step = words.next().filter(|&step| step > 0)? as usize;
        let count = words.count(1)?;
        let elements = (0..count).map(|_| words.next().map(f32::from_bits)).collect::<Option<_>>()?;
        Some(Self { tolerance, step, elements })
    }
}

impl Golden {
    /// All of a section of digests.
    pub(super) fn parse_digests(bytes: &[u8]) -> Option<Vec<Self>> {
        Self::parse_all(bytes, |words| {
            let mut digest = Digest::default();
            for chunk in digest.chunks_exact_mut(4) {
                chunk.copy_from_slice(&words.next()?.to_le_bytes());
            }
            Some(Expected::Digest(digest))
        })
    }

    /// All of a section of values.
    pub(super) fn parse_values(bytes: &[u8]) -> Option<Vec<Self>> {
        Self::parse_all(bytes, |words| Values::take(words).map(Expected::Values))
    }

    fn parse_all(bytes: &[u8], expected: impl Fn(&mut Words<'_>) -> Option<Expected>) -> Option<Vec<Self>> {
        let mut words = Words::new(bytes);
        let count = words.count(LEAST_WORDS)?;
        let take = |words: &mut Words<'_>| {
            let seed = u64::from(words.next()?) | u64::from(words.next()?) << 32;
            Some(Self { seed, outputs: expected(words)? })
        };
        let all = (0..count).map(|_| take(&mut words)).collect::<Option<Vec<_>>>()?;
        words.end()?;
        Some(all)
    }
}

/// Words that a golden input takes at least.
const LEAST_WORDS: usize = 5;

/// Fills an input tensor with the numbers that a seed stands for.
///
/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014) gives one 64-bit number
/// an element, of which the top bits count: 8 for bytes, 1 for bool, 3 for i32 (0..8, so that token ids stay
/// within every vocabulary), and for floats the 24 that make a number in -1..1.
pub fn fill_golden(seed: u64, dtype: DType, bytes: &mut [u8]) {
    let mut state = seed;
    for element in bytes.chunks_exact_mut(dtype.size()) {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        let unit = (z >> 40) as f32 / (1_u32 << 23) as f32 - 1.0;
        match dtype {
            DType::F32 => element.copy_from_slice(&unit.to_le_bytes()),
            DType::F16 => element.copy_from_slice(&half::f16::from_f32(unit).to_le_bytes()),
            DType::I32 => element.copy_from_slice(&((z >> 61) as u32).to_le_bytes()),
            DType::U8 | DType::I8 => element[0] = (z >> 56) as u8,
            DType::Bool => element[0] = (z >> 63) as u8,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_tell_near_outputs_from_others() {
        let values = Values { tolerance: 0.5, step: 2, elements: alloc::vec![1.0, f32::NAN, -3.0] };
        let near = |parts: &[&[f32]]| values.are_near(parts.iter().copied());
        assert!(near(&[&[1.5, 9.0, f32::NAN], &[9.0, -3.0]]));
        assert!(near(&[&[1.0, 9.0, f32::NAN, 9.0, -2.5, 9.0]]));
        for outputs in
            [[1.6, 0.0, f32::NAN, 0.0, -3.0], [1.0, 0.0, 0.0, 0.0, -3.0], [1.0, 0.0, f32::NAN, 0.0, f32::NAN]]
        {
            assert!(!near(&[&outputs]), "{outputs:?}");
        }
        assert!(!near(&[&[1.0, 0.0, f32::NAN]]), "too few");
        assert!(!near(&[&[1.0, 0.0, f32::NAN, 0.0, -3.0, 0.0, 1.0]]), "too many");
    }
}
