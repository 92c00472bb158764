//! Questions to the cloud, where the local answer isn't enough.
//!
//! # A question's states
//!
//! ```text
//!            ask ──────────────► consent, budget or size say no ─► Local, no more
//!             │
//!             ▼
//!          asking ── answer in time ─────────────────────────────► Answered, no more
//!             │  └── refused, or not to be believed ─────────────► Local, no more
//!             │ deadline, or no try would end before it          ─► Local, perhaps more later
//!             ▼
//!          waiting (the outbox; durable from Kept on)
//!             │  └── refused, too old, consent withdrawn, too many tries ─► Dropped, no more
//!             │ answer
//!             ▼
//!          answered (durable) ─► Upgrade, again after each restart, until `done`
//! ```
//!
//! The app has an answer by the deadline whatever servers, network and store do: [`Event::Answered`] or [`Event::Local`] comes once for each
//! [`Fallback::ask`], without waiting for a commit.
//!
//! # Tries
//!
//! While the app waits, a try that finds no connection, or a status of 429, 502, 503 or 504, is made again after a random time of up to 0.25,
//! 0.5, 1, … seconds; from the outbox up to 10, 20, 40, … seconds, an hour at most. Other statuses, 500 among them, end the question. `Retry-After` is
//! honoured, up to an hour. When an answer takes longer than 95 of 100 did, the question is sent a second time, to another server where there is
//! one; the first answer counts, and the budget of such hedges is small. All tries of a question have its UUID.
//!
//! An answer that can't be true (another id, classes, numbers that are no probabilities, an unknown label) isn't taken, the question isn't sent to
//! that server again, and the server's breaker counts a failure.
//!
//! # Audits
//!
//! Of doubtful answers nobody learns how often the others are right. Therefore people look at some that aren't, drawn by chance ([`Audits`]): such
//! a question ([`Fallback::audit`]) goes to the outbox at once, says what the device found, and has no event.
//!
//! # What survives a restart
//!
//! Keys of the store: `outbox/<number>` for each question that waits or whose answer the app hasn't taken, `breaker` for the rests that servers
//! are given, `budget` for what the day has left. Where a commit fails the machine goes on with what it remembers.

mod audits;
mod breaker;
mod budget;
mod config;
mod event;
mod flow;
mod item;
mod server;
mod verdict;

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use dunlin_protocol::oip::{self, Consent, Input};

pub use audits::Audits;
pub use config::{Config, Outbox, Server};
pub use event::{Event, Question, Ticket, Why};

use crate::chance::Chance;
use crate::effect::{Commit, Effect, Failure, Ids, Request, Response, StoreFailure, Stored, Time};
use crate::machine::Machine;
use budget::{Amount, Budget};
use item::{Item, State};
use server::Known;

/// Asks the cloud. See the [module](self).
#[derive(Debug)]
pub struct Fallback {
    config: Config,
    servers: Vec<Known>,
    budget: Budget,
    chance: Chance,
    ids: Ids,
    pending: Vec<Pending>,
    flights: Vec<Flight>,
    /// What the host makes durable just now.
    commits: Vec<(u64, Committed, Vec<u64>)>,
    /// Numbers whose removal from the outbox failed: the next commit tries again.
    unremoved: Vec<u64>,
    effects: VecDeque<Todo>,
    events: VecDeque<Event>,
    /// The next item's number in the outbox.
    number: u64,
    /// Hundredths of a hedge that may be sent.
    hedges: u32,
    now: Time,
    announced: Option<Time>,
}

/// A question without an end.
#[derive(Debug)]
struct Pending {
    item: Item,
    /// By when the app wants an answer; none once it has one.
    deadline: Option<Time>,
    /// Its number in the outbox.
    number: Option<u64>,
    /// Its bytes there.
    size: usize,
    /// The day that counts it among its questions.
    charged: Option<u32>,
    /// How often it was sent, and how often of these a server may have had to do with it.
    sent: u32,
    tries: u32,
    /// Whether it isn't sent any more; what is under way may still bring an answer.
    over: bool,
    /// No earlier is it sent.
    due: Time,
    /// When it is sent a second time while the first is under way.
    hedge: Option<Time>,
    /// Servers that aren't asked again, a bit for each.
    unasked: u8,
    /// What the last try ended with.
    why: Why,
}

/// A request under way.
#[derive(Debug)]
struct Flight {
    id: u64,
    /// Whose it is; none for a server's metadata.
    ticket: Option<Ticket>,
    server: usize,
    sent: Time,
    /// Bytes that were sent, and that may come.
    bytes: u64,
    answer: u64,
}

/// An effect that the host hasn't been told of.
#[derive(Debug)]
enum Todo {
    Send(Request),
    /// With the numbers that it removes from the outbox.
    Commit(Commit, Committed, Vec<u64>),
}

/// What a commit is for.
#[derive(Clone, Copy, Debug)]
enum Committed {
    Kept(Ticket),
    Answered(Ticket),
    Other,
}

