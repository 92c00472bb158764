//! What characters become: lower case, decompositions, look-alikes.

use super::CODE_POINTS;
use crate::error::SpecError;
use crate::reader::{Halves, Reader, Words};

/// Set in an entry's first word when its run has every second character.
const STEP_2: u32 = 1 << 31;
/// Set in an entry's second word when its characters become as many others in a row.
const MOVES: u32 = 1 << 31;

/// A map from characters to strings.
///
/// The number of entries and of 16-bit units, then the entries, two words each, and the units. An entry is a run of
/// characters: the first (21 bits), how many follow it (10 bits), whether they are two apart (1 bit). Its second word has either
/// the first one's result, when the results form a run as well (21 bits; the highest bit is set), or
/// where in the units the results lie as UTF-16 (20 bits), and how many units each has (6 bits).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CharMap<'a> {
    /// First words of the entries, in rising order of their characters.
    runs: Words<'a>,
    results: Words<'a>,
    units: Halves<'a>,
}

/// What a character becomes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mapped<'a> {
    /// Another character.
    Char(char),
    /// Several, or none, in UTF-16.
    Units(Halves<'a>),
}

/// An entry's run.
#[derive(Clone, Copy)]
struct Run {
    start: u32,
    more: u32,
    step: u32,
}

impl Run {
    fn of(word: u32) -> Self {
        Self { start: word & 0x1F_FFFF, more: word >> 21 & 0x3FF, step: if word & STEP_2 == 0 { 1 } else { 2 } }
    }

    fn last(self) -> u32 {
        self.start + self.more * self.step
    }

    /// Which of the run's characters a character is.
    fn place(self, c: u32) -> Option<u32> {
        let distance = c.checked_sub(self.start)?;
        (c <= self.last() && distance % self.step == 0).then_some(distance / self.step)
    }
}

impl<'a> CharMap<'a> {
    /// Reads a map and checks that every look-up stays inside of it.
    pub(crate) fn parse(reader: &mut Reader<'a>, part: &'static str) -> Result<Self, SpecError> {
        let (entries, units) = (reader.word()? as usize, reader.word()? as usize);
        let map = Self { runs: reader.words(entries)?, results: reader.words(entries)?, units: reader.halves(units)? };
        if reader.known {
            return Ok(map);
        }
        let mut after = 0;
        for (run, result) in map.runs.iter().map(Run::of).zip(map.results.iter()) {
            let fits = if result & MOVES == 0 {
                let (at, len) = units_of(result);
                at + len * (run.more as usize + 1) <= units
            } else {
                (result & !MOVES) + run.more * run.step < CODE_POINTS
            };
            if run.start < after || run.last() >= CODE_POINTS || !fits {
                return Err(SpecError::Invalid { part, why: "entries out of order, or out of range" });
            }
            after = run.last() + 1;
        }
        Ok(map)
    }

    /// What a character becomes; `None` when it stays.
    pub(crate) fn get(&self, c: char) -> Option<Mapped<'a>> {
        let index = self.runs.partition_point(|word| word & 0x1F_FFFF <= u32::from(c)).checked_sub(1)?;
        let run = Run::of(self.runs.get(index)?);
        let place = run.place(u32::from(c))?;
        let result = self.results.get(index)?;
        if result & MOVES != 0 {
            return char::from_u32((result & !MOVES) + place * run.step).map(Mapped::Char);
        }
        let (at, len) = units_of(result);
        self.units.range(at + place as usize * len, len).map(Mapped::Units)
    }
}

/// Where results lie, and how many units each has.
fn units_of(result: u32) -> (usize, usize) {
    ((result & 0xF_FFFF) as usize, (result >> 20 & 0x3F) as usize)
}

impl Mapped<'_> {
    /// Its characters, in order; what isn't UTF-16 becomes U+FFFD.
    pub(crate) fn chars(self) -> impl Iterator<Item = char> {
        let (one, units) = match self {
            Self::Char(c) => (Some(c), Halves::default()),
            Self::Units(units) => (None, units),
        };
        let decoded = char::decode_utf16(units.iter()).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER));
        one.into_iter().chain(decoded)
    }
}

/// A character with what it becomes.
#[cfg(feature = "write")]
pub type Mapping = (char, alloc::string::String);

/// What `CharMap::parse` reads, for characters in rising order.
///
/// # Panics
/// For results of more than 63 units, or more than a million units in all: no Unicode table has them.
#[cfg(feature = "write")]
pub fn write_map(mappings: &[Mapping]) -> alloc::vec::Vec<u8> {
    let (mut runs, mut results, mut units) = (alloc::vec![], alloc::vec![], alloc::vec![]);
    let mut rest = mappings;
    while let Some((first, result)) = rest.first() {
        let (ones, twos) = (moving(rest, 1), moving(rest, 2));
        let (step, count) = if twos > ones { (2, twos) } else { (1, ones) };
        let (step, count) = if count < 2 { (1, strings(rest)) } else { (step, count) };
        runs.push(u32::from(*first) | (count as u32 - 1) << 21 | if step == 2 { STEP_2 } else { 0 });
        match single(result) {
            Some(to) if moving(rest, step) >= count => results.push(MOVES | u32::from(to)),
            _ => {
                let len = result.encode_utf16().count();
                assert!(len < 0x40 && units.len() < 0x10_0000, "tables of Unicode are smaller");
                results.push(units.len() as u32 | (len as u32) << 20);
                units.extend(rest[..count].iter().flat_map(|(_, to)| to.encode_utf16()));
            }
        }
        rest = &rest[count..];
    }
    let mut bytes = crate::write::bytes_of(&[runs.len() as u32, units.len() as u32]);
    bytes.extend(crate::write::bytes_of(&runs));
    bytes.extend(crate::write::bytes_of(&results));
    bytes.extend(crate::write::halves_of(&units));
    bytes
}

/// How many of the first mappings are `step` apart, and their results as well.
#[cfg(feature = "write")]
fn moving(mappings: &[Mapping], step: u32) -> usize {
    let Some((first, result)) = mappings.first() else { return 0 };
    let Some(start) = single(result).map(u32::from) else { return 0 };
    let follows = |(i, (c, to)): (u32, &Mapping)| {
        u32::from(*c) == u32::from(*first) + i * step && single(to).is_some_and(|to| u32::from(to) == start + i * step)
    };
    (0..0x400).zip(mappings).take_while(|&mapping| follows(mapping)).count()
}

/// How many of the first mappings are neighbours whose results have one length, up to where a row of moves begins.
#[cfg(feature = "write")]
fn strings(mappings: &[Mapping]) -> usize {
    let units = |mapping: &Mapping| mapping.1.encode_utf16().count();
    let follows = |i: usize| {
        i < 0x400
            && u32::from(mappings[i].0) == u32::from(mappings[0].0) + i as u32
            && units(&mappings[i]) == units(&mappings[0])
            && moving(&mappings[i..], 1).max(moving(&mappings[i..], 2)) < 3
    };
    1 + (1..mappings.len()).take_while(|&i| follows(i)).count()
}

/// The only character of a string.
#[cfg(feature = "write")]
fn single(text: &str) -> Option<char> {
    let mut chars = text.chars();
    chars.next().filter(|_| chars.next().is_none())
}
