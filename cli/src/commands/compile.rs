//! `dunlin compile`: an ONNX model in, an artifact out, and a report of what became of it.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory;
use clap::error::ErrorKind;
use dunlin_compiler::compile::{Options, Precision, Samples, TaskRequest, compile};
use dunlin_compiler::heads::HeadRequest;
use dunlin_compiler::picture::ImageRequest;
use dunlin_compiler::ptq;
use dunlin_compiler::report::{Accuracy, Report};
use dunlin_compiler::text::TextRequest;
use dunlin_engine::task::Filter;

use crate::args::{Args, CompileArgs, PrecisionArg, TaskArg};
use crate::calibrate;
use crate::error::CliError;
use crate::output::{self, bytes};
use crate::progress::Progress;
use crate::table::{Align, Table};

/// Compiles, writes the artifact and the report, and shows it.
pub fn run(args: &CompileArgs, out: &mut dyn Write) -> Result<ExitCode, CliError> {
    let onnx = read(&args.model)?;
    let mut progress = Progress::new();
    let mut options = options(args)?;
    options.calibration = samples(args, &onnx, &options, &mut progress)?;
    let compiled = compile(&onnx, &options, &mut |p| progress.show(p.stage, p.done, p.total));
    let compiled = compiled.map_err(|source| CliError::compile(&args.model, source))?;
    drop(progress);
    output::file(&args.output, &compiled.artifact)?;
    if let Some(path) = &args.report {
        let mut text = serde_json::to_string_pretty(&compiled.report)?;
        text.push('\n');
        output::file(path, text.as_bytes())?;
    }
    show(&args.output, &compiled.report, out)?;
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    fs::read(path).map_err(|source| CliError::Read { path: path.to_owned(), source })
}

fn options(args: &CompileArgs) -> Result<Options, CliError> {
    let mut options = Options {
        precision: match args.precision {
            PrecisionArg::Int8 => Precision::Int8,
            PrecisionArg::F16 => Precision::F16,
            PrecisionArg::F32 => Precision::F32,
        },
        strict_int8: args.strict_int8,
        task: task(args)?,
        ptq: ptq::Options { range: args.range.into(), ..ptq::Options::default() },
        dims: args.dims.clone(),
        vary: args.vary.clone(),
        ..Options::default()
    };
    if let Some(path) = &args.labels {
        options.labels = labels(path)?;
    }
    for (output, path) in &args.heads {
        let labels = path.as_deref().map(labels).transpose()?.unwrap_or_default();
        options.heads.push(HeadRequest { output: output.clone(), labels });
    }
    if let Some(path) = &args.card {
        options.card = card(path)?;
    }
    Ok(options)
}

/// What the model takes. Options about pictures without `--task image` end the program as wrong usage.
fn task(args: &CompileArgs) -> Result<TaskRequest, CliError> {
    let usual = ImageRequest::default();
    let request = ImageRequest {
        mean: args.mean.unwrap_or(usual.mean),
        std: args.std.unwrap_or(usual.std),
        fit: args.fit.unwrap_or(usual.fit),
        bgr: args.bgr,
        filter: args.filter.map_or(usual.filter, Filter::from),
    };
    match (args.task, &args.text) {
        (TaskArg::Image, None) => Ok(TaskRequest::Image(request)),
        (TaskArg::Tensor | TaskArg::Text, _) if args.asks_for_pictures() => {
            let why = "--mean, --std, --fit, --bgr and --filter are about pictures: add --task image";
            Args::command().error(ErrorKind::ArgumentConflict, why).exit()
        }
        (TaskArg::Tensor, None) => Ok(TaskRequest::Tensor),
        (TaskArg::Text, Some(spec)) => {
            let request = TextRequest::open(spec).map_err(|source| CliError::compile(spec, source))?;
            Ok(TaskRequest::Text(Box::new(request)))
        }
        (TaskArg::Text, None) | (TaskArg::Tensor | TaskArg::Image, Some(_)) => {
            let why = "--text and --task text belong together";
            Args::command().error(ErrorKind::ArgumentConflict, why).exit()
        }
    }
}

/// A name a line; empty lines at the end don't count.
fn labels(path: &Path) -> Result<Vec<String>, CliError> {
    let text = fs::read_to_string(path).map_err(|source| CliError::Read { path: path.to_owned(), source })?;
    Ok(text.trim_end().lines().map(|line| line.trim().to_owned()).collect())
}

fn card(path: &Path) -> Result<serde_json::Value, CliError> {
    let fault = |what: String| CliError::Json { path: path.to_owned(), what };
    let card: serde_json::Value =
        serde_json::from_slice(&read(path)?).map_err(|error| fault(format!("not JSON: {error}")))?;
    if !card.is_object() {
        return Err(fault("a card is a JSON object, as {\"name\": \"...\"}".to_owned()));
    }
    Ok(card)
}

fn samples(
    args: &CompileArgs,
    onnx: &[u8],
    options: &Options,
    progress: &mut Progress,
) -> Result<Option<Samples>, CliError> {
    let Some(data) = &args.calibrate else { return Ok(None) };
    let inputs = calibrate::inputs(onnx, options);
    let inputs = inputs.map_err(|source| CliError::compile(&args.model, source))?;
    let samples = if data.is_dir() {
        calibrate::pictures(data, &inputs, options, args.samples, progress)
    } else {
        calibrate::arrays(data, &inputs, args.samples)
    };
    samples.map(Some)
}

fn show(path: &Path, report: &Report, out: &mut dyn Write) -> Result<(), CliError> {
    writeln!(out, "{}", operators(report))?;
    for total in report.totals() {
        let (name, weights, macs) = (total.precision.name(), bytes(total.weight_bytes), total.macs as f64 / 1e6);
        writeln!(out, "{name}: {} operators, {weights} bytes of constants, {macs:.2} million MACs", total.operators)?;
    }
    for operator in report.operators.iter().filter(|operator| operator.reason.is_some()) {
        let reason = operator.reason.as_deref().unwrap_or_default();
        writeln!(out, "not int8: {} '{}': {reason}", operator.op, operator.name)?;
    }
    writeln!(out, "memory: {} bytes besides the file", bytes(report.memory))?;
    for digest in &report.golden {
        writeln!(out, "golden: {digest}")?;
    }
    if let Some(accuracy) = &report.accuracy {
        writeln!(out, "{}", measured(accuracy))?;
    }
    writeln!(out, "{}: {} bytes", path.display(), bytes(report.bytes))?;
    Ok(())
}

fn operators(report: &Report) -> Table {
    let (left, right) = (Align::Left, Align::Right);
    let mut table =
        Table::new(&[("operator", left), ("name", left), ("precision", left), ("bytes", right), ("kernel", left)]);
    for operator in &report.operators {
        table.row([
            operator.op.to_owned(),
            output::ending(&operator.name),
            operator.precision.name().to_owned(),
            bytes(operator.weight_bytes),
            operator.kernel.clone().unwrap_or_else(|| "-".to_owned()),
        ]);
    }
    table
}

fn measured(accuracy: &Accuracy) -> String {
    let percent = |part: usize, whole: usize| 100.0 * part as f64 / whole.max(1) as f64;
    let Accuracy { samples, agreeing, labelled, right_before, right_after } = *accuracy;
    let agreement = format!(
        "agreement: {:.1} % of {samples} samples get the class that they got before",
        percent(agreeing, samples)
    );
    if labelled == 0 {
        return agreement;
    }
    let (before, after) = (percent(right_before, labelled), percent(right_after, labelled));
    format!("accuracy: {before:.1} % before, {after:.1} % after, on {labelled} samples\n{agreement}")
}
