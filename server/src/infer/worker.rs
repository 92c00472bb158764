//! A thread for each model. Questions that wait together are asked together, where the model has an axis for them.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};
use tract_onnx::prelude::Tensor;

use crate::fault::{Code, Fault};

use super::onnx::Onnx;

/// The way to a model's thread.
pub(super) struct Worker {
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
}

struct Job {
    inputs: Vec<Tensor>,
    until: Instant,
    answer: oneshot::Sender<Result<Vec<Tensor>, Fault>>,
}

/// How many questions may wait.
const WAITING: usize = 64;

impl Worker {
    /// Starts the thread.
    pub(super) fn start(model: Onnx, most: usize) -> io::Result<Self> {
        let (jobs, waiting) = mpsc::channel(WAITING);
        std::thread::Builder::new().name("model".to_owned()).spawn(move || work(&model, most, waiting))?;
        Ok(Self { jobs: Mutex::new(Some(jobs)) })
    }

    /// Asks the model.
    ///
    /// # Errors
    /// `overloaded` when too many wait, `deadline`, `bad_request` when the model can't take these lengths, `stopping`.
    pub(super) async fn ask(&self, inputs: Vec<Tensor>, until: Instant) -> Result<Vec<Tensor>, Fault> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let stopping = || Fault::new(Code::Stopping, "the server stops").after(5);
        let (answer, answered) = oneshot::channel();
        let full = |_| Fault::new(Code::Overloaded, "too many questions wait for this model; try again later").after(1);
        jobs.ok_or_else(stopping)?.try_send(Job { inputs, until, answer }).map_err(full)?;
        match tokio::time::timeout_at(until.into(), answered).await {
            Ok(answered) => answered.unwrap_or_else(|_| Err(Fault::internal("a model", "its thread has ended"))),
            Err(_) => Err(late()),
        }
    }

    /// Takes no more questions; the thread ends when those that wait are answered.
    pub(super) fn close(&self) {
        *self.jobs.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

fn late() -> Fault {
    Fault::new(Code::Deadline, "the model didn't answer in time")
}

fn work(model: &Onnx, most: usize, mut waiting: mpsc::Receiver<Job>) {
    let most = if model.batched { most.max(1) } else { 1 };
    let mut next: Option<Job> = None;
    while let Some(first) = next.take().or_else(|| waiting.blocking_recv()) {
        let mut together = vec![first];
        while together.len() < most {
            let Ok(job) = waiting.try_recv() else { break };
            if !alike(&together[0].inputs, &job.inputs) {
                next = Some(job);
                break;
            }
            together.push(job);
        }
        let now = Instant::now();
        // Whoever waited too long has been told, or has gone away.
        together.retain(|job| job.until > now && !job.answer.is_closed());
        if !together.is_empty() {
            ask(model, together);
        }
    }
}

/// Whether two questions differ in their first axis at most.
fn alike(one: &[Tensor], other: &[Tensor]) -> bool {
    let pairs = one.iter().zip(other);
    one.len() == other.len()
        && pairs.into_iter().all(|(a, b)| a.datum_type() == b.datum_type() && a.shape().get(1..) == b.shape().get(1..))
}

fn ask(model: &Onnx, mut jobs: Vec<Job>) {
    if jobs.len() == 1 {
        let job = jobs.remove(0);
        let answered = run(model, job.inputs);
        // Whoever has gone away needs no answer.
        let _ = job.answer.send(answered);
        return;
    }
    let rows: Vec<usize> = jobs.iter().map(|job| job.inputs[0].shape()[0]).collect();
    let stacked = (0..jobs[0].inputs.len()).map(|input| {
        let parts: Vec<&Tensor> = jobs.iter().map(|job| &job.inputs[input]).collect();
        Tensor::stack_tensors(0, &parts)
    });
    let answered = stacked.collect::<Result<Vec<_>, _>>().map_err(|error| Fault::internal("a batch", error));
    let answered = answered.and_then(|inputs| run(model, inputs));
    let mut first = 0;
    for (job, rows) in jobs.into_iter().zip(rows) {
        let part = answered.as_ref().map_err(Fault::clone).and_then(|outputs| {
            let parts = outputs.iter().map(|output| output.slice(0, first, first + rows));
            parts.collect::<Result<Vec<_>, _>>().map_err(|error| Fault::internal("a batch's answer", error))
        });
        first += rows;
        // As above.
        let _ = job.answer.send(part);
    }
}

fn run(model: &Onnx, inputs: Vec<Tensor>) -> Result<Vec<Tensor>, Fault> {
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| model.run(inputs)));
    match done {
        Ok(Ok(outputs)) => Ok(outputs),
        // Element types and fixed axes were checked before: what is left are lengths that the model leaves open.
        Ok(Err(_)) => Err(Fault::bad("the model can't take inputs of these lengths together")),
        Err(_) => Err(Fault::internal("a model", "it panicked")),
    }
}
