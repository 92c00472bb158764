//! Writes what `dunlin-text` reads: words, strings and tables.

use std::collections::BTreeMap;

use dunlin_text::tokenizer::pieces::MAX_KEY;
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
        self.0.extend(words.iter().flat_map(|word| word.to_le_bytes()));
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
        self.raw(&halves.iter().flat_map(|half| half.to_le_bytes()).collect::<Vec<u8>>())
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
        let class = |c: u32| sets.iter().find(|(_, set)| set.contains(c)).map_or(0, |&(class, _)| class);
        let mut edges: Vec<u32> = sets.iter().flat_map(|(_, set)| set.edges()).collect();
        edges.sort_unstable();
        edges.dedup();
        let mut ranges: Vec<(u32, u8)> = edges.into_iter().map(|edge| (edge, class(edge))).collect();
        ranges.dedup_by_key(|range| range.1);
        let ascii: Vec<u8> = (0..128).map(class).collect();
        let words: Vec<u32> = ranges.iter().map(|&(start, class)| start << 8 | u32::from(class)).collect();
        self.raw(&ascii).list(&words)
    }

    /// Strings for characters.
    pub(super) fn charmap(&mut self, map: &BTreeMap<char, String>) -> &mut Self {
        let mut offsets: BTreeMap<&str, u32> = BTreeMap::new();
        let mut strings = Vec::new();
        let mut keys = BTreeMap::new();
        for (&from, to) in map {
            let offset = *offsets.entry(to).or_insert_with(|| {
                let offset = strings.len() as u32;
                strings.extend(to.as_bytes());
                strings.push(0);
                offset
            });
            keys.insert(from.to_string().into_bytes(), offset);
        }
        self.trie(&keys).expect("characters are neither empty nor long");
        self.string(&strings)
    }
}
