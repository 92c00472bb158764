//! What a program that runs a peer is given, and what it tells: the same as `worker.py`.
//!
//! Arguments: the model, a list of inputs (a line each: name, type, dimensions joined with `x`, file of raw elements,
//! separated by tabs), and where the first output goes as raw f32. The program loads, runs once, and prints a JSON line with how long
//! that took and the memory that it had resident at most before and after. Then for each line on standard input, a number of seconds, it
//! runs that long and prints a JSON line with percentiles. It ends with its input.

use std::error::Error;
use std::fs;
use std::io::{BufRead as _, Write as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// What goes wrong ends the program with a message.
pub type Outcome<T> = Result<T, Box<dyn Error>>;

/// An input of the model.
#[derive(Clone, Debug)]
pub struct Input {
    /// The model's name of it.
    pub name: String,
    /// Its elements.
    pub elements: Elements,
    /// Its dimensions.
    pub dims: Vec<usize>,
}

/// Elements of the types that the compared models take.
#[derive(Clone, Debug)]
pub enum Elements {
    /// `float32`
    F32(Vec<f32>),
    /// `int64`
    I64(Vec<i64>),
}

/// What is to be run.
#[derive(Debug)]
pub struct Job {
    /// The ONNX file.
    pub model: PathBuf,
    /// All inputs.
    pub inputs: Vec<Input>,
    output: PathBuf,
    start: Instant,
    resident_before: u64,
}

impl Job {
    /// Reads the arguments and the inputs; the time of loading begins when it returns.
    pub fn from_args() -> Outcome<Self> {
        let mut args = std::env::args_os().skip(1).map(PathBuf::from);
        let (Some(model), Some(list), Some(output)) = (args.next(), args.next(), args.next()) else {
            return Err("usage: MODEL.onnx INPUTS.tsv OUTPUT.raw".into());
        };
        let inputs = fs::read_to_string(list)?.lines().map(Input::read).collect::<Outcome<_>>()?;
        Ok(Self { model, inputs, output, start: Instant::now(), resident_before: resident()? })
    }

    /// The input of that name, or else the one at that place.
    pub fn input(&self, name: &str, index: usize) -> Outcome<&Input> {
        let named = self.inputs.iter().find(|input| input.name == name);
        named.or_else(|| self.inputs.get(index)).ok_or_else(|| format!("no input '{name}'").into())
    }

    /// Tells of the first run, which gave `output`, and then runs as often as it is told.
    ///
    /// `run` is called for the first run too; what it gives is the first output's elements.
    pub fn serve(self, mut run: impl FnMut() -> Outcome<()>, output: impl FnOnce() -> Outcome<Vec<f32>>) -> Outcome<()> {
        let loaded = self.start.elapsed();
        run()?;
        let answered = self.start.elapsed();
        let after = resident()?;
        let output: Vec<u8> = output()?.iter().flat_map(|value| value.to_le_bytes()).collect();
        fs::write(&self.output, output)?;
        say(&format!(
            "{{\"library_us\": 0, \"load_us\": {:.1}, \"first_us\": {:.1}, \"growth_bytes\": {}}}",
            micros(loaded),
            micros(answered - loaded),
            after.saturating_sub(self.resident_before)
        ))?;
        for line in std::io::stdin().lock().lines() {
            let seconds: f64 = line?.trim().parse()?;
            say(&timed(Duration::from_secs_f64(seconds), &mut run)?)?;
        }
        Ok(())
    }
}

/// Runs for some time, the first tenth of it uncounted.
fn timed(time: Duration, run: &mut impl FnMut() -> Outcome<()>) -> Outcome<String> {
    let (start, warm_up, mut times) = (Instant::now(), time / 10, Vec::new());
    while times.is_empty() || start.elapsed() < time + warm_up {
        let begin = Instant::now();
        run()?;
        let took = begin.elapsed();
        if start.elapsed() >= warm_up {
            times.push(took);
        }
    }
    times.sort_unstable();
    let at = |percent: usize| micros(times[(times.len() * percent).div_ceil(100).saturating_sub(1)]);
    Ok(format!(
        "{{\"runs\": {}, \"min_us\": {:.3}, \"p50_us\": {:.3}, \"p90_us\": {:.3}}}",
        times.len(),
        at(0),
        at(50),
        at(90)
    ))
}

fn say(line: &str) -> Outcome<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

fn micros(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1000.0
}

/// The most bytes that this process had resident; 0 where the system doesn't tell.
fn resident() -> Outcome<u64> {
    let Ok(status) = fs::read_to_string("/proc/self/status") else { return Ok(0) };
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM in the status")?;
    Ok(1024 * line.trim().trim_end_matches("kB").trim().parse::<u64>()?)
}

impl Input {
    /// From a line of the list.
    fn read(line: &str) -> Outcome<Self> {
        let fields: Vec<&str> = line.split('\t').collect();
        let &[name, dtype, dims, path] = fields.as_slice() else { return Err("an input has four fields".into()) };
        let bytes = fs::read(path)?;
        let elements = match dtype {
            "float32" => Elements::F32(bytemuck::pod_collect_to_vec(&bytes)),
            "int64" => Elements::I64(bytemuck::pod_collect_to_vec(&bytes)),
            other => return Err(format!("inputs of type {other} aren't known").into()),
        };
        let dims = dims.split('x').map(|dim| Ok(dim.parse()?)).collect::<Outcome<_>>()?;
        Ok(Self { name: name.to_owned(), elements, dims })
    }
}
