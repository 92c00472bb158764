//! Normalizers and pre-tokenizers, as the steps that `dunlin-text` does.

use std::collections::BTreeMap;

use dunlin_text::tokenizer::pieces::{behaviour, filter, tags};

use super::bytes::Bytes;
use super::json::{Json, Result};
use super::pattern::{Node, Table, literal, parse, table};
use super::unicode::{self, Set};
use super::{charsmap, clusters};

/// What GPT-2 splits by, and every byte-level tokenizer that says nothing else.
const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

/// What `Whitespace` keeps.
const WORDS: &str = r"\w+|[^\w\s]+";

/// Steps that are being collected.
#[derive(Clone, Debug, Default)]
pub(super) struct Steps {
    /// How many there are, and they.
    count: u32,
    bytes: Bytes,
    /// Whether the first character of a text may be taken out or replaced.
    changes_begin: bool,
    /// Whether pieces are bytes for the model, not characters; nothing may follow this step.
    pub(super) bytewise: bool,
}

impl Steps {
    /// Their number, then they.
    pub(super) fn finish(&self) -> Vec<u8> {
        let mut all = Bytes::default();
        all.word(self.count);
        all.0.extend(&self.bytes.0);
        all.0
    }

    /// No steps, to stand behind these.
    pub(super) fn behind(&self) -> Self {
        Self { changes_begin: self.changes_begin, ..Self::default() }
    }

    /// Adds steps.
    pub(super) fn append(&mut self, more: &Self) {
        self.count += more.count;
        self.bytes.0.extend(&more.bytes.0);
    }

    /// Begins a step; its data are to follow.
    pub(super) fn step(&mut self, tag: u32) -> &mut Bytes {
        self.count += 1;
        self.bytes.word(tag)
    }

    /// Adds what a normalizer does.
    pub(super) fn normalizer(&mut self, json: &Json<'_>) -> Result<()> {
        let kind = json.kind()?;
        self.changes_begin |= !matches!(kind, "NFC" | "NFD" | "NFKC" | "NFKD" | "Lowercase" | "Prepend" | "Sequence");
        match kind {
            "Sequence" => {
                json.need("normalizers")?.list()?.iter().try_for_each(|normalizer| self.normalizer(normalizer))?
            }
            "BertNormalizer" => self.bert(json)?,
            "NFC" => self.normal(false, true),
            "NFD" => self.normal(false, false),
            "NFKC" => self.normal(true, true),
            "NFKD" => self.normal(true, false),
            "Lowercase" => self.lower_case(),
            "StripAccents" => self.filter(&[(filter::REMOVE, &unicode::combining())]),
            "Nmt" => self.filter(&[(filter::REMOVE, &unicode::nmt_removed()), (filter::SPACE, &unicode::nmt_spaces())]),
            "Strip" => {
                let (left, right) = (json.flag("strip_left", true)?, json.flag("strip_right", true)?);
                self.step(tags::STRIP).word(u32::from(left) | u32::from(right) << 1);
            }
            "Prepend" => self.prefix(json.need("prepend")?.string()?, false, false),
            "Replace" => {
                let pattern = pattern(&json.need("pattern")?)?;
                self.replace(&pattern, json.need("content")?.string()?);
            }
            "Precompiled" => {
                let map = json.need("precompiled_charsmap")?;
                let (units, strings) = charsmap::read(map.string()?).map_err(|why| map.fault(why))?;
                let bytes = self.step(tags::CLUSTERS);
                bytes.list(&units).string(strings.as_bytes());
                clusters::classes(bytes);
            }
            _ => return Err(json.unsupported("normalizer")),
        }
        Ok(())
    }

    fn bert(&mut self, json: &Json<'_>) -> Result<()> {
        let lower = json.flag("lowercase", true)?;
        let (removed, spaces, chinese) = (unicode::bert_removed(), unicode::white_space(), unicode::chinese());
        let mut sets = Vec::new();
        if json.flag("clean_text", true)? {
            sets.extend([(filter::REMOVE, &removed), (filter::SPACE, &spaces)]);
        }
        if json.flag("handle_chinese_chars", true)? {
            sets.push((filter::SURROUND, &chinese));
        }
        if !sets.is_empty() {
            self.filter(&sets);
        }
        if json.flag("strip_accents", lower)? {
            self.normal(false, false);
            self.filter(&[(filter::REMOVE, &unicode::nonspacing())]);
        }
        if lower {
            self.lower_case();
        }
        Ok(())
    }

    fn filter(&mut self, sets: &[(u8, &Set)]) {
        self.step(tags::FILTER).classes(sets);
    }

    fn lower_case(&mut self) {
        self.step(tags::MAP).charmap(&unicode::lower_case());
    }

    fn normal(&mut self, compatible: bool, composes: bool) {
        let classes = unicode::combining_classes();
        let classes: Vec<(u8, &Set)> = classes.iter().map(|(class, set)| (*class, set)).collect();
        let pairs = if composes { unicode::compositions() } else { BTreeMap::new() };
        let column =
            |of: fn((&(char, char), &char)) -> char| pairs.iter().map(|pair| of(pair) as u32).collect::<Vec<_>>();
        self.step(tags::NORMAL)
            .charmap(&unicode::decompositions(compatible))
            .classes(&classes)
            .word(composes.into())
            .list(&column(|pair| pair.0.0))
            .words(&column(|pair| pair.0.1))
            .words(&column(|pair| *pair.1));
    }

    fn prefix(&mut self, prefix: &str, once: bool, first: bool) {
        self.step(tags::PREFIX).word(u32::from(once) | u32::from(first) << 1).string(prefix.as_bytes());
    }

