//! The models of mobile/conformance, made of one of docs/formats/vectors.

use std::fs;
use std::sync::Once;

use dunlin_engine::artifact::{Bounds, Calibration, Policy, SectionKind, Writer};
use dunlin_engine::task::Scoring;
use dunlin_engine::{AlignedBytes, Artifact};

use crate::vectors::root;

/// Whether the models are those that this file makes; `DUNLIN_WRITE=1` writes them.
pub fn check() {
    static CHECKED: Once = Once::new();
    CHECKED.call_once(|| {
        for (name, made) in [("cohorts", cohorts()), ("ranks", ranks())] {
            let path = root().join(format!("mobile/conformance/{name}.dunlin"));
            if std::env::var_os("DUNLIN_WRITE").is_some() {
                fs::write(&path, &made).expect("a file can be written");
            }
            assert!(fs::read(&path).is_ok_and(|file| file == made), "{name}.dunlin is another one: DUNLIN_WRITE=1");
        }
    });
}

/// Tells two cohorts apart, of which one is lax, and denies the third of its four classes.
fn cohorts() -> Vec<u8> {
    let bounds = Bounds { threshold: 0.75, energy: -1.5, quantiles: &[0.5] };
    let lax = Bounds { threshold: 0.55, quantiles: &[0.7, 0.8, 0.75, 0.9], ..bounds };
    let policy = Policy {
        calibration: Calibration { scales: &[0.25], biases: &[] },
        evasion: 100,
        score_threshold: 0.05,
        top_k: 3,
        deny: &[2],
        bounds,
        ..policy()
    };
    let all = [("lax", lax), ("Str\u{e4}nge \u{fffd}", Bounds { threshold: 0.9, ..bounds })];
    Writer::of(&base()).expect("a good artifact").policy(&policy, 4, &all).finish()
}

/// Gives probabilities itself, makes sets by rank, allows two of its four classes, and shows none that is less probable than 0.4.
fn ranks() -> Vec<u8> {
    let file = base();
    let mut task =
        Artifact::parse(&file).expect("a good artifact").section(SectionKind::Task).expect("a task").bytes.to_vec();
    task[..4].copy_from_slice(&(Scoring::Probabilities as u32).to_le_bytes());
    let policy = Policy {
        calibration: Calibration { scales: &[1.0], biases: &[] },
        score_threshold: 0.4,
        rank_penalty: 0.1,
        free_ranks: 1,
        allow: &[1, 2],
        bounds: Bounds { quantiles: &[0.9], ..Bounds::default() },
        ..policy()
    };
    Writer::of(&file).expect("a good artifact").replace(SectionKind::Task, task).policy(&policy, 4, &[]).finish()
}

fn policy() -> Policy<'static> {
    Policy { alpha: 0.1, delta: 0.1, samples: 100, ..Policy::default() }
}

fn base() -> AlignedBytes {
    let file = fs::read(root().join("docs/formats/vectors/good_policy.dunlin")).expect("a file of the repository");
    AlignedBytes::from_slice(&file)
}
