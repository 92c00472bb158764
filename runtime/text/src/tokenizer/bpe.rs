//! Byte-pair encoding: a piece's characters or bytes, of which neighbours are merged in the order of a list.
//!
//! Possible merges wait in a heap, so that a piece of n characters takes n log n steps, however long it is.

use super::pieces::{Node, Trie, flags, list};
use crate::error::SpecError;
use crate::reader::{Reader, Words};
use alloc::collections::BinaryHeap;
use alloc::vec::Vec;
use core::cmp::Reverse;

/// No neighbour.
const END: u32 = u32::MAX;

/// The model.
#[derive(Clone, Debug)]
pub(super) struct Bpe<'a> {
    /// Ids of single characters or bytes, with what stands before and behind them; of whole pieces too where they count.
    words: Trie<'a>,
    /// Whether a piece is taken apart into bytes, not characters.
    bytewise: bool,
    /// Whether a piece that is in the vocabulary is not taken apart.
    whole: bool,
    /// Whether neighbouring unknown characters are one.
    fuse: bool,
    /// Stands before all characters but a piece's first.
    prefix: &'a [u8],
    /// Stands behind a piece's last character.
    suffix: &'a [u8],
    /// The ids of bytes that stand for an unknown character, or none.
    bytes: Words<'a>,
    /// Pairs of ids in rising order; in the same order their places in the list, and what they become.
    lefts: Words<'a>,
    rights: Words<'a>,
    ranks: Words<'a>,
    merged: Words<'a>,
}

/// Part of a piece.
#[derive(Clone, Copy, Debug)]
struct Symbol {
    id: u32,
    before: u32,
    behind: u32,
    gone: bool,
}

/// A merge that may be done: its place in the list, where, and what comes of it.
type Merge = Reverse<(u32, u32, u32)>;

/// The parts of a piece, and what may be merged.
#[derive(Clone, Debug, Default)]
pub(super) struct Scratch {
    symbols: Vec<Symbol>,
    heap: BinaryHeap<Merge>,
}

impl<'a> Bpe<'a> {
    /// A trie of ids, flags, prefix, suffix, ids of bytes, and the four columns of merges.
    pub(super) fn parse(reader: &mut Reader<'a>) -> Result<Self, SpecError> {
        let words = Trie::parse(reader)?;
        let ([bytewise, whole], [fuse, _]) = (flags(reader)?, flags(reader)?);
        let mut string = || {
            let len = reader.word()? as usize;
            reader.bytes(len)
        };
        let (prefix, suffix) = (string()?, string()?);
        let bytes = list(reader)?;
        let (lefts, rights, ranks, merged) = (list(reader)?, list(reader)?, list(reader)?, list(reader)?);
        let invalid = |why| SpecError::Invalid { part: "bpe", why };
        if !matches!(bytes.len(), 0 | 256) {
            return Err(invalid("ids of only some bytes"));
        }
        if [rights.len(), ranks.len(), merged.len()] != [lefts.len(); 3] {
            return Err(invalid("columns of merges that differ in length"));
        }
        Ok(Self { words, bytewise, whole, fuse, prefix, suffix, bytes, lefts, rights, ranks, merged })
    }

    /// Adds a piece's ids. A character that is unknown where nothing stands for such is left out.
    pub(super) fn encode(&self, piece: &str, unknown: Option<u32>, scratch: &mut Scratch, ids: &mut Vec<u32>) {
        if let Some(id) = Some(piece).filter(|_| self.whole).and_then(|piece| self.words.get(piece.as_bytes())) {
            return ids.push(id);
        }
        scratch.symbols.clear();
        self.take_apart(piece, unknown, &mut scratch.symbols);
        self.merge(scratch);
        ids.extend(scratch.symbols.iter().filter(|symbol| !symbol.gone).map(|symbol| symbol.id));
    }

    fn take_apart(&self, piece: &str, unknown: Option<u32>, symbols: &mut Vec<Symbol>) {
        // An unknown character waits for the next that is known: others may become part of it.
        let mut waiting = None;
        let mut at = 0;
        while at < piece.len() {
            let end = if self.bytewise { at + 1 } else { piece.ceil_char_boundary(at + 1) };
            let part = &piece.as_bytes()[at..end];
            if let Some(id) = self.character(part, at == 0, end == piece.len()) {
                symbols.extend(waiting.take().into_iter().chain([id]).map(Symbol::new));
            } else if self.bytes.len() == 256 {
                symbols.extend(part.iter().filter_map(|&byte| self.bytes.get(byte.into())).map(Symbol::new));
            } else if let Some(id) = unknown {
                let before = waiting.replace(id).filter(|_| !self.fuse);
                symbols.extend(before.map(Symbol::new));
            }
            at = end;
        }
        symbols.extend(waiting.map(Symbol::new));
        let last = symbols.len().saturating_sub(1);
        for (index, symbol) in symbols.iter_mut().enumerate() {
            symbol.before = (index as u32).wrapping_sub(1);
            symbol.behind = if index == last { END } else { index as u32 + 1 };
        }
    }

    /// The id of a character or byte, by its place in the piece.
    fn character(&self, part: &[u8], first: bool, last: bool) -> Option<u32> {
        let walk = |node: Node, bytes: &[u8]| self.words.walk(node, bytes);
        let node = walk(self.words.root(), if first { &[] } else { self.prefix })?;
        let node = walk(walk(node, part)?, if last { self.suffix } else { &[] })?;
        self.words.value(node)
    }

    fn merge(&self, Scratch { symbols, heap }: &mut Scratch) {
        heap.clear();
        for at in 1..symbols.len() {
            heap.extend(self.offer(symbols, at as u32 - 1));
        }
        while let Some(Reverse((_, at, merged))) = heap.pop() {
            // What waited may be out of date: either half may have been merged since.
            let symbol = symbols[at as usize];
            let behind = symbol.behind;
            if symbol.gone || self.offer(symbols, at).is_none_or(|Reverse((_, _, now))| now != merged) {
                continue;
            }
            symbols[behind as usize].gone = true;
            let next = symbols[behind as usize].behind;
            (symbols[at as usize].id, symbols[at as usize].behind) = (merged, next);
            if let Some(next) = symbols.get_mut(next as usize) {
                next.before = at;
            }
            heap.extend(
                Some(symbol.before).filter(|&before| before != END).and_then(|before| self.offer(symbols, before)),
            );
            heap.extend(self.offer(symbols, at));
        }
    }

    /// The merge of a symbol and the one behind it, if there is one.
    fn offer(&self, symbols: &[Symbol], at: u32) -> Option<Merge> {
        let left = symbols.get(at as usize)?;
        let right = symbols.get(left.behind as usize)?;
        let index = self.pair(left.id, right.id)?;
        Some(Reverse((self.ranks.get(index)?, at, self.merged.get(index)?)))
    }

    /// The place of a pair in the columns.
    fn pair(&self, left: u32, right: u32) -> Option<usize> {
        let (mut low, mut high) = (0, self.lefts.len());
        while low < high {
            let middle = low.midpoint(high);
            let pair = (self.lefts.get(middle)?, self.rights.get(middle)?);
            if pair < (left, right) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        (self.lefts.get(low)? == left && self.rights.get(low)? == right).then_some(low)
    }
}

impl Symbol {
    fn new(id: u32) -> Self {
        Self { id, before: END, behind: END, gone: false }
    }
}
