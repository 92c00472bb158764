//! Hashed character n-grams: no vocabulary, so that any text in any script has ids.
//!
//! Text is split at white space. Each word stands between a begin and an end mark, and gives, in this order, the
//! id of the word itself, the id of the pair that it forms with the word before it, and then for each of its
//! characters the ids of the n-grams that begin there, from the shortest to the longest. Marks count as characters.
//!
//! The id of a feature is `(h * 0x9E3779B1 mod 2^32) >> (32 - log2(buckets))`, with `h` the 32-bit FNV-1a hash of
//! a byte that tells the kinds of feature apart ([`KIND_NGRAM`], [`KIND_WORD`], [`KIND_PAIR`]) and of the
//! feature's UTF-8 bytes; a pair's words have a space between them.

use super::Ids;
use crate::error::SpecError;
use crate::reader::Reader;
use alloc::vec::Vec;
use core::marker::PhantomData;

/// Hashed before an n-gram.
pub const KIND_NGRAM: u8 = 0;
/// Hashed before a word.
pub const KIND_WORD: u8 = 1;
/// Hashed before a pair of words.
pub const KIND_PAIR: u8 = 2;

/// Stands before a word.
pub const BEGIN: u8 = 2;
/// Stands after a word.
pub const END: u8 = 3;

/// The longest n-gram that a spec may ask for, in characters.
pub const MAX_N: u32 = 8;
/// The most buckets, as a power of two.
pub const MAX_LOG2: u32 = 24;

/// What n-grams there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ngrams<'a> {
    /// Characters of the shortest, marks included.
    pub min: u32,
    /// Characters of the longest, marks included.
    pub max: u32,
    /// Whether whole words have ids.
    pub words: bool,
    /// Whether pairs of neighbouring words have ids.
    pub pairs: bool,
    /// How many ids there are, as a power of two.
    pub log2_buckets: u32,
    /// Tokenizers borrow their tables; this one has none.
    borrows: PhantomData<&'a [u8]>,
}

/// Where the characters of a marked word begin, and its bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scratch {
    word: Vec<u8>,
    starts: Vec<usize>,
}

impl Ngrams<'_> {
    /// Checked options.
    ///
    /// # Errors
    /// [`SpecError::Invalid`] when a length or the number of buckets is out of range.
    pub fn new(min: u32, max: u32, words: bool, pairs: bool, log2_buckets: u32) -> Result<Self, SpecError> {
        let invalid = |why| SpecError::Invalid { part: "n-grams", why };
        if !(1..=MAX_N).contains(&min) || !(min..=MAX_N).contains(&max) {
            return Err(invalid("lengths are from 1 to 8 characters, the shortest first"));
        }
        if !(1..=MAX_LOG2).contains(&log2_buckets) {
            return Err(invalid("buckets are from 2^1 to 2^24"));
        }
        Ok(Self { min, max, words, pairs, log2_buckets, borrows: PhantomData })
    }

    /// Shortest, longest, bits for words (1) and pairs (2), power of two of the buckets.
    pub(super) fn parse(reader: &mut Reader<'_>) -> Result<Self, SpecError> {
        let (min, max, flags, log2) = (reader.word()?, reader.word()?, reader.word()?, reader.word()?);
        if flags > 3 {
            return Err(SpecError::Invalid { part: "n-grams", why: "unknown features" });
        }
        Self::new(min, max, flags & 1 != 0, flags & 2 != 0, log2)
    }

    /// What `Ngrams::parse` reads, behind the tokenizer's kind.
    #[cfg(feature = "write")]
    pub fn words(&self) -> [u32; 5] {
        let flags = u32::from(self.words) | u32::from(self.pairs) << 1;
        [super::kinds::NGRAMS, self.min, self.max, flags, self.log2_buckets]
    }

    /// How many ids there are.
    pub fn buckets(&self) -> u32 {
        1 << self.log2_buckets
    }

    /// Adds the ids of a text.
    pub(super) fn tokenize(&self, text: &str, scratch: &mut Scratch, out: &mut Ids) {
        let mut before: Option<&str> = None;
        for word in text.split_whitespace() {
            if self.words && !out.push(self.id(Fnv::of(KIND_WORD).bytes(word.as_bytes()))) {
                return;
            }
            if let Some(before) = before.replace(word).filter(|_| self.pairs) {
                let pair = Fnv::of(KIND_PAIR).bytes(before.as_bytes()).byte(b' ').bytes(word.as_bytes());
                if !out.push(self.id(pair)) {
                    return;
                }
            }
            scratch.mark(word);
            if !self.ngrams(scratch, out) {
                return;
            }
        }
    }

    /// The n-grams of a marked word; `false` when the limit is reached.
    fn ngrams(&self, Scratch { word, starts }: &Scratch, out: &mut Ids) -> bool {
        // Characters and not bytes are counted, so that an n-gram holds as much of a word in every script. Each hash is
        // the one before it with one character more.
        for begin in 0..starts.len() {
            let mut hash = Fnv::of(KIND_NGRAM);
            for n in 1..=self.max as usize {
                let (Some(&from), Some(&to)) = (starts.get(begin + n - 1), starts.get(begin + n)) else { break };
                hash = hash.bytes(&word[from..to]);
                if n >= self.min as usize && !out.push(self.id(hash)) {
                    return false;
                }
            }
        }
        true
    }

    fn id(&self, hash: Fnv) -> i32 {
        (hash.0.wrapping_mul(0x9E37_79B1) >> (32 - self.log2_buckets)) as i32
    }
}

impl Scratch {
    /// Takes a word between its marks, and notes where its characters begin and the last one ends.
    fn mark(&mut self, word: &str) {
        self.word.clear();
        self.word.push(BEGIN);
        self.word.extend_from_slice(word.as_bytes());
        self.word.push(END);
        self.starts.clear();
        self.starts.push(0);
        self.starts.extend(word.char_indices().map(|(at, _)| at + 1));
        self.starts.extend([word.len() + 1, word.len() + 2]);
    }
}

/// FNV-1a, 32 bits.
#[derive(Clone, Copy, Debug)]
struct Fnv(u32);

impl Fnv {
    fn of(kind: u8) -> Self {
        Self(0x811C_9DC5).byte(kind)
    }

    fn byte(self, byte: u8) -> Self {
        Self((self.0 ^ u32::from(byte)).wrapping_mul(0x0100_0193))
    }

    fn bytes(self, bytes: &[u8]) -> Self {
        bytes.iter().fold(self, |hash, &byte| hash.byte(byte))
    }
}
