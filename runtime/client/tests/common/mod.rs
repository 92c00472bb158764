//! Policies and scores for tests.
#![allow(dead_code, reason = "each test uses a part")]

use dunlin_engine::artifact::{Bounds, Calibration, Cohorts, Policy, Writer};
use dunlin_engine::{AlignedBytes, Artifact, Scores};

/// A policy that lets a probability of 0.6 pass.
pub fn policy() -> Policy<'static> {
    Policy {
        calibration: Calibration { scales: &[1.0], biases: &[] },
        evasion: 100,
        bounds: Bounds { threshold: 0.6, energy: 0.0, quantiles: &[0.4] },
        ..Policy::default()
    }
}

/// Three cohorts, for a model of three classes: one that answers and sets let more pass, one where answers are rare, one whose energies are low.
pub fn cohorts() -> Cohorts<'static> {
    let lax = Bounds { threshold: 0.5, energy: 0.0, quantiles: &[1.0] };
    let all = [("lax", lax), ("strict", Bounds { threshold: 0.9, ..lax }), ("cold", Bounds { energy: -10.0, ..lax })];
    let file = AlignedBytes::from_slice(&Writer::default().policy(&policy(), 3, &all).finish());
    let file: &'static AlignedBytes = Box::leak(Box::new(file));
    let artifact = Artifact::parse(file).expect("a sound table");
    artifact.policy(3).expect("a sound policy").cohorts
}

/// Scores with these probabilities, whose energy is -2.
pub fn scores(probabilities: &[f32]) -> Scores<'static> {
    let logits: Vec<f32> = probabilities.iter().map(|p| p.ln() + 2.0).collect();
    Scores::new(probabilities.to_vec().leak(), logits.leak())
}
