//! The plain form of a text: without what nobody sees, and each character as it is usually written.

use super::Cleaning;
use crate::forms::Former;
use crate::signs::Signs;
use crate::tables::{Category, Class, Classes, flags};
use alloc::string::String;

/// Chooses the shapes of the characters around it (U+200D).
const JOINER: char = '\u{200D}';
/// Keeps the characters around it from joining (U+200C).
const NON_JOINER: char = '\u{200C}';
/// The combining class of viramas, beside which joiners have a meaning.
const VIRAMA: u8 = 9;

/// Writes the plain form over what is in `out`; whether it had to be cut off at `limit` bytes.
pub(super) fn make(
    cleaning: &Cleaning<'_>,
    former: &mut Former,
    text: &str,
    limit: usize,
    out: &mut String,
    signs: &mut Signs,
) -> bool {
    out.clear();
    let mut wide = 0;
    let mut cjk = false;
    let mut truncated = false;
    // What stands before a character, selectors of variants left out.
    let mut base = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let class = if c.is_ascii() { Class::default() } else { cleaning.classes.get(c) };
        cjk |= class.has(flags::CJK);
        if class.has(flags::IGNORABLE) && cleaning.steps.ignorables {
            if !means_something(&cleaning.classes, c, class, base, chars.clone().next()) {
                let sign = if class.has(flags::BIDI) { &mut signs.bidi } else { &mut signs.ignorables };
                *sign = sign.saturating_add(1);
                continue;
            }
        } else {
            base = Some(c);
        }
        match &cleaning.form {
            Some(form) => former.push(form, c, class, out),
            None => out.push(c),
        }
        if class.has(flags::STYLED) && cleaning.steps.nfkc {
            let sign = if is_wide(c) { &mut wide } else { &mut signs.compatibility };
            *sign = sign.saturating_add(1);
        }
        truncated = out.len() > limit;
        if truncated {
            break;
        }
    }
    if let Some(form) = &cleaning.form {
        former.flush(form, out);
    }
    // Wide letters are usual in texts of China, Japan and Korea.
    signs.compatibility = signs.compatibility.saturating_add(if cjk { 0 } else { wide });
    truncated
}

/// A letter or digit of the width of an ideograph.
fn is_wide(c: char) -> bool {
    ('\u{FF01}'..='\u{FF5E}').contains(&c)
}

/// Whether an invisible character matters where it stands: a joiner within an emoji, beside a virama, or behind a letter of a script that
/// joins; or a selector of a variant behind what has variants.
fn means_something(classes: &Classes<'_>, c: char, class: Class, base: Option<char>, next: Option<char>) -> bool {
    let of = |c: Option<char>| c.map(|c| classes.get(c)).unwrap_or_default();
    if c == JOINER && of(base).has(flags::PICTOGRAPH) {
        return of(next).has(flags::PICTOGRAPH);
    }
    if c == JOINER || c == NON_JOINER {
        return of(base).has(flags::JOINS) || of(next).combining() == VIRAMA;
    }
    class.category() == Category::MN && of(base).has(flags::VARIES)
}
