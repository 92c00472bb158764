//! What people look at: items that devices were unsure of, and a random share of the others, each by its user's consent.
//!
//! An item takes verdicts of several reviewers, who don't see each other's. What two agree on is its label.

mod agreement;
pub(crate) mod exchange;
mod handlers;
mod payload;

use dunlin_protocol::oip::{AUDIT, Consent, Data, InferResponse, Question};
use dunlin_protocol::summary::Reason;
use rusqlite::{Connection, params};

use crate::app::App;
use crate::fault::Fault;
use crate::store::Urgency;

pub use handlers::{agreement, disagree, export, import, label, reviews, skip, undo};

use payload::Payload;

/// Keeps a question for people, if its user agreed that they may look at it. The same question is kept once.
///
/// # Errors
/// `internal`, `overloaded`.
pub async fn offer(
    app: &App,
    cloud: &str,
    question: &Question,
    predicted: &str,
    probability: f32,
) -> Result<(), Fault> {
    let agreed = question.consent.is_some_and(|consent| consent >= question.input.level() && consent > Consent::None);
    let Some(id) = crate::hex::uuid(&question.id).filter(|_| question.review && agreed) else { return Ok(()) };
    let payload = Payload::of(&question.input);
    let model = question.model.as_deref().and_then(crate::hex::bytes::<32>);
    let reason = question.reason.as_deref().map_or("other", reason);
    let found = question.found;
    let (cloud, predicted) = (cloud.to_owned(), predicted.to_owned());
    let now = app.config.clock.now().stored();
    let write = move |connection: &Connection| {
        let insert = "INSERT OR IGNORE INTO reviews VALUES (?, ?, ?, ?, ?, ?, ?, 'open', NULL, ?, ?)";
        let (class, confidence) = found.map(|found| (found.class, found.confidence)).unzip();
        let values = params![id, now, cloud, model, reason, predicted, probability, class, confidence];
        if connection.prepare_cached(insert)?.execute(values)? == 1 {
            let mut insert = connection.prepare_cached("INSERT INTO payloads VALUES (?, ?, ?, ?)")?;
            insert.execute(params![id, payload.kind, payload.shape, payload.bytes])?;
        }
        Ok(())
    };
    app.store.write(Urgency::Answer, write).await
}

/// A reason by one of the names that there are.
fn reason(name: &str) -> &'static str {
    if name == AUDIT { AUDIT } else { Reason::named(name).map_or("other", Reason::name) }
}

/// The label and the probability in another server's answer.
pub fn said(response: &InferResponse) -> (String, f32) {
    let most = match response.output("probabilities").map(dunlin_protocol::oip::Tensor::data) {
        Some(Data::Fp32(all)) => all.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1)),
        _ => None,
    };
    let label = match response.output("label").map(dunlin_protocol::oip::Tensor::data) {
        Some(Data::Bytes(labels)) => labels.first().map(|label| String::from_utf8_lossy(label).into_owned()),
        _ => None,
    };
    let label = label.or_else(|| most.map(|(class, _)| class.to_string()));
    (label.unwrap_or_default(), most.map_or(0.0, |(_, probability)| probability))
}

/// What a reviewer says of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    /// It is this.
    Label(String),
    /// It is none of the labels, or can't be told.
    Disagree,
    /// Somebody else shall say.
    Skip,
}

impl Verdict {
    const fn name(&self) -> &'static str {
        match self {
            Self::Label(_) => "label",
            Self::Disagree => "disagree",
            Self::Skip => "skip",
        }
    }

    fn label(&self) -> Option<&str> {
        match self {
            Self::Label(label) => Some(label),
            Self::Disagree | Self::Skip => None,
        }
    }
}

/// Writes a verdict down, in place of an earlier one of the same reviewer, and says the item's state then; none if there is no such item.
fn judge(
    connection: &Connection,
    id: &[u8; 16],
    reviewer: &str,
    verdict: &Verdict,
    now: i64,
) -> Result<Option<State>, Fault> {
    let known: bool =
        connection.query_row("SELECT EXISTS (SELECT 1 FROM reviews WHERE id = ?)", [id], |row| row.get(0))?;
    if !known {
        return Ok(None);
    }
    let upsert = "INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?, ?, ?)";
    connection.execute(upsert, params![id, reviewer, verdict.name(), verdict.label(), now])?;
    settle(connection, id).map(Some)
}

/// Writes down how far an item is by what is said of it now.
fn settle(connection: &Connection, id: &[u8; 16]) -> Result<State, Fault> {
    let mut said = connection
        .prepare_cached("SELECT label FROM verdicts WHERE review = ? AND verdict <> 'skip' ORDER BY at, reviewer")?;
    let said = said.query_map([id], |row| row.get(0))?.collect::<Result<Vec<Option<String>>, _>>()?;
    let state = State::of(&said);
    connection.execute("UPDATE reviews SET state = ?, label = ? WHERE id = ?", params![state.name, state.label, id])?;
    Ok(state)
}

/// How far an item is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct State {
    name: &'static str,
    label: Option<String>,
}

impl State {
    /// From what reviewers said: a label, or that it is none. More than half of two or more make it certain.
    fn of(said: &[Option<String>]) -> Self {
        let count = |label: &Option<String>| said.iter().filter(|other| *other == label).count();
        let most = said.iter().max_by_key(|label| count(label));
        let (name, label) = match (said.len(), most) {
            (0, _) | (_, None) => ("open", None),
            (1, Some(label)) => ("labelled", label.clone()),
            (all, Some(label)) if 2 * count(label) > all => ("agreed", label.clone()),
            _ => ("disputed", None),
        };
        Self { name, label }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_agreed_on_by_more_than_half_of_two_or_more() {
        let state = |said: &[&str]| {
            let said: Vec<Option<String>> =
                said.iter().map(|&label| (label != "-").then(|| label.to_owned())).collect();
            let state = State::of(&said);
            (state.name, state.label.unwrap_or_default())
        };
        for (said, name, label) in [
            (&[][..], "open", ""),
            (&["a"], "labelled", "a"),
            (&["a", "a"], "agreed", "a"),
            (&["a", "b"], "disputed", ""),
            (&["a", "b", "b"], "agreed", "b"),
            (&["a", "b", "c"], "disputed", ""),
            (&["-"], "labelled", ""),
            (&["-", "-"], "agreed", ""),
            (&["a", "-"], "disputed", ""),
            (&["a", "b", "b", "a"], "disputed", ""),
        ] {
            assert_eq!(state(said), (name, label.to_owned()), "{said:?}");
        }
    }

    #[test]
    fn reasons_are_those_that_there_are() {
        assert_eq!(reason("audit"), "audit");
        assert_eq!(reason("my secret"), "other");
        for known in Reason::ALL {
            assert_eq!(reason(known.name()), known.name());
        }
    }
}
