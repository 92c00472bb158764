//! What an answer of a server means for the question and for the server.

use alloc::string::String;

use dunlin_protocol::oip::{Answer, HEADER_LENGTH, InferResponse, Limits};

use super::event::Why;
use crate::effect::{Failure, Response};

/// For the question.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    /// It is answered.
    Answer(Answer),
    /// It may be asked again, also here.
    Again(Why),
    /// It isn't asked here again.
    Elsewhere(Why),
    /// It isn't asked again.
    Over(Why),
}

/// For the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Health {
    /// It did what it should.
    Good,
    /// It didn't.
    Bad,
    /// It wants to be left alone; that is no fault.
    Pause,
    /// It wants to be left alone because it isn't well.
    BadPause,
    /// The fault is the question's.
    Undecided,
}

/// Judges an answer to the question with this id about a model with these labels.
pub(super) fn judge(answer: &Result<Response, Failure>, id: &str, labels: &[String]) -> (Verdict, Health) {
    let response = match answer {
        // Too long an answer would be so again. Whatever else the network does may be over next time; the question's id keeps a server
        // that has seen it from taking it for another one.
        Err(failure @ Failure::TooLong) => return (Verdict::Elsewhere(Why::Network(*failure)), Health::Bad),
        Err(failure) => return (Verdict::Again(Why::Network(*failure)), Health::Bad),
        Ok(response) => response,
    };
    match response.status {
        200 => match read(response, id, labels) {
            Ok(answer) => (Verdict::Answer(answer), Health::Good),
            Err(why) => (Verdict::Elsewhere(why), Health::Bad),
        },
        status @ 429 => (Verdict::Again(Why::Unavailable(status)), Health::Pause),
        status @ 503 => (Verdict::Again(Why::Unavailable(status)), Health::BadPause),
        status @ (502 | 504) => (Verdict::Again(Why::Unavailable(status)), Health::Bad),
        status @ (400 | 413 | 422) => (Verdict::Over(Why::Refused(status)), Health::Undecided),
        status => (Verdict::Over(Why::Refused(status)), Health::Bad),
    }
}

fn read(response: &Response, id: &str, labels: &[String]) -> Result<Answer, Why> {
    let header = response.header(HEADER_LENGTH);
    let message = InferResponse::read(&response.body, header, &Limits::DEVICE).map_err(|_| Why::Unreadable)?;
    Answer::read(&message, id, labels).map_err(Why::Untrue)
}
