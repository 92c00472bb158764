//! Letters of another script that look like those of the word's own.

use super::{Hints, class};
use crate::error::SpecError;
use crate::reader::Reader;
use crate::spec::PartKind;
use crate::tables::{CharMap, Class, Classes};
use alloc::string::String;

/// The number that the table of classes has for the Latin script.
pub const LATIN: u8 = 1;

/// The most scripts that are defended against letters of Latin.
const MAX_DEFENDED: usize = 4;

/// Which letters look alike.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lookalikes<'a> {
    /// What letters of other scripts look like.
    to_latin: CharMap<'a>,
    /// For scripts, what letters of Latin look like in them.
    from_latin: [Option<(u8, CharMap<'a>)>; MAX_DEFENDED],
}

impl<'a> Lookalikes<'a> {
    /// A map to Latin, the number of maps from it, and each with its script before it.
    pub(crate) fn parse(mut reader: Reader<'a>) -> Result<Self, SpecError> {
        let part = PartKind::Lookalikes.name();
        let mut table = Self { to_latin: CharMap::parse(&mut reader, part)?, ..Self::default() };
        let count = reader.word()? as usize;
        let defended = table.from_latin.get_mut(..count);
        for slot in defended.ok_or(SpecError::Invalid { part, why: "more scripts than can be defended" })? {
            let script = u8::try_from(reader.word()?);
            let script = script.map_err(|_| SpecError::Invalid { part, why: "a script that is none" })?;
            *slot = Some((script, CharMap::parse(&mut reader, part)?));
        }
        reader.end()?;
        Ok(table)
    }

    /// What letters of Latin look like in a script.
    fn into(&self, script: u8) -> Option<&CharMap<'a>> {
        self.from_latin.iter().flatten().find(|(defended, _)| *defended == script).map(|(_, map)| map)
    }
}

/// Writes the text with foreign letters replaced, and says in how many words.
pub(super) fn pass(
    classes: &Classes<'_>,
    lookalikes: &Lookalikes<'_>,
    text: &str,
    hints: Hints,
    out: &mut String,
) -> u16 {
    if text.is_ascii() {
        return 0;
    }
    let whole_words = hints == Hints::Weak && mostly_latin(classes, text);
    let mut found = 0_u16;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let in_word = belongs(class(classes, first));
        let end = rest.find(|c| belongs(class(classes, c)) != in_word).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let map =
            if in_word && !word.is_ascii() { Letters::count(classes, lookalikes, word).map(whole_words) } else { None };
        match map {
            Some(map) => {
                word.chars().for_each(|c| match map.get(c) {
                    Some(mapped) => out.extend(mapped.chars()),
                    None => out.push(c),
                });
                found = found.saturating_add(1);
            }
            None => out.push_str(word),
        }
        rest = after;
    }
    found
}

/// What words are made of.
fn belongs(class: Class) -> bool {
    class.is_letter() || class.is_mark() || class.is_number()
}

/// Whether most letters that belong to a numbered script belong to Latin.
fn mostly_latin(classes: &Classes<'_>, text: &str) -> bool {
    let scripts = text.chars().map(|c| class(classes, c).script()).filter(|&script| script != 0);
    let (latin, others) =
        scripts.fold(
            (0_usize, 0_usize),
            |(latin, others), script| {
                if script == LATIN { (latin + 1, others) } else { (latin, others + 1) }
            },
        );
    latin > others
}

/// The letters of a word.
struct Letters<'m, 'a> {
    lookalikes: &'m Lookalikes<'a>,
    latin: usize,
    /// Of other numbered scripts.
    others: usize,
    /// How many of the others look like Latin ones.
    like_latin: usize,
    /// The others' script, when it is one.
    script: Option<u8>,
    /// Whether the others are of more than one script.
    several: bool,
    /// Whether each Latin letter looks like one of the others' script.
    like_others: bool,
    /// Whether there are letters that mix with any.
    unnumbered: bool,
}

impl<'m, 'a> Letters<'m, 'a> {
    fn count(classes: &Classes<'_>, lookalikes: &'m Lookalikes<'a>, word: &str) -> Self {
        let mut letters = Self {
            lookalikes,
            latin: 0,
            others: 0,
            like_latin: 0,
            script: None,
            several: false,
            like_others: true,
            unnumbered: false,
        };
        for c in word.chars() {
            let class = class(classes, c);
            match class.script() {
                0 => letters.unnumbered |= class.is_letter(),
                LATIN => letters.latin += 1,
                script => {
                    letters.others += 1;
                    letters.like_latin += usize::from(lookalikes.to_latin.get(c).is_some());
                    letters.several |= *letters.script.get_or_insert(script) != script;
                }
            }
        }
        let own = letters.script.filter(|_| !letters.several).and_then(|script| lookalikes.into(script));
        letters.like_others = own.is_some_and(|own| {
            let latin = word.chars().filter(|&c| class(classes, c).script() == LATIN);
            latin.into_iter().all(|c| own.get(c).is_some())
        });
        letters
    }

    /// What the word's foreign letters are replaced by; `None` when it has none, or when they can't all be.
    fn map(&self, whole_words: bool) -> Option<&'m CharMap<'a>> {
        let mixed = self.several || self.latin > 0;
        if self.others == 0 || self.unnumbered || !(mixed || whole_words) {
            return None;
        }
        let to_latin = self.like_latin == self.others;
        let own =
            self.script.filter(|_| self.like_others && self.latin > 0).and_then(|script| self.lookalikes.into(script));
        match own {
            Some(own) if !to_latin || self.others > self.latin => Some(own),
            _ => Some(&self.lookalikes.to_latin).filter(|_| to_latin),
        }
    }
}
