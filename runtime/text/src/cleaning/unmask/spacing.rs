//! Letters that stand apart: `f r e e`, `f.r.e.e`.

use super::{Hints, class, words};
use crate::tables::{Classes, flags};
use alloc::string::String;

/// How many letters have to stand apart.
const fn least(hints: Hints) -> usize {
    match hints {
        Hints::Strong => 4,
        Hints::Weak => 3,
    }
}

/// Letters in a row with one space before each but the first.
#[derive(Default)]
struct Row {
    letters: usize,
    /// Where the first one's place in the output begins.
    from: usize,
    /// Where the first one's place in the text begins, and the last one's ends.
    text: (usize, usize),
}

/// Writes the text with such letters put together, and says how many words they form.
pub(super) fn pass(classes: &Classes<'_>, text: &str, hints: Hints, out: &mut String) -> u16 {
    let mut found = 0_u16;
    let mut row = Row::default();
    let mut at = 0;
    for (space, word) in words(text) {
        let start = at + space.len();
        at = start + word.len();
        let letter = is_letter(classes, word);
        if !(letter && row.letters > 0 && space == " ") {
            found = found.saturating_add(row.end(text, hints, out));
            out.push_str(space);
            row = Row { letters: 0, from: out.len(), text: (start, start) };
        }
        if letter {
            row.letters += 1;
            row.text.1 = at;
            out.push_str(word);
        } else if dotted(classes, word) >= least(hints) {
            out.extend(word.chars().filter(|&c| class(classes, c).is_letter()));
            found = found.saturating_add(1);
        } else {
            out.push_str(word);
        }
    }
    found.saturating_add(row.end(text, hints, out))
}

impl Row {
    /// Too short a row gets its spaces back.
    fn end(&self, text: &str, hints: Hints, out: &mut String) -> u16 {
        if self.letters >= least(hints) {
            return 1;
        }
        if self.letters > 1 {
            out.truncate(self.from);
            out.push_str(&text[self.text.0..self.text.1]);
        }
        0
    }
}

/// Whether a word is one letter of an alphabet.
fn is_letter(classes: &Classes<'_>, word: &str) -> bool {
    let mut chars = word.chars();
    let Some(c) = chars.next().filter(|_| chars.next().is_none()) else { return false };
    let class = class(classes, c);
    class.is_letter() && class.script() != 0 && !class.has(flags::CJK)
}

/// How many letters a word has, when it is nothing but letters with one and the same sign between them.
fn dotted(classes: &Classes<'_>, word: &str) -> usize {
    let mut between = None;
    let mut letters = 0;
    for (i, c) in word.chars().enumerate() {
        let class = class(classes, c);
        let fits = match i % 2 {
            0 => class.is_letter() && class.script() != 0,
            _ => !class.is_letter() && !class.is_mark() && !class.is_number() && *between.get_or_insert(c) == c,
        };
        if !fits {
            return 0;
        }
        letters += 1 - i % 2;
    }
    letters
}
