//! Counting: each summary once, however often it comes.

use dunlin_protocol::summary::Summary;
use rusqlite::{Connection, OptionalExtension, params};

use crate::clock::Millis;
use crate::fault::Fault;

/// The most cohorts (with their epsilons) of a model and day: a device that makes some up can't fill the disk.
const COHORTS: i64 = 512;

/// Counts summaries. Gives how many were new, how many were counted before, and the places of those whose cohort was one too many.
pub(super) fn count(
    connection: &Connection,
    summaries: &[(u32, Summary)],
    now: Millis,
) -> Result<(u32, u32, Vec<u32>), Fault> {
    let (mut accepted, mut repeated, mut crowded) = (0, 0, Vec::new());
    for (index, summary) in summaries {
        let id = summary.id().bytes();
        let mut seen = connection.prepare_cached("INSERT OR IGNORE INTO seen VALUES (?, ?)")?;
        if seen.execute(params![id, summary.day()])? == 0 {
            repeated += 1;
        } else if has_room(connection, summary)? {
            add(connection, summary)?;
            keep(connection, summary, now)?;
            accepted += 1;
        } else {
            connection.prepare_cached("DELETE FROM seen WHERE id = ?")?.execute([id])?;
            crowded.push(*index);
        }
    }
    Ok((accepted, repeated, crowded))
}

/// The name under which a cohort is counted: its JSON, so that it can be read again.
pub(super) fn cohort_name(summary: &Summary) -> String {
    let pairs = summary.cohort().pairs().map(|(key, value)| (key.to_owned(), value.into()));
    serde_json::Value::Object(pairs.collect()).to_string()
}

fn has_room(connection: &Connection, summary: &Summary) -> Result<bool, Fault> {
    let model = summary.model().0;
    let mut known = connection
        .prepare_cached("SELECT 1 FROM cohorts WHERE model = ? AND day = ? AND cohort = ? AND epsilon = ?")?;
    let key = params![model, summary.day(), cohort_name(summary), summary.epsilon_of_each()];
    if known.query_row(key, |_| Ok(())).optional()?.is_some() {
        return Ok(true);
    }
    let mut count = connection.prepare_cached("SELECT COUNT(*) FROM cohorts WHERE model = ? AND day = ?")?;
    Ok(count.query_row(params![model, summary.day()], |row| row.get::<_, i64>(0))? < COHORTS)
}

fn add(connection: &Connection, summary: &Summary) -> Result<(), Fault> {
    let (model, day, cohort, epsilon) =
        (summary.model().0, summary.day(), cohort_name(summary), summary.epsilon_of_each());
    let upsert = "INSERT INTO cohorts VALUES (?, ?, ?, ?, 1) ON CONFLICT DO UPDATE SET devices = devices + 1";
    connection.prepare_cached(upsert)?.execute(params![model, day, cohort, epsilon])?;
    let upsert = "INSERT INTO counts VALUES (?, ?, ?, ?, ?, ?, 1) ON CONFLICT DO UPDATE SET n = n + 1";
    let mut upsert = connection.prepare_cached(upsert)?;
    for (metric, bin) in summary.bins() {
        upsert.execute(params![model, day, cohort, epsilon, metric.name(), bin])?;
    }
    connection.prepare_cached("INSERT OR IGNORE INTO changed VALUES (?, ?)")?.execute(params![model, day])?;
    Ok(())
}

fn keep(connection: &Connection, summary: &Summary, now: Millis) -> Result<(), Fault> {
    let mut insert = connection.prepare_cached("INSERT INTO pending (at, body) VALUES (?, ?)")?;
    insert.execute(params![now.stored(), summary.json()])?;
    Ok(())
}
