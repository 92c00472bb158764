//! Segments of summaries: until one is durable where it belongs, its summaries stay in the database.
//!
//! A segment's rows and name are written down before the file is, so that after a crash the same file is written again, and no summary is
//! in two.

use std::sync::Arc;

use dunlin_protocol::summary::Summary;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use rusqlite::{Connection, OptionalExtension, params};

use crate::app::App;
use crate::config::Config;
use crate::fault::Fault;
use crate::store::Urgency;

/// Where segments go.
pub struct Segments {
    store: Arc<dyn ObjectStore>,
    rows: usize,
}

/// One that isn't durable yet.
struct Begun {
    name: String,
    first: i64,
    last: i64,
}

/// A summary waits for its segment that long at most, in milliseconds.
const OLDEST: u64 = 3_600_000;

impl Segments {
    /// Opens the place for them.
    ///
    /// # Errors
    /// What is wrong with the address, for people.
    pub fn open(config: &Config) -> Result<Self, String> {
        let rows = config.segment_rows.max(1);
        let folder = match config.segments.as_deref().map(|address| (address, address.split_once("://"))) {
            None => config.data.join("segments"),
            Some((path, None) | (_, Some(("file", path)))) => path.into(),
            Some((address, _)) => return Ok(Self { store: super::bucket::open(address)?, rows }),
        };
        std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let store = LocalFileSystem::new_with_prefix(&folder).map_err(|error| error.to_string())?;
        Ok(Self { store: Arc::new(store.with_fsync(true)), rows })
    }

    /// Finishes what was begun before a crash.
    ///
    /// # Errors
    /// `internal`.
    pub async fn resume(&self, app: &App) -> Result<(), Fault> {
        while let Some(begun) = app.store.read(begun).await? {
            self.finish(app, begun).await?;
        }
        Ok(())
    }

    /// Writes segments while there is enough for one, or what there is if it has waited for long.
    ///
    /// # Errors
    /// `internal`.
    pub async fn rotate(&self, app: &App) -> Result<(), Fault> {
        self.resume(app).await?;
        let (rows, due) = (self.rows as i64, app.config.clock.now().before(OLDEST));
        let begin = move |connection: &Connection| begin(connection, rows, due.stored());
        while app.store.write(Urgency::Control, begin).await? {
            self.resume(app).await?;
        }
        Ok(())
    }

    async fn finish(&self, app: &App, Begun { name, first, last }: Begun) -> Result<(), Fault> {
        let bytes = app.store.read(move |connection| encode(connection, first, last)).await?;
        let path = Path::from(name.as_str());
        let put = self.store.put(&path, bytes.into()).await;
        put.map_err(|error| Fault::internal("a segment can't be written", error))?;
        let now = app.config.clock.now().stored();
        let done = move |connection: &Connection| {
            connection.execute("DELETE FROM pending WHERE seq BETWEEN ? AND ?", [first, last])?;
            connection.execute("UPDATE segments SET durable = 1, made = ? WHERE name = ?", params![now, name])?;
            Ok(())
        };
        app.store.write(Urgency::Control, done).await
    }

    /// Throws a segment away.
    ///
    /// # Errors
    /// `internal`.
    pub(crate) async fn remove(&self, name: &str) -> Result<(), Fault> {
        match self.store.delete(&Path::from(name)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(Fault::internal("a segment can't be removed", error)),
        }
    }
}

/// Decides which summaries the next segment has; false where there are too few.
fn begin(connection: &Connection, rows: i64, due: i64) -> Result<bool, Fault> {
    let range = "SELECT MIN(seq), MAX(seq), COUNT(*), MIN(at) FROM (SELECT seq, at FROM pending ORDER BY seq LIMIT ?)";
    let (first, last, count, oldest): (Option<i64>, Option<i64>, i64, Option<i64>) =
        connection.query_row(range, [rows], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    let (Some(first), Some(last), Some(oldest)) = (first, last, oldest) else { return Ok(false) };
    if count < rows && oldest > due {
        return Ok(false);
    }
    let name = format!("{first:012}-{last:012}.parquet");
    connection.execute("INSERT INTO segments VALUES (?, ?, ?, ?, ?, 0)", params![name, first, last, count, oldest])?;
    Ok(true)
}

fn begun(connection: &Connection) -> Result<Option<Begun>, Fault> {
    let first = "SELECT name, first, last FROM segments WHERE durable = 0 ORDER BY first LIMIT 1";
    let row = |row: &rusqlite::Row<'_>| Ok(Begun { name: row.get(0)?, first: row.get(1)?, last: row.get(2)? });
    Ok(connection.query_row(first, [], row).optional()?)
}

fn encode(connection: &Connection, first: i64, last: i64) -> Result<Vec<u8>, Fault> {
    let mut rows = connection.prepare("SELECT body FROM pending WHERE seq BETWEEN ? AND ? ORDER BY seq")?;
    let rows = rows.query_map([first, last], |row| row.get::<_, String>(0))?;
    let mut summaries = Vec::new();
    for row in rows {
        let summary = Summary::parse(row?.as_bytes());
        summaries.push(summary.map_err(|error| Fault::internal("a summary in the database", error))?);
    }
    super::columns::segment(&summaries).map_err(|error| Fault::internal("a segment", error))
}
