//! What a client tells, as languages get it.

use dunlin_native::Happened;
use dunlin_protocol::oip::Answer;
use dunlin_sync::drift::Divergence;
use dunlin_sync::{Event, Failure, StoreFailure, fallback};

use crate::records::to_bytes;

/// The events of `dunlin_sync`, which says what each means.
#[derive(Clone, Debug, PartialEq, uniffi::Enum)]
pub enum ClientEvent {
    /// There is a release for this device.
    Found {
        /// Its version.
        version: u32,
    },
    /// It is in the store.
    Downloaded {
        /// Its version.
        version: u32,
        /// How many bytes were fetched for it.
        bytes: u64,
    },
    /// It answers.
    Activated {
        /// Its version.
        version: u32,
    },
    /// It has shown itself.
    Kept {
        /// Its version.
        version: u32,
    },
    /// It was taken back.
    RolledBack {
        /// Its version.
        version: u32,
        /// The version that answers instead.
        to: u32,
        /// Why.
        reason: RollbackReason,
    },
    /// What was last seen of the repository counts no longer.
    Stale,
    /// A look for updates failed.
    Failed {
        /// Why.
        fault: UpdateFault,
        /// The same as a sentence.
        message: String,
    },
    /// The cloud's answer came in time.
    Answered {
        /// The question.
        ticket: String,
        /// The answer.
        answer: CloudAnswer,
    },
    /// The local answer stands.
    Local {
        /// The question.
        ticket: String,
        /// Why.
        why: Why,
        /// The same as a sentence.
        message: String,
        /// Whether there may be an upgrade.
        later: bool,
    },
    /// The question is stored, and survives a restart.
    Waiting {
        /// The question.
        ticket: String,
    },
    /// The cloud's answer came later.
    Upgrade {
        /// The question.
        ticket: String,
        /// The answer.
        answer: CloudAnswer,
    },
    /// There will be no upgrade.
    Dropped {
        /// The question.
        ticket: String,
        /// Why.
        why: Why,
        /// The same as a sentence.
        message: String,
    },
    /// So many stored questions couldn't be read and are gone.
    Damaged {
        /// How many.
        items: u32,
    },
    /// This device's answers aren't what they were.
    Diverged {
        /// The metric's name.
        metric: String,
        /// Answers that were compared.
        answers: u64,
        /// From the baseline, in nats.
        divergence: f64,
        /// What it was above.
        threshold: f64,
    },
}

/// What the cloud says.
#[derive(Clone, Debug, PartialEq, uniffi::Record)]
pub struct CloudAnswer {
    /// The class.
    pub index: u32,
    /// Probability of each class, as little-endian f32; empty where a server only names the class.
    pub probabilities: Vec<u8>,
}

/// The reasons of `dunlin_sync::Reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum RollbackReason {
    /// It can't be loaded.
    Load,
    /// It doesn't compute here what it should.
    Golden,
    /// The program ended while it was started, or again and again while it was tried.
    Crash,
    /// It finds other classes than the model before.
    Agreement,
    /// It leaves too many inputs undecided.
    Fallback,
    /// It is too slow.
    Latency,
    /// Its publisher took it back.
    Withdrawn,
    /// Its bytes are gone from the store; it is fetched again.
    Lost,
}

/// The faults of `dunlin_sync::Fault`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum UpdateFault {
    /// No answer.
    Network,
    /// None in time.
    Timeout,
    /// A file is longer than, or isn't, what its metadata says.
    Content,
    /// A status other than 200.
    Status,
    /// The release is longer than what may be fetched in a day.
    Allowance,
    /// There is no room for it.
    Full,
    /// The store can't be written.
    Store,
    /// The repository's metadata can't be trusted.
    Metadata,
}

/// The reasons of `dunlin_sync::fallback::Why`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Why {
    /// The user hasn't agreed to send so much.
    Consent,
    /// The day's budget is used up.
    Budget,
    /// Too many questions at once.
    Busy,
    /// The question can't be asked.
    Unaskable,
    /// There is no server, or all are given a rest.
    Resting,
    /// The time is over.
    Deadline,
    /// No connection, or it broke.
    Network,
    /// The server refuses.
    Refused,
    /// The server can't now.
    Unavailable,
    /// What the server answers is no answer of a model.
    Unreadable,
    /// The server's answer can't be true.
    Untrue,
    /// It waited too long.
    Age,
}

