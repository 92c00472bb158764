//! Byte-pair encoding: characters or bytes, and the list of merges.

use std::collections::BTreeMap;

use dunlin_text::tokenizer::kinds;

use super::bytes::Bytes;
use super::json::{Json, Result};
use super::model::{Model, byte_ids, vocabulary};

/// Pairs of ids, each with its place in the list and what the pair becomes.
type Merges = BTreeMap<(u32, u32), (u32, u32)>;

pub(super) fn read(json: &Json<'_>, bytewise: bool) -> Result<Model> {
    let vocabulary = vocabulary(json)?;
    if json.get("dropout").map_or(Ok(0.0), |dropout| dropout.float())? != 0.0 {
        return Err(json.fault("`dropout` isn't supported: the same text has to give the same ids"));
    }
    let affix = |key: &str| json.get(key).map_or(Ok(""), |affix| affix.string());
    let (prefix, suffix) = (affix("continuing_subword_prefix")?, affix("end_of_word_suffix")?);
    let whole = json.flag("ignore_merges", false)?;
    let fuse = json.flag("fuse_unk", false)?;
    let byte_ids = byte_ids(json, &vocabulary)?;
    if !byte_ids.is_empty() && (bytewise || !prefix.is_empty() || !suffix.is_empty()) {
        return Err(json.fault("`byte_fallback` with bytes, a prefix or a suffix isn't supported"));
    }
    let unknown = match json.get("unk_token") {
        None => None,
        Some(token) => {
            let id = vocabulary.get(token.string()?).copied();
            Some(id.ok_or_else(|| token.fault("isn't in the vocabulary"))?)
        }
    };
    let merges = merges(json, &vocabulary, prefix)?;
    let mut bytes = Bytes::default();
    let keys = keys(&vocabulary, bytewise, whole, prefix.as_bytes(), suffix.as_bytes());
    if bytes.trie(&keys).is_none() {
        return Err(json.fault("the vocabulary has a word that is too long to be looked for, or too many words"));
    }
    bytes.word(u32::from(bytewise) | u32::from(whole) << 1).word(fuse.into());
    bytes.string(prefix.as_bytes()).string(suffix.as_bytes()).list(&byte_ids);
    let columns = merges.iter().map(|(&(left, right), &(rank, merged))| [left, right, rank, merged]);
    let columns: Vec<[u32; 4]> = columns.collect();
    for column in 0..4 {
        bytes.list(&columns.iter().map(|row| row[column]).collect::<Vec<u32>>());
    }
    Ok(Model { kind: kinds::BPE, unknown, vocabulary, bytes })
}

/// Words that are looked up: single characters or bytes between prefix and suffix, and all where whole pieces count.
fn keys(
    vocabulary: &BTreeMap<String, u32>,
    bytewise: bool,
    whole: bool,
    prefix: &[u8],
    suffix: &[u8],
) -> BTreeMap<Vec<u8>, u32> {
    let plain = |word: &str| if bytewise { bytes_of(word) } else { Some(word.as_bytes().to_vec()) };
    let single = |word: &[u8]| {
        let mut forms = [word, word.strip_suffix(suffix).unwrap_or(word)].into_iter();
        forms.any(|word| {
            let mut cores = [word, word.strip_prefix(prefix).unwrap_or(word)].into_iter();
            cores.any(|core| match bytewise {
                true => core.len() == 1,
                false => str::from_utf8(core).is_ok_and(|core| core.chars().count() == 1),
            })
        })
    };
    let words = vocabulary.iter().filter_map(|(word, &id)| Some((plain(word)?, id)));
    words.filter(|(word, _)| !word.is_empty() && (whole || single(word))).collect()
}

/// The bytes that a word of a byte-level vocabulary stands for; `None` when it has a character that stands for none.
fn bytes_of(word: &str) -> Option<Vec<u8>> {
    let byte = |c: char| -> Option<u8> {
        match c {
            '!'..='~' | '\u{a1}'..='\u{ac}' | '\u{ae}'..='\u{ff}' => u8::try_from(c).ok(),
            '\u{100}'..='\u{120}' => Some((c as u32 - 0x100) as u8),
            '\u{121}'..='\u{142}' => Some((c as u32 - 0x121) as u8 + 0x7f),
            '\u{143}' => Some(0xad),
            _ => None,
        }
    };
    word.chars().map(byte).collect()
}

fn merges(json: &Json<'_>, vocabulary: &BTreeMap<String, u32>, prefix: &str) -> Result<Merges> {
    let mut merges = Merges::new();
    let list = json.need("merges")?.list()?.into_iter();
    // A file of merges may begin with its version.
    let list = list.filter(|merge| !merge.string().is_ok_and(|text| text.starts_with("#version")));
    for (rank, merge) in list.enumerate() {
        let (left, right) = match merge.string() {
            Ok(pair) => pair.split_once(' ').ok_or_else(|| merge.fault("isn't two words"))?,
            Err(_) => match &merge.list()?[..] {
                [left, right] => (left.string()?, right.string()?),
                _ => return Err(merge.fault("isn't two words")),
            },
        };
        let id = |word: &str| {
            let id = vocabulary.get(word).copied();
            id.ok_or_else(|| merge.fault(format!("`{word}` isn't in the vocabulary")))
        };
        let tail = right.get(prefix.len()..).ok_or_else(|| merge.fault("the second word lacks the prefix"))?;
        merges.insert((id(left)?, id(right)?), (rank as u32, id(&format!("{left}{tail}"))?));
    }
    Ok(merges)
}
