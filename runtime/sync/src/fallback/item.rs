//! A question as it lies in the store: a line of JSON, and behind it the input's bytes.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use dunlin_protocol::hex::Hash;
use dunlin_protocol::oip::{self, Answer, Consent, Found, Input};
use serde::{Deserialize, Serialize};

use super::event::Ticket;
use crate::effect::Time;

/// What is known of a question as long as it has no end.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item {
    pub ticket: Ticket,
    pub model: Hash,
    pub reason: String,
    pub labels: Vec<String>,
    pub class: usize,
    pub review: bool,
    /// Of an audit, how probable the device found its class; nobody waits for such an item.
    pub audit: Option<f32>,
    pub asked: Time,
    pub state: State,
}

/// What an item waits for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum State {
    /// For the cloud, with what is asked about and the consent to it.
    Answer(Input, Consent),
    /// For the app to say that it has the answer. What was asked about is gone.
    Done(Answer),
}

impl Item {
    /// As a message of the protocol; none once it is answered, or where its parts don't fit each other.
    pub(super) fn question(&self) -> Option<oip::InferRequest> {
        let State::Answer(input, consent) = &self.state else { return None };
        let question = oip::Question {
            id: self.ticket.to_string(),
            model: Some(self.model.to_string()),
            reason: Some(self.reason.clone()),
            consent: Some(*consent),
            review: self.review,
            found: self.audit.map(|confidence| Found { class: self.class as u32, confidence: confidence.into() }),
            input: input.clone(),
        };
        question.request()
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let (shape, bytes, consent, answer) = match &self.state {
            State::Answer(Input::Text(text), consent) => (Some(Shape::Text), text.clone().into_bytes(), consent, None),
            State::Answer(Input::Image { height, width, pixels }, consent) => {
                (Some(Shape::Image([*height, *width])), pixels.clone(), consent, None)
            }
            State::Answer(Input::Features(logits), consent) => {
                (Some(Shape::Features), logits.iter().flat_map(|logit| logit.to_le_bytes()).collect(), consent, None)
            }
            State::Done(answer) => (None, Vec::new(), &Consent::None, Some(answer)),
        };
        let head = Head {
            version: VERSION,
            ticket: self.ticket.to_string(),
            asked: self.asked.0,
            model: self.model,
            reason: self.reason.clone(),
            labels: self.labels.clone(),
            class: self.class,
            review: self.review,
            audit: self.audit,
            consent: consent.name().into(),
            input: shape,
            answer: answer.map(|answer| (answer.class, answer.probabilities.clone())),
        };
        let mut line = serde_json::to_vec(&head).expect("texts and numbers under names");
        line.push(b'\n');
        line.extend_from_slice(&bytes);
        line
    }

    /// None for bytes that aren't an item's.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let end = bytes.iter().position(|&byte| byte == b'\n')?;
        let (line, bytes) = (bytes.get(..end)?, bytes.get(end + 1..)?);
        let head: Head = serde_json::from_slice(line).ok().filter(|head: &Head| head.version == VERSION)?;
        let state = match (head.input, head.answer) {
            (Some(shape), None) => State::Answer(shape.input(bytes)?, Consent::from_name(&head.consent)?),
            (None, Some((class, probabilities))) if bytes.is_empty() => State::Done(Answer { class, probabilities }),
            _ => return None,
        };
        Some(Self {
            ticket: Ticket::from_text(&head.ticket)?,
            model: head.model,
            reason: head.reason,
            labels: head.labels,
            class: head.class,
            review: head.review,
            audit: head.audit,
            asked: Time(head.asked),
            state,
        })
    }
}

const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Head {
    version: u32,
    ticket: String,
    asked: u64,
    model: Hash,
    reason: String,
    labels: Vec<String>,
    class: usize,
    review: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    audit: Option<f32>,
    consent: String,
    input: Option<Shape>,
    answer: Option<(usize, Vec<f32>)>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Shape {
    Text,
    Image([usize; 2]),
    Features,
}

impl Shape {
    fn input(self, bytes: &[u8]) -> Option<Input> {
        match self {
            Self::Text => String::from_utf8(bytes.to_vec()).ok().map(Input::Text),
            Self::Image([height, width]) => {
                let fits = height.checked_mul(width)?.checked_mul(3)? == bytes.len();
                fits.then(|| Input::Image { height, width, pixels: bytes.to_vec() })
            }
            Self::Features => {
                let (logits, rest) = bytes.as_chunks();
                rest.is_empty()
                    .then(|| Input::Features(logits.iter().map(|&logit| f32::from_le_bytes(logit)).collect()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;
    use alloc::vec;

    #[test]
    fn items_are_read_as_they_were_written_and_broken_ones_not_at_all() {
        let mut chance = Chance::new([3; 32]);
        let states = [
            State::Answer(Input::Text("two\nlines, größer".into()), Consent::Input),
            State::Answer(Input::Image { height: 1, width: 2, pixels: vec![b'\n'; 6] }, Consent::Input),
            State::Answer(Input::Features(vec![0.5, -1e-30]), Consent::Features),
            State::Done(Answer { class: 1, probabilities: vec![0.25, 0.75] }),
            State::Done(Answer { class: 1, probabilities: vec![] }),
        ];
        for state in states {
            let item = Item {
                ticket: Ticket::draw(&mut chance),
                model: Hash([7; 32]),
                reason: "ambiguous".into(),
                labels: vec!["ham".into(), "spam".into()],
                class: 0,
                review: true,
                audit: matches!(state, State::Answer(..)).then_some(0.75),
                asked: Time(1_700_000_000_000),
                state,
            };
            let bytes = item.to_bytes();
            assert_eq!(Item::from_bytes(&bytes), Some(item));
            for at in 0..bytes.len() {
                // Cut short it is no item, but for a text, which may end anywhere in its last line.
                let cut = Item::from_bytes(&bytes[..at]);
                assert!(
                    cut.is_none()
                        || matches!(cut, Some(Item { state: State::Answer(Input::Text(_), _), .. }))
                        || matches!(cut, Some(Item { state: State::Answer(Input::Features(_), _), .. }))
                );
                let mut flipped = bytes.clone();
                flipped[at] ^= 0x15;
                if let Some(read) = Item::from_bytes(&flipped) {
                    assert_eq!(Item::from_bytes(&read.to_bytes()), Some(read));
                }
            }
        }
    }

    #[test]
    fn tickets_are_random_uuids_of_version_4() {
        let mut chance = Chance::new([3; 32]);
        let shown: Vec<String> = (0..100).map(|_| Ticket::draw(&mut chance).to_string()).collect();
        for (at, text) in shown.iter().enumerate() {
            assert_eq!(text.len(), 36);
            assert_eq!(&text[14..15], "4");
            assert!(matches!(&text[19..20], "8" | "9" | "a" | "b"));
            assert_eq!(Ticket::from_text(text).map(|ticket| ticket.to_string()).as_ref(), Some(text));
            assert!(!shown[..at].contains(text));
        }
        for wrong in [
            "",
            "é",
            "00000000-0000-4000-8000-00000000000",
            "0000000000004000800000000000000000",
            "+0000000-0000-4000-8000-000000000000",
        ] {
            assert_eq!(Ticket::from_text(wrong), None, "{wrong}");
        }
    }
}
