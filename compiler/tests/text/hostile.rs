//! Broken sections and hostile texts end in an error or in ids, in bounded time and memory.

use dunlin_text::{Preparer, Spec};

use crate::{CASED, Random, ngrams};

/// Texts that have hurt others.
fn texts() -> Vec<String> {
    let mut texts: Vec<String> =
        ["", " ", "\0", "\u{FEFF}", "\u{10FFFF}", "f r e e w1nner frее ｆ"].map(String::from).into();
    for unit in
        ["a", "a ", "a.", "é", "\u{301}", "\u{300}\u{323}", "\u{202E}\u{2066}", "\u{200D}", "ﷺ", "각", "е1", "𝐚"]
    {
        texts.push(unit.repeat((1 << 20) / unit.len()));
    }
    texts.push(format!("a{}", "\u{323}\u{300}".repeat(5_000)));
    texts
}

#[test]
fn any_text_becomes_ids_within_the_limits() {
    let section = ngrams(CASED);
    let spec = Spec::parse(&section).expect("sound");
    let mut preparer = Preparer::new(&spec);
    for text in texts() {
        let cleaned = preparer.clean(&spec, &text);
        // The character that goes beyond the limit is written as a whole, with its marks.
        assert!(cleaned.first.len() < 2 * spec.max_bytes, "{} bytes", cleaned.first.len());
        assert!(cleaned.truncated || text.len() <= spec.max_bytes);
        let prepared = preparer.prepare(&spec, &text).expect("n-grams have ids for all");
        assert!(prepared.views().iter().all(|ids| ids.len() <= spec.feed.max_ids as usize));
        assert!(prepared.views().iter().flat_map(|ids| ids.iter()).all(|&id| (0..1 << 16).contains(&id)));
    }
}

#[test]
fn every_truncation_is_an_error() {
    let section = ngrams(CASED);
    for end in 0..section.len() {
        assert!(Spec::parse(&section[..end]).is_err(), "{end} bytes");
    }
    let mut longer = section.clone();
    longer.extend([0; 4]);
    assert!(Spec::parse(&longer).is_err());
}

#[test]
fn changed_sections_are_refused_or_harmless() {
    let section = ngrams(CASED);
    let random = &mut Random(2);
    let text =
        "Frее ｅntry 4 a w1nner\u{200D}, f r e e é\u{323}\u{301} 각 \u{FE0F} ﷺ \u{1F469}\u{200D}\u{1F469} Пароль";
    for _ in 0..3_000 {
        let mut changed = section.clone();
        // Half of the changes are where the directory and the first part are.
        let end = if random.below(2) == 0 { 400 } else { changed.len() };
        let at = random.below(end);
        changed[at] ^= 1 << random.below(8);
        // What was found sound once is trusted later: that, too, may only give other ids.
        for spec in [Spec::parse(&changed), Spec::reopen(&changed)].into_iter().flatten() {
            let mut preparer = Preparer::new(&spec);
            preparer.prepare(&spec, text).expect("n-grams have ids for all");
        }
    }
}