    fn replace(&mut self, pattern: &Table, with: &str) {
        matcher(self.step(tags::REPLACE), pattern).string(with.as_bytes());
    }

    fn split(&mut self, pattern: &Table, how: u32, invert: bool) {
        let bytes = self.step(tags::SPLIT).word(invert.into()).word(how);
        matcher(bytes, pattern);
    }

    /// Adds what a pre-tokenizer does.
    pub(super) fn pre_tokenizer(&mut self, json: &Json<'_>) -> Result<()> {
        if self.bytewise {
            return Err(json.fault("nothing can follow `ByteLevel`"));
        }
        let made = |node: &Node| table(node).map_err(|why| json.fault(why));
        let one = |set: Set| made(&Node::Char(set));
        match json.kind()? {
            "Sequence" => {
                let all = json.need("pretokenizers")?.list()?;
                all.iter().try_for_each(|pre_tokenizer| self.pre_tokenizer(pre_tokenizer))?;
            }
            "BertPreTokenizer" => {
                self.split(&one(unicode::white_space())?, behaviour::REMOVED, false);
                self.split(&one(unicode::punctuation())?, behaviour::ISOLATED, false);
            }
            "WhitespaceSplit" => self.split(&one(unicode::white_space())?, behaviour::REMOVED, false),
            "Whitespace" => {
                let words = parse(WORDS).map_err(|why| json.fault(why))?;
                self.split(&made(&words)?, behaviour::REMOVED, true);
            }
            "Digits" => {
                let single = json.flag("individual_digits", false)?;
                let how = if single { behaviour::ISOLATED } else { behaviour::CONTIGUOUS };
                self.split(&one(unicode::numeric())?, how, false);
            }
            "Punctuation" => self.split(&one(unicode::punctuation())?, how(json, Some(behaviour::ISOLATED))?, false),
            "CharDelimiterSplit" => {
                let set = Set::one(character(&json.need("delimiter")?)?);
                self.split(&one(set)?, behaviour::REMOVED, false);
            }
            "Split" => {
                let pattern = pattern(&json.need("pattern")?)?;
                self.split(&pattern, how(json, None)?, json.flag("invert", false)?);
            }
            "Metaspace" => self.metaspace(json)?,
            "ByteLevel" => {
                if json.flag("add_prefix_space", true)? {
                    self.prefix(" ", true, false);
                }
                if json.flag("use_regex", true)? {
                    let gpt2 = parse(GPT2).map_err(|why| json.fault(why))?;
                    self.split(&made(&gpt2)?, behaviour::ISOLATED, false);
                }
                self.bytewise = true;
            }
            _ => return Err(json.unsupported("pre-tokenizer")),
        }
        Ok(())
    }

    fn metaspace(&mut self, json: &Json<'_>) -> Result<()> {
        let mark = character(&json.need("replacement")?)?;
        let made = |set: Set| table(&Node::Char(set)).map_err(|why| json.fault(why));
        let mut scheme = json.get("prepend_scheme").map_or(Ok("always"), |scheme| scheme.string())?;
        if !json.flag("add_prefix_space", true)? {
            scheme = "never";
        }
        self.replace(&made(Set::one(' '))?, &mark.to_string());
        match scheme {
            "always" => self.prefix(&mark.to_string(), true, false),
            "first" if self.changes_begin => {
                // There the library asks whether the text's first character is still the first.
                return Err(json.fault("`first` isn't supported behind a normalizer that may take out characters"));
            }
            "first" => self.prefix(&mark.to_string(), true, true),
            "never" => {}
            other => return Err(json.fault(format!("prepend_scheme `{other}` isn't supported"))),
        }
        if json.flag("split", true)? {
            self.split(&made(Set::one(mark))?, behaviour::WITH_NEXT, false);
        }
        Ok(())
    }
}

/// Classes, columns, states, entries.
fn matcher<'b>(bytes: &'b mut Bytes, table: &Table) -> &'b mut Bytes {
    let sets: Vec<(u8, &Set)> = table.sets.iter().zip(1..).map(|(set, class)| (class, set)).collect();
    let (columns, states) = (table.columns(), table.entries.len() / table.columns());
    bytes.classes(&sets).word(columns as u32).word(states as u32).halves(&table.entries)
}

fn pattern(json: &Json<'_>) -> Result<Table> {
    let (kind, pattern) = json.variant()?;
    let pattern = pattern.ok_or_else(|| json.fault("isn't a pattern"))?;
    let text = pattern.string()?;
    let node = match kind {
        "String" => Ok(literal(text)),
        "Regex" => parse(text),
        other => Err(format!("a pattern of kind `{other}` isn't supported")),
    };
    node.and_then(|node| table(&node)).map_err(|why| pattern.fault(why))
}

fn how(json: &Json<'_>, default: Option<u32>) -> Result<u32> {
    let behaviour = match (json.get("behavior"), default) {
        (None, Some(default)) => return Ok(default),
        (None, None) => json.need("behavior")?,
        (Some(behaviour), _) => behaviour,
    };
    Ok(match behaviour.string()? {
        "Removed" => behaviour::REMOVED,
        "Isolated" => behaviour::ISOLATED,
        "Contiguous" => behaviour::CONTIGUOUS,
        "MergedWithPrevious" => behaviour::WITH_PREVIOUS,
        "MergedWithNext" => behaviour::WITH_NEXT,
        other => return Err(behaviour.fault(format!("`{other}` isn't supported"))),
    })
}

fn character(json: &Json<'_>) -> Result<char> {
    let mut characters = json.string()?.chars();
    match (characters.next(), characters.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(json.fault("isn't one character")),
    }
}
