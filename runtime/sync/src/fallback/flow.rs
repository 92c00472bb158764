//! How questions go on.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use dunlin_protocol::oip::{self, Answer, Form, HEADER_LENGTH, Input, Limits, ServerMetadata};

use super::event::{Event, Ticket, Why};
use super::item::State;
use super::server::Known;
use super::verdict::{Health, Verdict, judge};
use super::{Committed, Fallback, Flight, Pending, Todo, key};
use crate::effect::{Failure, Method, Request, Response, Time};

/// A whole hedge, in hundredths; and how many may be saved up.
pub(super) const HEDGE: u32 = 100;
const MOST_HEDGES: u32 = 10 * HEDGE;

/// Requests under way at once: all, and those from the outbox.
const MOST_FLIGHTS: usize = 4;
const MOST_FROM_OUTBOX: usize = 1;

/// The first random wait before another try, in milliseconds: while the app waits, and later; and the longest.
const SHORT: u64 = 250;
pub(super) const LONG: u64 = 10_000;
const LONGEST: u64 = 3_600_000;

/// What an answer has beside its classes, and for each of them, in bytes at most.
const ANSWER: u64 = 4096;
const ANSWER_OF_CLASS: u64 = 64;

/// A server's metadata, in bytes at most; and how long it is before they are asked for again, in milliseconds.
const METADATA: u64 = 16 << 10;
const METADATA_AGAIN: u64 = 3_600_000;

/// Who can be asked.
enum Choice {
    Now(usize),
    At(Time),
    /// After another request's end.
    Wait,
    Nobody,
}

impl Fallback {
    /// Does all that can be done at this time.
    pub(super) fn go_on(&mut self) {
        self.budget.roll(self.now);
        let age = self.config.outbox.age;
        let now = self.now;
        let old = |pending: &Pending| pending.number.is_some() && now.since(pending.item.asked) >= age;
        while let Some(at) = self.pending.iter().position(old) {
            self.end(at, Why::Age);
        }
        // Those for which the app waits come first, and of each kind those that were asked first.
        let of = |waits: bool| self.pending.iter().filter(move |pending| pending.deadline.is_some() == waits);
        let order: Vec<Ticket> = of(true).chain(of(false)).map(|pending| pending.item.ticket).collect();
        for ticket in order {
            self.advance(ticket);
        }
    }

    /// When there is something to do again, if nothing happens before.
    pub(super) fn wake(&self) -> Option<Time> {
        let age = self.config.outbox.age;
        let times = self.pending.iter().flat_map(|pending| {
            let sends = matches!(pending.item.state, State::Answer(..)) && self.under_way(pending.item.ticket) == 0;
            let due = Some(pending.due).filter(|&due| sends && due > self.now);
            let hedge = pending.hedge.filter(|&hedge| hedge > self.now);
            let old = pending.number.map(|_| pending.item.asked.after(age));
            [pending.deadline, due, hedge, old]
        });
        times.flatten().min()
    }

    fn advance(&mut self, ticket: Ticket) {
        let Some(at) = self.find(ticket) else { return };
        let pending = &self.pending[at];
        if matches!(pending.item.state, State::Done(_)) {
            return;
        }
        let hedges = pending.hedge.is_some_and(|hedge| hedge <= self.now) && self.hedges >= HEDGE;
        match self.under_way(ticket) {
            0 if pending.due <= self.now => self.send_first(at),
            1 if hedges => self.send_hedge(at),
            _ => (),
        }
        // Sending may have been the end of it.
        let Some(at) = self.find(ticket) else { return };
        if self.pending[at].deadline.is_some_and(|deadline| deadline <= self.now) {
            self.local(at, Why::Deadline);
        }
    }

    fn send_first(&mut self, at: usize) {
        let pending = &self.pending[at];
        let deadline = pending.deadline;
        let from_outbox = self.flights.iter().filter(|flight| self.is_from_outbox(flight)).count();
        if self.flights.len() >= MOST_FLIGHTS || deadline.is_none() && from_outbox >= MOST_FROM_OUTBOX {
            return;
        }
        if pending.over || pending.tries >= self.config.tries {
            return self.end(at, pending.why);
        }
        match self.choose(pending, false) {
            Choice::Now(server) => self.send(at, server),
            // A try that can't begin before the deadline keeps nobody waiting.
            Choice::At(time) if deadline.is_some_and(|deadline| time >= deadline) => {
                self.pending[at].due = time;
                self.local(at, Why::Resting);
            }
            Choice::At(time) => self.pending[at].due = time,
            Choice::Wait if deadline.is_some() => self.local(at, Why::Resting),
            Choice::Wait => (),
            Choice::Nobody => self.end(at, pending.why),
        }
    }

