//! A device, its store, its servers and an app, in simulated time. Whatever breaks a promise panics.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use dunlin_protocol::hex::Hash;
use dunlin_protocol::oip::{
    AUDIT, Answer, Consent, Found, HEADER_LENGTH, InferRequest, Input, Limits, Question as Asked,
};
use dunlin_sync::fallback::{Config, Event, Fallback, Question, Ticket};
use dunlin_sync::{Chance, Commit, Effect, Failure, Machine, Method, Request, Response, StoreFailure, Stored, Time};

/// How a server behaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Behaviour {
    /// Answers rightly after so many milliseconds.
    Up(u64),
    /// Refuses connections.
    Down,
    /// Never answers.
    Hangs,
    /// Breaks the connection after so many milliseconds.
    Breaks(u64),
    /// Answers with a status, and perhaps a wish when to come back.
    Says(u16, Option<u64>),
    /// Answers what can't be true, one of several ways.
    Lies(usize),
}

/// What the app does.
#[derive(Clone, Debug)]
pub enum Act {
    /// Asks, with so many milliseconds of time.
    Ask { budget: u64, text: bool },
    /// Ends and starts again, with what the store has.
    Restart,
    /// Allows so much.
    Consent(Consent),
}

pub const LABELS: [&str; 3] = ["ham", "spam", "eggs"];
/// The class that servers give when they don't lie.
pub const TRUE_CLASS: usize = 1;
const START: u64 = 1_700_000_000_000;

/// One after another, each for so many milliseconds; the last one for ever.
pub type Schedule = Vec<(u64, Behaviour)>;

pub struct World {
    pub now: Time,
    pub fallback: Fallback,
    pub config: Config,
    schedules: Vec<Schedule>,
    store: Stored,
    /// Effects that wait for a commit before them.
    queue: VecDeque<Effect>,
    commit: Option<(Time, Commit)>,
    /// How long a commit takes, and whether every seventh fails.
    pub commit_takes: u64,
    pub commits_fail: bool,
    commits: u64,
    flights: Vec<(Time, Request, Result<Response, Failure>)>,
    wake: Option<Time>,
    lives: u8,
    /// Whether the app takes its upgrades.
    pub takes: bool,
    pub seen: Seen,
}

/// What happened.
#[derive(Default)]
pub struct Seen {
    pub deadlines: BTreeMap<Ticket, Time>,
    pub answered: BTreeMap<Ticket, usize>,
    pub local: BTreeMap<Ticket, Event>,
    pub kept: BTreeSet<Ticket>,
    pub upgraded: BTreeMap<Ticket, usize>,
    /// Upgrades of this life.
    upgraded_now: BTreeSet<Ticket>,
    pub dropped: BTreeMap<Ticket, Event>,
    pub agreements: Vec<bool>,
    pub ends: BTreeSet<Ticket>,
    /// What devices found, of questions that say so.
    pub audits: BTreeMap<String, (Found, bool)>,
    /// Questions sent, by day; and bytes there and back.
    pub asked_on: BTreeMap<u32, BTreeSet<String>>,
    pub bytes_on: BTreeMap<u32, u64>,
    /// When each question was sent, to which server.
    pub sent: BTreeMap<String, Vec<(Time, usize)>>,
    refused: BTreeSet<String>,
    pub binary: usize,
    pub metadata: usize,
}

impl World {
    pub fn new(config: Config, schedules: Vec<Schedule>) -> Self {
        let now = Time(START);
        let fallback = Fallback::restore(config.clone(), &Stored::new(), Chance::new([0; 32]), now);
        Self {
            now,
            fallback,
            config,
            schedules,
            store: Stored::new(),
            queue: VecDeque::new(),
            commit: None,
            commit_takes: 0,
            commits_fail: false,
            commits: 0,
            flights: Vec::new(),
            wake: None,
            lives: 0,
            takes: true,
            seen: Seen::default(),
        }
    }

    /// Lets so much time pass.
    pub fn pass(&mut self, milliseconds: u64) {
        let until = self.now.after(milliseconds);
        self.settle();
        while let Some(next) = self.next().filter(|&next| next <= until) {
            self.now = self.now.max(next);
            self.step();
            self.settle();
            self.check_deadlines();
        }
        self.now = until;
        self.check_deadlines();
    }

