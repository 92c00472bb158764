//! The section of the artifact that says how text becomes ids.

use crate::cleaning::Cleaning;
use crate::error::SpecError;
use crate::reader::Reader;
use crate::tables::CharMap;
use crate::tokenizer::Tokenizer;

/// The section's version that this crate reads and writes.
pub const VERSION: u32 = 1;

/// Bytes of a text that are read where the author says nothing else.
pub const DEFAULT_BYTES: u32 = 1 << 16;

/// The most bytes of a text that a spec may have read.
pub const MAX_BYTES: u32 = 1 << 20;

/// The most ids that a text may become.
pub const MAX_IDS: u32 = 1 << 20;

/// What the number of an input is where there is no such input.
pub(crate) const NO_INPUT: u32 = u32::MAX;

/// Where ids go in the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feed {
    /// Number of the input that takes the ids.
    pub ids: u32,
    /// Number of the input that takes 1 for each id and 0 for each filler, if there is one.
    pub mask: Option<u32>,
    /// Number of the input that takes the ids' segments, all 0, if there is one.
    pub segments: Option<u32>,
    /// The most ids that the model takes.
    pub max_ids: u32,
    /// Whether it takes always so many, so that fillers follow; otherwise it takes as many as there are, but at least one.
    pub fixed: bool,
    /// The filler.
    pub pad: i32,
}

/// How text becomes ids: borrowed from the artifact, and valid.
#[derive(Clone, Debug)]
pub struct Spec<'a> {
    /// Bytes of a text that are read; what follows them is left out.
    pub max_bytes: usize,
    /// Where ids go.
    pub feed: Feed,
    /// What is done to text first.
    pub cleaning: Cleaning<'a>,
    /// What makes ids of it then.
    pub tokenizer: Tokenizer<'a>,
}

/// The parts of a section, by the numbers that they have in its directory, where they stand in rising order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum PartKind {
    /// What makes ids of text: the tokenizer's kind (word), then its own data.
    Tokenizer = 1,
    /// What is done to text before the tokenizer gets it.
    Cleaning = 2,
    /// What kind of character each one is.
    Classes = 3,
    /// What characters decompose to by compatibility (NFKD).
    Compatible = 4,
    /// Which two characters compose to one.
    Compositions = 5,
    /// Lower case.
    Lower = 6,
    /// Letters that look like those of other scripts.
    Lookalikes = 7,
}

impl PartKind {
    /// Every kind, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::Tokenizer,
        Self::Cleaning,
        Self::Classes,
        Self::Compatible,
        Self::Compositions,
        Self::Lower,
        Self::Lookalikes,
    ];

    /// The name that errors show.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tokenizer => "tokenizer",
            Self::Cleaning => "cleaning",
            Self::Classes => "table of classes",
            Self::Compatible => "table of compatible decompositions",
            Self::Compositions => "table of compositions",
            Self::Lower => "table of lower case",
            Self::Lookalikes => "table of look-alikes",
        }
    }

    fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|&kind| kind as u32 == number)
    }
}

/// The bytes of each part.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts<'a> {
    parts: [Option<&'a [u8]>; PartKind::ALL.len()],
    known: bool,
}

impl<'a> Parts<'a> {
    /// A directory of kinds and lengths, then the parts themselves.
    fn read(reader: &mut Reader<'a>) -> Result<Self, SpecError> {
        let count = reader.word()? as usize;
        if count > PartKind::ALL.len() {
            return Err(SpecError::Invalid { part: "directory", why: "more parts than there are kinds" });
        }
        let mut directory = *reader;
        for _ in 0..2 * count {
            reader.word()?;
        }
        let mut parts = Self { parts: [None; PartKind::ALL.len()], known: reader.known };
        let mut last = 0;
        for _ in 0..count {
            let (number, len) = (directory.word()?, directory.word()?);
            let kind = PartKind::from_number(number).ok_or(SpecError::Unknown { what: "a part of kind", number })?;
            if number <= last {
                return Err(SpecError::Invalid { part: "directory", why: "parts out of order" });
            }
            last = number;
            parts.parts[kind as usize - 1] = Some(reader.bytes(len as usize)?);
        }
        Ok(parts)
    }

    /// A part that the section may leave out.
    pub(crate) fn get(&self, kind: PartKind) -> Option<Reader<'a>> {
        self.parts[kind as usize - 1].map(|part| Reader::of(part, self.known))
    }

    /// A part that is a map from characters.
    pub(crate) fn map(&self, kind: PartKind) -> Result<CharMap<'a>, SpecError> {
        let mut reader = self.required(kind)?;
        let map = CharMap::parse(&mut reader, kind.name())?;
        reader.end()?;
        Ok(map)
    }

    /// A part that has to be there.
    pub(crate) fn required(&self, kind: PartKind) -> Result<Reader<'a>, SpecError> {
        self.get(kind).ok_or(SpecError::Missing { part: kind.name() })
    }
}

impl<'a> Spec<'a> {
    /// Reads a section. Tables stay where they lie.
    ///
    /// # Errors
    /// [`SpecError`] when the section is cut off, contradicts itself, or is of another version.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, SpecError> {
        Self::read(Reader::new(bytes))
    }

    /// A section that [`Spec::parse`] has read before, so that its tables needn't be gone through again.
    ///
    /// Of another section nothing is promised but that reading it and preparing texts with it ends, without a panic.
    ///
    /// # Errors
    /// [`SpecError`] when it wasn't read before.
    pub fn reopen(bytes: &'a [u8]) -> Result<Self, SpecError> {
        Self::read(Reader::of(bytes, true))
    }

    fn read(mut reader: Reader<'a>) -> Result<Self, SpecError> {
        let version = reader.word()?;
        if version != VERSION {
            return Err(SpecError::Unknown { what: "version", number: version });
        }
        let max_bytes = reader.word()?;
        if !(1..=MAX_BYTES).contains(&max_bytes) {
            return Err(SpecError::Invalid { part: "limit", why: "no bytes of a text, or too many" });
        }
        let feed = Feed::read(&mut reader)?;
        let parts = Parts::read(&mut reader)?;
        reader.end()?;
        let (cleaning, tokenizer) = (Cleaning::parse(&parts)?, Tokenizer::parse(&parts)?);
        Ok(Self { max_bytes: max_bytes as usize, feed, cleaning, tokenizer })
    }
}

impl Feed {
    fn read(reader: &mut Reader<'_>) -> Result<Self, SpecError> {
        let mut input = || reader.word().map(|number| Some(number).filter(|&n| n != NO_INPUT));
        let (ids, mask, segments) = (input()?, input()?, input()?);
        let invalid = |why| SpecError::Invalid { part: "feed", why };
        let ids = ids.ok_or(invalid("no input for ids"))?;
        let (max_ids, fixed, pad) = (reader.word()?, reader.word()?, reader.word()? as i32);
        if !(1..=MAX_IDS).contains(&max_ids) || fixed > 1 || pad < 0 {
            return Err(invalid("no ids, too many, or a filler that is none"));
        }
        let all = [Some(ids), mask, segments];
        if all.iter().enumerate().any(|(i, input)| input.is_some() && all[..i].contains(input)) {
            return Err(invalid("an input twice"));
        }
        Ok(Self { ids, mask, segments, max_ids, fixed: fixed == 1, pad })
    }
}
