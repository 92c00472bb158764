//! Writing artifacts: the inverse of reading, for the compiler.

use super::{
    ALIGN, Artifact, ArtifactError, Bounds, Entry, Expected, Golden, MAGIC, MALFORMED_HEADS, Policy, RECORD,
    SectionKind, VERSION, Values,
};
use crate::task::Scoring;
use crate::wire::{Put as _, put_text};
use alloc::vec::Vec;
use core::ops::Range;
use sha2::{Digest as _, Sha256};

/// Names of the classes for each locale, by its BCP 47 tag, the default locale first.
pub type Locales<'a> = [(&'a str, &'a [&'a str])];

/// A head that a model has besides its first output.
#[derive(Clone, Copy, Debug)]
pub struct NewHead<'a> {
    /// Which output.
    pub output: usize,
    /// What the output is.
    pub scoring: Scoring,
    /// Names of its classes; none without.
    pub labels: &'a Locales<'a>,
}

/// Collects sections and lays them out as a file.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    sections: Vec<(u32, Vec<u8>)>,
}

impl Writer {
    /// The sections of a file, also those that this version doesn't know, in their order.
    ///
    /// # Errors
    /// As for [`Artifact::parse`].
    pub fn of(file: &[u8]) -> Result<Self, ArtifactError> {
        Artifact::parse(file)?;
        let end = file[RECORD..].chunks_exact(RECORD);
        let count = u32::from_le_bytes([file[12], file[13], file[14], file[15]]) as usize;
        let entries = end.take(count).map(Entry::read);
        let section = |entry: Entry| {
            let start = entry.offset as usize;
            (entry.kind, file[start..start + entry.length as usize].to_vec())
        };
        Ok(Self { sections: entries.map(|entry| entry.map(section)).collect::<Result<_, _>>()? })
    }

    /// Puts bytes in the place of a section; where there is none, they become one before the weights, which are long and stay the last.
    pub fn replace(&mut self, kind: SectionKind, bytes: Vec<u8>) -> &mut Self {
        let place = |wanted: SectionKind| self.sections.iter().position(|&(kind, _)| kind == wanted as u32);
        match place(kind) {
            Some(index) => self.sections[index].1 = bytes,
            None => {
                let index = place(SectionKind::Weights).unwrap_or(self.sections.len());
                self.sections.insert(index, (kind as u32, bytes));
            }
        }
        self
    }