    fn send_hedge(&mut self, at: usize) {
        self.pending[at].hedge = None;
        if self.flights.len() >= MOST_FLIGHTS || self.pending[at].over {
            return;
        }
        if let Choice::Now(server) = self.choose(&self.pending[at], true) {
            self.hedges -= HEDGE;
            self.send(at, server);
        }
    }

    /// The first server that may be asked; for a hedge, rather one that isn't being asked.
    fn choose(&self, pending: &Pending, hedge: bool) -> Choice {
        let ticket = Some(pending.item.ticket);
        let asked = |server| self.flights.iter().any(|flight| flight.server == server && flight.ticket == ticket);
        let may = |&server: &usize| pending.unasked & 1 << server == 0;
        let of =
            |late: bool| (0..self.servers.len()).filter(may).filter(move |&server| (hedge && asked(server)) == late);
        let servers: Vec<usize> = of(false).chain(of(true)).collect();
        if servers.is_empty() {
            return Choice::Nobody;
        }
        let opens = servers.iter().map(|&server| (server, self.servers[server].opens(self.now)));
        let opens: Vec<(usize, Time)> = opens.filter_map(|(server, time)| Some((server, time?))).collect();
        match opens.iter().find(|(_, time)| *time <= self.now) {
            Some(&(server, _)) => Choice::Now(server),
            None => opens.iter().map(|&(_, time)| time).min().map_or(Choice::Wait, Choice::At),
        }
    }

    fn send(&mut self, at: usize, server: usize) {
        let pending = &self.pending[at];
        let State::Answer(input, _) = &pending.item.state else { return };
        let picture = matches!(input, Input::Image { .. });
        let binary = picture && self.servers[server].binary == Some(true);
        let form = if binary { Form::Binary } else { Form::Json };
        let message = pending.item.question().and_then(|question| question.write(form).ok());
        let Some(message) = message else { return self.end(at, Why::Unaskable) };
        let answer = ANSWER + ANSWER_OF_CLASS * pending.item.labels.len() as u64;
        let answer = answer.min(Limits::DEVICE.bytes as u64);
        let (questions, bytes) = (u32::from(pending.charged != Some(self.now.day())), message.body.len() as u64);
        if !self.budget.allows(questions, bytes, answer) {
            return self.over_budget(at, bytes + answer);
        }
        self.budget.spend(questions, bytes, answer);
        if let Some(change) = self.budget.reserve() {
            self.commit(vec![change], Committed::Other, None);
        }
        let Known { server: named, .. } = &self.servers[server];
        let url = format!("{}{}", named.url, oip::infer_path(&named.model, named.version.as_deref()));
        let mut headers = headers(named);
        match message.header_length {
            Some(len) => headers
                .extend([("content-type", "application/octet-stream".to_string()), (HEADER_LENGTH, len.to_string())]),
            None => headers.push(("content-type", "application/json".to_string())),
        }
        let ticket = self.sent(at, server, bytes, answer);
        let request = Request {
            id: ticket,
            method: Method::Post,
            url,
            headers,
            body: message.body,
            max_bytes: answer,
            timeout: self.config.timeout,
        };
        self.effects.push_back(Todo::Send(request));
        if picture {
            self.ask_metadata(server);
        }
    }

    /// Notes that a question is sent, and gives the request's number.
    fn sent(&mut self, at: usize, server: usize, bytes: u64, answer: u64) -> u64 {
        let id = self.ids.take();
        let pending = &mut self.pending[at];
        pending.charged = Some(self.now.day());
        pending.sent += 1;
        self.servers[server].breaker.asked();
        self.flights.push(Flight { id, ticket: Some(pending.item.ticket), server, sent: self.now, bytes, answer });
        id
    }

    /// A request goes to the host: from now on it takes time.
    pub(super) fn leaves(&mut self, id: u64) {
        let now = self.now;
        let Some(flight) = self.flights.iter_mut().find(|flight| flight.id == id) else { return };
        flight.sent = now;
        let (ticket, usual) = (flight.ticket, self.servers[flight.server].usual());
        let Some(at) = ticket.and_then(|ticket| self.find(ticket)) else { return };
        let pending = &mut self.pending[at];
        if let (Some(deadline), 1) = (pending.deadline, pending.sent) {
            let wait = usual.unwrap_or(deadline.since(now) / 2).max(1);
            pending.hedge = Some(now.after(wait)).filter(|&hedge| hedge < deadline);
            self.hedges = (self.hedges + self.config.hedges).min(MOST_HEDGES);
        }
    }