impl Fallback {
    /// From what the store has, which is nothing at first.
    pub fn restore(config: Config, stored: &Stored, chance: Chance, now: Time) -> Self {
        let most = Amount { questions: config.questions_per_day, bytes: config.bytes_per_day };
        let mut fallback = Self {
            servers: Known::restore(&config.servers, stored, now),
            budget: Budget::restore(most, stored, now),
            config,
            chance,
            ids: Ids::default(),
            pending: Vec::new(),
            flights: Vec::new(),
            commits: Vec::new(),
            unremoved: Vec::new(),
            effects: VecDeque::new(),
            events: VecDeque::new(),
            number: 0,
            hedges: flow::HEDGE,
            now,
            announced: None,
        };
        fallback.read_outbox(stored);
        fallback.go_on();
        fallback
    }

    /// Asks. An answer, the cloud's or the local one, comes as an event within `budget` milliseconds; with 0 at once.
    pub fn ask(&mut self, now: Time, question: Question, budget: u64) -> Ticket {
        let ticket = Ticket::draw(&mut self.chance);
        self.ask_by(now, ticket, question, budget);
        ticket
    }

    /// Asks, by a ticket that the host has drawn by chance. A question whose ticket is known already isn't asked again.
    pub fn ask_by(&mut self, now: Time, ticket: Ticket, question: Question, budget: u64) {
        self.set_clock(now);
        if self.pending.iter().any(|pending| pending.item.ticket == ticket) {
            return;
        }
        let consent = self.config.consent;
        let Question { model, reason, labels, class, input, features, review } = question;
        let level = |input: &Input| input.level() <= consent;
        let input = input.filter(level).or(features.map(Input::Features).filter(level));
        let busy = self.pending.iter().filter(|pending| pending.deadline.is_some()).count() >= MOST_LIVE;
        let refused = match &input {
            None => Some(Why::Consent),
            Some(_) if busy => Some(Why::Busy),
            Some(_) if class >= labels.len() => Some(Why::Unaskable),
            Some(_) => None,
        };
        let (Some(input), None) = (input, refused) else {
            self.events.push_back(Event::Local { ticket, why: refused.unwrap_or(Why::Consent), later: false });
            return;
        };
        let state = State::Answer(input, consent);
        let item = Item { ticket, model, reason, labels, class, review, audit: None, asked: now, state };
        self.pending.push(Pending { deadline: Some(now.after(budget)), ..Pending::new(item, now) });
        self.go_on();
    }

    /// Has people look at an answer that wasn't in doubt, where the user agreed to that; `probability` is how sure the model was. Whether there is
    /// room in the outbox or an answer, the app isn't told.
    pub fn audit(&mut self, now: Time, question: Question, probability: f32) {
        self.set_clock(now);
        let Question { model, labels, class, input, .. } = question;
        // Of logits nobody could say what they should have been.
        let Some(input) = input.filter(|input| input.level() <= self.config.consent && class < labels.len()) else {
            return;
        };
        let (ticket, state) = (Ticket::draw(&mut self.chance), State::Answer(input, self.config.consent));
        let (reason, audit) = (oip::AUDIT.into(), Some(probability));
        let item = Item { ticket, model, reason, labels, class, review: true, audit, asked: now, state };
        self.pending.push(Pending::new(item, now));
        if !self.keep(self.pending.len() - 1) {
            self.pending.pop();
        }
        self.go_on();
    }

    /// The app has an upgrade; it won't come again.
    pub fn done(&mut self, now: Time, ticket: Ticket) {
        self.set_clock(now);
        let answered =
            |pending: &Pending| pending.item.ticket == ticket && matches!(pending.item.state, State::Done(_));
        if let Some(at) = self.pending.iter().position(answered) {
            self.remove(at);
        }
        self.go_on();
    }

    /// The user allows more, or less. What waits and needs more than that is removed, and what is under way isn't taken.
    pub fn set_consent(&mut self, now: Time, consent: Consent) {
        self.set_clock(now);
        self.config.consent = consent;
        self.drop_unagreed();
        self.go_on();
    }

    /// What became of questions, in order; to be asked after each input until there is nothing.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// How many questions wait for the cloud, or for the app to take its answer.
    pub fn waiting(&self) -> usize {
        self.pending.len()
    }

    fn read_outbox(&mut self, stored: &Stored) {
        let mut damaged = Vec::new();
        for (key, bytes) in stored.iter().filter(|(key, _)| key.starts_with(OUTBOX)) {
            let number = key.strip_prefix(OUTBOX).and_then(|number| number.parse::<u64>().ok());
            let (Some(number), Some(item)) = (number, Item::from_bytes(bytes)) else {
                damaged.push((key.clone(), None));
                continue;
            };
            self.number = self.number.max(number.saturating_add(1));
            if let State::Done(answer) = &item.state {
                self.events.push_back(Event::Upgrade { ticket: item.ticket, answer: answer.clone() });
            }
            let (number, size) = (Some(number), bytes.len());
            // Not everything at once when the app starts.
            let due = self.now.after(self.chance.below(flow::LONG));
            // In the order of numbers, which isn't that of keys.
            let at = self.pending.partition_point(|other| other.number < number);
            self.pending.insert(at, Pending { number, size, ..Pending::new(item, due) });
        }
        if !damaged.is_empty() {
            self.events.push_back(Event::Damaged { items: damaged.len() });
            self.commit(damaged, Committed::Other, None);
        }
        self.drop_unagreed();
    }

