//! Signs that a text was written to evade a classifier.

/// What was found in a text; each number stops at its largest value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signs {
    /// Invisible characters that were taken out.
    pub ignorables: u16,
    /// Characters such as fullwidth or mathematical letters that were replaced by the usual ones.
    pub compatibility: u16,
    /// Words with letters of scripts that no language mixes.
    pub mixed_script: u16,
    /// Words with digits or symbols in the place of letters.
    pub leet: u16,
    /// Words whose letters stand apart.
    pub spaced: u16,
    /// Characters that change the direction in which text is shown.
    pub bidi: u16,
}

impl Signs {
    /// All of them as one number, for a policy to compare with a threshold: what few ordinary texts have counts most.
    ///
    /// 40 for each word with letters of several scripts and each whose letters stand apart, 24 for each with signs in the place of
    /// letters, 16 for each character in another dress, 8 for each invisible one, 4 for each that changes directions; at most 255.
    pub fn evasion(&self) -> u8 {
        let weighted = [
            (self.mixed_script, 40),
            (self.spaced, 40),
            (self.leet, 24),
            (self.compatibility, 16),
            (self.ignorables, 8),
            (self.bidi, 4),
        ];
        let sum: u32 = weighted.iter().map(|&(count, weight)| u32::from(count) * weight).sum();
        sum.min(255) as u8
    }
}
