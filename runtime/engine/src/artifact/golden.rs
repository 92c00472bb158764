//! Proof on the user's own device that it computes what the compiler computed.

use super::Digest;
use crate::tensor::DType;
use crate::wire::Words;
use alloc::vec::Vec;

/// An input, by its seed, and the digest of what it gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Golden {
    /// Seed of the input: see [`fill_golden`].
    pub seed: u64,
    /// SHA-256 of all outputs' bytes, one after the other.
    pub outputs: Digest,
}

impl Golden {
    pub(super) fn parse_all(bytes: &[u8]) -> Option<Vec<Self>> {
        let mut words = Words::new(bytes);
        let count = words.count(10)?;
        let all = (0..count).map(|_| Self::take(&mut words)).collect::<Option<Vec<_>>>()?;
        words.end()?;
        Some(all)
    }

    fn take(words: &mut Words<'_>) -> Option<Self> {
        let seed = u64::from(words.next()?) | u64::from(words.next()?) << 32;
        let mut outputs = Digest::default();
        for chunk in outputs.chunks_exact_mut(4) {
            chunk.copy_from_slice(&words.next()?.to_le_bytes());
        }
        Some(Self { seed, outputs })
    }
}

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
