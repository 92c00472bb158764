//! Whole models on every instruction set that the CPU has, with batch 1: on one thread, and on two where a model is large enough.
#![allow(missing_docs, reason = "criterion makes a function that has none")]

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use dunlin_benches::models::{find, folders};
use dunlin_engine::artifact::fill_golden;
use dunlin_engine::model::Limits;
use dunlin_engine::{Helper, Isa, Session};
use std::time::Duration;

fn models(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("model");
    for model in find(&folders()) {
        for isa in Isa::supported() {
            let mut session = match Session::load(&model.file[..], isa, Limits::default()) {
                Ok(session) => session,
                Err(error) => {
                    eprintln!("{}: {error}", model.name);
                    break;
                }
            };
            fill(&mut session);
            let id = BenchmarkId::new(&model.name, isa);
            group.bench_function(id, |bencher| bencher.iter(|| session.run()));
            if session.share(Helper::start).expect("the system has a thread") {
                let id = BenchmarkId::new(&model.name, format!("{isa}, two threads"));
                group.bench_function(id, |bencher| bencher.iter(|| session.run()));
            }
        }
    }
}

/// Inputs of no meaning; the time doesn't depend on them.
fn fill(session: &mut Session<&[u8]>) {
    for index in 0..session.plan().model().inputs.len() {
        if let Some(input) = session.input_mut(index) {
            fill_golden(1, input.dtype, input.bytes);
        }
    }
}

/// A few seconds for each model.
fn quick() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .sample_size(20)
}

criterion_group! { name = all; config = quick(); targets = models }
criterion_main!(all);
