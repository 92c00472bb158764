//! The artifact: one flat file, read in place.
//!
//! Magic, version, a digested table of sections, then the sections, each 64-byte aligned. An [`Artifact`] that
//! exists has a sound table: every section lies inside the file, in order, without gaps, and all sections but the
//! weights have the digest that the table gives. docs/formats/artifact.md is the specification.

mod error;
mod golden;
mod heads;
mod labels;
mod names;
mod policy;
#[cfg(feature = "write")]
mod write;

pub use error::ArtifactError;
pub use golden::{Expected, Golden, Values, fill_golden};
pub use heads::HeadSpec;
pub(crate) use heads::{MALFORMED_HEADS, MALFORMED_NAMES, MALFORMED_POLICY};
pub use labels::Labels;
pub use names::Names;
pub use policy::{Bounds, Calibration, Cohorts, LEAST_PROBABILITY, Policy};
#[cfg(feature = "write")]
pub use write::{Locales, NewHead, Writer};

use crate::task::{Scoring, Task, TaskSpec};
use crate::wire::Words;
use sha2::{Digest as _, Sha256};

/// First bytes of every artifact. The line ends and the control character show transfers that changed bytes.
pub const MAGIC: [u8; 8] = *b"DUNLIN\r\x1a";

/// The format's version that this engine reads and writes.
pub const VERSION: u32 = 1;

/// Alignment of the file in memory, of its sections, and of tensors in them and in the arena.
pub const ALIGN: usize = 64;

/// Length of the header and of each entry of the section table.
const RECORD: usize = 64;

/// Kinds from here on may be skipped by a reader that doesn't know them.
const OPTIONAL: u32 = 0x8000_0000;

/// More sections than any version has.
const MAX_SECTIONS: u32 = 64;

/// A SHA-256 digest.
pub type Digest = [u8; 32];

/// Which section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum SectionKind {
    /// Tensors, operators, inputs and outputs.
    Graph = 1,
    /// Constant tensors.
    Weights = 2,
    /// Scales and zero points of quantized tensors.
    Quantization = 3,
    /// Where computed tensors lie in the arena.
    Memory = 4,
    /// Names of tensors and operators.
    Names = 5,
    /// Names of the classes, by locale.
    Labels = 6,
    /// What raw input becomes the model's input, and how.
    Task = 7,
    /// Seeds of inputs with the digests of their outputs.
    Golden = 8,
    /// The model's card, JSON.
    Card = 9,
    /// How text becomes ids.
    Text = 10,
    /// Calibration, and from where on a probability is an answer.
    Policy = 11,
    /// Outputs after the first one that are classifiers too.
    Heads = 12,
    /// Seeds of inputs with numbers of their outputs. A reader that doesn't know it has fewer proofs, and is right otherwise.
    GoldenValues = 0x8000_0010,
    /// How calibration samples fall into bins, JSON: for who compares answers with them. The engine doesn't read it.
    Baseline = 0x8000_0011,
}

impl SectionKind {
    /// Every kind, in the order of their numbers.
    pub const ALL: [Self; 14] = [
        Self::Graph,
        Self::Weights,
        Self::Quantization,
        Self::Memory,
        Self::Names,
        Self::Labels,
        Self::Task,
        Self::Golden,
        Self::Card,
        Self::Text,
        Self::Policy,
        Self::Heads,
        Self::GoldenValues,
        Self::Baseline,
    ];

    /// The name that messages and tables show.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Graph => "graph",
            Self::Weights => "weights",
            Self::Quantization => "quantization",
            Self::Memory => "memory",
            Self::Names => "names",
            Self::Labels => "labels",
            Self::Task => "task",
            Self::Golden => "golden",
            Self::Card => "card",
            Self::Text => "text",
            Self::Policy => "policy",
            Self::Heads => "heads",
            Self::GoldenValues => "golden values",
            Self::Baseline => "baseline",
        }
    }

    /// Place among [`SectionKind::ALL`].
    const fn place(self) -> usize {
        match self {
            Self::GoldenValues => Self::ALL.len() - 2,
            Self::Baseline => Self::ALL.len() - 1,
            required => required as usize - 1,
        }
    }

    fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|&kind| kind as u32 == number)
    }
}

/// One entry of the section table.
#[derive(Clone, Copy, Debug)]
pub struct Section<'a> {
    /// Its kind.
    pub kind: SectionKind,
    /// Where its bytes begin in the file.
    pub offset: usize,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// SHA-256 of its bytes, as the table has it.
    pub digest: Digest,
}

