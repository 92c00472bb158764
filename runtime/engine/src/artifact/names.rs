//! People's names for what the graph knows by number.

use crate::wire::Words;
use alloc::vec::Vec;

/// Names of a model's inputs, outputs and operators; borrowed from the artifact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names<'a> {
    values: Vec<&'a str>,
    nodes: Vec<&'a str>,
}

impl<'a> Names<'a> {
    /// The names of inputs and then outputs, then those of operators; each list behind its length.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut words = Words::new(bytes);
        let mut list = || {
            let count = words.count(1)?;
            (0..count).map(|_| words.text()).collect::<Option<Vec<_>>>()
        };
        let names = Self { values: list()?, nodes: list()? };
        words.end()?;
        Some(names)
    }

    /// As [`Names::value`], of a section of which only this is read; empty where there is none.
    pub(crate) fn value_in(bytes: &'a [u8], index: usize) -> Option<&'a str> {
        let mut words = Words::new(bytes);
        let mut name = "";
        if words.next().is_some_and(|count| index < count as usize) {
            for _ in 0..=index {
                name = words.text()?;
            }
        }
        Some(name)
    }

    /// Name of an input, or, counted on from the last input, of an output; empty when it has none.
    pub fn value(&self, index: usize) -> &'a str {
        self.values.get(index).copied().unwrap_or_default()
    }

    /// Name of an operator by its index in the graph; empty when it has none.
    pub fn node(&self, index: usize) -> &'a str {
        self.nodes.get(index).copied().unwrap_or_default()
    }
}
