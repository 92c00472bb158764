//! Texts that are made to take long, or to go wrong.

use super::{compiled, ids, tokenizers};

/// Enough for a megabyte, and far too little for its square.
const CHARACTERS: usize = 300_000;

#[test]
fn long_texts_end() {
    let repeated = |text: &str| text.repeat(CHARACTERS / text.chars().count());
    let texts = [
        repeated("a"),
        repeated("ab"),
        repeated(" "),
        repeated("\n "),
        repeated("\u{301}"),
        format!("a{}", repeated("\u{301}\u{323}")),
        repeated("\u{fdfa}"),
        repeated("\u{ac01}"),
        repeated("\u{1f468}\u{200d}"),
        repeated("\u{915}\u{94d}"),
        repeated("\u{10ffff}"),
        repeated("\u{4e00}"),
        repeated("<left>"),
        repeated("'s"),
    ];
    for (name, file) in tokenizers() {
        let section = compiled(&file).expect("supported");
        for (index, row) in ids(&section, &texts).iter().enumerate() {
            let empty = texts[index].trim().is_empty() && row.len() < 4;
            assert!(empty || !row.is_empty() || name == "parts" || name == "suffix", "{name}, text {index}");
        }
    }
}

/// What a section says may be wrong in any place: it is refused, or gives some ids.
#[test]
fn changed_sections_are_refused_or_give_ids() {
    let texts = ["Hello, wörld! e\u{301} \u{1f468}\u{200d}\u{1f469} 123 [MASK] 你好", "", "\u{301}\u{301}\0"];
    for (_, file) in tokenizers() {
        let section = compiled(&file).expect("supported");
        for round in 0..400_usize {
            let mut changed = section.clone();
            for change in 0..=round % 3 {
                let at = (round * 7919 + change * 104_729) * 31 % if round % 2 == 0 { 4096 } else { changed.len() };
                changed[at] ^= (round * 37 + change * 91) as u8 | 1;
            }
            let Ok(spec) = dunlin_text::Spec::parse(&changed) else { continue };
            let mut preparer = dunlin_text::Preparer::new(&spec);
            for text in texts {
                let _ = preparer.prepare(&spec, text);
            }
        }
    }
}
