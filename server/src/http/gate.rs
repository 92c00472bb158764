//! How much is worked on at once, and who is turned away first: summaries before updates, updates before questions.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::fault::{Code, Fault};

use super::endpoint::Class;

/// Counts the requests under way.
#[derive(Clone, Debug)]
pub struct Gate {
    under_way: Arc<AtomicUsize>,
    at_once: usize,
}

/// A request under way, until this is dropped.
#[derive(Debug)]
pub struct Pass(Arc<AtomicUsize>);

impl Gate {
    /// For so many at once.
    pub fn new(at_once: usize) -> Self {
        Self { under_way: Arc::default(), at_once: at_once.max(4) }
    }

    /// Lets a request in.
    ///
    /// # Errors
    /// `overloaded` when there are as many as its class may fill.
    pub fn enter(&self, class: Class) -> Result<Pass, Fault> {
        let most = match class {
            Class::Health => usize::MAX,
            Class::Question => self.at_once,
            Class::Update | Class::People => self.at_once / 4 * 3,
            Class::Telemetry => self.at_once / 2,
        };
        let before = self.under_way.fetch_add(1, Ordering::Relaxed);
        let pass = Pass(Arc::clone(&self.under_way));
        if before >= most {
            return Err(Fault::new(
                Code::Overloaded,
                "the server has too much to do; wait as long as Retry-After says",
            )
            .after(2));
        }
        Ok(pass)
    }

    /// How many are under way.
    pub fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Relaxed)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_are_turned_away_before_updates_and_updates_before_questions() {
        let gate = Gate::new(8);
        let mut passes: Vec<Pass> = (0..4).map(|_| gate.enter(Class::Telemetry).expect("half is free")).collect();
        assert_eq!(gate.enter(Class::Telemetry).expect_err("full for these").code(), Code::Overloaded);
        passes.extend((0..2).map(|_| gate.enter(Class::Update).expect("three quarters are free")));
        gate.enter(Class::Update).expect_err("full for these");
        passes.extend((0..2).map(|_| gate.enter(Class::Question).expect("all is free")));
        gate.enter(Class::Question).expect_err("full");
        gate.enter(Class::Health).expect("always");
        assert_eq!(gate.under_way(), 8);
        drop(passes);
        gate.enter(Class::Telemetry).expect("empty again");
    }
}
