//! Whether the tile that is picked for a shape is the fastest one: times all tiles of each instruction set that the CPU has, on
//! shapes of real nets.
//!
//! ```sh
//! cargo bench -p dunlin-benches --bench tiles -- [--assert] [--table] [PART OF A NAME]
//! ```
//!
//! All tiles of a shape take turns in many short rounds, and each is judged by its low decile, so that what else the
//! machine does hits all alike. `--assert` fails where the picked tile takes more than 5 % longer than the fastest;
//! `--table` proposes entries of `arch/<cpu>/<instruction set>/gemm.rs`, one for each shape: join neighbours by hand.

use dunlin_benches::layers::{Candidates, ConvCandidates, ProductCandidates};
use dunlin_benches::shapes::{CONVS, PRODUCTS};
use dunlin_kernels::{Isa, KernelName, PANEL, ShapeError};
use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// For how long each tile of a shape is timed.
const TIMED: Duration = Duration::from_millis(250);
/// The least that one look at the clock covers.
const ROUND: Duration = Duration::from_micros(20);
/// How much longer than the fastest the picked tile may take.
const TOLERATED: f64 = 1.05;

#[derive(Default)]
struct Arguments {
    assert: bool,
    table: bool,
    part: String,
}

impl Arguments {
    fn parse() -> Self {
        let mut arguments = Self::default();
        for argument in std::env::args().skip(1) {
            match argument.as_str() {
                "--assert" => arguments.assert = true,
                "--table" => arguments.table = true,
                // What cargo adds.
                "--bench" => {}
                _ => arguments.part = argument,
            }
        }
        arguments
    }
}

fn main() -> Result<ExitCode, ShapeError> {
    let arguments = Arguments::parse();
    let wanted = |name: &str| name.contains(&arguments.part);
    let mut verdicts = Vec::new();
    for isa in Isa::supported().filter(|&isa| isa != Isa::REFERENCE) {
        for (name, shape) in PRODUCTS.iter().filter(|(name, _)| wanted(name)) {
            verdicts.push(Verdict::of(name, &mut ProductCandidates::new(isa, *shape))?);
        }
        for (name, shape) in CONVS.iter().filter(|(name, _)| wanted(name)) {
            verdicts.push(Verdict::of(name, &mut ConvCandidates::new(isa, *shape))?);
        }
    }
    if arguments.table {
        verdicts.iter().for_each(Verdict::propose);
    }
    let slow = verdicts.iter().filter(|verdict| verdict.ratio() > TOLERATED).count();
    println!("{slow} of {} shapes have a tile that is faster than the picked one", verdicts.len());
    Ok(if arguments.assert && slow > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// How the tiles of a layer compare.
struct Verdict {
    shape: [usize; 3],
    /// By their times, the fastest first.
    ranked: Vec<(KernelName, f64)>,
    picked: f64,
}

impl Verdict {
    /// Times a layer and prints how the picked tile does.
    fn of(name: &str, layer: &mut dyn Candidates) -> Result<Self, ShapeError> {
        let mut ranked: Vec<_> = layer.names().into_iter().zip(times(layer)?).collect();
        ranked.sort_by(|(_, a), (_, b)| a.total_cmp(b));
        let &(picked, time) =
            ranked.iter().find(|(name, _)| *name == layer.picked()).expect("what is picked is a candidate");
        let verdict = Self { shape: layer.shape(), picked: time, ranked };
        let ([m, n, k], (fastest, least), ratio) = (verdict.shape, verdict.ranked[0], verdict.ratio());
        let shape = format!("{m}x{n}x{k}");
        let slow = if ratio > TOLERATED { "  SLOW" } else { "" };
        print!("{name:26} {shape:15} {picked} {:.2} us, fastest ", time * 1e6);
        println!("{fastest} {:.2} us, ratio {ratio:.3}{slow}", least * 1e6);
        Ok(verdict)
    }

    /// The time of the picked tile as a multiple of the shortest.
    fn ratio(&self) -> f64 {
        self.picked / self.ranked[0].1
    }

    /// Prints an entry of a table, and all tiles with their times as multiples of the shortest.
    fn propose(&self) {
        let ([m, n, k], (fastest, least)) = (self.shape, self.ranked[0]);
        let ratios: Vec<_> = self.ranked.iter().map(|(name, time)| format!("{name} {:.2}", time / least)).collect();
        println!("    // {}", ratios.join(", "));
        if let Some([rows, channels]) = fastest.rows_and_channels() {
            let tile = format!("TileChoice {{ panels: {}, rows: {rows} }}", channels / PANEL);
            println!("    Choice {{ m: {m}..={m}, n: {n}..={n}, k: {k}..={k}, tile: {tile} }},");
        }
    }
}

/// Seconds that each kernel of the layer takes.
fn times(layer: &mut dyn Candidates) -> Result<Vec<f64>, ShapeError> {
    let kernels = layer.names().len();
    let mut repeats = vec![1; kernels];
    for (which, repeats) in repeats.iter_mut().enumerate() {
        layer.run(which)?;
        let once = lasts(layer, which, 1)?;
        *repeats = (ROUND.as_secs_f64() / once).ceil().clamp(1.0, 10_000.0) as u32;
    }
    let mut rounds = vec![Vec::new(); kernels];
    let started = Instant::now();
    while started.elapsed() < TIMED * kernels as u32 {
        for (which, rounds) in rounds.iter_mut().enumerate() {
            // The caches hold what this kernel left, not the last one.
            layer.run(which)?;
            rounds.push(lasts(layer, which, repeats[which])? / f64::from(repeats[which]));
        }
    }
    Ok(rounds.into_iter().map(low_decile).collect())
}

fn lasts(layer: &mut dyn Candidates, which: usize, repeats: u32) -> Result<f64, ShapeError> {
    let started = Instant::now();
    for _ in 0..repeats {
        black_box(&mut *layer).run(which)?;
    }
    Ok(started.elapsed().as_secs_f64())
}

fn low_decile(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 10]
}
