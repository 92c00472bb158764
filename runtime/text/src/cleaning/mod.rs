//! What is done to text before the tokenizer gets it.
//!
//! Text is first brought into its plain form: invisible characters out, compatible ones replaced (NFKC). No language
//! loses anything by that, and every model is trained on it. What looks like an attempt to hide a word is never changed there: it
//! becomes a second view of the text, `unmask`.

mod lower;
mod plain;
mod steps;
mod unmask;

use crate::error::SpecError;
use crate::forms::{Form, Former};
use crate::signs::Signs;
use crate::spec::{PartKind, Parts};
use crate::tables::{CharMap, Classes, Compositions};
use alloc::string::String;

pub use steps::Steps;
use unmask::Unmasker;
pub use unmask::{Leet, Lookalikes};

/// What is done to text, with the tables for it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cleaning<'a> {
    /// Which steps are taken.
    pub steps: Steps,
    classes: Classes<'a>,
    form: Option<Form<'a>>,
    lower: Option<CharMap<'a>>,
    lookalikes: Lookalikes<'a>,
    leet: Leet<'a>,
}

impl<'a> Cleaning<'a> {
    /// Reads the part, and the tables that its steps need. Without the part nothing is done.
    pub(crate) fn parse(parts: &Parts<'a>) -> Result<Self, SpecError> {
        let Some(mut reader) = parts.get(PartKind::Cleaning) else { return Ok(Self::default()) };
        let steps = Steps::read(reader.word()?)?;
        let mut cleaning = Self { steps, ..Self::default() };
        if steps.leet {
            cleaning.leet = Leet::read(&mut reader)?;
        }
        reader.end()?;
        if steps.mixed_script {
            cleaning.lookalikes = Lookalikes::parse(parts.required(PartKind::Lookalikes)?)?;
        }
        if steps.needs_classes() {
            cleaning.classes = Classes::parse(parts.required(PartKind::Classes)?)?;
        }
        if steps.nfkc {
            cleaning.form = Some(Form {
                decompositions: parts.map(PartKind::Compatible)?,
                classes: cleaning.classes,
                compositions: Some(Compositions::parse(parts.required(PartKind::Compositions)?)?),
                quick: true,
            });
        }
        if steps.lower {
            cleaning.lower = Some(parts.map(PartKind::Lower)?);
        }
        Ok(cleaning)
    }
}

/// Cleans texts; keeps its memory from one to the next.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cleaner {
    former: Former,
    /// The plain text, in the case in which it was written.
    plain: String,
    /// The plain text as the tokenizer gets it.
    first: String,
    unmasker: Unmasker,
    /// What the text seems to hide, as the tokenizer gets it.
    second: String,
}

/// A cleaned text.
#[derive(Clone, Copy, Debug)]
pub struct Cleaned<'c> {
    /// The text as it is read.
    pub first: &'c str,
    /// What it seems to hide, if anything.
    pub second: Option<&'c str>,
    /// What was found in it.
    pub signs: Signs,
    /// Whether it was cut off.
    pub truncated: bool,
}

impl Cleaner {
    /// Cleans a text, to at most about `limit` bytes.
    pub(crate) fn clean<'c>(&'c mut self, cleaning: &Cleaning<'_>, text: &'c str, limit: usize) -> Cleaned<'c> {
        let mut signs = Signs::default();
        let mut truncated = false;
        // Nothing below changes letters of ASCII but for their case.
        let plain = if text.is_ascii() || !cleaning.steps.makes_plain() {
            text
        } else {
            truncated = plain::make(cleaning, &mut self.former, text, limit, &mut self.plain, &mut signs);
            &self.plain
        };
        let hidden = self.unmasker.unmask(cleaning, plain, &mut signs);
        let second = hidden.map(|text| lower::make(cleaning.lower.as_ref(), text, &mut self.second));
        Cleaned { first: lower::make(cleaning.lower.as_ref(), plain, &mut self.first), second, signs, truncated }
    }
}
