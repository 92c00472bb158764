//! The tables, and how an older file becomes today's.

use std::time::Duration;

use rusqlite::Connection;

use super::OpenError;

/// How long one process waits for another one, such as `dunlin serve --new-token` beside a running server.
pub(super) const BUSY: Duration = Duration::from_secs(10);

/// Each step makes the next version of the file; the file says how many it has.
const STEPS: &[&str] = &[include_str!("v1.sql"), include_str!("v2.sql")];

/// Sets the connection up and brings the file to today's version.
pub(crate) fn prepare(connection: &mut Connection) -> Result<(), OpenError> {
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // In WAL mode FULL flushes each commit: what was acknowledged survives a loss of power.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.set_prepared_statement_cache_capacity(64);
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let version: u32 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let version = version as usize;
    if version > STEPS.len() {
        return Err(OpenError::Later);
    }
    for step in &STEPS[version..] {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", STEPS.len() as u32)?;
    Ok(transaction.commit()?)
}
