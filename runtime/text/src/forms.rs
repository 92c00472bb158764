//! Unicode's normalization forms (UAX #15): decompose, order the marks, compose.

use crate::tables::{CharMap, Class, Classes, Compositions, flags, hangul_parts};
use alloc::string::String;
use alloc::vec::Vec;

/// What a form is made with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form<'a> {
    /// What characters decompose to: by canonical equivalence for NFC and NFD, by compatibility for NFKC and NFKD.
    pub(crate) decompositions: CharMap<'a>,
    /// Their combining classes.
    pub(crate) classes: Classes<'a>,
    /// What composes again, for NFC and NFKC.
    pub(crate) compositions: Option<Compositions<'a>>,
    /// Whether [`flags::UNSTABLE`] is about this form, so that other characters need no look-up.
    pub(crate) quick: bool,
}

/// Brings text into a form; keeps its memory from one text to the next.
#[derive(Clone, Debug, Default)]
pub(crate) struct Former {
    /// What marks are put on; it may still compose with the next character.
    starter: Option<char>,
    /// Whether the starter is as it stood in the text, not decomposed yet.
    whole: bool,
    /// The marks behind it, with their combining classes.
    marks: Vec<(u8, char)>,
    /// Room to order them in.
    ordered: Vec<(u8, char)>,
}

impl Former {
    /// Adds a character of the text.
    pub(crate) fn push(&mut self, form: &Form<'_>, c: char, class: Class, out: &mut String) {
        if form.quick && !class.has(flags::UNSTABLE) {
            self.flush(form, out);
            (self.starter, self.whole) = (Some(c), true);
            return;
        }
        if let Some(starter) = self.starter.filter(|_| self.whole) {
            self.starter = None;
            self.whole = false;
            self.decompose(form, starter, out);
        }
        self.decompose(form, c, out);
    }

    /// Adds what a character decomposes to.
    fn decompose(&mut self, form: &Form<'_>, c: char, out: &mut String) {
        if let Some(mapped) = form.decompositions.get(c) {
            return mapped.chars().for_each(|c| self.take(form, c, out));
        }
        match hangul_parts(c) {
            Some(parts) => parts.for_each(|c| self.take(form, c, out)),
            None => self.take(form, c, out),
        }
    }

    /// Adds a character that doesn't decompose.
    fn take(&mut self, form: &Form<'_>, c: char, out: &mut String) {
        let combining = form.classes.get(c).combining();
        if combining != 0 {
            return self.marks.push((combining, c));
        }
        self.settle(form);
        // Nothing stands between the two, so that they may be one.
        if let (Some(starter), Some(table), true) = (self.starter, form.compositions, self.marks.is_empty())
            && let Some(one) = table.get(starter, c)
        {
            self.starter = Some(one);
            return;
        }
        self.write(out);
        self.starter = Some(c);
    }

    /// Writes what is there.
    pub(crate) fn flush(&mut self, form: &Form<'_>, out: &mut String) {
        self.settle(form);
        self.write(out);
        self.whole = false;
    }

    fn write(&mut self, out: &mut String) {
        out.extend(self.starter.take());
        out.extend(self.marks.drain(..).map(|(_, c)| c));
    }

    /// Orders the marks and puts those on the starter that compose with it.
    fn settle(&mut self, form: &Form<'_>) {
        if self.marks.is_empty() {
            return;
        }
        self.order();
        let (Some(mut starter), Some(table)) = (self.starter, form.compositions) else { return };
        // A mark composes unless one of its own class stays before it, or one of a higher class, which there is none in order.
        let mut before = 0;
        self.marks.retain(|&(combining, c)| {
            if combining != before
                && let Some(one) = table.get(starter, c)
            {
                starter = one;
                return false;
            }
            before = combining;
            true
        });
        self.starter = Some(starter);
    }

    /// Sorts the marks by class, those of one class staying in order: in time proportional to their number, whatever it is.
    fn order(&mut self) {
        if self.marks.is_sorted_by_key(|&(combining, _)| combining) {
            return;
        }
        let mut places = [0_usize; 257];
        self.marks.iter().for_each(|&(combining, _)| places[usize::from(combining) + 1] += 1);
        for class in 1..places.len() {
            places[class] += places[class - 1];
        }
        self.ordered.clear();
        self.ordered.resize(self.marks.len(), (0, '\0'));
        for &mark in &self.marks {
            let place = &mut places[usize::from(mark.0)];
            self.ordered[*place] = mark;
            *place += 1;
        }
        core::mem::swap(&mut self.marks, &mut self.ordered);
    }
}
