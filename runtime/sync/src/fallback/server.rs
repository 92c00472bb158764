//! What a device remembers of a server.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::breaker::{Breaker, Rest};
use super::config::Server;
use crate::chance::Chance;
use crate::effect::{Response, Stored, Time};

/// Key of what the store has of all servers.
pub(super) const KEY: &str = "breaker";

/// A server, and how it fares.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub server: Server,
    pub breaker: Breaker,
    /// Whether it takes binary data, once it was asked; and when that was.
    pub binary: Option<bool>,
    pub asked_binary: Option<Time>,
    /// It has asked to be left alone until then.
    paused: Time,
    /// How long its last answers took, in milliseconds, the youngest last.
    latencies: VecDeque<u64>,
}

#[derive(Serialize, Deserialize)]
struct Record {
    version: u32,
    rests: Vec<(String, u64, u32)>,
}

/// How many latencies are remembered, and from how many on they say something.
const LATENCIES: usize = 32;
const ENOUGH: usize = 8;

/// The longest that a server's wish is honoured, in milliseconds, and what a wish that isn't understood means.
pub(super) const LONGEST_PAUSE: u64 = 3_600_000;
const PAUSE: u64 = 5_000;

impl Known {
    /// As the store has them; what can't be read counts as nothing known.
    pub(super) fn restore(servers: &[Server], stored: &Stored, now: Time) -> Vec<Self> {
        let record = stored.get(KEY).and_then(|bytes| serde_json::from_slice::<Record>(bytes).ok());
        let rests = record.filter(|record| record.version == 1).map(|record| record.rests).unwrap_or_default();
        let known = servers.iter().take(MOST).map(|server| {
            let rest = rests.iter().find(|(url, ..)| *url == server.url);
            let rest = rest.map(|&(_, until, times)| Rest { until: Time(until), times });
            Self {
                server: server.clone(),
                breaker: Breaker::restore(rest, now),
                binary: None,
                asked_binary: None,
                paused: Time(0),
                latencies: VecDeque::new(),
            }
        });
        known.collect()
    }

    /// What is to be stored of them.
    pub(super) fn record(known: &[Self]) -> (String, Option<Vec<u8>>) {
        let rests = known.iter().filter_map(|known| {
            let rest = known.breaker.rest()?;
            Some((known.server.url.clone(), rest.until.0, rest.times))
        });
        let record = Record { version: 1, rests: rests.collect() };
        (KEY.into(), Some(serde_json::to_vec(&record).expect("texts and numbers under names")))
    }

    /// From when on it may be asked; none while another question finds out whether it is well again.
    pub(super) fn opens(&self, now: Time) -> Option<Time> {
        Some(self.breaker.opens(now)?.max(self.paused))
    }

    /// It answered after so many milliseconds.
    pub(super) fn took(&mut self, milliseconds: u64) {
        if self.latencies.len() == LATENCIES {
            self.latencies.pop_front();
        }
        self.latencies.push_back(milliseconds);
    }

    /// What 95 of 100 answers don't take longer than; none before there are some.
    pub(super) fn usual(&self) -> Option<u64> {
        let known = self.latencies.len();
        let at = (known * 95).div_ceil(100).checked_sub(1)?;
        // The one that so many don't exceed, of a few dozen.
        let below = |most: u64| self.latencies.iter().filter(|&&latency| latency <= most).count();
        self.latencies.iter().copied().filter(|&latency| below(latency) > at).min().filter(|_| known >= ENOUGH)
    }

    /// It wants to be left alone: as long as it says, an hour at most, and up to a quarter longer, so that devices don't come back at once.
    pub(super) fn pause(&mut self, now: Time, response: &Response, chance: &mut Chance) {
        let wish = response.header("retry-after").map(str::trim);
        let seconds = wish.and_then(|wish| wish.parse::<u64>().ok()).map(|seconds| seconds.saturating_mul(1000));
        let wish = seconds.unwrap_or(PAUSE).min(LONGEST_PAUSE);
        self.paused = self.paused.max(now.after(wish + chance.below(wish / 4 + 1)));
    }

    /// The clock was set back.
    pub(super) fn set_back(&mut self, milliseconds: u64) {
        self.breaker.set_back(milliseconds);
        self.paused = Time(self.paused.0.saturating_sub(milliseconds));
        self.asked_binary = None;
    }
}

/// How many servers there are at most.
pub(super) const MOST: usize = 8;
