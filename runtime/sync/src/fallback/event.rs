//! What a host asks, and what it is told.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use dunlin_protocol::hex::Hash;
use dunlin_protocol::oip::{Answer, AnswerFault, Input};
use dunlin_protocol::uuid::Uuid;

use crate::chance::Chance;
use crate::effect::Failure;

/// A question whose local answer isn't enough.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// The artifact that gave the local answer.
    pub model: Hash,
    /// Why it isn't enough, by the name that all languages use.
    pub reason: String,
    /// What the model's classes are called, one for each; its number where a class has no label.
    pub labels: Vec<String>,
    /// The local answer.
    pub class: usize,
    /// The input, to be sent with consent to that.
    pub input: Option<Input>,
    /// The model's logits, to be sent where consent goes no further.
    pub features: Option<Vec<f32>>,
    /// Whether a person may look at it.
    pub review: bool,
}

/// Handle of a pending answer: a random UUID, which means the same after a restart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(Uuid);

impl Ticket {
    /// The next one.
    pub(super) fn draw(chance: &mut Chance) -> Self {
        Self(chance.uuid())
    }

    /// From the form in which it is shown.
    pub fn from_text(text: &str) -> Option<Self> {
        Uuid::parse(text).map(Self)
    }
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text())
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What became of a question.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The cloud's answer came in time. Ends the question.
    Answered {
        /// The question.
        ticket: Ticket,
        /// The answer.
        answer: Answer,
    },
    /// The local answer stands. Comes by the deadline, where the cloud's answer doesn't.
    Local {
        /// The question.
        ticket: Ticket,
        /// Why.
        why: Why,
        /// Whether there may be an upgrade. If not, this ends the question.
        later: bool,
    },
    /// The question is in the outbox, and survives a restart. From now on it ends with an upgrade or with [`Event::Dropped`].
    Kept {
        /// The question.
        ticket: Ticket,
    },
    /// The cloud's answer came after the local one was given. It comes again after a restart, until
    /// [`Fallback::done`](super::Fallback::done) says that the app has it.
    Upgrade {
        /// The question.
        ticket: Ticket,
        /// The answer.
        answer: Answer,
    },
    /// There will be no upgrade. Ends the question.
    Dropped {
        /// The question.
        ticket: Ticket,
        /// Why.
        why: Why,
    },
    /// The cloud's answer and the local one, side by side, once for each answer; for drift.
    Agreement {
        /// The artifact that gave the local answer.
        model: Hash,
        /// Whether both are the same class.
        agrees: bool,
    },
    /// So many items of the outbox couldn't be read and are gone: the store was changed by someone else.
    Damaged {
        /// How many.
        items: usize,
    },
}

/// Why there is no answer of the cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Why {
    /// The user hasn't agreed to send so much, or no longer.
    Consent,
    /// The day's budget of questions or bytes is used up.
    Budget,
    /// Too many questions at once.
    Busy,
    /// The question can't be asked: it is too long, or its parts don't fit each other.
    Unaskable,
    /// There is no server, or all are given a rest.
    Resting,
    /// The time is over.
    Deadline,
    /// No connection, or it broke, at each try.
    Network(Failure),
    /// The server refuses, with this status.
    Refused(u16),
    /// The server can't now, with this status, at each try.
    Unavailable(u16),
    /// What the server answers is no answer of a model.
    Unreadable,
    /// The server's answer can't be true.
    Untrue(AnswerFault),
    /// It waited too long.
    Age,
}

impl Why {
    /// The name that all languages use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Consent => "consent",
            Self::Budget => "budget",
            Self::Busy => "busy",
            Self::Unaskable => "unaskable",
            Self::Resting => "resting",
            Self::Deadline => "deadline",
            Self::Network(_) => "network",
            Self::Refused(_) => "refused",
            Self::Unavailable(_) => "unavailable",
            Self::Unreadable => "unreadable",
            Self::Untrue(_) => "untrue",
            Self::Age => "age",
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Consent => "the user hasn't agreed to send it",
            Self::Budget => "the day's budget is used up",
            Self::Busy => "too many questions at once",
            Self::Unaskable => "the question is too long, or its parts don't fit each other",
            Self::Resting => "no server is to be asked now",
            Self::Deadline => "no answer came in time",
            Self::Network(Failure::Connect) => "the server can't be reached",
            Self::Network(Failure::Broken) => "the connection broke",
            Self::Network(Failure::Timeout) => "the server didn't answer in time",
            Self::Network(Failure::TooLong) => "the server's answer is too long",
            Self::Refused(status) => return write!(f, "the server refused with status {status}"),
            Self::Unavailable(status) => return write!(f, "the server is unavailable, status {status}"),
            Self::Unreadable => "the server's answer is none of a model",
            Self::Untrue(fault) => return write!(f, "the server's answer isn't believed: {fault}"),
            Self::Age => "it waited too long",
        };
        f.write_str(text)
    }
}
