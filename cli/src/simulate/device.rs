//! A device between its sessions: what its store has, and what became of the releases that it took.

use std::sync::Arc;

use dunlin_protocol::summary::Rollback;
use dunlin_sync::{Place, Slot, Stored};

use super::dice::Dice;
use super::release::Release;
use crate::args::{LOCALES, Plan};

/// A device. While no session runs it is what its store has, and no more.
#[derive(Debug)]
pub struct Device {
    /// Which one.
    pub number: u32,
    /// Which of [`LOCALES`].
    pub locale: usize,
    /// How it lies, if it does.
    pub lie: Option<Lie>,
    /// Days on which it is away: the first, and the first on which it isn't any more.
    away: Option<[u32; 2]>,
    /// By how many hours its day is later than the server's.
    zone: u32,
    /// What the store has, without models.
    pub stored: Stored,
    /// The models that the store has.
    slots: [Option<Arc<Release>>; 2],
    /// What became of the releases that it took.
    pub fates: Vec<Fate>,
    /// The version that answers.
    pub version: u32,
}

/// How a device's summaries lie, whatever was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// With made-up bins, some of which there aren't.
    MadeUp,
    /// Always the same.
    Constant,
}

/// What became of a release on a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fate {
    /// The release.
    pub version: u32,
    /// The day on which it was taken back, and why.
    pub back: Option<(u32, Rollback)>,
}

impl Device {
    /// A device that has nothing but its app.
    pub fn new(number: u32, plan: &Plan) -> Self {
        let mut dice = Dice::of(plan.seed, "device", [number, 0]);
        let liar = dice.happens(plan.poisoned);
        let lie = if dice.happens(500) { Lie::MadeUp } else { Lie::Constant };
        let is_away = dice.happens(plan.offline);
        let first = dice.below(u64::from(plan.days)) as u32;
        let away = [first, first + 2 + dice.below(9) as u32];
        Self {
            number,
            locale: dice.weighted(&LOCALE_WEIGHTS),
            lie: liar.then_some(lie),
            away: is_away.then_some(away),
            zone: dice.below(24) as u32,
            stored: Stored::new(),
            slots: [None, None],
            fates: Vec::new(),
            version: 1,
        }
    }

    /// Whether it is away for some days.
    pub fn goes_away(&self) -> bool {
        self.away.is_some()
    }

    /// When its sessions of a day begin: hours of the day in UTC, and milliseconds after these.
    pub fn sessions(&self, plan: &Plan, day: u32) -> Vec<(u32, u64)> {
        if self.away.is_some_and(|[first, end]| (first..end).contains(&day)) {
            return Vec::new();
        }
        let mut dice = Dice::of(plan.seed, "sessions", [self.number, day]);
        let mut hours: Vec<u32> = (0..SESSIONS.min(plan.inputs)).map(|_| dice.weighted(&HOURS) as u32).collect();
        hours.iter_mut().for_each(|hour| *hour = (*hour + self.zone) % 24);
        hours.sort_unstable();
        hours.dedup();
        hours.into_iter().map(|hour| (hour, dice.below(LATEST))).collect()
    }

    /// Keeps a model, or none, in a slot's place of the store.
    pub fn set_slot(&mut self, key: &str, release: Option<Arc<Release>>) {
        if let Some(release) = &release {
            self.fates.push(Fate { version: release.version, back: None });
        }
        self.slots[usize::from(key != Slot::A.key())] = release;
    }

    /// The release at a place; `factory` is the app's own.
    pub fn at(&self, place: Place, factory: &Arc<Release>) -> Arc<Release> {
        let held = match place {
            Place::Factory => Some(factory),
            Place::Slot(Slot::A) => self.slots[0].as_ref(),
            Place::Slot(Slot::B) => self.slots[1].as_ref(),
        };
        Arc::clone(held.expect("a client names no slot that it hasn't filled"))
    }

    /// The last time that it took a release.
    pub fn fate(&mut self, version: u32) -> Option<&mut Fate> {
        self.fates.iter_mut().rev().find(|fate| fate.version == version)
    }
}

/// How many devices are of each locale.
const LOCALE_WEIGHTS: [f64; LOCALES.len()] = [0.3, 0.5, 0.2];

/// Sessions of a day, at most: those of one hour are one.
const SESSIONS: u32 = 3;

/// How probably a session is in each hour of a device's own day.
const HOURS: [f64; 24] = [
    2.0, 1.0, 0.5, 0.5, 0.5, 1.0, 3.0, 6.0, 7.0, 5.0, 4.0, 5.0, 7.0, 6.0, 4.0, 4.0, 5.0, 6.0, 8.0, 9.0, 9.0, 8.0, 6.0,
    4.0,
];

/// How late in its hour a session begins, at most: it ends within the hour.
const LATEST: u64 = 40 * 60_000;
