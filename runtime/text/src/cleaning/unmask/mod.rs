//! The second view of a text: what it seems to hide.
//!
//! Three passes: letters that stand apart, letters of other scripts, digits and symbols in the place of letters. Each is
//! strict at first, so that no ordinary text is changed. Where one of them found something, or characters of the
//! plain text were disguised, all look again and take weaker hints, too.

mod leet;
mod script;
mod spacing;

use super::Cleaning;
use crate::signs::Signs;
use crate::tables::{Category, Class, Classes};
use alloc::string::String;

pub use leet::Leet;
pub use script::Lookalikes;

/// How much it takes to change a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hints {
    /// What no ordinary text has.
    Strong,
    /// What ordinary texts may have, but this is none.
    Weak,
}

/// Keeps memory from one text to the next.
#[derive(Clone, Debug, Default)]
pub(super) struct Unmasker {
    text: String,
    next: String,
}

impl Unmasker {
    /// What the plain text seems to hide; `None` when it hides nothing.
    pub(super) fn unmask(&mut self, cleaning: &Cleaning<'_>, plain: &str, signs: &mut Signs) -> Option<&str> {
        let found = self.passes(cleaning, plain, Hints::Strong);
        let disguised = signs.ignorables > 0 || signs.compatibility > 0 || signs.bidi > 0;
        let found = if disguised || found != [0; 3] { self.passes(cleaning, plain, Hints::Weak) } else { found };
        [signs.spaced, signs.mixed_script, signs.leet] = found;
        (found != [0; 3]).then_some(&self.text)
    }

    /// How many words each pass changed.
    fn passes(&mut self, cleaning: &Cleaning<'_>, plain: &str, hints: Hints) -> [u16; 3] {
        let Self { text, next } = self;
        let mut changed = false;
        let mut pass = |wanted: bool, run: &dyn Fn(&str, &mut String) -> u16| {
            if !wanted {
                return 0;
            }
            next.clear();
            let found = run(if changed { text } else { plain }, next);
            if found > 0 {
                core::mem::swap(text, next);
                changed = true;
            }
            found
        };
        let steps = cleaning.steps;
        [
            pass(steps.spacing, &|text, out| spacing::pass(&cleaning.classes, text, hints, out)),
            pass(steps.mixed_script, &|text, out| {
                script::pass(&cleaning.classes, &cleaning.lookalikes, text, hints, out)
            }),
            pass(steps.leet, &|text, out| leet::pass(&cleaning.classes, &cleaning.leet, text, hints, out)),
        ]
    }
}

/// A character's class; ASCII, which needs no table, has the categories that matter here.
fn class(classes: &Classes<'_>, c: char) -> Class {
    match c {
        'a'..='z' => Class::of(Category::LL, script::LATIN),
        'A'..='Z' => Class::of(Category::LU, script::LATIN),
        '0'..='9' => Class::of(Category::ND, 0),
        _ if c.is_ascii() => Class::of(Category::PO, 0),
        _ => classes.get(c),
    }
}

/// Splits a text into words and the white space before each; the last word may be empty.
fn words(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = Some(text);
    core::iter::from_fn(move || {
        let text = rest?;
        let word = text.trim_start();
        let (space, word) = text.split_at(text.len() - word.len());
        let end = word.find(char::is_whitespace).unwrap_or(word.len());
        rest = Some(&word[end..]).filter(|rest| !rest.is_empty());
        Some((space, &word[..end]))
    })
}
