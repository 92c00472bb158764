//! Sets of characters and mappings, as the `tokenizers` library has them: from the crates that it takes them from, or
//! from ones that agree with it on every character.

use std::collections::BTreeMap;

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, HirKind};
use unicode_categories::UnicodeCategories;
use unicode_normalization_alignments::UnicodeNormalization;
use unicode_normalization_alignments::char::{canonical_combining_class, compose};

/// A set of characters, as ranges in rising order that don't overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Set(Vec<(u32, u32)>);

/// Ends Unicode.
const BEYOND: u32 = 0x11_0000;

/// The version of Unicode of the library's patterns.
const AGE: &str = r"\p{Age=16.0}";

/// A character that no version has assigned.
const UNASSIGNED: char = '\u{378}';

impl Set {
    /// The characters that a predicate holds for.
    pub(super) fn of(is: impl Fn(char) -> bool) -> Self {
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for c in (0..BEYOND).filter(|&c| char::from_u32(c).is_some_and(&is)) {
            match ranges.last_mut() {
                Some(last) if last.1 + 1 == c => last.1 = c,
                _ => ranges.push((c, c)),
            }
        }
        Self(ranges)
    }

    /// One character.
    pub(super) fn one(character: char) -> Self {
        Self(vec![(character as u32, character as u32)])
    }

    /// Ranges in rising order that don't overlap.
    pub(super) fn ranges(ranges: Vec<(u32, u32)>) -> Self {
        Self(ranges)
    }

    pub(super) fn contains(&self, c: u32) -> bool {
        let after = self.0.partition_point(|range| range.0 <= c);
        after > 0 && c <= self.0[after - 1].1
    }

    /// Where it begins and where it no longer holds.
    pub(super) fn edges(&self) -> impl Iterator<Item = u32> {
        self.0.iter().flat_map(|&(from, to)| [from, to + 1])
    }

    /// What a character class of a pattern matches; `None` when it isn't one.
    pub(super) fn class(pattern: &str, ignore_case: bool) -> Option<Self> {
        let mut set = newest(pattern, ignore_case)?;
        let assigned = newest(AGE, false)?;
        // What the library's version of Unicode doesn't know is as unassigned there as what nobody has assigned.
        let unknown = set.ranges().iter().any(|range| (range.start()..=range.end()).contains(&UNASSIGNED));
        set.intersect(&assigned);
        if unknown {
            let mut rest = assigned;
            rest.negate();
            set.union(&rest);
        }
        Some(Self(set.ranges().iter().map(|range| (range.start() as u32, range.end() as u32)).collect()))
    }
}

/// A class in the newest version of Unicode.
fn newest(pattern: &str, ignore_case: bool) -> Option<ClassUnicode> {
    let mut parser = regex_syntax::ParserBuilder::new();
    let hir = parser.case_insensitive(ignore_case).build().parse(pattern).ok()?;
    match hir.kind() {
        HirKind::Class(Class::Unicode(class)) => Some(class.clone()),
        HirKind::Class(Class::Bytes(class)) => class.to_unicode_class(),
        HirKind::Literal(literal) => {
            let mut characters = std::str::from_utf8(&literal.0).ok()?.chars();
            let only = characters.next()?;
            characters.next().is_none().then(|| ClassUnicode::new([ClassUnicodeRange::new(only, only)]))
        }
        _ => None,
    }
}

/// White space.
pub(super) fn white_space() -> Set {
    Set::of(char::is_whitespace)
}

/// Punctuation, and the symbols of ASCII.
pub(super) fn punctuation() -> Set {
    Set::of(|c| c.is_ascii_punctuation() || UnicodeCategories::is_punctuation(c))
}

/// Numbers.
pub(super) fn numeric() -> Set {
    Set::of(char::is_numeric)
}

/// Marks that take up no space.
pub(super) fn nonspacing() -> Set {
    Set::of(UnicodeCategories::is_mark_nonspacing)
}

/// All marks that combine.
pub(super) fn combining() -> Set {
    Set::of(unicode_normalization_alignments::char::is_combining_mark)
}

/// What BERT's normalizer takes out.
pub(super) fn bert_removed() -> Set {
    Set::of(|c| !matches!(c, '\t' | '\n' | '\r') && (matches!(c, '\0' | '\u{fffd}') || c.is_other()))
}

/// What BERT's normalizer puts spaces around.
pub(super) fn chinese() -> Set {
    Set(vec![
        (0x3400, 0x4DBF),
        (0x4E00, 0x9FFF),
        (0xF900, 0xFAFF),
        (0x20000, 0x2A6DF),
        (0x2A700, 0x2B73F),
        (0x2B740, 0x2B81F),
        (0x2B920, 0x2CEAF),
        (0x2F800, 0x2FA1F),
    ])
}

/// Lower case, for characters that change.
pub(super) fn lower_case() -> BTreeMap<char, String> {
    mapping(|c| c.to_lowercase().collect())
}

/// Decompositions all the way down, but those of Hangul syllables, which are computed.
pub(super) fn decompositions(compatible: bool) -> BTreeMap<char, String> {
    let part = |(c, _): (char, isize)| c;
    let mut map = mapping(|c| match compatible {
        true => c.to_string().nfkd().map(part).collect(),
        false => c.to_string().nfd().map(part).collect(),
    });
    map.retain(|c, _| !('\u{AC00}'..='\u{D7A3}').contains(c));
    map
}

/// Combining classes.
pub(super) fn combining_classes() -> Vec<(u8, Set)> {
    let mut ranges: BTreeMap<u8, Vec<(u32, u32)>> = BTreeMap::new();
    for c in ('\0'..=char::MAX).filter(|&c| canonical_combining_class(c) != 0) {
        ranges.entry(canonical_combining_class(c)).or_default().push((c as u32, c as u32));
    }
    ranges.into_iter().map(|(class, ranges)| (class, Set(ranges))).collect()
}

/// Pairs of characters that compose, and what they compose to, but Hangul.
pub(super) fn compositions() -> BTreeMap<(char, char), char> {
    let mut pairs = BTreeMap::new();
    for (composed, parts) in decompositions(false) {
        let Some((at, second)) = parts.char_indices().next_back().filter(|&(at, _)| at > 0) else { continue };
        let mut first = parts[..at].nfc().map(|(c, _)| c);
        if let (Some(first), None) = (first.next(), first.next())
            && compose(first, second) == Some(composed)
        {
            pairs.insert((first, second), composed);
        }
    }
    pairs
}

fn mapping(map: impl Fn(char) -> String) -> BTreeMap<char, String> {
    let changed = |c: &char, to: &String| !(to.chars().eq([*c]));
    ('\0'..=char::MAX).map(|c| (c, map(c))).filter(|(c, to)| changed(c, to)).collect()
}

/// What `Nmt` takes out.
pub(super) fn nmt_removed() -> Set {
    Set(vec![(1, 8), (0xB, 0xB), (0xE, 0x1F), (0x7F, 0x7F), (0x8F, 0x8F), (0x9F, 0x9F)])
}

/// What `Nmt` makes spaces.
pub(super) fn nmt_spaces() -> Set {
    let one = |c| (c, c);
    let mut ranges = vec![(9, 0xA), (0xC, 0xD), one(0x1680), (0x200B, 0x200F), (0x2028, 0x2029), one(0x2581)];
    ranges.extend([one(0xFEFF), one(0xFFFD)]);
    Set(ranges)
}
