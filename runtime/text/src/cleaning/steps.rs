//! Which steps are taken.

use crate::error::SpecError;

/// The steps of cleaning, each of which a spec may leave out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Steps {
    /// Invisible characters are taken out, where they have no meaning.
    pub ignorables: bool,
    /// Compatible characters are replaced, marks composed (NFKC).
    pub nfkc: bool,
    /// Letters become lower case.
    pub lower: bool,
    /// A second view has letters of another script in a word replaced by those that they look like.
    pub mixed_script: bool,
    /// A second view has digits and symbols in a word replaced by the letters that they stand for.
    pub leet: bool,
    /// A second view has letters that stand apart put together.
    pub spacing: bool,
}

impl Steps {
    /// One bit each, in the order of the fields.
    pub(super) fn read(bits: u32) -> Result<Self, SpecError> {
        if bits >= 1 << 6 {
            return Err(SpecError::Unknown { what: "steps of cleaning", number: bits });
        }
        let bit = |n: u32| bits >> n & 1 == 1;
        Ok(Self {
            ignorables: bit(0),
            nfkc: bit(1),
            lower: bit(2),
            mixed_script: bit(3),
            leet: bit(4),
            spacing: bit(5),
        })
    }

    /// What `Steps::read` reads.
    pub fn bits(self) -> u32 {
        let all = [self.ignorables, self.nfkc, self.lower, self.mixed_script, self.leet, self.spacing];
        all.iter().rev().fold(0, |bits, &bit| bits << 1 | u32::from(bit))
    }

    /// Whether the plain text may differ from the text by more than case.
    pub(super) fn makes_plain(self) -> bool {
        self.ignorables || self.nfkc
    }

    /// Whether there may be a second view.
    pub fn unmasks(self) -> bool {
        self.mixed_script || self.leet || self.spacing
    }

    /// Whether a step asks what kind of character one is.
    pub fn needs_classes(self) -> bool {
        self.makes_plain() || self.unmasks()
    }
}
