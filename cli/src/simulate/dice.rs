//! Chance that follows from the seed alone, for each part of a simulation apart.

use dunlin_sync::Chance;
use sha2::{Digest, Sha256};

/// Numbers drawn from a seed, eight from each digest.
#[derive(Clone, Debug)]
pub struct Dice {
    chance: Chance,
    drawn: [u8; 32],
    used: usize,
}

impl Dice {
    /// Of a part of the simulation, such as a device's day: it draws the same whatever the others draw.
    pub fn of(seed: u64, part: &str, numbers: [u32; 2]) -> Self {
        let [a, b] = numbers.map(u32::to_le_bytes);
        let seed = Sha256::new().chain_update(seed.to_le_bytes()).chain_update(a).chain_update(b).chain_update(part);
        Self { chance: Chance::new(seed.finalize().into()), drawn: [0; 32], used: 32 }
    }

    /// 32 bytes, for what has chance of its own.
    pub fn seed(&mut self) -> [u8; 32] {
        self.chance.bytes()
    }

    /// A number from 0 to below 1.
    pub fn unit(&mut self) -> f64 {
        if self.used == self.drawn.len() {
            self.drawn = self.chance.bytes();
            self.used = 0;
        }
        let four: [u8; 4] = std::array::from_fn(|at| self.drawn[self.used + at]);
        self.used += 4;
        f64::from(u32::from_le_bytes(four)) / (f64::from(u32::MAX) + 1.0)
    }

    /// A number below `bound`; 0 for a bound of 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        (self.unit() * bound as f64) as u64
    }

    /// Whether something happens that does so many times of a thousand.
    pub fn happens(&mut self, permille: u16) -> bool {
        self.below(1000) < u64::from(permille)
    }

    /// One of as many as there are weights, each as often as its own says.
    pub fn weighted(&mut self, weights: &[f64]) -> usize {
        let mut left = self.unit() * weights.iter().sum::<f64>();
        let place = weights.iter().position(|weight| {
            left -= weight;
            left < 0.0
        });
        place.unwrap_or(weights.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_draw_apart_and_weights_are_kept() {
        let mut dice = Dice::of(1, "a", [0, 0]);
        let mut counts = [0; 3];
        (0..10_000).for_each(|_| counts[dice.weighted(&[1.0, 0.0, 3.0])] += 1);
        // Five standard deviations.
        assert!(counts[1] == 0 && (2280..=2720).contains(&counts[0]), "{counts:?}");
        let first = |seed, part, numbers| Dice::of(seed, part, numbers).seed();
        let all = [first(1, "a", [0, 0]), first(2, "a", [0, 0]), first(1, "b", [0, 0]), first(1, "a", [0, 1])];
        assert!((1..4).all(|other| all[0] != all[other]));
        assert!(dice.happens(1000) && !dice.happens(0));
    }
}