    /// What needs more consent than there is has an end.
    fn drop_unagreed(&mut self) {
        let consent = self.config.consent;
        let unagreed =
            |pending: &Pending| matches!(&pending.item.state, State::Answer(input, _) if input.level() > consent);
        while let Some(at) = self.pending.iter().position(unagreed) {
            self.end(at, Why::Consent);
        }
    }

    fn commit(&mut self, mut changes: Vec<(String, Option<Vec<u8>>)>, what: Committed, removed: Option<u64>) {
        let id = self.ids.take();
        let removed: Vec<u64> = self.unremoved.drain(..).chain(removed).collect();
        changes.extend(removed.iter().map(|&number| (key(number), None)));
        self.effects.push_back(Todo::Commit(Commit { id, changes }, what, removed));
    }

    /// Removes a question, and from the store where it is there. What was to be sent of it isn't.
    fn remove(&mut self, at: usize) -> Pending {
        self.unsend(self.pending[at].item.ticket);
        let pending = self.pending.remove(at);
        if pending.number.is_some() {
            self.commit(Vec::new(), Committed::Other, pending.number);
        }
        pending
    }

    /// A clock that was set back takes all times with it that were reckoned from it.
    fn set_clock(&mut self, now: Time) {
        let back = self.now.since(now);
        self.now = now;
        if back == 0 {
            return;
        }
        let earlier = |time: &mut Time| time.0 = time.0.saturating_sub(back);
        for pending in &mut self.pending {
            earlier(&mut pending.due);
            pending.deadline.iter_mut().chain(&mut pending.hedge).for_each(earlier);
        }
        self.flights.iter_mut().for_each(|flight| earlier(&mut flight.sent));
        self.servers.iter_mut().for_each(|server| server.set_back(back));
    }
}

impl Machine for Fallback {
    fn poll(&mut self, now: Time) -> Option<Effect> {
        self.set_clock(now);
        // The time comes first, so that no effect can make it late.
        let wake = self.wake().filter(|&time| Some(time) != self.announced);
        if let Some(time) = wake {
            self.announced = wake;
            return Some(Effect::Wake(time));
        }
        // Requests stay here while what has to be durable before them isn't, so that consent can still be withdrawn.
        if matches!(self.effects.front(), Some(Todo::Send(_))) && !self.commits.is_empty() {
            return None;
        }
        Some(match self.effects.pop_front()? {
            Todo::Send(request) => {
                self.leaves(request.id);
                Effect::Send(request)
            }
            Todo::Commit(commit, what, removed) => {
                self.commits.push((commit.id, what, removed));
                Effect::Commit(commit)
            }
        })
    }

    fn handle_response(&mut self, now: Time, id: u64, response: Result<Response, Failure>) {
        self.set_clock(now);
        self.take_response(id, response);
        self.go_on();
    }

    fn handle_commit(&mut self, now: Time, id: u64, done: Result<(), StoreFailure>) {
        self.set_clock(now);
        let Some(at) = self.commits.iter().position(|(commit, ..)| *commit == id) else { return };
        let (_, what, removed) = self.commits.remove(at);
        if done.is_err() {
            self.unremoved.extend(removed);
        }
        let find = |ticket| self.pending.iter().find(move |pending: &&Pending| pending.item.ticket == ticket);
        match (what, done) {
            (Committed::Kept(ticket), Ok(())) if find(ticket).is_some_and(|pending| pending.item.audit.is_none()) => {
                self.events.push_back(Event::Kept { ticket })
            }
            (Committed::Kept(_) | Committed::Other, _) => (),
            // An answer that couldn't be stored is as good as one that could; after a restart it is asked for once more.
            (Committed::Answered(ticket), _) => {
                if let Some(State::Done(answer)) = find(ticket).map(|pending| &pending.item.state) {
                    let answer = answer.clone();
                    self.events.push_back(Event::Upgrade { ticket, answer });
                }
            }
        }
    }

    fn handle_wake(&mut self, now: Time) {
        self.set_clock(now);
        self.announced = None;
        self.go_on();
    }
}

impl Pending {
    const fn new(item: Item, due: Time) -> Self {
        Self {
            item,
            deadline: None,
            number: None,
            size: 0,
            charged: None,
            sent: 0,
            tries: 0,
            over: false,
            due,
            hedge: None,
            unasked: 0,
            why: Why::Resting,
        }
    }
}

/// How many questions an app may wait for at once.
const MOST_LIVE: usize = 16;

/// Under which keys items lie.
const OUTBOX: &str = "outbox/";

fn key(number: u64) -> String {
    format!("{OUTBOX}{number}")
}
