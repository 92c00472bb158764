//! Models: a vocabulary, and what it takes to read a piece with it.

use std::collections::BTreeMap;

use dunlin_text::tokenizer::kinds;
use dunlin_text::tokenizer::pieces::NONE;

use super::bytes::Bytes;
use super::json::{Json, Result};

/// A model, as `dunlin-text` reads it.
#[derive(Clone, Debug)]
pub(super) struct Model {
    /// The tokenizer's kind.
    pub(super) kind: u32,
    /// The id for what is unknown.
    pub(super) unknown: Option<u32>,
    /// Every word's id.
    pub(super) vocabulary: BTreeMap<String, u32>,
    /// The model's own data.
    pub(super) bytes: Bytes,
}

/// Reads a model. Pieces are bytes if `bytewise` says so.
pub(super) fn read(json: &Json<'_>, bytewise: bool) -> Result<Model> {
    match json.kind()? {
        "BPE" => super::bpe::read(json, bytewise),
        _ if bytewise => Err(json.fault("`ByteLevel` is supported before a BPE model alone")),
        "WordPiece" => wordpiece(json),
        "Unigram" => unigram(json),
        _ => Err(json.unsupported("model")),
    }
}

/// A vocabulary that is an object of words and ids.
pub(super) fn vocabulary(json: &Json<'_>) -> Result<BTreeMap<String, u32>> {
    let vocab = json.need("vocab")?;
    let mut words = BTreeMap::new();
    for (word, id) in vocab.object()? {
        let id = id.as_u64().and_then(|id| i32::try_from(id).ok());
        let id = id.ok_or_else(|| vocab.fault(format!("the id of `{word}` isn't a number from 0 to 2147483647")))?;
        words.insert(word.clone(), id as u32);
    }
    Ok(words)
}

/// Appends a trie of a vocabulary. An empty word is never found, and left out.
pub(super) fn trie(json: &Json<'_>, words: &BTreeMap<String, u32>, bytes: &mut Bytes) -> Result<()> {
    let words = words.iter().filter(|(word, _)| !word.is_empty());
    let keys = words.map(|(word, &id)| (word.clone().into_bytes(), id)).collect();
    match bytes.trie(&keys) {
        Some(_) => Ok(()),
        None => Err(json.fault("the vocabulary has a word that is too long to be looked for, or too many words")),
    }
}

/// The ids of the words that stand for bytes, `<0x00>` to `<0xFF>`: of all, or of none.
pub(super) fn byte_ids(json: &Json<'_>, words: &BTreeMap<String, u32>) -> Result<Vec<u32>> {
    if !json.flag("byte_fallback", false)? {
        return Ok(Vec::new());
    }
    let ids: Vec<u32> = (0..256).filter_map(|byte| words.get(&format!("<0x{byte:02X}>")).copied()).collect();
    match ids.len() {
        0 | 256 => Ok(ids),
        some => Err(json.fault(format!("`byte_fallback` with words for {some} bytes isn't supported"))),
    }
}

fn wordpiece(json: &Json<'_>) -> Result<Model> {
    let vocabulary = vocabulary(json)?;
    let unknown = json.get("unk_token").map_or(Ok("[UNK]"), |token| token.string())?;
    let prefix = json.get("continuing_subword_prefix").map_or(Ok("##"), |prefix| prefix.string())?;
    let most = json.get("max_input_chars_per_word").map_or(Ok(100), |most| most.number())?;
    let mut bytes = Bytes::default();
    trie(json, &vocabulary, &mut bytes)?;
    bytes.word(most).string(prefix.as_bytes());
    Ok(Model { kind: kinds::WORDPIECE, unknown: vocabulary.get(unknown).copied(), vocabulary, bytes })
}

fn unigram(json: &Json<'_>) -> Result<Model> {
    let mut words = BTreeMap::new();
    let mut scores = Vec::new();
    for (id, entry) in json.need("vocab")?.list()?.iter().enumerate() {
        let [word, score] = &entry.list()?[..] else { return Err(entry.fault("isn't a word and its score")) };
        words.insert(word.string()?.to_owned(), id as u32);
        scores.push(score.float()?);
    }
    let unknown = json.get("unk_id").map(|id| id.number()).transpose()?;
    if unknown.is_some_and(|id| id as usize >= scores.len()) {
        return Err(json.fault("`unk_id` isn't in the vocabulary"));
    }
    let lowest = scores.iter().copied().fold(f64::INFINITY, f64::min);
    let mut bytes = Bytes::default();
    trie(json, &words, &mut bytes)?;
    let halves = |score: f64| [score.to_bits() as u32, (score.to_bits() >> 32) as u32];
    // Scores of SentencePiece are 32-bit floats, and take no more here.
    let narrow = scores.iter().all(|&score| f64::from(score as f32) == score);
    let words_of: Vec<u32> = match narrow {
        true => scores.iter().map(|&score| (score as f32).to_bits()).collect(),
        false => scores.iter().flat_map(|&score| halves(score)).collect(),
    };
    bytes.word((!narrow).into()).list(&words_of).words(&halves(lowest - 10.0)).list(&byte_ids(json, &words)?);
    Ok(Model { kind: kinds::UNIGRAM, unknown, vocabulary: words, bytes })
}

/// The word that a missing id is.
pub(super) fn optional(id: Option<u32>) -> u32 {
    id.unwrap_or(NONE)
}
