//! The classes' names, in one or more locales.

use crate::wire::Words;

/// Names of the classes by locale; borrowed from the artifact, where they lie one after the other.
#[derive(Clone, Debug)]
pub struct Labels<'a> {
    /// The first locale and what follows; read once before.
    words: Words<'a>,
    locales: usize,
    /// Of each locale.
    len: usize,
}

impl Default for Labels<'_> {
    fn default() -> Self {
        Self { words: Words::new(&[]), locales: 0, len: 0 }
    }
}

impl<'a> Labels<'a> {
    /// Number of locales, then for each its BCP 47 tag, number of labels, and labels. All locales have the same
    /// number of labels; the first is the default.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut words = Words::new(bytes);
        let mut labels = Self { locales: words.count(2)?, words: words.clone(), len: 0 };
        for locale in 0..labels.locales {
            words.text()?;
            let len = words.count(1)?;
            skip(&mut words, len)?;
            if locale > 0 && len != labels.len {
                return None;
            }
            labels.len = len;
        }
        words.end().map(|()| labels)
    }

    /// Name of a class in the default locale; `None` when the model has no name for it.
    pub fn name(&self, class: usize) -> Option<&'a str> {
        self.names(None)?.nth(class)
    }

    /// Name of a class in a locale, see [`Labels::in_locale`].
    pub fn name_in(&self, locale: &str, class: usize) -> Option<&'a str> {
        self.in_locale(locale).nth(class)
    }

    /// All classes' names, in order, in a locale such as `de`. Where there is no such locale the tag is cut at its end, subtag by subtag:
    /// `de-AT` finds `de` (RFC 4647, lookup, in whose manner case doesn't count); in the end stands the default locale.
    pub fn in_locale(&self, locale: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let mut range = Some(locale);
        let names = loop {
            if let Some(names) = self.names(range) {
                break Some(names);
            }
            let Some(tag) = range else { break None };
            range = tag.bytes().rposition(|b| b == b'-' || b == b'_').and_then(|end| tag.get(..end));
        };
        names.into_iter().flatten()
    }

    /// The names in the locale of this tag, or in the first one.
    fn names(&self, tag: Option<&str>) -> Option<impl Iterator<Item = &'a str> + use<'a>> {
        let (mut words, len) = (self.words.clone(), self.len);
        for _ in 0..self.locales {
            let found = words.text()?;
            words.next()?;
            if tag.is_none_or(|tag| found.eq_ignore_ascii_case(tag)) {
                return Some((0..len).map_while(move |_| words.text()));
            }
            skip(&mut words, len)?;
        }
        None
    }

    /// Number of classes that have names.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no names.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn skip(words: &mut Words<'_>, texts: usize) -> Option<()> {
    for _ in 0..texts {
        words.text()?;
    }
    Some(())
}

#[cfg(all(test, feature = "write"))]
mod tests {
    use super::*;
    use crate::wire::put_text;
    use alloc::vec::Vec;

    fn section(locales: &[(&str, &[&str])]) -> Vec<u8> {
        let mut words = alloc::vec![locales.len() as u32];
        for (tag, names) in locales {
            put_text(tag, &mut words);
            words.push(names.len() as u32);
            names.iter().for_each(|name| put_text(name, &mut words));
        }
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    #[test]
    fn finds_the_nearest_locale() {
        let section = section(&[("en", &["dog", "cat"]), ("de", &["Hund", "Katze"]), ("zh-Hant", &["", "\u{8c93}"])]);
        let labels = Labels::parse(&section).expect("sound");
        let cases = [
            ("de", "Katze"),
            ("de-AT", "Katze"),
            ("DE_at", "Katze"),
            ("de-CH-1996", "Katze"),
            ("den", "cat"),
            ("zh-Hant-TW", "\u{8c93}"),
            ("zh", "cat"),
            ("", "cat"),
            ("-", "cat"),
        ];
        for (locale, name) in cases {
            assert_eq!(labels.name_in(locale, 1), Some(name), "{locale}");
        }
        assert_eq!((labels.len(), labels.name(0), labels.name(2)), (2, Some("dog"), None));
        assert_eq!(labels.name_in("de-AT", 2), None);
        assert!(labels.in_locale("zh-Hant").eq(["", "\u{8c93}"]));
    }

    #[test]
    fn rejects_locales_of_different_lengths_and_every_cut() {
        let sound = section(&[("en", &["dog", "cat"]), ("de", &["Hund", "Katze"])]);
        for length in 0..sound.len() {
            assert!(Labels::parse(&sound[..length]).is_none(), "cut at {length}");
        }
        assert!(Labels::parse(&[&sound[..], &[0; 4]].concat()).is_none());
        let (none, one): (&[&str], &[&str]) = (&[], &["dog"]);
        for [first, second] in [[one, none], [none, one]] {
            let section = section(&[("en", first), ("de", second)]);
            assert!(Labels::parse(&section).is_none(), "{first:?} {second:?}");
        }
        let section = section(&[]);
        let none = Labels::parse(&section).expect("no locale");
        assert!(none.is_empty() && none.name(0).is_none() && none.in_locale("de").next().is_none());
    }
}
