//! What kind of character each one is.

use std::collections::BTreeSet;

use dunlin_text::tables::{Category, flags, write_classes};
use regex_syntax::hir::{Class, HirKind};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;

use super::forms::pairs;
use super::lookalikes::Lookalikes;

/// The table of classes; with look-alikes also which script their letters are of.
pub fn classes(lookalikes: Option<&Lookalikes>) -> Vec<u8> {
    let words = words(lookalikes);
    write_classes(|c| words[c as usize])
}

/// A class word for each code point.
fn words(lookalikes: Option<&Lookalikes>) -> Vec<u32> {
    let mut words = vec![0_u32; 0x11_0000];
    for (Category(number), name) in Category::ALL {
        mark(&mut words, &format!("{{gc={name}}}"), u32::from(*number));
    }
    for c in ('\0'..=char::MAX).filter(|&c| canonical_combining_class(c) != 0) {
        words[c as usize] |= u32::from(canonical_combining_class(c)) << 8;
    }
    for (property, flag) in PROPERTIES {
        mark(&mut words, property, flag_bit(*flag));
    }
    for c in viramas() {
        words[c as usize] |= flag_bit(flags::JOINS);
    }
    for c in unstable() {
        words[c as usize] |= flag_bit(flags::UNSTABLE);
    }
    for c in styled() {
        words[c as usize] |= flag_bit(flags::STYLED);
    }
    for (c, script) in lookalikes.into_iter().flat_map(Lookalikes::scripts) {
        words[c as usize] |= u32::from(script) << 16;
    }
    words
}

/// Which properties, or scripts, have which flag.
const PROPERTIES: &[(&str, u8)] = &[
    ("{Default_Ignorable_Code_Point}", flags::IGNORABLE),
    ("{Bidi_Control}", flags::BIDI),
    ("{Extended_Pictographic}", flags::PICTOGRAPH),
    ("{Emoji_Modifier}", flags::PICTOGRAPH),
    // Joiners choose between the shapes of these scripts' letters.
    ("{script=Arabic}", flags::JOINS),
    ("{script=Mongolian}", flags::JOINS),
    ("{script=Nko}", flags::JOINS),
    ("{script=Syriac}", flags::JOINS),
    ("{script=Han}", flags::CJK),
    ("{script=Hiragana}", flags::CJK),
    ("{script=Katakana}", flags::CJK),
    ("{script=Hangul}", flags::CJK),
    ("{script=Bopomofo}", flags::CJK),
    // Digits among them, which with a selector become keys.
    ("{Emoji}", flags::VARIES),
    ("{Extended_Pictographic}", flags::VARIES),
    ("{script=Han}", flags::VARIES),
    ("{script=Mongolian}", flags::VARIES),
    ("{script=Myanmar}", flags::VARIES),
    ("{script=Phags_Pa}", flags::VARIES),
];

const fn flag_bit(flag: u8) -> u32 {
    (flag as u32) << 24
}

/// Sets bits of all characters that have a property, as a regular expression's `\p` names it.
fn mark(words: &mut [u32], property: &str, bits: u32) {
    for c in having(property) {
        words[c as usize] |= bits;
    }
}

/// All characters that have a property.
pub(super) fn having(property: &str) -> impl Iterator<Item = char> + use<> {
    let pattern = format!(r"\p{property}");
    let ranges: Vec<(char, char)> = match regex_syntax::parse(&pattern)
        .expect("a property that Unicode has")
        .into_kind()
    {
        HirKind::Class(Class::Unicode(class)) => class.iter().map(|range| (range.start(), range.end())).collect(),
        // A property of one character.
        HirKind::Literal(literal) => str::from_utf8(&literal.0).expect("a character").chars().map(|c| (c, c)).collect(),
        other => unreachable!("a property is a set of characters, not {other:?}"),
    };
    ranges.into_iter().flat_map(|(start, end)| start..=end)
}

/// Signs that take a consonant's vowel; joiners beside them choose how the cluster looks.
fn viramas() -> impl Iterator<Item = char> {
    ('\0'..=char::MAX).filter(|&c| canonical_combining_class(c) == 9)
}

/// Characters that NFKC may change, or put together with others: marks, what decomposes otherwise than it composes, and the second
/// characters of pairs.
fn unstable() -> impl Iterator<Item = char> {
    let seconds: BTreeSet<char> = pairs().into_iter().map(|(_, second, _)| second).collect();
    let hangul = |c| ('\u{1161}'..='\u{1175}').contains(&c) || ('\u{11A8}'..='\u{11C2}').contains(&c);
    ('\0'..=char::MAX).filter(move |&c| {
        canonical_combining_class(c) != 0 || seconds.contains(&c) || hangul(c) || !std::iter::once(c).nfkc().eq([c])
    })
}

/// Letters and digits of ASCII in another dress. Superscripts and roman numerals are dresses that ordinary text has.
fn styled() -> impl Iterator<Item = char> {
    let ordinary: BTreeSet<char> = having("{gc=Letter_Number}").chain(having("{gc=Modifier_Letter}")).collect();
    let superscript = |c| ('\u{2070}'..='\u{209F}').contains(&c) || c < '\u{100}';
    let plain = |c| {
        let mut form = std::iter::once(c).nfkc();
        form.next().is_some_and(|first| first.is_ascii_alphanumeric()) && form.next().is_none()
    };
    super::beyond_ascii().filter(move |&c| plain(c) && !superscript(c) && !ordinary.contains(&c))
}