    pub fn act(&mut self, act: &Act) {
        match act {
            Act::Ask { budget, text } => {
                self.ask(question(*text), *budget);
            }
            Act::Restart => self.restart(),
            Act::Consent(consent) => {
                self.config.consent = *consent;
                self.fallback.set_consent(self.now, *consent);
            }
        }
        self.settle();
        self.check_deadlines();
    }

    pub fn ask(&mut self, question: Question, budget: u64) -> Ticket {
        let ticket = self.fallback.ask(self.now, question, budget);
        assert!(self.seen.deadlines.insert(ticket, self.now.after(budget)).is_none(), "a ticket is given once");
        self.settle();
        ticket
    }

    /// Ends without warning: what isn't durable is gone, answers under way too.
    pub fn restart(&mut self) {
        self.lives += 1;
        (self.queue, self.commit, self.wake) = (VecDeque::new(), None, None);
        self.flights.clear();
        // Who waited waits no more.
        let seen = &mut self.seen;
        seen.deadlines.retain(|ticket, _| seen.answered.contains_key(ticket) || seen.local.contains_key(ticket));
        seen.upgraded_now.clear();
        // What wasn't removed before the end is asked once more.
        let store = &self.store;
        let lies = |id: &String| store.values().any(|value| value.windows(36).any(|bytes| bytes == id.as_bytes()));
        seen.refused.retain(|id| !lies(id));
        let chance = Chance::new([self.lives; 32]);
        self.fallback = Fallback::restore(self.config.clone(), &self.store, chance, self.now);
        self.settle();
    }

    fn next(&self) -> Option<Time> {
        let flights = self.flights.iter().map(|(at, ..)| *at);
        flights.chain(self.wake).chain(self.commit.as_ref().map(|(at, _)| *at)).min()
    }

    fn step(&mut self) {
        if self.commit.as_ref().is_some_and(|(at, _)| *at <= self.now) {
            let (_, commit) = self.commit.take().expect("just seen");
            self.finish(commit);
        } else if let Some(at) = self.flights.iter().position(|(at, ..)| *at <= self.now) {
            let (_, request, answer) = self.flights.remove(at);
            self.note_answer(&request, &answer);
            self.fallback.handle_response(self.now, request.id, answer);
        } else if self.wake.is_some_and(|wake| wake <= self.now) {
            self.wake = None;
            self.fallback.handle_wake(self.now);
        }
    }

    fn finish(&mut self, commit: Commit) {
        self.commits += 1;
        let done = if self.commits_fail && self.commits.is_multiple_of(7) { Err(StoreFailure::Full) } else { Ok(()) };
        if done.is_ok() {
            for (key, value) in commit.changes {
                match value {
                    Some(value) => self.store.insert(key, value),
                    None => self.store.remove(&key),
                };
            }
            let outbox: Vec<usize> =
                self.store.iter().filter(|(key, _)| key.starts_with("outbox/")).map(|(_, value)| value.len()).collect();
            let slack = if self.commits_fail { 4 } else { 0 };
            assert!(outbox.len() <= self.config.outbox.items + slack, "{} items", outbox.len());
            assert!(outbox.iter().sum::<usize>() <= self.config.outbox.bytes + 200 * outbox.len(), "answers are small");
        }
        self.fallback.handle_commit(self.now, commit.id, done);
    }

    /// Polls until there is nothing, and starts what may be started.
    fn settle(&mut self) {
        let mut busy = true;
        while busy {
            busy = false;
            while let Some(effect) = self.fallback.poll(self.now) {
                busy = true;
                match effect {
                    Effect::Wake(at) => self.wake = Some(at),
                    effect => self.queue.push_back(effect),
                }
            }
            while self.commit.is_none() {
                match self.queue.pop_front() {
                    Some(Effect::Commit(commit)) => self.commit = Some((self.now.after(self.commit_takes), commit)),
                    Some(Effect::Send(request)) => self.send(request),
                    Some(_) | None => break,
                }
            }
            while let Some(event) = self.fallback.poll_event() {
                busy = true;
                self.note(event);
            }
        }
    }

    fn behaviour(&self, server: usize) -> Behaviour {
        let mut since = self.now.0 - START;
        let schedule = &self.schedules[server];
        for &(lasts, behaviour) in schedule {
            if since < lasts {
                return behaviour;
            }
            since -= lasts;
        }
        schedule.last().expect("not empty").1
    }

