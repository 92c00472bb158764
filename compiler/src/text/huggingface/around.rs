//! Ids before and behind those of a text, how many may be kept, and fillers.

use super::json::{Json, Result};

/// The ids around a text's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Around {
    pub(super) before: Vec<u32>,
    pub(super) behind: Vec<u32>,
}

/// How many ids a text may become, and what fills it up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Length {
    /// The most ids, if the file says so.
    pub max_ids: Option<u32>,
    /// The number of ids that shorter texts are filled up to, if they are.
    pub fixed: Option<u32>,
    /// The filler.
    pub pad: u32,
}

impl Around {
    /// Adds what a post-processor puts around a single text.
    pub(super) fn read(&mut self, json: &Json<'_>) -> Result<()> {
        match json.kind()? {
            "Sequence" => {
                json.need("processors")?.list()?.iter().try_for_each(|processor| self.read(processor))?;
            }
            "ByteLevel" => {}
            "BertProcessing" | "RobertaProcessing" => {
                let token = |key: &str| -> Result<u32> {
                    let pair = json.need(key)?;
                    pair.list()?.get(1).ok_or_else(|| pair.fault("isn't a token and its id"))?.number()
                };
                self.put(&[token("cls")?], &[token("sep")?]);
            }
            "TemplateProcessing" => self.template(json)?,
            _ => return Err(json.unsupported("post-processor")),
        }
        Ok(())
    }

    fn put(&mut self, before: &[u32], behind: &[u32]) {
        self.before.splice(0..0, before.iter().copied());
        self.behind.extend(behind);
    }

    fn template(&mut self, json: &Json<'_>) -> Result<()> {
        let tokens = json.need("special_tokens")?;
        let single = json.need("single")?;
        let (mut before, mut behind) = (Vec::new(), Vec::new());
        let mut texts = 0;
        for part in single.list()? {
            let (kind, inner) = part.variant()?;
            let inner = inner.ok_or_else(|| part.fault("isn't part of a template"))?;
            if inner.get("type_id").map_or(Ok(0), |id| id.number())? != 0 {
                return Err(inner.fault("segments other than 0 aren't supported for a single text"));
            }
            let name = inner.need("id")?.string()?;
            match kind {
                "Sequence" if name == "A" => texts += 1,
                "SpecialToken" => {
                    let ids = tokens.need(name)?.need("ids")?.list()?;
                    let ids = ids.iter().map(Json::number).collect::<Result<Vec<_>>>()?;
                    if texts == 0 { before.extend(ids) } else { behind.extend(ids) }
                }
                _ => return Err(part.fault(format!("`{kind}` `{name}` isn't supported for a single text"))),
            }
        }
        if texts != 1 {
            return Err(single.fault("doesn't have the text once"));
        }
        self.put(&before, &behind);
        Ok(())
    }
}

/// Whether the end of a text that is too long is kept; how long it may be, and what fills it up.
pub(super) fn length(json: &Json<'_>) -> Result<(bool, Length)> {
    let mut length = Length::default();
    let mut keeps_end = false;
    if let Some(truncation) = json.get("truncation") {
        length.max_ids = Some(truncation.need("max_length")?.number()?);
        if truncation.get("strategy").map_or(Ok("LongestFirst"), |strategy| strategy.string())? == "OnlySecond" {
            return Err(truncation.fault("a single text has no second part to cut off"));
        }
        keeps_end = match truncation.get("direction").map_or(Ok("Right"), |direction| direction.string())? {
            "Right" => false,
            "Left" => true,
            other => return Err(truncation.fault(format!("direction `{other}` isn't supported"))),
        };
    }
    let Some(padding) = json.get("padding") else { return Ok((keeps_end, length)) };
    let (strategy, fixed) = padding.need("strategy")?.variant()?;
    if padding.get("pad_to_multiple_of").map_or(Ok(1), |multiple| multiple.number())? > 1 {
        return Err(padding.fault("`pad_to_multiple_of` isn't supported"));
    }
    match (strategy, fixed) {
        ("BatchLongest", None) => {}
        ("Fixed", Some(fixed)) => {
            if padding.get("direction").map_or(Ok("Right"), |direction| direction.string())? != "Right" {
                return Err(padding.fault("fillers before a text aren't supported"));
            }
            if padding.get("pad_type_id").map_or(Ok(0), |id| id.number())? != 0 {
                return Err(padding.fault("fillers of a segment other than 0 aren't supported"));
            }
            length.fixed = Some(fixed.number()?);
        }
        (other, _) => return Err(padding.fault(format!("strategy `{other}` isn't supported"))),
    }
    length.pad = padding.get("pad_id").map_or(Ok(0), |id| id.number())?;
    Ok((keeps_end, length))
}
