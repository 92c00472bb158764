//! The section's bytes.

use dunlin_text::cleaning::Steps;
use dunlin_text::spec::{Feed, MAX_BYTES, PartKind};
use dunlin_text::write::{SectionWriter, bytes_of};
use dunlin_text::{Spec, SpecError};

use super::huggingface::Length;
use super::{TextRequest, TokenizerRequest, unicode};
use crate::error::{CompileError, Result};

/// The most ids of a text where neither the author nor a model says how many.
const DEFAULT_IDS: u32 = 1 << 16;

/// Signs in the place of letters, in rising order. 2, 6, 8 and 9 are left out: in short messages `gr8` and `2day` are no disguise.
const LEET: &[(char, char)] =
    &[('!', 'i'), ('$', 's'), ('0', 'o'), ('1', 'i'), ('3', 'e'), ('4', 'a'), ('5', 's'), ('7', 't'), ('@', 'a')];

/// Where ids go while there is no model: into its first input, as many as there are.
pub fn default_feed(request: &TextRequest) -> Feed {
    let length = request.tokenizer.length();
    let max_ids = request.max_ids.or(length.max_ids).unwrap_or(DEFAULT_IDS);
    Feed { ids: 0, mask: None, segments: None, max_ids, fixed: false, pad: length.pad as i32 }
}

impl TokenizerRequest {
    /// What the tokenizer itself says about how many ids there are.
    pub(super) fn length(&self) -> Length {
        match self {
            Self::Ngrams(_) => Length::default(),
            Self::HuggingFace(tokenizer) => tokenizer.length,
        }
    }
}

/// The section that a request asks for.
///
/// # Errors
/// [`CompileError::Text`] when an option is out of range.
pub fn section(request: &TextRequest, feed: &Feed) -> Result<Vec<u8>> {
    if !(1..=MAX_BYTES).contains(&request.max_bytes) {
        let why = format!("from 1 to {MAX_BYTES} bytes of a text can be read");
        return Err(CompileError::Text { option: "max_bytes".to_owned(), why });
    }
    let mut writer = SectionWriter::new(request.max_bytes, feed);
    match &request.tokenizer {
        TokenizerRequest::Ngrams(ngrams) => {
            writer.part(PartKind::Tokenizer, bytes_of(&ngrams.tokenizer()?.words()));
        }
        TokenizerRequest::HuggingFace(tokenizer) => {
            writer.part(PartKind::Tokenizer, tokenizer.part.clone());
        }
    }
    clean(&request.cleaning, &mut writer);
    let section = writer.finish();
    Spec::parse(&section).map_err(refused)?;
    Ok(section)
}

/// The cleaning, and the tables that its steps need.
fn clean(steps: &Steps, writer: &mut SectionWriter) {
    if *steps == Steps::default() {
        return;
    }
    let mut part = vec![steps.bits()];
    if steps.leet {
        part.push(LEET.len() as u32);
        part.extend(LEET.iter().map(|&(sign, _)| u32::from(sign)));
        part.extend(LEET.iter().map(|&(_, letter)| u32::from(letter)));
    }
    writer.part(PartKind::Cleaning, bytes_of(&part));
    let lookalikes = steps.mixed_script.then(unicode::lookalikes);
    if steps.needs_classes() {
        writer.part(PartKind::Classes, unicode::classes(lookalikes.as_ref()));
    }
    if steps.nfkc {
        writer.part(PartKind::Compatible, unicode::compatible());
        writer.part(PartKind::Compositions, unicode::compositions());
    }
    if steps.lower {
        writer.part(PartKind::Lower, unicode::lower());
    }
    if let Some(lookalikes) = lookalikes {
        writer.part(PartKind::Lookalikes, lookalikes.bytes());
    }
}

/// What the reader refuses is an option that nothing above checks.
fn refused(error: SpecError) -> CompileError {
    CompileError::Text { option: "section".to_owned(), why: error.to_string() }
}
