//! Asks model servers, where the model isn't sure enough.

use std::io::Write;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use dunlin_native::Http;
use dunlin_protocol::oip::Answer;
use dunlin_sync::fallback::{Config, Event, Fallback, Outbox, Question, Server, Ticket, Why};
use dunlin_sync::{Chance, Effect, Failure, Machine, Response, Stored, Time};
use serde::Serialize;

use crate::args::CloudArgs;
use crate::error::CliError;
use crate::output;

/// Has the token that is sent to model servers.
const TOKEN_VARIABLE: &str = "DUNLIN_CLOUD_TOKEN";

/// Model servers, and what is known of them since the command began.
#[derive(Debug)]
pub struct Cloud {
    fallback: Fallback,
    deadline: u64,
    http: Http,
    answers: (Sender<Arrived>, Receiver<Arrived>),
    start: (Instant, Time),
}

type Arrived = (u64, Result<Response, Failure>);

/// What the cloud said of an input.
#[derive(Debug, Serialize)]
pub struct Asked {
    /// By which servers know the question.
    id: String,
    /// How long it took.
    time_us: f64,
    /// The answer; `null` where there is none.
    answer: Option<CloudAnswer>,
    /// Why there is none; `null` where there is one.
    error: Option<CloudError>,
}

#[derive(Debug, Serialize)]
struct CloudAnswer {
    class: usize,
    label: String,
    /// `null` where the server names no probabilities.
    probability: Option<f32>,
    /// Whether the local answer is the same class.
    agrees: bool,
}

#[derive(Debug, Serialize)]
struct CloudError {
    name: &'static str,
    explanation: String,
}

impl Cloud {
    /// The servers that the user names; none where no server is named.
    ///
    /// # Errors
    /// [`CliError::Chance`]
    pub fn new(args: &CloudArgs) -> Result<Option<Self>, CliError> {
        let Some(model) = args.cloud_model.as_ref() else { return Ok(None) };
        let token = std::env::var(TOKEN_VARIABLE).ok().filter(|token| !token.is_empty());
        let server = |url: &String| Server {
            url: url.trim_end_matches('/').to_owned(),
            model: model.clone(),
            version: None,
            token: token.clone(),
        };
        let config = Config {
            servers: args.servers.iter().map(server).collect(),
            consent: args.consent.into(),
            timeout: args.cloud_deadline,
            questions_per_day: u32::MAX,
            bytes_per_day: u64::MAX,
            // The command ends before an upgrade could come.
            outbox: Outbox { items: 0, bytes: 0, age: 0 },
            ..Config::default()
        };
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| CliError::Chance(error.into()))?;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = Time(u64::try_from(since.as_millis()).unwrap_or_default());
        let fallback = Fallback::restore(config, &Stored::new(), Chance::new(seed), now);
        let (deadline, start) = (args.cloud_deadline, (Instant::now(), now));
        Ok(Some(Self { fallback, deadline, http: Http::new(), answers: channel(), start }))
    }

    /// Asks, and waits for the answer or the deadline.
    pub fn ask(&mut self, question: Question) -> Asked {
        let (labels, class) = (question.labels.clone(), question.class);
        let begin = Instant::now();
        let ticket = self.fallback.ask(self.now(), question, self.deadline);
        let outcome = self.wait(ticket);
        let time_us = output::micros(begin.elapsed());
        let id = ticket.to_string();
        match outcome {
            Ok(answer) => {
                let label = labels.get(answer.class).cloned().unwrap_or_default();
                let probability = answer.probabilities.get(answer.class).copied();
                let answer = CloudAnswer { class: answer.class, label, probability, agrees: answer.class == class };
                Asked { id, time_us, answer: Some(answer), error: None }
            }
            Err(why) => {
                let error = CloudError { name: why.name(), explanation: why.to_string() };
                Asked { id, time_us, answer: None, error: Some(error) }
            }
        }
    }

    /// Performs what has to be done until there is an answer, the cloud's or none.
    fn wait(&mut self, ticket: Ticket) -> Result<Answer, Why> {
        let mut wake = self.now();
        loop {
            while let Some(effect) = self.fallback.poll(self.now()) {
                match effect {
                    Effect::Send(request) => {
                        let (http, answers) = (self.http.clone(), self.answers.0.clone());
                        // An answer that comes after the command has what it wants is of no use to anyone.
                        thread::spawn(move || answers.send((request.id, http.send(&request))));
                    }
                    // Nothing is kept beyond the command.
                    Effect::Commit(commit) => self.fallback.handle_commit(self.now(), commit.id, Ok(())),
                    Effect::Wake(at) => wake = at,
                    // What is left concerns models.
                    _ => (),
                }
            }
            while let Some(event) = self.fallback.poll_event() {
                match event {
                    Event::Answered { ticket: of, answer } if of == ticket => return Ok(answer),
                    Event::Local { ticket: of, why, .. } if of == ticket => return Err(why),
                    _ => (),
                }
            }
            match self.answers.1.recv_timeout(Duration::from_millis(wake.since(self.now()))) {
                Ok((id, response)) => self.fallback.handle_response(self.now(), id, response),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    self.fallback.handle_wake(self.now())
                }
            }
        }
    }

    /// A clock that nobody sets back.
    fn now(&self) -> Time {
        let (begin, time) = self.start;
        time.after(u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX))
    }
}

impl Asked {
    /// The failure, where the cloud has no answer.
    pub fn failure(&self) -> Option<CliError> {
        self.error.as_ref().map(|error| CliError::Cloud { what: error.explanation.clone() })
    }

    /// Shows it under an input's decision.
    ///
    /// # Errors
    /// [`CliError::Stdout`].
    pub fn show(&self, out: &mut dyn Write) -> Result<(), CliError> {
        let time = output::time(self.time_us);
        match (&self.answer, &self.error) {
            (Some(CloudAnswer { label, probability, agrees, .. }), _) => {
                write!(out, "  cloud: {label}")?;
                if let Some(probability) = probability {
                    write!(out, ", probability {probability:.3}")?;
                }
                writeln!(out, ", {} the local answer, {time}", if *agrees { "as" } else { "unlike" })?;
            }
            (None, Some(CloudError { explanation, .. })) => {
                writeln!(out, "  cloud: {explanation}, {time}; the local answer stands")?;
            }
            (None, None) => (),
        }
        Ok(())
    }
}
