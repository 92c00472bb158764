//! NFKC and lower case against the crates that the tables are made from: their code is another.

use dunlin_text::cleaning::Steps;
use dunlin_text::{Preparer, Spec};
use unicode_normalization::UnicodeNormalization;

use crate::ngrams;

const NFKC: Steps =
    Steps { nfkc: true, ignorables: false, lower: false, mixed_script: false, leet: false, spacing: false };

/// That a text's plain form is what `expected` says.
fn plain_is(preparer: &mut Preparer, spec: &Spec<'_>, text: &str, expected: &str) {
    let view = preparer.clean(spec, text).first.to_owned();
    assert_eq!(view, expected, "{}", text.escape_unicode());
}

#[test]
fn every_character_gets_its_nfkc() {
    let section = ngrams(NFKC);
    println!("{} bytes", section.len());
    let spec = Spec::parse(&section).expect("sound");
    let mut preparer = Preparer::new(&spec);
    for c in '\0'..=char::MAX {
        let text = c.to_string();
        plain_is(&mut preparer, &spec, &text, &text.nfkc().collect::<String>());
    }
}
