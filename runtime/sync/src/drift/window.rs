//! A day's answers of one model and cohort: one of them for each metric.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use dunlin_protocol::hex::Hash;
use dunlin_protocol::summary::{Cohort, Metric};
use serde::{Deserialize, Serialize};

use super::aggregation::Told;
use super::{Subject, bytes};
use crate::chance::Chance;

/// An open window. It has all that closing needs, so that its model may be gone by then.
#[derive(Debug)]
pub(super) struct Window {
    number: u64,
    day: u32,
    model: Hash,
    cohort: Cohort,
    cells: BTreeMap<Metric, Cell>,
    changed: bool,
}

/// A reservoir of one.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Cell {
    /// The metric's bins.
    bins: u8,
    /// Answers so far.
    seen: u32,
    /// The bin of one of them.
    bin: u8,
}

const KEY: &str = "window/day-";

impl Window {
    pub fn new(number: u64, day: u32, subject: &Subject) -> Self {
        let schema = subject.baseline.schema();
        let cell = |metric| Some((metric, Cell { bins: schema.bins(metric)? as u8, seen: 0, bin: 0 }));
        Self {
            number,
            day,
            model: subject.model,
            cohort: subject.cohort.clone(),
            cells: schema.metrics().filter_map(cell).collect(),
            changed: true,
        }
    }

    pub fn is_of(&self, day: u32, subject: &Subject) -> bool {
        self.day == day && self.model == subject.model && self.cohort == subject.cohort
    }

    pub fn day(&self) -> u32 {
        self.day
    }

    pub fn number(&self) -> u64 {
        self.number
    }

    pub fn key(&self) -> String {
        format!("{KEY}{}", self.number)
    }

    /// Keeps the n-th answer instead of the one before with a chance of 1 in n: in the end each is there with the same.
    pub fn add(&mut self, metric: Metric, bin: u8, chance: &mut Chance) {
        if let Some(cell) = self.cells.get_mut(&metric) {
            cell.seen = cell.seen.saturating_add(1);
            if chance.below(u64::from(cell.seen)) == 0 {
                cell.bin = bin;
            }
            self.changed = true;
        }
    }

    /// What there is to tell of it.
    pub fn told(&self) -> Told<'_> {
        // Of these two, nothing happened is a bin as well.
        let rare = |metric| matches!(metric, Metric::Agreement | Metric::Rollback);
        let kept = |(&metric, cell): (&Metric, &Cell)| {
            let bin = (cell.seen > 0 || rare(metric)).then_some(cell.bin);
            (metric, usize::from(cell.bins), bin)
        };
        Told { model: self.model, day: self.day, cohort: &self.cohort, bins: self.cells.iter().map(kept).collect() }
    }

    /// What is to be stored, if it isn't.
    pub fn changed(&mut self) -> Option<(String, Option<Vec<u8>>)> {
        core::mem::take(&mut self.changed).then(|| (self.key(), Some(bytes(&Stored::from(&*self)))))
    }

    /// From the store; `None` for what isn't a window.
    pub fn read(key: &str, value: &[u8]) -> Option<Self> {
        let number = key.strip_prefix(KEY)?.parse().ok()?;
        let stored: Stored = serde_json::from_slice(value).ok()?;
        let cell = |(name, cell): (String, Cell)| {
            Some((Metric::named(&name)?, cell)).filter(|_| cell.bin < cell.bins && cell.bins > 1)
        };
        Some(Self {
            number,
            day: stored.day,
            model: stored.model,
            cohort: Cohort::new(stored.cohort).ok()?,
            cells: stored.cells.into_iter().map(cell).collect::<Option<_>>()?,
            changed: false,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct Stored {
    day: u32,
    model: Hash,
    cohort: BTreeMap<String, String>,
    cells: BTreeMap<String, Cell>,
}

impl From<&Window> for Stored {
    fn from(window: &Window) -> Self {
        Self {
            day: window.day,
            model: window.model,
            cohort: window.cohort.pairs().map(|(key, value)| (key.into(), value.into())).collect(),
            cells: window.cells.iter().map(|(metric, &cell)| (metric.name().into(), cell)).collect(),
        }
    }
}
