//! Text sections as the compiler writes them and devices read them.

mod forms;

use dunlin_compiler::text::{InputNames, NgramsRequest, TextRequest, TokenizerRequest, default_feed, section};
use dunlin_text::cleaning::Steps;

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
