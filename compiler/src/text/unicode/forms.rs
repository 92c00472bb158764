//! What normalization needs, and lower case.

use dunlin_text::tables::{Mapping, write_compositions, write_map};
use unicode_normalization::char::{compose, decompose_canonical, decompose_compatible};

use super::beyond_ascii;

/// What characters decompose to by compatibility. Syllables of Hangul are left out: they decompose by arithmetic.
pub fn compatible() -> Vec<u8> {
    let syllables = '\u{AC00}'..='\u{D7A3}';
    let mapping = |c| {
        let mut parts = String::new();
        decompose_compatible(c, |part| parts.push(part));
        (!parts.chars().eq([c])).then_some((c, parts))
    };
    let mappings: Vec<Mapping> = beyond_ascii().filter(|c| !syllables.contains(c)).filter_map(mapping).collect();
    write_map(&mappings)
}

/// All pairs that compose.
pub fn compositions() -> Vec<u8> {
    write_compositions(&pairs())
}

/// The pairs, in rising order: those of which some character's canonical decomposition is made, one step undone.
pub(super) fn pairs() -> Vec<(char, char, char)> {
    let syllables = '\u{AC00}'..='\u{D7A3}';
    let pair = |c: char| {
        let mut parts = Vec::new();
        decompose_canonical(c, |part| parts.push(part));
        // A decomposition is full: its beginning may have to be composed first.
        let (&last, begin) = parts.split_last()?;
        let first = begin.iter().copied().reduce(|a, b| compose(a, b).unwrap_or(a))?;
        (compose(first, last) == Some(c)).then_some((first, last, c))
    };
    let mut pairs: Vec<_> = beyond_ascii().filter(|c| !syllables.contains(c)).filter_map(pair).collect();
    pairs.sort_unstable();
    pairs
}

/// Lower case, character by character.
pub fn lower() -> Vec<u8> {
    let mapping = |c: char| (!c.to_lowercase().eq([c])).then(|| (c, c.to_lowercase().collect()));
    write_map(&beyond_ascii().filter_map(mapping).collect::<Vec<_>>())
}
