//! Finds what a pattern matches: a table of states, made by the compiler.
//!
//! Characters have classes. An entry of the table is for a state and the class of the character that comes next, or the end
//! of the text, which has the last column: whether a match ends before that character, in the lowest bit, and the
//! state after it. State 0 is the end of the search, and it begins in state 1. The longest match that was seen is
//! the one; the compiler orders states so that it is the one that a backtracking search finds.

use super::tables::Classes;
use crate::error::SpecError;
use crate::reader::{Halves, Reader};

/// How far a search goes on behind the last end of a match. The compiler makes no pattern that needs so much.
const AHEAD: usize = 256;

/// A pattern's states.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matcher<'a> {
    classes: Classes<'a>,
    columns: usize,
    table: Halves<'a>,
}

impl<'a> Matcher<'a> {
    /// Classes, the number of columns, the number of states, the table.
    pub(super) fn parse(reader: &mut Reader<'a>) -> Result<Self, SpecError> {
        let classes = Classes::parse(reader)?;
        let (columns, states) = (reader.word()?, reader.word()?);
        let invalid = |why| SpecError::Invalid { part: "pattern", why };
        if !(2..=256).contains(&columns) || !(2..=1 << 15).contains(&states) || !classes.below(columns - 1) {
            return Err(invalid("no classes, too many, or one without a column"));
        }
        let table = reader.halves(columns as usize * states as usize)?;
        if table.iter().any(|entry| u32::from(entry >> 1) >= states) {
            return Err(invalid("a state that isn't there"));
        }
        Ok(Self { classes, columns: columns as usize, table })
    }

    /// The end of the match that begins at `from`, if one does.
    fn at(&self, text: &str, from: usize) -> Option<usize> {
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
            let Some(character) = next.filter(|_| state != 0 && at - found.unwrap_or(from) <= AHEAD) else {
                return found.filter(|&end| end > from);
            };
            at += character.len_utf8();
        }
    }

    /// The next match at or after `from`; never an empty one.
    pub(super) fn find(&self, text: &str, from: usize) -> Option<(usize, usize)> {
        let tail = text.get(from..)?;
        tail.char_indices().find_map(|(at, _)| Some((from + at, self.at(text, from + at)?)))
    }
}
