//! NFKC and lower case against the crates that the tables are made from: their code is another.

use dunlin_text::cleaning::Steps;
use dunlin_text::{Preparer, Spec};
use unicode_normalization::UnicodeNormalization;

use crate::{NONE, Random, ngrams};

/// That texts become what `expected` says.
fn check(steps: Steps, texts: impl Iterator<Item = String>, expected: impl Fn(&str) -> String) {
    let section = ngrams(steps);
    let spec = Spec::parse(&section).expect("sound");
    let mut preparer = Preparer::new(&spec);
    for text in texts {
        assert_eq!(preparer.clean(&spec, &text).first, expected(&text), "{}", text.escape_unicode());
    }
}

fn nfkc(text: &str) -> String {
    text.nfkc().collect()
}

#[test]
fn every_character_gets_its_nfkc() {
    check(Steps { nfkc: true, ..NONE }, ('\0'..=char::MAX).map(String::from), nfkc);
}

#[test]
fn every_character_gets_its_lower_case() {
    check(Steps { lower: true, ..NONE }, ('\0'..=char::MAX).map(String::from), |text| {
        text.chars().flat_map(char::to_lowercase).collect()
    });
}

#[test]
fn strings_of_marks_and_what_they_are_put_on_get_their_nfkc() {
    // Characters of which some compose, some are out of order, some block others; and Hangul's parts.
    let alphabet: Vec<char> = "aeiouAEO \u{300}\u{301}\u{302}\u{308}\u{30A}\u{323}\u{327}\u{328}\u{345}éǖẹ\u{1E69}Åﬁ½㌀\
        \u{1100}\u{1161}\u{11A8}가각\u{9C7}\u{9BE}\u{9BC}\u{DDD}\u{FB31}\u{5BC}\u{5BF}\u{1D15E}\u{1D165}\u{11099}\u{110BA}\u{E33}ﷺ"
        .chars()
        .collect();
    let random = &mut Random(1);
    let texts: Vec<String> = (0..100_000)
        .map(|_| (0..1 + random.below(8)).map(|_| alphabet[random.below(alphabet.len())]).collect())
        .collect();
    check(Steps { nfkc: true, ..NONE }, texts.into_iter(), nfkc);
}
