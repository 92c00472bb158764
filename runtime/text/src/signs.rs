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