    /// What was to be sent of a question isn't.
    pub(super) fn unsend(&mut self, ticket: Ticket) {
        let own = self.flights.iter().filter(|flight| flight.ticket == Some(ticket));
        let ids: Vec<u64> = own.map(|flight| flight.id).collect();
        for id in ids {
            let queued = |todo: &Todo| matches!(todo, Todo::Send(request) if request.id == id);
            if let Some(at) = self.effects.iter().position(queued) {
                self.effects.remove(at);
                if let Some(flight) = self.land(id, 0, true) {
                    self.servers[flight.server].breaker.undecided();
                }
            }
        }
    }

    /// Asks a server whether it takes binary data, for the next time.
    fn ask_metadata(&mut self, server: usize) {
        let known = &mut self.servers[server];
        let asked = known.asked_binary.is_some_and(|asked| self.now.since(asked) < METADATA_AGAIN);
        if known.binary.is_some() || asked || !self.budget.allows(0, 0, METADATA) {
            return;
        }
        known.asked_binary = Some(self.now);
        self.budget.spend(0, 0, METADATA);
        let id = self.ids.take();
        let url = format!("{}{}", known.server.url, oip::server_path());
        let (headers, timeout) = (headers(&known.server), self.config.timeout);
        self.flights.push(Flight { id, ticket: None, server, sent: self.now, bytes: 0, answer: METADATA });
        let body = Vec::new();
        let request = Request { id, method: Method::Get, url, headers, body, max_bytes: METADATA, timeout };
        self.effects.push_back(Todo::Send(request));
    }

    fn over_budget(&mut self, at: usize, bytes: u64) {
        if self.pending[at].deadline.is_some() || bytes > self.config.bytes_per_day {
            return self.end(at, Why::Budget);
        }
        // Not all devices at midnight.
        let later = self.chance.below(LONGEST);
        self.pending[at].due = self.budget.tomorrow().after(later);
    }

    /// The local answer stands. Where there is room the question waits for an upgrade.
    fn local(&mut self, at: usize, why: Why) {
        let ticket = self.pending[at].item.ticket;
        if self.keep(at) {
            self.events.push_back(Event::Local { ticket, why, later: true });
        } else {
            self.end(at, why);
        }
    }

    /// Puts a question into the outbox, if there is room.
    pub(super) fn keep(&mut self, at: usize) -> bool {
        let item = self.pending[at].item.to_bytes();
        let outbox = self.config.outbox;
        let kept = self.pending.iter().filter(|pending| pending.number.is_some());
        let (items, bytes) = kept.fold((0, 0), |(items, bytes), pending| (items + 1, bytes + pending.size));
        if items >= outbox.items || bytes + item.len() > outbox.bytes {
            return false;
        }
        let number = self.number;
        self.number += 1;
        let pending = &mut self.pending[at];
        (pending.deadline, pending.hedge, pending.number, pending.size) = (None, None, Some(number), item.len());
        let ticket = pending.item.ticket;
        self.commit(vec![(key(number), Some(item))], Committed::Kept(ticket), None);
        true
    }

    /// No answer will come.
    pub(super) fn end(&mut self, at: usize, why: Why) {
        let Pending { item, deadline, .. } = self.remove(at);
        let ticket = item.ticket;
        match (deadline, item.state) {
            (Some(_), _) => self.events.push_back(Event::Local { ticket, why, later: false }),
            (None, State::Answer(..)) if item.audit.is_none() => self.events.push_back(Event::Dropped { ticket, why }),
            // The app has been told the answer, or never waited for one.
            (None, _) => (),
        }
    }

    pub(super) fn take_response(&mut self, id: u64, response: Result<Response, Failure>) {
        let came = match &response {
            Ok(response) => response.body.len() as u64,
            Err(Failure::Connect) => 0,
            Err(_) => u64::MAX,
        };
        let Some(flight) = self.land(id, came, matches!(response, Err(Failure::Connect))) else { return };
        let Some(ticket) = flight.ticket else { return self.take_metadata(flight.server, response) };
        let Some(at) = self.find(ticket) else {
            // Nobody wants it any longer, but it still says how the server fares.
            let (_, health) = judge(&response, &ticket.to_string(), &[]);
            let health =
                if health == Health::Bad && response.is_ok_and(|r| r.status == 200) { Health::Good } else { health };
            return self.note(&flight, health, None);
        };
        let (verdict, health) = judge(&response, &ticket.to_string(), &self.pending[at].item.labels);
        self.note(&flight, health, response.as_ref().ok());
        if matches!(self.pending[at].item.state, State::Done(_)) {
            return;
        }
        if matches!(verdict, Verdict::Answer(_) | Verdict::Over(_)) {
            self.unsend(ticket);
        }
        let others = self.under_way(ticket) > 0;
        match verdict {
            Verdict::Answer(answer) => self.accept(at, answer),
            Verdict::Again(why) => self.again(at, why),
            Verdict::Elsewhere(why) => {
                self.pending[at].unasked |= 1 << flight.server;
                let nobody = matches!(self.choose(&self.pending[at], false), Choice::Nobody);
                if nobody && !others { self.end(at, why) } else { self.again(at, why) }
            }
            // A hedge under way may still bring an answer.
            Verdict::Over(why) if others => {
                (self.pending[at].why, self.pending[at].over) = (why, true);
            }
            Verdict::Over(why) => self.end(at, why),
        }
    }