    fn send(&mut self, request: Request) {
        let server = self.config.servers.iter().position(|server| request.url.starts_with(&server.url));
        let server = server.expect("a server of the configuration");
        let behaviour = self.behaviour(server);
        *self.seen.bytes_on.entry(self.now.day()).or_default() +=
            if behaviour == Behaviour::Down { 0 } else { request.body.len() as u64 };
        let (takes, answer) = if request.method == Method::Get {
            self.seen.metadata += 1;
            metadata(behaviour)
        } else {
            let asked = read(&request);
            self.note_sent(&asked, server);
            answer(behaviour, &asked.id)
        };
        let (takes, answer) =
            if takes > request.timeout { (request.timeout, Err(Failure::Timeout)) } else { (takes, answer) };
        let long = answer.as_ref().is_ok_and(|answer| answer.body.len() as u64 > request.max_bytes);
        let answer = if long { Err(Failure::TooLong) } else { answer };
        self.flights.push((self.now.after(takes), request, answer));
    }

    fn note_sent(&mut self, asked: &Asked, server: usize) {
        let seen = &mut self.seen;
        assert!(asked.input.level() <= self.config.consent, "sent without consent");
        assert!(!seen.refused.contains(&asked.id), "sent again after a refusal");
        seen.asked_on.entry(self.now.day()).or_default().insert(asked.id.clone());
        if let Some(found) = asked.found {
            assert_eq!(asked.reason.as_deref(), Some(AUDIT));
            seen.audits.insert(asked.id.clone(), (found, asked.review));
        }
        let sent = seen.sent.entry(asked.id.clone()).or_default();
        sent.push((self.now, server));
        if matches!(asked.input, Input::Image { .. }) {
            seen.binary += 1;
        }
    }

    fn note_answer(&mut self, request: &Request, answer: &Result<Response, Failure>) {
        if let Ok(response) = answer {
            *self.seen.bytes_on.entry(self.now.day()).or_default() += response.body.len() as u64;
            if matches!(response.status, 400 | 500 | 404) && request.method == Method::Post {
                self.seen.refused.insert(read(request).id);
            }
        }
    }

    fn note(&mut self, event: Event) {
        let ended = |seen: &mut Seen, ticket| assert!(seen.ends.insert(ticket), "{ticket} ended twice");
        let class = |answer: &Answer| {
            assert_eq!(answer.class, TRUE_CLASS, "a lie was taken");
            answer.class
        };
        let now = self.now;
        let seen = &mut self.seen;
        match &event {
            Event::Answered { ticket, answer } => {
                assert!(now <= seen.deadlines[ticket], "too late");
                seen.answered.insert(*ticket, class(answer));
                ended(seen, *ticket);
            }
            Event::Local { ticket, later, .. } => {
                assert!(now <= seen.deadlines[ticket], "too late");
                assert!(seen.local.insert(*ticket, event.clone()).is_none(), "two local answers");
                if !later {
                    ended(seen, *ticket);
                }
            }
            Event::Kept { ticket } => {
                assert!(!seen.ends.contains(ticket), "kept after its end");
                seen.kept.insert(*ticket);
            }
            Event::Upgrade { ticket, answer } => {
                assert!(seen.upgraded_now.insert(*ticket), "taken twice");
                let known = *seen.upgraded.entry(*ticket).or_insert(answer.class);
                assert_eq!(known, class(answer));
                if self.takes {
                    seen.ends.insert(*ticket);
                    self.fallback.done(now, *ticket);
                }
            }
            Event::Dropped { ticket, .. } => {
                let before = seen.dropped.insert(*ticket, event.clone());
                // A restart before its removal was durable makes it end once more; so may a store that fails.
                let again = before.is_some() || self.commits_fail;
                assert!(seen.ends.insert(*ticket) || self.lives > 0 && again, "{ticket} ended twice");
            }
            Event::Agreement { agrees, .. } => seen.agreements.push(*agrees),
            other => panic!("{other:?}"),
        }
    }

    /// Of what happens in one millisecond the order is free.
    fn check_deadlines(&self) {
        for (ticket, &deadline) in &self.seen.deadlines {
            let answered = self.seen.answered.contains_key(ticket) || self.seen.local.contains_key(ticket);
            assert!(answered || self.now <= deadline, "no answer by the deadline");
        }
    }

    /// What was kept has an end.
    pub fn check_kept(&self) {
        for ticket in &self.seen.kept {
            assert!(self.seen.ends.contains(ticket) || self.seen.upgraded.contains_key(ticket), "{ticket} is lost");
        }
        assert_eq!(self.fallback.waiting(), 0);
        assert!(self.store.keys().all(|key| !key.starts_with("outbox/")), "{:?}", self.store.keys());
    }

