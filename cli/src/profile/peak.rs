//! What one core can do at most, measured on the spot.

use std::time::{Duration, Instant};

use dunlin_engine::Isa;
use dunlin_kernels::peak;
use serde::Serialize;

/// Multiply-accumulate operations a second of this core, in billions, by the multiplications and additions of the
/// instruction set in use on registers alone; `null` for the reference, which is made to be read, and on ARM.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Peak {
    /// Of bytes.
    pub int8_gmacs: Option<f64>,
    /// Of f32.
    pub f32_gmacs: Option<f64>,
}

impl Peak {
    /// Measures for some milliseconds.
    pub fn measure(isa: Isa) -> Self {
        Self { int8_gmacs: rate(|rounds| peak::int8(isa, rounds)), f32_gmacs: rate(|rounds| peak::f32(isa, rounds)) }
    }

    /// For people.
    pub fn words(&self) -> Option<String> {
        let (int8, f32) = (self.int8_gmacs?, self.f32_gmacs?);
        Some(format!("int8 {int8:.1}, f32 {f32:.1} GMAC/s"))
    }
}

/// For how long each loop is tried.
const TRIAL: Duration = Duration::from_millis(30);

/// Rounds between two looks at the clock: some microseconds.
const ROUNDS: u32 = 2000;

/// The best trial's operations a second, in billions.
fn rate(work: impl Fn(u32) -> Option<u64>) -> Option<f64> {
    let (start, mut best) = (Instant::now(), 0.0_f64);
    while start.elapsed() < TRIAL {
        let begin = Instant::now();
        let macs = work(ROUNDS)?;
        best = best.max(macs as f64 / begin.elapsed().as_nanos() as f64);
    }
    Some(best)
}
