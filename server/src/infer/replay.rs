//! A question that is asked again gets the answer that it got: for a day, by its id.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

use crate::app::App;
use crate::clock::DAY;
use crate::fault::{Code, Fault};
use crate::store::Urgency;

/// How long an answer is kept, in milliseconds.
pub const KEPT: u64 = DAY;

/// Questions that are being answered.
#[derive(Default)]
pub(super) struct UnderWay(Mutex<HashMap<[u8; 16], Entry>>);

#[derive(Clone)]
struct Entry {
    digest: [u8; 32],
    answer: Arc<OnceCell<Bytes>>,
}

/// Answers once. A question of the same id and body gets the same answer, whether the first one is still being answered or was answered
/// within a day.
///
/// # Errors
/// `conflict` when the id was used for another body; what `ask` says, after which the question may be asked again.
pub(super) async fn once<Asked>(
    app: &App,
    id: [u8; 16],
    body: &[u8],
    ask: impl FnOnce() -> Asked,
) -> Result<(Bytes, bool), Fault>
where
    Asked: Future<Output = Result<Bytes, Fault>>,
{
    let digest = digest(&id, body);
    let entry = app.models.under_way.enter(id, digest)?;
    let mut fresh = false;
    let answered = entry.answer.get_or_try_init(|| async {
        if let Some(kept) = kept(app, id, digest).await? {
            return Ok(kept);
        }
        fresh = true;
        let answer = ask().await?;
        keep(app, id, digest, answer.clone()).await?;
        Ok(answer)
    });
    let answered = answered.await.cloned();
    app.models.under_way.leave(&id, entry);
    answered.map(|answer| (answer, !fresh))
}

impl UnderWay {
    fn enter(&self, id: [u8; 16], digest: [u8; 32]) -> Result<Entry, Fault> {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.entry(id).or_insert_with(|| Entry { digest, answer: Arc::default() });
        if entry.digest == digest { Ok(entry.clone()) } else { Err(used()) }
    }

    /// The last one out closes the door.
    fn leave(&self, id: &[u8; 16], entry: Entry) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(entry);
        if entries.get(id).is_some_and(|entry| Arc::strong_count(&entry.answer) == 1) {
            entries.remove(id);
        }
    }
}

/// Of the body, salted with the id, so that equal texts of different questions have nothing in common.
fn digest(id: &[u8; 16], body: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(id).chain_update(body).finalize().into()
}

fn used() -> Fault {
    Fault::new(Code::Conflict, "this id belongs to another question; take a random UUID for each")
}

async fn kept(app: &App, id: [u8; 16], digest: [u8; 32]) -> Result<Option<Bytes>, Fault> {
    let since = app.config.clock.now().before(KEPT).stored();
    let read = move |connection: &Connection| {
        let mut select = connection.prepare_cached("SELECT digest, answer FROM replays WHERE id = ? AND at > ?")?;
        let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, [u8; 32]>(0)?, row.get::<_, Vec<u8>>(1)?));
        Ok(select.query_row(params![id, since], row).optional()?)
    };
    match app.store.read(read).await? {
        None => Ok(None),
        Some((known, answer)) if known == digest => Ok(Some(answer.into())),
        Some(_) => Err(used()),
    }
}

async fn keep(app: &App, id: [u8; 16], digest: [u8; 32], answer: Bytes) -> Result<(), Fault> {
    let now = app.config.clock.now().stored();
    let write = move |connection: &Connection| {
        let mut insert = connection.prepare_cached("INSERT OR REPLACE INTO replays VALUES (?, ?, ?, ?)")?;
        insert.execute(params![id, digest, &answer[..], now])?;
        Ok(())
    };
    app.store.write(Urgency::Answer, write).await
}
