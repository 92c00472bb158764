//! Which answers people look at although they aren't in doubt.

use crate::chance::Chance;

/// Draws answers by chance.
#[derive(Debug)]
pub struct Audits {
    of_thousand: u32,
    chance: Chance,
}

impl Audits {
    /// So many of 1,000, which is [`Config::audits`](super::Config::audits).
    pub const fn new(of_thousand: u32, chance: Chance) -> Self {
        Self { of_thousand, chance }
    }

    /// Whether this answer is one of them.
    pub fn draw(&mut self) -> bool {
        self.of_thousand > 0 && self.chance.below(1000) < u64::from(self.of_thousand)
    }
}
