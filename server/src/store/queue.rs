//! Writes that wait together share one commit.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::fault::{Code, Fault};

/// Who is turned away first when writes pile up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// Summaries: a device sends them again another day.
    Telemetry,
    /// Publications, labels, tokens.
    Control,
    /// What an answer to a device waits for.
    Answer,
}

impl Urgency {
    /// How many of the queue's places must be free.
    const fn reserve(self) -> usize {
        match self {
            Self::Telemetry => PLACES / 2,
            Self::Control => PLACES / 4,
            Self::Answer => 1,
        }
    }
}

const PLACES: usize = 4096;

/// The most writes in one commit.
const GROUP: usize = 512;

/// Does the work and keeps what came of it; then told whether that is on the disk, tells who waits.
type Job = Box<dyn FnOnce(&Connection) -> Tell + Send>;
type Tell = Box<dyn FnOnce(Result<(), Fault>)>;

/// The way to the thread that writes.
#[derive(Clone)]
pub(super) struct Queue {
    /// None once the queue is closed.
    jobs: Arc<Mutex<Option<mpsc::Sender<Job>>>>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Queue {
    pub(super) fn start(connection: Connection) -> Self {
        let (jobs, waiting) = mpsc::channel(PLACES);
        let thread = std::thread::spawn(move || write(connection, waiting));
        Self { jobs: Arc::new(Mutex::new(Some(jobs))), thread: Arc::new(Mutex::new(Some(thread))) }
    }

    pub(super) async fn run<T: Send + 'static>(
        &self,
        urgency: Urgency,
        work: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let jobs = jobs.ok_or_else(|| Fault::new(Code::Stopping, "the server stops").after(5))?;
        if jobs.capacity() < urgency.reserve() {
            return Err(overloaded());
        }
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let done = apart(connection, work);
            Box::new(move |committed| {
                // Whoever has gone away needs no answer.
                let _ = answer.send(committed.and(done));
            })
        });
        jobs.try_send(job).map_err(|_| overloaded())?;
        drop(jobs);
        answered.await.unwrap_or_else(|_| Err(Fault::internal("the database", "its thread has ended")))
    }

    /// Takes no more, and waits until all is written.
    pub(super) async fn close(&self) {
        *self.jobs.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let joined = tokio::task::spawn_blocking(move || thread.join().is_ok()).await;
            if !matches!(joined, Ok(true)) {
                crate::log::trouble("the database", "its thread panicked");
            }
        }
    }
}

fn overloaded() -> Fault {
    Fault::new(Code::Overloaded, "too many writes wait already; try again later").after(2)
}

/// A write that succeeds or fails without the others of its commit.
fn apart<T>(connection: &Connection, work: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, Fault> {
    connection.execute_batch("SAVEPOINT apart")?;
    let done = catch_unwind(AssertUnwindSafe(|| work(connection)));
    let done = done.unwrap_or_else(|_| Err(Fault::internal("a write to the database", "it panicked")));
    connection.execute_batch(if done.is_ok() { "RELEASE apart" } else { "ROLLBACK TO apart; RELEASE apart" })?;
    done
}

fn write(connection: Connection, mut waiting: mpsc::Receiver<Job>) {
    while let Some(first) = waiting.blocking_recv() {
        if let Err(error) = connection.execute_batch("BEGIN IMMEDIATE") {
            // Nothing is done without a transaction around it: who waits hears of the job that is gone.
            crate::log::trouble("the database", &error.to_string());
            continue;
        }
        let mut told = vec![first(&connection)];
        while told.len() < GROUP {
            let Ok(next) = waiting.try_recv() else { break };
            told.push(next(&connection));
        }
        let committed = connection.execute_batch("COMMIT").map_err(|error| {
            if !connection.is_autocommit() {
                // A failed rollback leaves nothing that another BEGIN wouldn't tell.
                let _ = connection.execute_batch("ROLLBACK");
            }
            Fault::from(error)
        });
        for tell in told {
            tell(committed.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Begins so many writes; gives those that wait.
    async fn begin(queue: &Queue, urgency: Urgency, count: usize) -> Vec<tokio::task::JoinHandle<Result<(), Fault>>> {
        let mut waiting = Vec::new();
        for _ in 0..count {
            let queue = queue.clone();
            let task = tokio::spawn(async move { queue.run(urgency, |_| Ok(())).await });
            // It goes into the queue, or is turned away, before anything else happens.
            tokio::task::yield_now().await;
            if task.is_finished() {
                let fault = task.await.expect("no panic").expect_err("nothing is written yet");
                assert_eq!(fault.code(), Code::Overloaded);
            } else {
                waiting.push(task);
            }
        }
        waiting
    }

    #[tokio::test]
    async fn summaries_are_turned_away_before_publications_and_these_before_answers() {
        let queue = Queue::start(Connection::open_in_memory().expect("memory"));
        let (begun, has_begun) = std::sync::mpsc::channel();
        let (end, may_end) = std::sync::mpsc::channel::<()>();
        let slow = queue.clone();
        let slow = tokio::spawn(async move {
            let work = move |_: &Connection| {
                begun.send(()).map_err(|error| Fault::internal("a test", error))?;
                may_end.recv().map_err(|error| Fault::internal("a test", error))
            };
            slow.run(Urgency::Answer, work).await
        });
        tokio::task::spawn_blocking(move || has_begun.recv()).await.expect("no panic").expect("it has begun");
        let mut waiting = begin(&queue, Urgency::Telemetry, PLACES).await;
        assert_eq!(waiting.len(), PLACES / 2 + 1);
        let control = begin(&queue, Urgency::Control, PLACES).await;
        assert_eq!(control.len(), PLACES / 4);
        let answers = begin(&queue, Urgency::Answer, PLACES).await;
        assert_eq!(answers.len(), PLACES / 4 - 1);
        end.send(()).expect("it waits");
        slow.await.expect("no panic").expect("written");
        waiting.extend(control);
        waiting.extend(answers);
        for task in waiting {
            task.await.expect("no panic").expect("written");
        }
        assert_eq!(begin(&queue, Urgency::Telemetry, 1).await.len(), 1);
    }
}