/// A file whose section table is sound.
#[derive(Clone, Debug)]
pub struct Artifact<'a> {
    bytes: &'a [u8],
    sections: [Option<Section<'a>>; SectionKind::ALL.len()],
}

impl<'a> Artifact<'a> {
    /// Checks the header, the section table, and the digests of all sections but the weights.
    ///
    /// `bytes` is the whole file and must begin at a multiple of [`ALIGN`], as mapped files and
    /// `dunlin_kernels::AlignedBytes` do.
    ///
    /// # Errors
    /// [`ArtifactError`] when the file is truncated, changed, of another version or no artifact at all.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ArtifactError> {
        let header =
            bytes.first_chunk::<RECORD>().ok_or(ArtifactError::Truncated { needed: RECORD, found: bytes.len() })?;
        if header[..8] != MAGIC {
            return Err(ArtifactError::Magic);
        }
        let mut words = Words::new(&header[8..32]);
        let mut next = || words.next().expect("the header has six words before its digest");
        let (version, count) = (next(), next());
        let length = u64::from(next()) | u64::from(next()) << 32;
        let reserved = next() | next();
        if version != VERSION {
            return Err(ArtifactError::Version { found: version });
        }
        if length != bytes.len() as u64 {
            return Err(ArtifactError::Length { declared: length, found: bytes.len() });
        }
        if reserved != 0 || count > MAX_SECTIONS {
            return Err(ArtifactError::Table { why: "impossible section count or reserved bytes" });
        }
        if bytes.as_ptr().align_offset(ALIGN) != 0 {
            return Err(ArtifactError::Alignment);
        }
        let end = RECORD + count as usize * RECORD;
        let table = bytes.get(RECORD..end).ok_or(ArtifactError::Truncated { needed: end, found: bytes.len() })?;
        let digest = Sha256::new().chain_update(&header[..32]).chain_update(table).finalize();
        if digest[..] != header[32..] {
            return Err(ArtifactError::Digest { section: "section table" });
        }
        Ok(Self { bytes, sections: read_table(bytes, table)? })
    }

    /// The whole file.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The sections that are there, in the order of their kinds.
    pub fn sections(&self) -> impl Iterator<Item = &Section<'a>> {
        self.sections.iter().flatten()
    }

    /// A section by its kind.
    pub fn section(&self, kind: SectionKind) -> Option<&Section<'a>> {
        self.sections[kind.place()].as_ref()
    }

    /// A section that every artifact has.
    ///
    /// # Errors
    /// [`ArtifactError::Missing`].
    pub(crate) fn required(&self, kind: SectionKind) -> Result<&Section<'a>, ArtifactError> {
        self.section(kind).ok_or(ArtifactError::Missing { section: kind.name() })
    }

    /// Checks the weights' digest. Loading skips this, so that it touches no page that isn't needed yet; whoever
    /// brings a file onto a device does it once.
    ///
    /// # Errors
    /// [`ArtifactError::Digest`] when a byte of the weights has changed, [`ArtifactError::Missing`] without weights.
    pub fn verify_weights(&self) -> Result<(), ArtifactError> {
        let weights = self.required(SectionKind::Weights)?;
        check_digest(weights)
    }

    /// The classes' names; none for a model without labels.
    ///
    /// # Errors
    /// [`ArtifactError::Section`] when the section is malformed.
    pub fn labels(&self) -> Result<Labels<'a>, ArtifactError> {
        let Some(section) = self.section(SectionKind::Labels) else { return Ok(Labels::default()) };
        Labels::parse(section.bytes).ok_or(ArtifactError::Section { section: "labels" })
    }

    /// What an app gives to the model and what it gets.
    ///
    /// # Errors
    /// [`ArtifactError::Section`] when the section is malformed.
    pub fn task(&self) -> Result<Task, ArtifactError> {
        let Some(section) = self.section(SectionKind::Task) else {
            return Ok(Task { scoring: Scoring::Probabilities, spec: TaskSpec::Tensor });
        };
        let mut words = Words::new(section.bytes);
        let task = words.read().filter(|_| words.end().is_some());
        task.ok_or(ArtifactError::Section { section: "task" })
    }

    /// Names of inputs, outputs and operators; empty ones for an artifact that was stripped of them.
    ///
    /// # Errors
    /// [`ArtifactError::Section`] when the section is malformed.
    pub fn names(&self) -> Result<Names<'a>, ArtifactError> {
        let Some(section) = self.section(SectionKind::Names) else { return Ok(Names::default()) };
        Names::parse(section.bytes).ok_or(MALFORMED_NAMES)
    }

    /// The golden inputs and outputs; none when the compiler was told to leave them out.
    ///
    /// # Errors
    /// [`ArtifactError::Section`] when the section is malformed.
    pub fn golden(&self) -> Result<alloc::vec::Vec<Golden>, ArtifactError> {
        let mut all = alloc::vec::Vec::new();
        if let Some(section) = self.section(SectionKind::Golden) {
            let digests = Golden::parse_digests(section.bytes);
            all.extend(digests.ok_or(ArtifactError::Section { section: section.kind.name() })?);
        }
        if let Some(section) = self.section(SectionKind::GoldenValues) {
            let values = Golden::parse_values(section.bytes);
            all.extend(values.ok_or(ArtifactError::Section { section: section.kind.name() })?);
        }
        Ok(all)
    }

    /// Calibration and thresholds of a model with so many classes; a policy that changes nothing for a model that wasn't calibrated.
    ///
    /// # Errors
    /// [`ArtifactError::Section`] when the section is malformed, or of a model with another number of classes.
    pub fn policy(&self, classes: usize) -> Result<Policy<'a>, ArtifactError> {
        let Some(section) = self.section(SectionKind::Policy) else { return Ok(Policy::default()) };
        Policy::parse(section.bytes, classes).ok_or(ArtifactError::Section { section: "policy" })
    }

    /// The card: JSON that people and tools read; the engine doesn't.
    ///
    /// # Errors
    /// [`ArtifactError::Section`] when it isn't UTF-8.
    pub fn card(&self) -> Result<Option<&'a str>, ArtifactError> {
        let Some(section) = self.section(SectionKind::Card) else { return Ok(None) };
        core::str::from_utf8(section.bytes).map(Some).map_err(|_| ArtifactError::Section { section: "card" })
    }
}

