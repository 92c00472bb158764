//! Writing artifacts: the inverse of reading, for the compiler.

use super::{
    ALIGN, Artifact, ArtifactError, Bounds, Entry, Expected, Golden, MAGIC, Policy, RECORD, SectionKind, VERSION,
    Values,
};
use crate::wire::put_text;
use alloc::vec::Vec;
use sha2::{Digest as _, Sha256};

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
        let words = policy.words(classes, cohorts);
        self.replace(SectionKind::Policy, words.iter().flat_map(|word| word.to_le_bytes()).collect())
    }

    /// Adds a section of bytes. Sections lie in the file in the order in which they were added.
    pub fn bytes(&mut self, kind: SectionKind, bytes: Vec<u8>) -> &mut Self {
        self.sections.push((kind as u32, bytes));
        self
    }

    /// Adds a section of words.
    pub fn words(&mut self, kind: SectionKind, words: &[u32]) -> &mut Self {
        self.bytes(kind, words.iter().flat_map(|w| w.to_le_bytes()).collect())
    }

    /// Adds labels: for each locale its BCP 47 tag and the classes' names, the default locale first.
    pub fn labels(&mut self, locales: &[(&str, &[&str])]) -> &mut Self {
        let mut words = alloc::vec![locales.len() as u32];
        for (tag, labels) in locales {
            put_text(tag, &mut words);
            words.push(labels.len() as u32);
            labels.iter().for_each(|label| put_text(label, &mut words));
        }
        self.words(SectionKind::Labels, &words)
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
