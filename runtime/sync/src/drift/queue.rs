//! Reports that wait to be sent.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::aggregation::Aggregation;
use super::{DAY, MAX_AGE, QUEUE, Settings, bytes, is_over};
use crate::chance::Chance;
use crate::effect::{Failure, Ids, Method, Request, Response, Time};

/// Reports by number, of which no two are sent at once.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: BTreeMap<u64, Waiting>,
    /// The request that is under way, and what is in it.
    sent: Option<(u64, Vec<u64>)>,
    failures: u32,
    not_before: Time,
}

#[derive(Debug, Serialize, Deserialize)]
struct Waiting {
    day: u32,
    due: u64,
    report: String,
    #[serde(skip)]
    stored: bool,
}

impl Queue {
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Takes one back from the store; false for what isn't one.
    pub fn take(&mut self, key: &str, value: &[u8]) -> bool {
        let number = key.strip_prefix(QUEUE).and_then(|number| number.parse().ok());
        let waiting = serde_json::from_slice::<Waiting>(value);
        let (Some(number), Ok(waiting)) = (number, waiting) else { return false };
        self.waiting.insert(number, Waiting { stored: true, ..waiting });
        true
    }

    /// Adds a report, and gives what is to be stored before it is sent.
    pub fn push(&mut self, day: u32, due: Time, report: Vec<u8>) -> Option<(String, Option<Vec<u8>>)> {
        let number = self.waiting.last_key_value().map_or(0, |(number, _)| number + 1);
        let waiting = Waiting { day, due: due.0, report: String::from_utf8(report).ok()?, stored: false };
        let change = (key(number), Some(bytes(&waiting)));
        self.waiting.insert(number, waiting);
        Some(change)
    }

    /// Marks those that are durable now.
    pub fn stored(&mut self, changes: &[(String, Option<Vec<u8>>)]) {
        for (number, waiting) in &mut self.waiting {
            waiting.stored |= changes.iter().any(|(changed, value)| value.is_some() && *changed == key(*number));
        }
    }

    /// Drops all, and gives their keys. An answer that still comes finds nothing.
    pub fn clear(&mut self) -> impl Iterator<Item = String> + use<> {
        self.sent = None;
        core::mem::take(&mut self.waiting).into_keys().map(key)
    }

    /// Drops those of days long past.
    pub fn forget(&mut self, today: u32) -> impl Iterator<Item = String> + use<> {
        let old = |(_, waiting): &(&u64, &Waiting)| today.saturating_sub(waiting.day) > MAX_AGE;
        let old: Vec<u64> = self.waiting.iter().filter(old).map(|(&number, _)| number).collect();
        old.iter().for_each(|number| drop(self.waiting.remove(number)));
        old.into_iter().map(key)
    }

    /// When the next one may be sent.
    pub fn next(&self) -> Option<Time> {
        let due = self.waiting.values().filter(|waiting| waiting.stored).map(|waiting| Time(waiting.due)).min();
        due.filter(|_| self.sent.is_none()).map(|due| due.max(self.not_before))
    }

    /// A request with what is due.
    pub fn send(&mut self, now: Time, by: &dyn Aggregation, settings: &Settings, ids: &mut Ids) -> Option<Request> {
        if self.sent.is_some() || !is_over(now, self.not_before, LONGEST) {
            return None;
        }
        let due = self.waiting.iter().filter(|(_, waiting)| waiting.stored && Time(waiting.due) <= now);
        let (mut numbers, reports): (Vec<u64>, Vec<&[u8]>) =
            due.map(|(&number, waiting)| (number, waiting.report.as_bytes())).unzip();
        if reports.is_empty() {
            return None;
        }
        let upload = by.upload(&reports);
        numbers.truncate(upload.reports);
        let mut headers = alloc::vec![("content-type", upload.content_type.to_string())];
        headers.extend(settings.token.as_ref().map(|token| ("authorization", format!("Bearer {token}"))));
        let id = ids.take();
        self.sent = Some((id, numbers));
        Some(Request {
            id,
            method: Method::Post,
            url: format!("{}{}", settings.server, upload.path),
            headers,
            body: upload.body,
            max_bytes: ANSWER,
            timeout: TIMEOUT,
        })
    }

    /// What needn't be sent again after an answer; after others it is sent again later, the same bytes.
    pub fn answered(
        &mut self,
        now: Time,
        id: u64,
        answer: Result<Response, Failure>,
        by: &dyn Aggregation,
        chance: &mut Chance,
    ) -> impl Iterator<Item = String> + use<> {
        let mut done = Vec::new();
        if let Some((_, numbers)) = self.sent.take_if(|(sent, _)| *sent == id) {
            if answer.as_ref().is_ok_and(|response| by.is_done(response)) {
                self.failures = 0;
                done = numbers;
                done.iter().for_each(|number| drop(self.waiting.remove(number)));
            } else {
                let most = (FIRST_PAUSE << self.failures.min(16)).min(MAX_PAUSE);
                self.failures = self.failures.saturating_add(1);
                let asked = answer.ok().and_then(|response| retry_after(&response)).unwrap_or(0);
                // Anywhere up to the most, so that devices that failed together don't come back together.
                self.not_before = now.after(asked + FIRST_PAUSE + chance.below(most));
            }
        }
        done.into_iter().map(key)
    }
}

fn key(number: u64) -> String {
    format!("{QUEUE}{number:020}")
}

/// Milliseconds that the server asks for, a day at most.
fn retry_after(response: &Response) -> Option<u64> {
    let seconds: u64 = response.header("retry-after")?.trim().parse().ok()?;
    Some(seconds.saturating_mul(1000).min(DAY))
}

/// A receipt is short.
const ANSWER: u64 = 65_536;

const TIMEOUT: u64 = 30_000;

/// The shortest pause after a failure, in milliseconds.
const FIRST_PAUSE: u64 = 60_000;

/// The longest that isn't asked for lies anywhere up to this.
const MAX_PAUSE: u64 = 6 * 3_600_000;

/// No pause is longer.
const LONGEST: u64 = DAY + FIRST_PAUSE + MAX_PAUSE;