type Sections<'a> = [Option<Section<'a>>; SectionKind::ALL.len()];

/// Reads the table's entries. Sections follow each other at the next aligned offset, the padding between them is
/// zero and the last one ends the file: so no byte of the file is unaccounted for.
fn read_table<'a>(bytes: &'a [u8], table: &[u8]) -> Result<Sections<'a>, ArtifactError> {
    let mut sections: Sections<'a> = [None; SectionKind::ALL.len()];
    let mut end = RECORD + table.len();
    for record in table.chunks_exact(RECORD) {
        let entry = Entry::read(record)?;
        let start = end.next_multiple_of(ALIGN);
        if entry.offset != start as u64 {
            return Err(ArtifactError::Table { why: "sections that overlap or leave a gap" });
        }
        let stop = entry.offset.checked_add(entry.length).and_then(|stop| usize::try_from(stop).ok());
        let data = stop
            .and_then(|stop| bytes.get(start..stop))
            .ok_or(ArtifactError::Table { why: "a section past the end of the file" })?;
        if bytes[end..start].iter().any(|&b| b != 0) {
            return Err(ArtifactError::Table { why: "padding that isn't zero" });
        }
        end = start + data.len();
        let Some(kind) = SectionKind::from_number(entry.kind) else {
            if entry.kind >= OPTIONAL {
                continue;
            }
            return Err(ArtifactError::UnknownSection { kind: entry.kind });
        };
        let section = Section { kind, offset: start, bytes: data, digest: entry.digest };
        if kind != SectionKind::Weights {
            check_digest(&section)?;
        }
        if sections[kind.place()].replace(section).is_some() {
            return Err(ArtifactError::Table { why: "a section twice" });
        }
    }
    if end != bytes.len() {
        return Err(ArtifactError::Table { why: "bytes after the last section" });
    }
    Ok(sections)
}

fn check_digest(section: &Section<'_>) -> Result<(), ArtifactError> {
    if Sha256::digest(section.bytes)[..] != section.digest {
        return Err(ArtifactError::Digest { section: section.kind.name() });
    }
    Ok(())
}

struct Entry {
    kind: u32,
    offset: u64,
    length: u64,
    digest: Digest,
}

impl Entry {
    fn read(record: &[u8]) -> Result<Self, ArtifactError> {
        let mut words = Words::new(record);
        let mut next = || words.next().expect("a record has sixteen words");
        let (kind, reserved) = (next(), next());
        let offset = u64::from(next()) | u64::from(next()) << 32;
        let length = u64::from(next()) | u64::from(next()) << 32;
        if reserved | next() | next() != 0 {
            return Err(ArtifactError::Table { why: "reserved bytes that aren't zero" });
        }
        let mut digest = Digest::default();
        digest.copy_from_slice(&record[32..]);
        Ok(Self { kind, offset, length, digest })
    }
}
