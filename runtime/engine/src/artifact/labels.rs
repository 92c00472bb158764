//! The classes' names, in one or more locales.

use crate::wire::Words;
use alloc::vec::Vec;

/// Names of the classes by locale; borrowed from the artifact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels<'a> {
    locales: Vec<(&'a str, Vec<&'a str>)>,
}

impl<'a> Labels<'a> {
    /// Number of locales, then for each its BCP 47 tag, number of labels, and labels. All locales have the same
    /// number of labels; the first is the default.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut words = Words::new(bytes);
        let mut locales = Vec::with_capacity(words.count(2)?);
        for _ in 0..locales.capacity() {
            let tag = words.text()?;
            let count = words.count(1)?;
            let labels = (0..count).map(|_| words.text()).collect::<Option<Vec<_>>>()?;
            locales.push((tag, labels));
        }
        words.end()?;
        locales.windows(2).all(|pair| pair[0].1.len() == pair[1].1.len()).then_some(Self { locales })
    }

    /// Name of a class in the default locale; `None` when the model has no name for it.
    pub fn name(&self, class: usize) -> Option<&'a str> {
        self.locales.first()?.1.get(class).copied()
    }

    /// Name of a class in a locale such as `de`. Where there is no such locale the tag is cut at its end, subtag by subtag: `de-AT` finds
    /// `de` (RFC 4647, lookup, in whose manner case doesn't count); in the end stands the default locale.
    pub fn name_in(&self, locale: &str, class: usize) -> Option<&'a str> {
        let mut range = locale;
        loop {
            if let Some((_, labels)) = self.locales.iter().find(|(tag, _)| tag.eq_ignore_ascii_case(range)) {
                return labels.get(class).copied();
            }
            let Some(end) = range.rfind(['-', '_']) else { return self.name(class) };
            range = &range[..end];
        }
    }

    /// Number of classes that have names.
    pub fn len(&self) -> usize {
        self.locales.first().map_or(0, |(_, labels)| labels.len())
    }

    /// Whether there are no names.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn finds_the_nearest_locale() {
        let locales = vec![("en", vec!["cat"]), ("de", vec!["Katze"]), ("zh-Hant", vec!["\u{8c93}"])];
        let labels = Labels { locales };
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
            assert_eq!(labels.name_in(locale, 0), Some(name), "{locale}");
        }
        assert_eq!(labels.name_in("de-AT", 1), None);
    }
}
