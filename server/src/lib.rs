//! One server for a fleet: it hands out models, collects summaries, answers what devices are unsure of, and asks people.

pub use dunlin_drift as drift;
