//! Text sections as the compiler writes them and devices read them.

mod forms;
mod hostile;
mod unmask;

use dunlin_compiler::text::{InputNames, NgramsRequest, TextRequest, TokenizerRequest, default_feed, section};
use dunlin_text::cleaning::Steps;

/// No step at all.
const NONE: Steps =
    Steps { ignorables: false, nfkc: false, lower: false, mixed_script: false, leet: false, spacing: false };

/// All steps but lower case, which would hide what the others do.
const CASED: Steps =
    Steps { ignorables: true, nfkc: true, lower: false, mixed_script: true, leet: true, spacing: true };

/// A section of n-grams with these steps of cleaning.
fn ngrams(cleaning: Steps) -> Vec<u8> {
    let ngrams = NgramsRequest { min: 2, max: 4, words: true, pairs: true, buckets: 1 << 16 };
    let request = TextRequest {
        cleaning,
        tokenizer: TokenizerRequest::Ngrams(ngrams),
        max_ids: None,
        max_bytes: 1 << 16,
        inputs: InputNames::default(),
    };
    section(&request, &default_feed(&request)).expect("sound options")
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ z >> 31) % end as u64) as usize
    }
}
