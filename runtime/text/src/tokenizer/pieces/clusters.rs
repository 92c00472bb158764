//! Grapheme clusters, by Unicode's rules (UAX #29) and a table of classes.

use super::tables::Classes;

/// The classes of characters, as the section has them.
pub mod class {
    /// Carriage return.
    pub const CR: u8 = 1;
    /// Line feed.
    pub const LF: u8 = 2;
    /// Another control character.
    pub const CONTROL: u8 = 3;
    /// A mark that extends what precedes it.
    pub const EXTEND: u8 = 4;
    /// Zero-width joiner.
    pub const JOINER: u8 = 5;
    /// A letter of a flag.
    pub const REGIONAL: u8 = 6;
    /// Belongs to what follows.
    pub const PREPEND: u8 = 7;
    /// A mark that takes up space.
    pub const SPACING: u8 = 8;
    /// Hangul: leading consonant.
    pub const LEAD: u8 = 9;
    /// Hangul: vowel.
    pub const VOWEL: u8 = 10;
    /// Hangul: trailing consonant.
    pub const TAIL: u8 = 11;
    /// Hangul: syllable without a trailing consonant.
    pub const SYLLABLE: u8 = 12;
    /// Hangul: syllable with one.
    pub const CLOSED: u8 = 13;
    /// A pictograph.
    pub const PICTOGRAPH: u8 = 14;
    /// A consonant of an Indic script that forms conjuncts.
    pub const CONSONANT: u8 = 15;
    /// A mark that joins consonants.
    pub const LINKER: u8 = 16;
    /// A mark that may stand between a consonant and what joins it.
    pub const CONJUNCT: u8 = 17;
}

/// What the characters so far say about the next boundary.
#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// The last character's class.
    last: u8,
    /// Letters of flags up to here, without a break.
    regional: u32,
    /// A pictograph and its marks: 1; and a joiner behind them: 2.
    pictograph: u8,
    /// A consonant and its marks: 1; and one among them that joins: 2.
    conjunct: u8,
}

/// The end of the cluster that begins `text`.
pub(super) fn first(text: &str, classes: &Classes<'_>) -> usize {
    let mut state = State::default();
    for (at, character) in text.char_indices() {
        let next = classes.of(character);
        if at > 0 && state.breaks(next) {
            return at;
        }
        state.push(next);
    }
    text.len()
}

impl State {
    fn breaks(&self, next: u8) -> bool {
        use class::*;
        let control = |class| matches!(class, CR | LF | CONTROL);
        match (self.last, next) {
            (CR, LF) => false,
            (last, next) if control(last) || control(next) => true,
            (LEAD, LEAD | VOWEL | SYLLABLE | CLOSED)
            | (SYLLABLE | VOWEL, VOWEL | TAIL)
            | (CLOSED | TAIL, TAIL)
            | (_, EXTEND | JOINER | SPACING | LINKER | CONJUNCT)
            | (PREPEND, _) => false,
            (_, CONSONANT) => self.conjunct != 2,
            (_, PICTOGRAPH) => self.pictograph != 2,
            (REGIONAL, REGIONAL) => self.regional.is_multiple_of(2),
            _ => true,
        }
    }

    fn push(&mut self, next: u8) {
        use class::*;
        self.regional = if next == REGIONAL { self.regional + 1 } else { 0 };
        self.pictograph = match next {
            PICTOGRAPH => 1,
            EXTEND | LINKER | CONJUNCT if self.pictograph == 1 => 1,
            JOINER if self.pictograph == 1 => 2,
            _ => 0,
        };
        self.conjunct = match next {
            CONSONANT => 1,
            LINKER if self.conjunct > 0 => 2,
            CONJUNCT | JOINER => self.conjunct,
            _ => 0,
        };
        self.last = next;
    }
}
