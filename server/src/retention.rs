//! What is forgotten, and when.

use std::sync::atomic::Ordering;

use rusqlite::{Connection, params};

use crate::app::App;
use crate::clock::DAY;
use crate::fault::Fault;
use crate::infer::REPLAYS_KEPT;
use crate::store::Urgency;

/// How often the server looks, in milliseconds.
const AGAIN: u64 = 3_600_000;

/// Forgets what is older than it may get: answers after a day, everything else after the days that the operator chose.
///
/// # Errors
/// `internal`.
pub async fn forget(app: &App) -> Result<(), Fault> {
    let now = app.config.clock.now();
    let last = app.forgotten.load(Ordering::Relaxed);
    if last != 0 && now.0.abs_diff(last) < AGAIN {
        return Ok(());
    }
    app.forgotten.store(now.0, Ordering::Relaxed);
    let kept = u64::from(app.config.retain_days);
    let (answers, since, day) = (
        now.before(REPLAYS_KEPT).stored(),
        now.before(kept * DAY).stored(),
        now.day().saturating_sub(app.config.retain_days),
    );
    let old = move |connection: &Connection| {
        connection.execute("DELETE FROM replays WHERE at <= ?", [answers])?;
        // A summary of such a day isn't taken any more, so that its id needn't be known.
        for table in ["seen", "counts", "cohorts", "changed"] {
            connection.execute(&format!("DELETE FROM {table} WHERE day < ?"), [day])?;
        }
        connection.execute("DELETE FROM alerts WHERE day < ?", [day])?;
        connection.execute("DELETE FROM reviews WHERE at < ?", [since])?;
        let mut segments = connection.prepare("SELECT name FROM segments WHERE durable = 1 AND made < ? LIMIT 100")?;
        let segments = segments.query_map([since], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
        Ok(segments)
    };
    for name in app.store.write(Urgency::Control, old).await? {
        app.segments.remove(&name).await?;
        let gone = move |connection: &Connection| {
            Ok(connection.execute("DELETE FROM segments WHERE name = ?", params![name])?)
        };
        app.store.write(Urgency::Control, gone).await?;
    }
    app.repository.sweep().await
}
