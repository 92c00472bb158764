//! Digits and symbols in the place of letters: `fr33`, `c@sh`.

use super::{Hints, class, script, words};
use crate::error::SpecError;
use crate::reader::{Reader, Words};
use crate::tables::Classes;
use alloc::string::String;

/// The most signs that stand for letters.
const MAX_SIGNS: usize = 64;

/// Which sign stands for which letter.
#[derive(Clone, Copy, Debug, Default)]
pub struct Leet<'a> {
    /// Rising.
    signs: Words<'a>,
    letters: Words<'a>,
}

impl<'a> Leet<'a> {
    /// Their number, the signs, the letters. All are of ASCII.
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, SpecError> {
        let count = reader.word()? as usize;
        if count > MAX_SIGNS {
            return Err(SpecError::Invalid { part: "leet", why: "too many signs" });
        }
        let table = Self { signs: reader.words(count)?, letters: reader.words(count)? };
        let rising = table.signs.iter().zip(table.signs.iter().skip(1)).all(|(a, b)| a < b);
        let ascii = table.signs.iter().chain(table.letters.iter()).all(|c| c < 0x80);
        if rising && ascii { Ok(table) } else { Err(SpecError::Invalid { part: "leet", why: "signs out of order" }) }
    }

    fn get(&self, c: char) -> Option<char> {
        let index = self.signs.partition_point(|sign| sign < u32::from(c));
        (self.signs.get(index)? == u32::from(c)).then_some(())?;
        char::from_u32(self.letters.get(index)?)
    }
}

/// Writes the text with signs replaced by letters, and says in how many words.
pub(super) fn pass(classes: &Classes<'_>, leet: &Leet<'_>, text: &str, hints: Hints, out: &mut String) -> u16 {
    let mut found = 0_u16;
    for (space, token) in words(text) {
        out.push_str(space);
        if is_address(token) {
            out.push_str(token);
            continue;
        }
        let mut rest = token;
        while let Some(first) = rest.chars().next() {
            let in_word = belongs(classes, leet, first);
            let end = rest.find(|c| belongs(classes, leet, c) != in_word).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            // Symbols around a word are not part of it: signs of exclamation behind it, a currency's before it.
            let core = word.trim_matches(|c: char| c.is_ascii_punctuation());
            if in_word && Shape::of(classes, leet, core).is_some_and(|shape| shape.hides(hints)) {
                let (before, behind) = word.split_once(core).unwrap_or(("", ""));
                out.push_str(before);
                out.extend(core.chars().map(|c| leet.get(c).unwrap_or(c)));
                out.push_str(behind);
                found = found.saturating_add(1);
            } else {
                out.push_str(word);
            }
            rest = after;
        }
    }
    found
}

/// An address of mail or of the web.
fn is_address(token: &str) -> bool {
    token.contains("://") || token.contains("www.") || token.contains('@') && token.contains('.')
}

/// What words are made of here: letters, digits, and signs that stand for letters.
fn belongs(classes: &Classes<'_>, leet: &Leet<'_>, c: char) -> bool {
    let class = class(classes, c);
    class.is_letter() || class.is_mark() || class.is_number() || leet.get(c).is_some()
}

/// What matters of a word.
#[derive(Debug, Default)]
struct Shape {
    letters: usize,
    signs: usize,
    /// Letters before the first sign and behind the last.
    before: usize,
    behind: usize,
    /// Whether some sign has letters on both sides.
    inside: bool,
    lower_case: bool,
    /// Whether the only sign is one that ends sentences.
    stops: bool,
}

impl Shape {
    /// `None` for a word without signs, or with something that is neither letter of Latin nor sign, or with a number in it.
    fn of(classes: &Classes<'_>, leet: &Leet<'_>, word: &str) -> Option<Self> {
        let mut shape = Self::default();
        // The signs since the last letter.
        let mut row: Option<(char, usize)> = None;
        for c in word.chars() {
            let class = class(classes, c);
            if class.script() == script::LATIN || class.is_mark() {
                shape.inside |= row.is_some() && shape.letters > 0;
                shape.lower_case |= c.is_ascii_lowercase();
                shape.letters += 1;
                shape.behind += 1;
                row = None;
                continue;
            }
            leet.get(c)?;
            let (first, count) = row.unwrap_or((c, 0));
            // More than two in a row, or two different digits, are a number.
            if count == 2 || first != c && first.is_ascii_digit() && c.is_ascii_digit() {
                return None;
            }
            row = Some((first, count + 1));
            if shape.signs == 0 {
                shape.before = shape.letters;
            }
            shape.stops = c == '!' && shape.signs == 0;
            shape.signs += 1;
            shape.behind = 0;
        }
        (shape.signs > 0 && shape.letters >= shape.signs).then_some(shape)
    }

    /// Whether the word's signs stand for letters.
    fn hides(&self, hints: Hints) -> bool {
        let sentences = self.stops && self.before > 1 && self.behind > 1;
        match hints {
            Hints::Strong => self.inside && self.lower_case && !sentences,
            // A number before a word is an ordinal, or a price.
            Hints::Weak => !sentences && (self.inside || self.before > 1 || self.before == 0 && self.behind > 3),
        }
    }
}
