//! What may be sent on one day.
//!
//! The store has an amount that isn't yet spent, taken in advance: so not each question needs a write, and after a crash too little is left
//! and never too much.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::effect::{Stored, Time};

/// Key of what the store has.
pub(super) const KEY: &str = "budget";

/// The questions and bytes of a day (UTC).
#[derive(Clone, Debug)]
pub(super) struct Budget {
    most: Amount,
    day: u32,
    spent: Amount,
    /// Bytes of answers that may still come.
    held: u64,
    /// What the store has been told.
    reserved: Amount,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Amount {
    pub questions: u32,
    pub bytes: u64,
}

#[derive(Serialize, Deserialize)]
struct Record {
    version: u32,
    day: u32,
    #[serde(flatten)]
    reserved: Amount,
}

/// What is taken in advance.
const STEP: Amount = Amount { questions: 8, bytes: 128 << 10 };

impl Budget {
    /// As the store has it; what can't be read counts as nothing spent.
    pub(super) fn restore(most: Amount, stored: &Stored, now: Time) -> Self {
        let record = stored.get(KEY).and_then(|bytes| serde_json::from_slice::<Record>(bytes).ok());
        let spent = record.filter(|record| record.version == 1 && record.day == now.day());
        let spent = spent.map_or_else(Amount::default, |record| record.reserved);
        Self { most, day: now.day(), spent, held: 0, reserved: spent }
    }

    /// Another day has another budget. Bytes that are under way count on the day on which they arrive.
    pub(super) fn roll(&mut self, now: Time) {
        if self.day != now.day() {
            (self.day, self.spent, self.reserved) = (now.day(), Amount::default(), Amount::default());
        }
    }

    /// Whether this much may be sent, and an answer of so many bytes come back.
    pub(super) fn allows(&self, questions: u32, bytes: u64, answer: u64) -> bool {
        let after = self.spent.bytes.saturating_add(self.held).saturating_add(bytes).saturating_add(answer);
        self.spent.questions.saturating_add(questions) <= self.most.questions && after <= self.most.bytes
    }

    /// Spends it, where [`Budget::allows`] says so.
    pub(super) fn spend(&mut self, questions: u32, bytes: u64, answer: u64) {
        self.spent.questions += questions;
        self.spent.bytes += bytes;
        self.held += answer;
    }

    /// An answer came, or will never: so many bytes of those that were held, and so many sent ones that weren't sent after all.
    pub(super) fn settle(&mut self, answer: u64, came: u64, unsent: u64) {
        self.held = self.held.saturating_sub(answer);
        self.spent.bytes = self.spent.bytes.saturating_add(came.min(answer)).saturating_sub(unsent);
    }

    /// What has to be in the store before anything is sent; none where it is there.
    pub(super) fn reserve(&mut self) -> Option<(String, Option<Vec<u8>>)> {
        let Self { most, day, spent, held, reserved } = self;
        let needed = Amount { questions: spent.questions, bytes: spent.bytes + *held };
        if needed.questions <= reserved.questions && needed.bytes <= reserved.bytes {
            return None;
        }
        reserved.questions = (needed.questions + STEP.questions).min(most.questions);
        reserved.bytes = (needed.bytes + STEP.bytes).min(most.bytes);
        let record = Record { version: 1, day: *day, reserved: *reserved };
        let bytes = serde_json::to_vec(&record).expect("numbers under names");
        Some((KEY.into(), Some(bytes)))
    }

    #[cfg(test)]
    pub(super) const fn spent(&self) -> Amount {
        self.spent
    }

    /// When the next day begins.
    pub(super) const fn tomorrow(&self) -> Time {
        Time((self.day as u64 + 1) * 86_400_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_never_less_than_what_is_spent() {
        let most = Amount { questions: 20, bytes: 1 << 20 };
        let mut stored = Stored::new();
        let now = Time(86_400_000 * 20_000);
        let mut budget = Budget::restore(most, &stored, now);
        let (mut asked, mut writes) = (0, 0);
        while budget.allows(1, 1000, 5000) {
            budget.spend(1, 1000, 5000);
            asked += 1;
            if let Some((key, Some(bytes))) = budget.reserve() {
                stored.insert(key, bytes);
                writes += 1;
            }
            let after_a_crash = Budget::restore(most, &stored, now).spent();
            assert!(after_a_crash.questions >= asked && after_a_crash.bytes >= budget.spent().bytes);
            budget.settle(5000, 100, 0);
        }
        assert_eq!((asked, writes), (20, 3));
        budget.roll(now.after(86_400_000));
        assert!(budget.allows(20, 0, 0) && !budget.allows(21, 0, 0) && !budget.allows(0, 1 << 20, 1));
    }

    #[test]
    fn bytes_that_may_still_come_are_counted() {
        let mut budget = Budget::restore(Amount { questions: 9, bytes: 100 }, &Stored::new(), Time(0));
        budget.spend(1, 10, 60);
        assert!(budget.allows(1, 10, 20) && !budget.allows(1, 10, 21));
        budget.settle(60, 5, 0);
        assert_eq!(budget.spent().bytes, 15);
        budget.spend(0, 10, 60);
        budget.settle(60, 0, 10);
        assert_eq!(budget.spent().bytes, 15);
    }
}
