//! Writes what `dunlin-text` reads: words, strings and tables.

use std::collections::BTreeMap;

use dunlin_text::tables::{write_classes, write_map};
use dunlin_text::tokenizer::pieces::MAX_KEY;
use dunlin_text::write::{bytes_of, halves_of};
use yada::builder::DoubleArrayBuilder;

use super::unicode::Set;

/// Bytes that are being made.
#[derive(Clone, Debug, Default)]
pub(super) struct Bytes(pub(super) Vec<u8>);

impl Bytes {
    pub(super) fn word(&mut self, word: u32) -> &mut Self {
        self.0.extend(word.to_le_bytes());
        self
    }

    pub(super) fn words(&mut self, words: &[u32]) -> &mut Self {
        self.0.extend(bytes_of(words));
        self
    }

    /// Their number, then they.
    pub(super) fn list(&mut self, words: &[u32]) -> &mut Self {
        self.word(words.len() as u32).words(words)
    }

    /// Up to a whole word.
    pub(super) fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend(bytes);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    /// Their number, then they.
    pub(super) fn string(&mut self, bytes: &[u8]) -> &mut Self {
        self.word(bytes.len() as u32).raw(bytes)
    }

    pub(super) fn halves(&mut self, halves: &[u16]) -> &mut Self {
        self.0.extend(halves_of(halves));
        self
    }

    /// A double array of strings and their numbers; `None` when a string is empty, or too long to be looked for.
    pub(super) fn trie(&mut self, keys: &BTreeMap<Vec<u8>, u32>) -> Option<&mut Self> {
        // Byte 0 is the array's own, and 0xff in no text: that stands for it.
        let escape = |key: &[u8]| key.iter().map(|&byte| if byte == 0 { 0xff } else { byte }).collect::<Vec<u8>>();
        let mut keys: Vec<(Vec<u8>, u32)> =
            keys.iter().filter(|(key, _)| !key.contains(&0xff)).map(|(key, &value)| (escape(key), value)).collect();
        keys.sort_unstable();
        if keys.iter().any(|(key, _)| !(1..=MAX_KEY).contains(&key.len())) {
            return None;
        }
        if keys.is_empty() {
            return Some(self.list(&[]));
        }
        let units = DoubleArrayBuilder::build(&keys).ok()?;
        Some(self.word(units.len() as u32 / 4).raw(&units))
    }

    /// Classes of characters; a character is in the first set that has it.
    pub(super) fn classes(&mut self, sets: &[(u8, &Set)]) -> &mut Self {
        self.words_of_characters(sets, 0)
    }

    /// Combining classes.
    pub(super) fn combining(&mut self, sets: &[(u8, &Set)]) -> &mut Self {
        self.words_of_characters(sets, 8)
    }

    /// A table of classes, with the sets' numbers at a place in its words.
    fn words_of_characters(&mut self, sets: &[(u8, &Set)], shift: u32) -> &mut Self {
        let mut words = vec![0; char::MAX as usize + 1];
        for (class, set) in sets.iter().rev() {
            for &(from, to) in set.as_ranges() {
                words[from as usize..=to as usize].fill(u32::from(*class) << shift);
            }
        }
        self.string(&write_classes(|c| words[c as usize]))
    }

    /// Strings for characters.
    pub(super) fn map(&mut self, map: BTreeMap<char, String>) -> &mut Self {
        self.raw(&write_map(&map.into_iter().collect::<Vec<_>>()))
    }
}
