//! What must hold of any bytes that come as summaries, a schema or a baseline: shared with the fuzz target.

use dunlin_protocol::summary::{Baseline, Batch, Metric, Schema, Summary};

/// The first byte says what the rest is to be: 0 a batch, 1 a baseline, else a summary. What can be read is read again as it was written.
pub fn check(input: &[u8]) {
    let Some((&kind, json)) = input.split_first() else { return };
    match kind {
        0 => {
            let Ok(Batch(summaries)) = Batch::parse(json) else { return };
            assert!(summaries.len() <= Summary::MAX_BATCH);
            summaries.iter().flatten().for_each(same);
        }
        1 => {
            let Ok(baseline) = Baseline::parse(json) else { return };
            let schema = baseline.schema();
            for metric in Metric::ALL {
                let bins = schema.bins(metric).unwrap_or(0);
                assert!(bins <= Schema::MAX_BINS && (0..bins).all(|bin| !schema.label(metric, bin).is_empty()));
                for group in baseline.groups() {
                    assert!(group.counts(metric).is_none_or(|counts| counts.len() == bins));
                }
            }
            assert_eq!(Baseline::parse(baseline.json().as_bytes()), Ok(baseline));
        }
        _ => {
            if let Ok(summary) = Summary::parse(json) {
                same(&summary);
            }
        }
    }
}

fn same(summary: &Summary) {
    assert!(summary.cohort().pairs().count() <= 3 && summary.epsilon_of_each() > 0.0);
    assert_eq!(Summary::parse(summary.json().as_bytes()).as_ref(), Ok(summary));
}
