//! Finds what a pattern matches: a table of states, made by the compiler.
//!
//! Characters have classes. An entry of the table is for a state and the class of the character that comes next, or the end
//! of the text, which has the last column: whether a match ends before that character, in the lowest bit, and the
//! state after it. State 0 is the end of the search, and it begins in state 1. The longest match that was seen is
//! the one; the compiler orders states so that it is the one that a backtracking search finds.

use super::tables::Kinds;
use crate::error::SpecError;
use crate::reader::{Halves, Reader};

/// How often a character may be looked at, on average. A pattern may need to look far ahead for a longer match that isn't there, but what
/// it saw is usually part of the next match: each is looked at a few times. A text that is made to need more isn't worth it.
const LOOKS: usize = 64;

/// How many characters may still be looked at in a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget(usize);

impl Budget {
    pub(super) fn of(text: &str) -> Self {
        Self(LOOKS * (text.len() + LOOKS))
    }

    /// Whether nothing is left, and matches are shorter than they should be, or missing.
    pub(super) fn is_spent(self) -> bool {
        self.0 == 0
    }
}

/// A pattern's states.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matcher<'a> {
    classes: Kinds<'a>,
    columns: usize,
    table: Halves<'a>,
}

impl<'a> Matcher<'a> {
    /// Classes, the number of columns, the number of states, the table.
    pub(super) fn parse(reader: &mut Reader<'a>) -> Result<Self, SpecError> {
        let classes = Kinds::parse(reader)?;
        let (columns, states) = (reader.word()?, reader.word()?);
        let invalid = |why| SpecError::Invalid { part: "pattern", why };
        if !(2..=256).contains(&columns) || !(2..=1 << 15).contains(&states) {
            return Err(invalid("no classes or no states, or too many"));
        }
        let table = reader.halves(columns as usize * states as usize)?;
        if !reader.known && table.iter().any(|entry| u32::from(entry >> 1) >= states) {
            return Err(invalid("a state that isn't there"));
        }
        Ok(Self { classes, columns: columns as usize, table })
    }

    /// The end of the match that begins at `from`, if one does.
    fn at(&self, text: &str, from: usize, budget: &mut Budget) -> Option<usize> {
        let mut found = None;
        let mut state = 1;
        let mut at = from;
        let mut rest = text.get(from..)?.chars();
        loop {
            let next = rest.next();
            let column = next.map_or(self.columns - 1, |character| usize::from(self.classes.of(character)));
            let entry = self.table.get(state * self.columns + column)?;
            if entry & 1 == 1 {
                found = Some(at);
            }
            state = usize::from(entry >> 1);
            let Some(character) = next.filter(|_| state != 0 && !budget.is_spent()) else {
                return found.filter(|&end| end > from);
            };
            budget.0 -= 1;
            at += character.len_utf8();
        }
    }

    /// The next match at or after `from`; never an empty one.
    pub(super) fn find(&self, text: &str, from: usize, budget: &mut Budget) -> Option<(usize, usize)> {
        let tail = text.get(from..)?;
        tail.char_indices().find_map(|(at, _)| Some((from + at, self.at(text, from + at, budget)?)))
    }
}
