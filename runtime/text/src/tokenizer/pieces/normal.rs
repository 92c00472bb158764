//! Unicode's normalization forms, by tables: decompose, put marks in their order, compose.
//!
//! Hangul syllables are computed, as the standard says; everything else is looked up.

use super::tables::{Charmap, Classes};
use crate::error::SpecError;
use crate::reader::{Reader, Words};
use alloc::string::String;
use alloc::vec::Vec;

const SYLLABLES: u32 = 0xAC00;
const LEADS: u32 = 0x1100;
const VOWELS: u32 = 0x1161;
const TAILS: u32 = 0x11A7;
const LEAD_COUNT: u32 = 19;
const VOWEL_COUNT: u32 = 21;
const TAIL_COUNT: u32 = 28;
const SYLLABLE_COUNT: u32 = LEAD_COUNT * VOWEL_COUNT * TAIL_COUNT;

/// The most characters that one and the same character is the first part of.
pub const MAX_PAIRS: usize = 64;

/// A form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Normal<'a> {
    /// What characters are made of, all the way down.
    decompositions: Charmap<'a>,
    /// Combining classes.
    classes: Classes<'a>,
    /// The two parts of composed characters in rising order, then in the same order these; empty where nothing is composed.
    firsts: Words<'a>,
    seconds: Words<'a>,
    composed: Words<'a>,
    compose: bool,
}

/// A character and its combining class.
pub(crate) type Marked = (u8, char);

impl<'a> Normal<'a> {
    /// Decompositions, combining classes, whether to compose, the number of pairs, first parts, second parts, composed characters.
    pub(super) fn parse(reader: &mut Reader<'a>) -> Result<Self, SpecError> {
        let (decompositions, classes) = (Charmap::parse(reader)?, Classes::parse(reader)?);
        let (compose, len) = (reader.word()?, reader.word()? as usize);
        if compose > 1 {
            return Err(SpecError::Invalid { part: "tokenizer", why: "unknown flags" });
        }
        let (firsts, seconds, composed) = (reader.words(len)?, reader.words(len)?, reader.words(len)?);
        Ok(Self { decompositions, classes, firsts, seconds, composed, compose: compose == 1 })
    }

    /// Appends a text's form, of a text that becomes longer than `limit` characters the beginning's.
    pub(super) fn apply(&self, text: &str, limit: usize, marked: &mut Vec<Marked>, out: &mut String) {
        if text.is_ascii() {
            return out.push_str(text);
        }
        marked.clear();
        for character in text.chars() {
            self.decompose(character, marked);
            if marked.len() > limit {
                break;
            }
        }
        order(marked);
        if self.compose {
            self.recompose(marked);
        }
        out.extend(marked.iter().map(|&(_, character)| character));
    }

    fn decompose(&self, character: char, marked: &mut Vec<Marked>) {
        let index = (character as u32).wrapping_sub(SYLLABLES);
        if character.is_ascii() {
            marked.push((0, character));
        } else if index < SYLLABLE_COUNT {
            let parts = [
                LEADS + index / (VOWEL_COUNT * TAIL_COUNT),
                VOWELS + index / TAIL_COUNT % VOWEL_COUNT,
                TAILS + index % TAIL_COUNT,
            ];
            let count = if parts[2] == TAILS { 2 } else { 3 };
            marked.extend(parts[..count].iter().filter_map(|&part| Some((0, char::from_u32(part)?))));
        } else if let Some(parts) = self.decompositions.of(character) {
            marked.extend(parts.chars().map(|part| (self.classes.of(part), part)));
        } else {
            marked.push((self.classes.of(character), character));
        }
    }

    /// Composes in place: each character with the last starter, unless a mark of the same or a higher class is between.
    fn recompose(&self, marked: &mut Vec<Marked>) {
        let mut starter: Option<usize> = None;
        let mut len = 0;
        let mut last = 0;
        for index in 0..marked.len() {
            let (class, character) = marked[index];
            // Whether nothing that was kept is between the starter and this.
            let adjacent = starter.is_some_and(|starter| starter + 1 == len);
            if let Some(at) = starter
                && (adjacent || last < class)
                && let Some(composed) = self.pair(marked[at].1, character)
            {
                marked[at].1 = composed;
                continue;
            }
            if class == 0 {
                starter = Some(len);
            }
            last = class;
            marked[len] = (class, character);
            len += 1;
        }
        marked.truncate(len);
    }

    fn pair(&self, first: char, second: char) -> Option<char> {
        let (a, b) = (first as u32, second as u32);
        let (lead, vowel) = (a.wrapping_sub(LEADS), b.wrapping_sub(VOWELS));
        if lead < LEAD_COUNT && vowel < VOWEL_COUNT {
            return char::from_u32(SYLLABLES + (lead * VOWEL_COUNT + vowel) * TAIL_COUNT);
        }
        let (syllable, tail) = (a.wrapping_sub(SYLLABLES), b.wrapping_sub(TAILS));
        if syllable < SYLLABLE_COUNT && syllable % TAIL_COUNT == 0 && (1..TAIL_COUNT).contains(&tail) {
            return char::from_u32(a + tail);
        }
        let from = self.firsts.partition_point(|word| word < a);
        let mut same = (from..from + MAX_PAIRS).take_while(|&at| self.firsts.get(at) == Some(a));
        let at = same.find(|&at| self.seconds.get(at) == Some(b))?;
        char::from_u32(self.composed.get(at)?)
    }
}

/// Puts each run of marks in the order of their classes; those of one class stay as they are.
///
/// A run is gone through once for each class, so that ten thousand marks take no longer than in proportion.
fn order(marked: &mut [Marked]) {
    for run in marked.chunk_by_mut(|_, next| next.0 != 0) {
        let marks = match run {
            [(0, _), marks @ ..] => marks,
            marks => marks,
        };
        if marks.is_sorted_by_key(|mark| mark.0) {
            continue;
        }
        if marks.len() < 32 {
            insertion(marks);
            continue;
        }
        let before = marks.to_vec();
        let sorted = (1..=u8::MAX).flat_map(|class| before.iter().filter(move |mark| mark.0 == class));
        for (place, mark) in marks.iter_mut().zip(sorted) {
            *place = *mark;
        }
    }
}

fn insertion(marks: &mut [Marked]) {
    for end in 1..marks.len() {
        let mut at = end;
        while at > 0 && marks[at - 1].0 > marks[at].0 {
            marks.swap(at - 1, at);
            at -= 1;
        }
    }
}
