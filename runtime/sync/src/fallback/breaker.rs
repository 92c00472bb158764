//! A circuit breaker: a server that fails is given a rest.
//!
//! - *closed*: all may ask. The last sixteen outcomes are remembered; when at least five are known and half of them are failures, it opens.
//! - *open*: nobody asks until a time has come: 30 seconds at first, twice that after each rest that didn't help, an hour at most, and each time
//!   between half of that and all of it, so that devices don't come back at once.
//! - *half-open*: from that time on one may ask. Its success closes the breaker, its failure opens it again.

use crate::chance::Chance;
use crate::effect::Time;

/// See the module. What survives a restart is [`Rest`].
#[derive(Clone, Debug, Default)]
pub(super) struct Breaker {
    /// The last outcomes, the youngest in the lowest bit, 1 for a failure.
    outcomes: u16,
    known: u32,
    rest: Option<Rest>,
    probing: bool,
}

/// That a server is given a rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rest {
    /// From when on one may ask.
    pub until: Time,
    /// How often in a row it rested.
    pub times: u32,
}

/// The first rest, in milliseconds.
pub(super) const FIRST: u64 = 30_000;
/// The longest rest, in milliseconds.
pub(super) const LONGEST: u64 = 3_600_000;
const WINDOW: u32 = u16::BITS;
const ENOUGH: u32 = 5;

impl Breaker {
    /// After a restart. A rest that ends later than any could is cut short: the clock was set back.
    pub(super) fn restore(rest: Option<Rest>, now: Time) -> Self {
        let rest = rest.map(|rest| Rest { until: rest.until.min(now.after(LONGEST)), ..rest });
        Self { rest, ..Self::default() }
    }

    /// Its rest, where it isn't closed.
    pub(super) const fn rest(&self) -> Option<Rest> {
        self.rest
    }

    /// From when on one may ask; none while another one finds out.
    pub(super) fn opens(&self, now: Time) -> Option<Time> {
        match self.rest {
            None => Some(now),
            Some(_) if self.probing => None,
            Some(rest) => Some(rest.until.max(now)),
        }
    }

    /// Somebody asks.
    pub(super) fn asked(&mut self) {
        self.probing = self.rest.is_some();
    }

    /// The server did what it should.
    pub(super) fn succeeded(&mut self) {
        // A late answer to what was asked before the rest says little of now.
        if self.probing {
            *self = Self::default();
        }
        self.remember(0);
    }

    /// The server didn't do what it should.
    pub(super) fn failed(&mut self, now: Time, chance: &mut Chance) {
        self.remember(1);
        let failures = (self.outcomes & mask(self.known)).count_ones();
        let again = self.probing && self.rest.is_some_and(|rest| rest.until <= now);
        let first = self.rest.is_none() && self.known >= ENOUGH && failures * 2 >= self.known;
        if again || first {
            self.open(now, chance);
        }
    }

    /// What came back says nothing of the server's health.
    pub(super) fn undecided(&mut self) {
        self.probing = false;
    }

    /// The clock was set back.
    pub(super) fn set_back(&mut self, milliseconds: u64) {
        if let Some(rest) = &mut self.rest {
            rest.until = Time(rest.until.0.saturating_sub(milliseconds));
        }
    }

    fn open(&mut self, now: Time, chance: &mut Chance) {
        let times = self.rest.map_or(0, |rest| rest.times).saturating_add(1);
        let longest = FIRST.saturating_mul(1 << (times - 1).min(16)).min(LONGEST);
        let until = now.after(longest / 2 + chance.below(longest / 2 + 1));
        *self = Self { rest: Some(Rest { until, times }), ..Self::default() };
    }

    fn remember(&mut self, failure: u16) {
        self.outcomes = self.outcomes << 1 | failure;
        self.known = (self.known + 1).min(WINDOW);
    }
}

const fn mask(known: u32) -> u16 {
    if known >= WINDOW { u16::MAX } else { (1 << known) - 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_after_failures_and_closes_after_a_success() {
        let mut chance = Chance::new([1; 32]);
        let mut breaker = Breaker::default();
        let mut now = Time(1_000_000);
        for _ in 0..4 {
            breaker.failed(now, &mut chance);
            assert_eq!(breaker.opens(now), Some(now));
        }
        for times in 1..12 {
            breaker.asked();
            breaker.failed(now, &mut chance);
            let rest = breaker.rest().expect("open");
            let longest = (FIRST << (times - 1)).min(LONGEST);
            assert_eq!(rest.times, times);
            assert!((longest / 2..=longest).contains(&rest.until.since(now)), "{times}: {rest:?}");
            // An answer to what was asked before doesn't make the rest longer.
            breaker.failed(now, &mut chance);
            assert_eq!(breaker.rest(), Some(rest));
            now = rest.until;
            assert_eq!(breaker.opens(now), Some(now));
        }
        breaker.asked();
        assert_eq!(breaker.opens(now), None, "one finds out, the others wait");
        breaker.undecided();
        assert_eq!(breaker.opens(now), Some(now));
        breaker.asked();
        breaker.succeeded();
        assert_eq!(breaker.rest(), None);
        assert_eq!(breaker.opens(now), Some(now));
    }

    #[test]
    fn a_server_that_fails_every_second_time_rests() {
        let mut chance = Chance::new([1; 32]);
        let mut breaker = Breaker::default();
        for asked in 0..16 {
            if asked % 2 == 0 { breaker.succeeded() } else { breaker.failed(Time(0), &mut chance) }
        }
        assert!(breaker.rest().is_some());
        let mut breaker = Breaker::default();
        for asked in 0..100 {
            if asked % 4 != 0 { breaker.succeeded() } else { breaker.failed(Time(0), &mut chance) }
        }
        assert_eq!(breaker.rest(), None, "one of four is borne");
    }

    #[test]
    fn a_rest_survives_a_restart_but_no_clock_that_was_wrong() {
        let rest = Rest { until: Time(5_000), times: 3 };
        assert_eq!(Breaker::restore(Some(rest), Time(1_000)).rest(), Some(rest));
        let far = Rest { until: Time(u64::MAX), times: 3 };
        assert_eq!(Breaker::restore(Some(far), Time(1_000)).opens(Time(1_000)), Some(Time(1_000 + LONGEST)));
    }
}
