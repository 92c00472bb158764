//! Words that a tokenizer has beside its model's vocabulary, and finds first.

use std::collections::BTreeMap;

use dunlin_text::tokenizer::pieces::{added_flags, apply, tags};

use super::json::{Json, Result};
use super::steps::Steps;
use super::unicode::Set;

/// One of them.
#[derive(Clone, Debug)]
pub(super) struct Added {
    content: String,
    pub(super) id: u32,
    flags: u32,
    /// Whether it is looked for in normalized text, as what normalization makes of it.
    normalized: bool,
}

/// Reads all.
pub(super) fn read(json: &Json<'_>, vocabulary: &BTreeMap<String, u32>) -> Result<Vec<Added>> {
    let Some(list) = json.get("added_tokens") else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    for token in list.list()? {
        let content = token.need("content")?.string()?;
        let id = token.need("id")?.number()?;
        if vocabulary.get(content).is_some_and(|&known| known != id) {
            return Err(token.fault("has another id in the model's vocabulary"));
        }
        if content.is_empty() {
            continue;
        }
        let bit = |key: &str, bit: u32| token.flag(key, false).map(|set| if set { bit } else { 0 });
        let flags = bit("single_word", added_flags::SINGLE)? | bit("lstrip", added_flags::LEFT)?;
        let flags = flags | bit("rstrip", added_flags::RIGHT)?;
        let normalized = token.flag("normalized", true)?;
        all.push(Added { content: content.to_owned(), id, flags, normalized });
    }
    Ok(all)
}

/// Finds those that stand in a text as they are.
pub(super) fn verbatim(json: &Json<'_>, all: &[Added]) -> Result<Steps> {
    let words = all.iter().filter(|token| !token.normalized);
    step(json, words.map(|token| (token.content.clone(), token)).collect())
}

/// Finds those that are looked for in normalized text, as what the normalizer makes of them.
pub(super) fn normalized(json: &Json<'_>, all: &[Added], normalizer: &Steps) -> Result<Steps> {
    let normalizer = normalizer.finish();
    let words = all.iter().filter(|token| token.normalized).map(|token| {
        let word = apply(&normalizer, &token.content).map_err(|error| json.fault(error.to_string()));
        Ok((word?, token))
    });
    step(json, words.collect::<Result<_>>()?)
}

fn step(json: &Json<'_>, all: Vec<(String, &Added)>) -> Result<Steps> {
    let mut steps = Steps::default();
    if all.is_empty() {
        return Ok(steps);
    }
    let ids: Vec<u32> = all.iter().map(|(_, token)| token.id).collect();
    let flags: Vec<u32> = all.iter().map(|(_, token)| token.flags).collect();
    let single = flags.iter().any(|flags| flags & added_flags::SINGLE != 0);
    let letters = if single { Set::class(r"\w", false) } else { None }.unwrap_or_default();
    let words = all.into_iter().zip(0..).map(|((word, _), index)| (word.into_bytes(), index)).collect();
    let Some(bytes) = steps.step(tags::ADDED).trie(&words) else {
        return Err(json.fault("an added token becomes empty, or is too long to be looked for"));
    };
    bytes.list(&ids).words(&flags).classes(&[(1, &letters)]);
    Ok(steps)
}