    /// A request is at its end.
    pub(super) fn land(&mut self, id: u64, came: u64, unsent: bool) -> Option<Flight> {
        let at = self.flights.iter().position(|flight| flight.id == id)?;
        let flight = self.flights.remove(at);
        self.budget.settle(flight.answer, came, if unsent { flight.bytes } else { 0 });
        Some(flight)
    }

    fn note(&mut self, flight: &Flight, health: Health, response: Option<&Response>) {
        let (now, known) = (self.now, &mut self.servers[flight.server]);
        let before = known.breaker.rest();
        match health {
            Health::Good => {
                known.took(now.since(flight.sent));
                known.breaker.succeeded();
            }
            Health::Bad | Health::BadPause => known.breaker.failed(now, &mut self.chance),
            Health::Pause | Health::Undecided => known.breaker.undecided(),
        }
        if let (Health::Pause | Health::BadPause, Some(response)) = (health, response) {
            known.pause(now, response, &mut self.chance);
        }
        if known.breaker.rest() != before {
            let change = Known::record(&self.servers);
            self.commit(vec![change], Committed::Other, None);
        }
    }

    fn take_metadata(&mut self, server: usize, response: Result<Response, Failure>) {
        let read = |response: Response| ServerMetadata::read(&response.body, &Limits::DEVICE).ok();
        let metadata = response.ok().filter(|response| response.status == 200).and_then(read);
        // Without metadata it is asked again some time; until then JSON will do.
        self.servers[server].binary = metadata.map(|metadata| metadata.takes_binary());
    }

    fn again(&mut self, at: usize, why: Why) {
        let pending = &mut self.pending[at];
        pending.why = why;
        // Who is offline, or is asked to wait, may try for as long as the question isn't too old.
        pending.tries += u32::from(!matches!(why, Why::Network(Failure::Connect) | Why::Unavailable(429)));
        let first = if pending.deadline.is_some() { SHORT } else { LONG };
        let most = first.saturating_mul(1 << pending.sent.saturating_sub(1).min(20)).min(LONGEST);
        pending.due = self.now.after(self.chance.below(most + 1));
        // The hedge is what is left of the first try, if it is under way; else the next try has none.
        pending.hedge = None;
        let late = pending.deadline.is_some_and(|deadline| pending.due >= deadline);
        if late && self.under_way(self.pending[at].item.ticket) == 0 {
            self.local(at, why);
        }
    }

    fn accept(&mut self, at: usize, answer: Answer) {
        if self.pending[at].item.audit.is_some() {
            // It is with people now.
            self.remove(at);
            return;
        }
        let Pending { item, deadline, number, size, .. } = &mut self.pending[at];
        let ticket = item.ticket;
        let agrees = answer.class == item.class;
        self.events.push_back(Event::Agreement { model: item.model, agrees });
        if let (None, Some(number)) = (*deadline, *number) {
            item.state = State::Done(answer);
            let bytes = item.to_bytes();
            *size = bytes.len();
            self.commit(vec![(key(number), Some(bytes))], Committed::Answered(ticket), None);
        } else {
            self.remove(at);
            self.events.push_back(Event::Answered { ticket, answer });
        }
    }

    fn find(&self, ticket: Ticket) -> Option<usize> {
        self.pending.iter().position(|pending| pending.item.ticket == ticket)
    }

    fn under_way(&self, ticket: Ticket) -> usize {
        self.flights.iter().filter(|flight| flight.ticket == Some(ticket)).count()
    }

    fn is_from_outbox(&self, flight: &Flight) -> bool {
        let waits = |ticket| self.find(ticket).is_some_and(|at| self.pending[at].deadline.is_none());
        flight.ticket.is_some_and(waits)
    }
}

fn headers(server: &super::Server) -> Vec<(&'static str, String)> {
    let token = server.token.as_ref().map(|token| ("authorization", format!("Bearer {token}")));
    [("accept", "application/json".to_string())].into_iter().chain(token).collect()
}
