//! What an artifact says about text: from an author's SPEC.json to the section that devices read.

mod feed;
pub mod huggingface;
mod ngrams;
mod request;
mod section;
pub mod unicode;

pub use feed::feed;
pub use ngrams::NgramsRequest;
pub use request::{InputNames, TextRequest, TokenizerRequest};
pub use section::{default_feed, section};