    pub fn check_budget(&self) {
        for (day, asked) in &self.seen.asked_on {
            assert!(asked.len() <= self.config.questions_per_day as usize, "day {day}: {} questions", asked.len());
        }
        for (day, bytes) in &self.seen.bytes_on {
            assert!(*bytes <= self.config.bytes_per_day, "day {day}: {bytes} bytes");
        }
    }

    pub fn requests(&self) -> usize {
        self.seen.sent.values().map(Vec::len).sum()
    }

    pub fn stored(&self) -> &Stored {
        &self.store
    }
}

pub fn question(text: bool) -> Question {
    let image = Input::Image { height: 2, width: 2, pixels: vec![200; 12] };
    Question {
        model: Hash([5; 32]),
        reason: "ambiguous".into(),
        labels: LABELS.map(str::to_owned).to_vec(),
        class: 2,
        input: Some(if text { Input::Text("is it?".into()) } else { image }),
        features: Some(vec![0.5, 0.25, 0.75]),
        review: false,
    }
}

fn read(request: &Request) -> Asked {
    let header = request.headers.iter().find(|(name, _)| *name == HEADER_LENGTH).map(|(_, value)| value.as_str());
    let message = InferRequest::read(&request.body, header, &Limits::SERVER).expect("what a server can read");
    Asked::read(message).expect("a question")
}

fn respond(status: u16, body: Vec<u8>) -> Result<Response, Failure> {
    Ok(Response { status, headers: Vec::new(), body })
}

fn metadata(behaviour: Behaviour) -> (u64, Result<Response, Failure>) {
    match behaviour {
        Behaviour::Up(takes) => {
            (takes, respond(200, br#"{"name":"x","version":"1","extensions":["binary_tensor_data"]}"#.to_vec()))
        }
        Behaviour::Lies(_) => (1, respond(200, b"<html>".to_vec())),
        other => answer(other, ""),
    }
}

fn answer(behaviour: Behaviour, id: &str) -> (u64, Result<Response, Failure>) {
    match behaviour {
        Behaviour::Up(takes) => {
            let labels = LABELS.map(str::to_owned);
            let answer = Answer::new(vec![0.125, 0.75, 0.125]).response("m", id, &labels).expect("an answer");
            let message = answer.write(Default::default()).expect("written");
            (takes, respond(200, message.body))
        }
        Behaviour::Down => (5, Err(Failure::Connect)),
        Behaviour::Hangs => (u64::MAX, Err(Failure::Timeout)),
        Behaviour::Breaks(takes) => (takes, Err(Failure::Broken)),
        Behaviour::Says(status, wish) => {
            let headers = wish.map(|wish| ("retry-after".to_owned(), wish.to_string())).into_iter().collect();
            (20, Ok(Response { status, headers, body: br#"{"error":"no"}"#.to_vec() }))
        }
        Behaviour::Lies(how) => (20, respond(200, lie(how, id))),
    }
}

/// Answers with class 0, or none, none of which may be taken.
fn lie(how: usize, id: &str) -> Vec<u8> {
    let tensor = |shape: &str, data: &str| {
        format!(
            r#"{{"model_name":"m","id":"{id}","outputs":[{{"name":"probabilities","shape":{shape},"datatype":"FP32","data":{data}}}]}}"#
        )
    };
    let label = |label: &str| {
        format!(
            r#"{{"model_name":"m","id":"{id}","outputs":[{{"name":"label","shape":[1],"datatype":"BYTES","data":["{label}"]}}]}}"#
        )
    };
    let lies = [
        tensor("[1,2]", "[1,0]"),
        tensor("[1,3]", "[1,0]"),
        tensor("[1,3]", "[9,-4,-4]"),
        tensor("[1,3]", "[1,1,1]"),
        tensor("[1,3]", "[1,0,NaN]"),
        tensor("[1,3]", "[1,0,null]"),
        tensor("[3,1]", "[1,0,0]"),
        label("bacon"),
        tensor("[1,3]", "[1,0,0]").replace(id, "00000000-0000-4000-8000-000000000000"),
        "<html>it works</html>".to_owned(),
        String::new(),
        format!("{}{}", tensor("[1,3]", "[1,0,0]"), " ".repeat(10_000)),
    ];
    lies[how % lies.len()].clone().into_bytes()
}