    /// Puts a policy in the place of the one that is there, or adds it: of a model with so many classes, with cohorts that have bounds of
    /// their own.
    pub fn policy(&mut self, policy: &Policy<'_>, classes: usize, cohorts: &[(&str, Bounds<'_>)]) -> &mut Self {
        self.replace(SectionKind::Policy, bytes_of(&policy.words(classes, cohorts)))
    }

    /// As [`Writer::policy`], of a head by its number, 0 being the first output.
    ///
    /// # Errors
    /// [`ArtifactError::Section`] when there is no such head.
    pub fn head_policy(
        &mut self,
        head: usize,
        policy: &Policy<'_>,
        classes: usize,
        cohorts: &[(&str, Bounds<'_>)],
    ) -> Result<&mut Self, ArtifactError> {
        if head == 0 {
            return Ok(self.policy(policy, classes, cohorts));
        }
        let section = self.sections.iter().find(|&&(kind, _)| kind == SectionKind::Heads as u32);
        let section = &section.ok_or(ArtifactError::Missing { section: SectionKind::Heads.name() })?.1;
        let mut words: Vec<u32> = section.as_chunks().0.iter().map(|&word| u32::from_le_bytes(word)).collect();
        let place = policy_place(&words, head).ok_or(MALFORMED_HEADS)?;
        let policy = policy.words(classes, cohorts);
        words[place.start] = policy.len() as u32;
        words.splice(place.start + 1..place.end, policy);
        Ok(self.replace(SectionKind::Heads, bytes_of(&words)))
    }

    /// Adds heads after the first one, by rising outputs.
    pub fn heads(&mut self, heads: &[NewHead<'_>]) -> &mut Self {
        let mut words = alloc::vec![heads.len() as u32];
        for NewHead { output, scoring, labels } in heads {
            words.push(*output as u32);
            scoring.put(&mut words);
            let labels = if labels.is_empty() { Vec::new() } else { labels_words(labels) };
            words.push(labels.len() as u32);
            words.extend(labels);
            words.push(0);
        }
        self.words(SectionKind::Heads, &words)
    }

    /// Adds a section of bytes. Sections lie in the file in the order in which they were added.
    pub fn bytes(&mut self, kind: SectionKind, bytes: Vec<u8>) -> &mut Self {
        self.sections.push((kind as u32, bytes));
        self
    }

    /// Adds a section of words.
    pub fn words(&mut self, kind: SectionKind, words: &[u32]) -> &mut Self {
        self.bytes(kind, bytes_of(words))
    }

    /// Adds labels.
    pub fn labels(&mut self, locales: &Locales<'_>) -> &mut Self {
        self.words(SectionKind::Labels, &labels_words(locales))
    }

    /// Adds golden inputs and outputs: digests to their section, values to theirs.
    pub fn golden(&mut self, all: &[Golden]) -> &mut Self {
        let (mut digests, mut values) = ((0_u32, Vec::new()), (0_u32, Vec::new()));
        for Golden { seed, outputs } in all {
            match outputs {
                Expected::Digest(digest) => {
                    digests.0 += 1;
                    digests.1.extend(seed.to_le_bytes());
                    digests.1.extend(digest);
                }
                Expected::Values(Values { tolerance, step, elements }) => {
                    values.0 += 1;
                    values.1.extend(seed.to_le_bytes());
                    values.1.extend(tolerance.to_le_bytes());
                    values.1.extend([*step as u32, elements.len() as u32].iter().flat_map(|word| word.to_le_bytes()));
                    values.1.extend(elements.iter().flat_map(|element| element.to_le_bytes()));
                }
            }
        }
        for (kind, (count, entries)) in [(SectionKind::Golden, digests), (SectionKind::GoldenValues, values)] {
            if count > 0 {
                let mut bytes = count.to_le_bytes().to_vec();
                bytes.extend(entries);
                self.bytes(kind, bytes);
            }
        }
        self
    }

    /// The file.
    pub fn finish(&self) -> Vec<u8> {
        let mut file = alloc::vec![0; RECORD * (1 + self.sections.len())];
        let mut table = Vec::with_capacity(RECORD * self.sections.len());
        for (kind, bytes) in &self.sections {
            file.resize(file.len().next_multiple_of(ALIGN), 0);
            table.extend(kind.to_le_bytes());
            table.extend([0; 4]);
            table.extend((file.len() as u64).to_le_bytes());
            table.extend((bytes.len() as u64).to_le_bytes());
            table.extend([0; 8]);
            table.extend(Sha256::digest(bytes));
            file.extend(bytes);
        }
        let mut header = MAGIC.to_vec();
        header.extend(VERSION.to_le_bytes());
        header.extend((self.sections.len() as u32).to_le_bytes());
        header.extend((file.len() as u64).to_le_bytes());
        header.extend([0; 8]);
        let digest = Sha256::new().chain_update(&header).chain_update(&table).finalize();
        header.extend(digest);
        file[..RECORD].copy_from_slice(&header);
        file[RECORD..RECORD + table.len()].copy_from_slice(&table);
        file
    }
}

fn bytes_of(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn labels_words(locales: &Locales<'_>) -> Vec<u32> {
    let mut words = alloc::vec![locales.len() as u32];
    for (tag, labels) in locales {
        put_text(tag, &mut words);
        words.push(labels.len() as u32);
        labels.iter().for_each(|label| put_text(label, &mut words));
    }
    words
}

/// Where the section of further heads has a head's policy, its length first.
fn policy_place(words: &[u32], head: usize) -> Option<Range<usize>> {
    let list = |at: usize| Some(at..at + 1 + *words.get(at)? as usize);
    (head <= *words.first()? as usize).then_some(())?;
    let mut policy = 0..1;
    for _ in 0..head {
        let labels = list(policy.end + 2)?;
        policy = list(labels.end)?;
    }
    (policy.end <= words.len()).then_some(policy)
}