impl ClientEvent {
    /// None for what isn't for apps.
    pub(crate) fn of(happened: Happened) -> Option<Self> {
        match happened {
            Happened::Update(event) => Self::of_update(event),
            Happened::Cloud(event) => Self::of_cloud(event),
            Happened::Diverged(Divergence { metric, answers, divergence, threshold, .. }) => {
                Some(Self::Diverged { metric: metric.name().into(), answers, divergence, threshold })
            }
            _ => None,
        }
    }

    fn of_update(event: Event) -> Option<Self> {
        Some(match event {
            Event::Found { version } => Self::Found { version },
            Event::Downloaded { version, bytes } => Self::Downloaded { version, bytes },
            Event::Activated { version } => Self::Activated { version },
            Event::Kept { version } => Self::Kept { version },
            Event::RolledBack { version, to, reason } => Self::RolledBack { version, to, reason: reason.into() },
            Event::Stale => Self::Stale,
            Event::Failed(fault) => Self::Failed { message: fault.to_string(), fault: (&fault).into() },
            _ => return None,
        })
    }

    fn of_cloud(event: fallback::Event) -> Option<Self> {
        use fallback::Event::{Answered, Damaged, Dropped, Kept, Local, Upgrade};
        Some(match event {
            Answered { ticket, answer } => Self::Answered { ticket: ticket.to_string(), answer: answer.into() },
            Local { ticket, why, later } => {
                Self::Local { ticket: ticket.to_string(), message: why.to_string(), why: why.into(), later }
            }
            Kept { ticket } => Self::Waiting { ticket: ticket.to_string() },
            Upgrade { ticket, answer } => Self::Upgrade { ticket: ticket.to_string(), answer: answer.into() },
            Dropped { ticket, why } => {
                Self::Dropped { ticket: ticket.to_string(), message: why.to_string(), why: why.into() }
            }
            Damaged { items } => Self::Damaged { items: u32::try_from(items).unwrap_or(u32::MAX) },
            // Agreement, of which summaries tell.
            _ => return None,
        })
    }
}

impl From<Answer> for CloudAnswer {
    fn from(answer: Answer) -> Self {
        Self { index: answer.class as u32, probabilities: to_bytes(&answer.probabilities) }
    }
}

impl From<dunlin_sync::Reason> for RollbackReason {
    fn from(reason: dunlin_sync::Reason) -> Self {
        use dunlin_sync::Reason;
        match reason {
            Reason::Load => Self::Load,
            Reason::Golden => Self::Golden,
            Reason::Crash => Self::Crash,
            Reason::Agreement => Self::Agreement,
            Reason::Fallback => Self::Fallback,
            Reason::Latency => Self::Latency,
            Reason::Withdrawn => Self::Withdrawn,
            Reason::Lost => Self::Lost,
        }
    }
}

impl From<&dunlin_sync::Fault> for UpdateFault {
    fn from(fault: &dunlin_sync::Fault) -> Self {
        use dunlin_sync::Fault;
        match fault {
            Fault::Network(Failure::Connect | Failure::Broken) => Self::Network,
            Fault::Network(Failure::Timeout) => Self::Timeout,
            Fault::Network(Failure::TooLong) | Fault::Content => Self::Content,
            Fault::Status(_) => Self::Status,
            Fault::Allowance => Self::Allowance,
            Fault::Store(StoreFailure::Full) => Self::Full,
            Fault::Store(StoreFailure::Broken) => Self::Store,
            // What can't be trusted, and what a later version may say.
            _ => Self::Metadata,
        }
    }
}

impl From<fallback::Why> for Why {
    fn from(why: fallback::Why) -> Self {
        match why {
            fallback::Why::Consent => Self::Consent,
            fallback::Why::Budget => Self::Budget,
            fallback::Why::Busy => Self::Busy,
            fallback::Why::Resting => Self::Resting,
            fallback::Why::Deadline => Self::Deadline,
            fallback::Why::Network(_) => Self::Network,
            fallback::Why::Refused(_) => Self::Refused,
            fallback::Why::Unavailable(_) => Self::Unavailable,
            fallback::Why::Unreadable => Self::Unreadable,
            fallback::Why::Untrue(_) => Self::Untrue,
            fallback::Why::Age => Self::Age,
            // That, and what a later version may say.
            _ => Self::Unaskable,
        }
    }
}
