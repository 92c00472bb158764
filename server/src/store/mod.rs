//! What the server knows, in one SQLite file: a thread that writes, and connections that read.
//!
//! Whatever [`Store::write`] has answered is on the disk. Writes that wait together share one commit, so that many devices cost few
//! flushes; each of them succeeds or fails by itself.

mod queue;
mod schema;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OpenFlags};
use tokio::sync::Semaphore;

use crate::fault::Fault;

pub use queue::Urgency;
pub(crate) use schema::prepare;

/// The store. Clones share it.
#[derive(Clone)]
pub struct Store {
    queue: queue::Queue,
    readers: Arc<Readers>,
}

struct Readers {
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

const READERS: usize = 4;

/// Why the store can't be opened.
#[derive(Debug)]
pub enum OpenError {
    /// What SQLite says of the file.
    Sqlite(rusqlite::Error),
    /// A later version of this server has written it.
    Later,
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(error) => error.fmt(f),
            Self::Later => f.write_str("a later version of this server has written it"),
        }
    }
}

impl Store {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let mut writer = Connection::open(path)?;
        schema::prepare(&mut writer)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let idle = (0..READERS).map(|_| {
            let reader = Connection::open_with_flags(path, flags)?;
            reader.busy_timeout(schema::BUSY)?;
            Ok(reader)
        });
        let readers = Readers {
            idle: Mutex::new(idle.collect::<Result<_, OpenError>>()?),
            permits: Arc::new(Semaphore::new(READERS)),
        };
        Ok(Self { queue: queue::Queue::start(writer), readers: Arc::new(readers) })
    }

    /// Does a write, durably before this returns.
    ///
    /// # Errors
    /// What `work` says, after which nothing of it is left; `overloaded` when too many wait already; `internal` when the disk fails.
    pub async fn write<T: Send + 'static>(
        &self,
        urgency: Urgency,
        work: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        self.queue.run(urgency, work).await
    }

    /// Reads a consistent state.
    ///
    /// # Errors
    /// What `work` says.
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let permit = Arc::clone(&self.readers.permits).acquire_owned().await;
        let permit = permit.map_err(|closed| Fault::internal("a reader of the database", closed))?;
        let readers = Arc::clone(&self.readers);
        let read = tokio::task::spawn_blocking(move || {
            let idle = readers.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let reader = idle.expect("as many connections as permits");
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| snapshot(&reader, work)));
            readers.idle.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
            drop(permit);
            done.unwrap_or_else(|_| Err(Fault::internal("a read of the database", "it panicked")))
        });
        let read = read.await.map_err(|error| Fault::internal("a read of the database", error));
        read?
    }

    /// Waits until what is queued is done, and closes the file.
    pub async fn close(&self) {
        self.queue.close().await;
    }
}

/// All that `work` reads is of one moment.
fn snapshot<T>(reader: &Connection, work: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, Fault> {
    reader.execute_batch("BEGIN")?;
    let done = work(reader);
    reader.execute_batch("COMMIT")?;
    done
}

/// What SQLite says is the operator's to know: no statement of ours fails because of what a client sent.
impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::internal("the database", error)
    }
}
