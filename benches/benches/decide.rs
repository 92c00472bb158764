//! What a decision takes: reading the policy where it lies in the file, and deciding with its set and the classes that are shown.
#![allow(missing_docs, reason = "criterion makes a function that has none")]

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use dunlin_client::{Context, decide, shown};
use dunlin_engine::artifact::{Bounds, Calibration, Policy, Writer};
use dunlin_engine::{AlignedBytes, Artifact, Scores};
use std::hint::black_box;
use std::time::Duration;

/// Ten classes are what most apps have; many have sets by rank.
const CLASSES: [usize; 3] = [2, 10, 1000];

fn decisions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decide");
    for classes in CLASSES {
        let file = artifact(classes);
        let artifact = Artifact::parse(&file).expect("a sound table");
        let policy = artifact.policy(classes).expect("a sound policy");
        let logits: Vec<f32> = (0..classes).map(|class| ((class * 37) % 101) as f32 / 20.0).collect();
        let total: f32 = logits.iter().map(|logit| logit.exp()).sum();
        let probabilities: Vec<f32> = logits.iter().map(|logit| logit.exp() / total).collect();
        let scores = Scores::new(&probabilities, &logits);
        let context = Context { cohort: Some("third"), stale: false, evasion: 3, fallback: true };
        group.bench_function(BenchmarkId::new("decision", classes), |bencher| {
            bencher.iter(|| black_box(decide(black_box(&scores), &policy, &context)).outcome);
        });
        let decision = decide(&scores, &policy, &context);
        group.bench_function(BenchmarkId::new("set", classes), |bencher| bencher.iter(|| decision.set().count()));
        group.bench_function(BenchmarkId::new("shown", classes), |bencher| {
            bencher.iter(|| shown(black_box(&scores), &policy).count());
        });
        group.bench_function(BenchmarkId::new("policy", classes), |bencher| {
            bencher.iter(|| black_box(&artifact).policy(classes).is_ok());
        });
    }
}

/// A policy with all that one can have, and three cohorts.
fn artifact(classes: usize) -> AlignedBytes {
    let each = vec![0.9; classes];
    let by_rank = classes > 20;
    let quantiles = if by_rank { &[0.9][..] } else { &each };
    let bounds = Bounds { threshold: 0.5, energy: 3.0, quantiles };
    let policy = Policy {
        calibration: Calibration { scales: &each, biases: &each },
        evasion: 128,
        score_threshold: 0.01,
        top_k: 3,
        rank_penalty: if by_rank { 0.01 } else { 0.0 },
        free_ranks: 5,
        deny: &[0],
        bounds,
        ..Policy::default()
    };
    let cohorts = [("first", bounds), ("second", bounds), ("third", bounds)];
    AlignedBytes::from_slice(&Writer::default().policy(&policy, classes, &cohorts).finish())
}

fn quick() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(50)
}

criterion_group! { name = all; config = quick(); targets = decisions }
criterion_main!(all);
