//! Chance that a host seeds once.

use dunlin_protocol::uuid::Uuid;
use sha2::{Digest, Sha256};

/// Random numbers from a seed: SHA-256 of the seed and a counter.
///
/// As unpredictable as its seed, so that a host gives 32 bytes of its system's randomness; a simulation gives a number.
#[derive(Clone, Debug)]
pub struct Chance {
    seed: [u8; 32],
    drawn: u64,
}

impl Chance {
    /// From 32 random bytes.
    pub const fn new(seed: [u8; 32]) -> Self {
        Self { seed, drawn: 0 }
    }

    /// The next 32 bytes.
    pub fn bytes(&mut self) -> [u8; 32] {
        self.drawn += 1;
        Sha256::new().chain_update(self.seed).chain_update(self.drawn.to_le_bytes()).finalize().into()
    }

    /// The next number, each as probable as any other.
    pub fn number(&mut self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.bytes();
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }

    /// A number by which something is known again.
    pub fn uuid(&mut self) -> Uuid {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.bytes()[..16]);
        Uuid::random(bytes)
    }

    /// A number below `bound`; 0 for a bound of 0. Off from evenness by at most `bound / 2^64`.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.number()) * u128::from(bound)) >> 64) as u64
    }

    /// A number from 0 to below 1.
    pub fn unit(&mut self) -> f64 {
        (self.number() >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_from_the_seed_and_cover_their_range() {
        let mut chance = Chance::new([7; 32]);
        let mut again = Chance::new([7; 32]);
        let mut seen = [0u32; 10];
        for _ in 0..10_000 {
            let number = chance.below(10);
            assert_eq!(number, again.below(10));
            seen[number as usize] += 1;
        }
        // Five standard deviations of a binomial of 10,000 and 1/10.
        assert!(seen.iter().all(|&n| (850..=1150).contains(&n)), "{seen:?}");
        assert!((0..1000).all(|_| (0.0..1.0).contains(&chance.unit())));
        assert_eq!(chance.below(0), 0);
        assert_ne!(Chance::new([8; 32]).number(), Chance::new([7; 32]).number());
    }
}
