//! A text on its way through the steps.

use super::clusters;
use super::matcher::Matcher;
use super::normal::Marked;
use super::op::{Op, behaviour, filter};
use super::tables::{Charmap, Classes};
use alloc::string::String;
use alloc::vec::Vec;
use core::mem;
use core::ops::Range;

/// How many times as long as the text that was read a step may make it. NFKC makes it up to eleven times as long.
const GROWTH: usize = 16;

/// The longest cluster that a string may stand for, in bytes.
const CLUSTER_BYTES: usize = 6;

/// Part of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Piece {
    start: u32,
    end: u32,
    /// Its id, where it is a word that the vocabulary has for itself.
    pub(super) id: Option<u32>,
    /// Whether it is the beginning of the text.
    first: bool,
}

/// A text, the pieces that it is in, and room for their successors.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(super) text: String,
    pub(super) pieces: Vec<Piece>,
    pub(super) next: Vec<Piece>,
    out: String,
    matches: Vec<(usize, usize, bool)>,
    marked: Vec<Marked>,
    limit: usize,
    /// Whether steps made so much of it that the rest was left out.
    pub(super) truncated: bool,
}

impl Piece {
    /// Where it lies in the text.
    pub(super) fn range(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The same, with an id.
    pub(super) fn with(self, id: u32) -> Self {
        Self { id: Some(id), ..self }
    }

    /// A part of it, by offsets in it.
    pub(super) fn part(&self, from: usize, to: usize) -> Self {
        Self { start: self.start + from as u32, end: self.start + to as u32, id: None, first: self.first && from == 0 }
    }
}

impl State {
    /// Takes a text and does all steps.
    pub(super) fn run(&mut self, text: &str, ops: &[Op<'_>]) {
        self.text.clear();
        self.text.push_str(text);
        self.pieces.clear();
        if !text.is_empty() {
            self.pieces.push(Piece { start: 0, end: text.len() as u32, id: None, first: true });
        }
        self.limit = GROWTH * (text.len() + GROWTH);
        self.truncated = false;
        for op in ops {
            self.step(op);
        }
    }

    fn step(&mut self, op: &Op<'_>) {
        let limit = self.limit;
        match op {
            Op::Filter(classes) => self.rewrite(|text, _, out| filtered(text, classes, out)),
            Op::Map(map) => self.rewrite(|text, _, out| mapped(text, map, limit, out)),
            Op::Clusters { map, classes } => self.rewrite(|text, _, out| clustered(text, map, classes, limit, out)),
            Op::Normal(normal) => {
                let mut marked = mem::take(&mut self.marked);
                self.rewrite(|text, _, out| normal.apply(text, limit, &mut marked, out));
                self.marked = marked;
            }
            Op::Strip { left, right } => self.rewrite(|text, _, out| {
                let text = if *left { text.trim_start() } else { text };
                out.push_str(if *right { text.trim_end() } else { text });
            }),
            Op::Prefix { prefix, once, first } => self.rewrite(|text, begins, out| {
                if !(*once && text.starts_with(prefix) || *first && !begins) {
                    out.push_str(prefix);
                }
                out.push_str(text);
            }),
            Op::Replace { matcher, with } => self.rewrite(|text, _, out| replaced(text, matcher, with, limit, out)),
            Op::Split { matcher, behaviour, invert } => {
                self.divide(|state, piece| state.split(piece, matcher, *behaviour, *invert));
            }
            Op::Added(added) => self.divide(|state, piece| added.split(piece, state)),
        }
    }

    /// Makes another text of each piece that has no id.
    fn rewrite(&mut self, mut write: impl FnMut(&str, bool, &mut String)) {
        let mut out = mem::take(&mut self.out);
        out.clear();
        for piece in &mut self.pieces {
            let start = out.len();
            if piece.id.is_none() && start < self.limit {
                write(&self.text[piece.range()], piece.first, &mut out);
            }
            if out.len() > self.limit {
                out.truncate(out.floor_char_boundary(self.limit));
                self.truncated = true;
            }
            (piece.start, piece.end) = (start.min(out.len()) as u32, out.len() as u32);
        }
        self.pieces.retain(|piece| piece.id.is_some() || piece.start < piece.end);
        self.out = mem::replace(&mut self.text, out);
    }

    /// Makes several pieces of each that has no id.
    fn divide(&mut self, mut split: impl FnMut(&mut Self, Piece)) {
        let pieces = mem::take(&mut self.pieces);
        self.next.clear();
        for &piece in &pieces {
            match piece.id {
                Some(_) => self.next.push(piece),
                None => split(self, piece),
            }
        }
        self.pieces = mem::replace(&mut self.next, pieces);
    }

    fn split(&mut self, piece: Piece, matcher: &Matcher<'_>, how: u32, invert: bool) {
        let text = &self.text[piece.range()];
        self.matches.clear();
        let mut done = 0;
        while let Some((from, to)) = matcher.find(text, done) {
            if done < from {
                self.matches.push((done, from, invert));
            }
            self.matches.push((from, to, !invert));
            done = to;
        }
        if done < text.len() {
            self.matches.push((done, text.len(), invert));
        }
        let mut before = false;
        let mut start = None;
        let whole = self.next.len();
        for (index, &(from, to, matched)) in self.matches.iter().enumerate() {
            let follows = self.matches.get(index + 1).is_some_and(|next| !next.2);
            let joins = match how {
                behaviour::CONTIGUOUS => matched == before,
                behaviour::WITH_PREVIOUS => matched && !before,
                _ => false,
            };
            before = matched;
            if how == behaviour::REMOVED && matched {
                continue;
            }
            if how == behaviour::WITH_NEXT && matched && follows {
                start = Some(from);
                continue;
            }
            let part = piece.part(start.take().unwrap_or(from), to);
            match self.next[whole..].last_mut() {
                Some(last) if joins => last.end = part.end,
                _ => self.next.push(part),
            }
        }
    }
}

fn filtered(text: &str, classes: &Classes<'_>, out: &mut String) {
    for character in text.chars() {
        match classes.of(character) {
            filter::REMOVE => {}
            filter::SPACE => out.push(' '),
            filter::SURROUND => {
                out.push(' ');
                out.push(character);
                out.push(' ');
            }
            _ => out.push(character),
        }
    }
}

fn mapped(text: &str, map: &Charmap<'_>, limit: usize, out: &mut String) {
    for character in text.chars() {
        if out.len() > limit {
            return;
        }
        match map.of(character) {
            Some(string) => out.push_str(string),
            None => out.push(character),
        }
    }
}

/// A short cluster is looked up whole; what stands for its shortest beginning then stands for all of it, as in the library whose
/// ids these are. Longer ones, and those that nothing stands for, are looked up a character at a time.
fn clustered(text: &str, map: &Charmap<'_>, classes: &Classes<'_>, limit: usize, out: &mut String) {
    let mut rest = text;
    while !rest.is_empty() && out.len() <= limit {
        let (cluster, behind) = rest.split_at(clusters::first(rest, classes));
        rest = behind;
        match Some(cluster).filter(|cluster| cluster.len() < CLUSTER_BYTES).and_then(|cluster| map.get(cluster)) {
            Some(string) => out.push_str(string),
            None => mapped(cluster, map, limit, out),
        }
    }
}

fn replaced(text: &str, matcher: &Matcher<'_>, with: &str, limit: usize, out: &mut String) {
    let mut done = 0;
    while out.len() <= limit
        && let Some((from, to)) = matcher.find(text, done)
    {
        out.push_str(&text[done..from]);
        out.push_str(with);
        done = to;
    }
    out.push_str(&text[done..]);
}
